// The browser's half of viz.explore: native controls, one picture. No network, no build step.
// Model: controls (list of specs), wanted {number, values} (ours), picture {source, alt, problem, number} (the kernel's).
let made = 0;
const PAUSE = { slider: 120, choice: 0, text: 500 }; // milliseconds to wait for the next movement
const PATIENCE = 30_000; // before we say that no kernel answers

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function control(spec, id) {
  if (spec.kind === "slider") {
    const { low: min, high: max, step, value } = spec;
    return element("input", { id, type: "range", min, max, step, value });
  }
  if (spec.kind === "text") {
    const size = Math.min(60, Math.max(20, spec.value.length)); // a sentence is seen whole, or nearly
    return element("input", { id, type: "text", value: spec.value, size, maxlength: 200, spellcheck: "false" });
  }
  const select = element("select", { id });
  spec.options.forEach((option, i) => select.append(element("option", { value: i }, option)));
  select.value = spec.value;
  return select;
}

function render({ model, el }) {
  const box = element("div", { class: "course-explore", role: "group", "aria-label": "Picture with controls" });
  const row = element("div", { class: "course-explore-controls" });
  const picture = element("img", { class: "course-explore-picture" });
  const problem = element("p", { class: "course-explore-problem", role: "alert" });
  const state = element("p", { class: "course-explore-state", role: "status" });
  const inputs = {};
  let number = model.get("picture").number, pause, patience;
  // Arrow keys move the slider and not the notebook's cells, and a typed "dd" deletes none. Ctrl, Escape and Shift + Enter
  // keep their meaning.
  box.addEventListener("keydown", (event) => {
    const notebooks = event.ctrlKey || event.metaKey || event.altKey || event.key === "Escape";
    if (!notebooks && !(event.shiftKey && event.key === "Enter")) event.stopPropagation();
  });

  function ask() {
    number = Math.max(number, model.get("picture").number) + 1; // another view of this widget may have asked since
    box.setAttribute("aria-busy", "true");
    state.textContent = "Drawing ...";
    clearTimeout(patience);
    patience = setTimeout(() => (state.textContent = "No answer yet. Is another cell running? If not, run this cell again."), PATIENCE);
    const values = Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input.value]));
    model.set("wanted", { number, values });
    model.save_changes();
  }

  function draw() {
    const now = model.get("picture");
    picture.hidden = !now.source;
    if (now.source) picture.src = now.source;
    picture.alt = now.alt;
    problem.textContent = now.problem;
    problem.hidden = !now.problem;
    if (now.number < number) return; // an answer to an earlier question: keep waiting
    clearTimeout(patience);
    box.setAttribute("aria-busy", "false");
    state.textContent = "";
  }

  for (const spec of model.get("controls")) {
    const id = `course-explore-${(made += 1)}`;
    const input = control(spec, id);
    const shown = element("output", { for: id });
    const sent = model.get("wanted").values?.[spec.name]; // a second view of the same widget, or one reopened
    if (sent !== undefined) input.value = sent;
    inputs[spec.name] = input;
    const tell = () => { if (spec.kind === "slider") shown.textContent = input.value; };
    tell();
    input.addEventListener("input", () => { tell(); clearTimeout(pause); pause = setTimeout(ask, PAUSE[spec.kind]); });
    row.append(element("div", { class: "course-explore-control" }, element("label", { for: id }, spec.label), input, shown));
  }
  model.on("change:picture", draw);
  box.append(row, picture, problem, state);
  el.append(box);
  draw();
  return () => { clearTimeout(pause); clearTimeout(patience); model.off("change:picture", draw); box.remove(); };
}

export default { render };
