// The browser's half of viz.bertviz_view: a frame in which bertviz's scripts draw. No network, no build step.
// Model: picture {source, alt, caption, view} (saved). Scripts and weights come from the kernel as a message and are not.
const PATIENCE = 30_000; // milliseconds before we say that no kernel answers

// bertviz asks a loader called require.js for jQuery and d3; here they are there already. Its weights and tokens are the
// global PYTHON_PARAMS: no text is ever pasted into a script or into HTML. The frame may not load anything (`none`).
const PAGE = `<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'">
<style>body { margin: 0; background: white; color: black; font-family: "Helvetica Neue", Helvetica, Arial, sans-serif; }</style>
</head><body><div id="bertviz"><label id="layers" hidden>Layer: <select id="layer"></select></label><div id="vis"></div></div>
<script>
const found = { jquery: () => jQuery, d3: () => d3 };
window.require = { config() {} };
window.requirejs = (names, start) => start(...names.map((name) => found[name]()));
const say = (what) => parent.postMessage({ bertviz: what }, "*");
addEventListener("error", (event) => say({ problem: event.message }));
addEventListener("message", ({ data }) => {
  window.PYTHON_PARAMS = data.params;
  document.getElementById("layers").hidden = data.view !== "head";
  for (const text of data.scripts) {
    const script = document.createElement("script");
    script.textContent = text;
    document.head.append(script);
  }
  const svg = document.querySelector("#vis svg");
  if (data.view === "model") { // drawn 970 wide, whatever the room
    svg.setAttribute("viewBox", "0 0 970 " + svg.getAttribute("height"));
    svg.style.cssText = "width: 100%; max-width: 970px; height: auto";
  }
  const measure = () => say({ height: document.documentElement.offsetHeight });
  measure(); // at once: out of sight, an observer sleeps
  new ResizeObserver(measure).observe(document.body);
}, { once: true });
<\/script></body></html>`;

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function render({ model, el }) {
  const { source, alt, caption, view } = model.get("picture");
  const still = element("img", { class: "course-bertviz-picture", src: source, alt });
  const state = element("p", { class: "course-bertviz-state", role: "status" }, `${caption} Waiting for the kernel ...`);
  const frame = element("iframe", { class: "course-bertviz-frame", sandbox: "allow-scripts", title: `bertviz, ${view} view. ${alt}`, srcdoc: PAGE });
  frame.style.height = "1px"; // a frame that is not laid out does not draw
  let content;
  const patience = setTimeout(() => tell("No kernel answers: run this cell again for bertviz's own picture."), PATIENCE);

  function tell(sentence) {
    if (frame.dataset.drawn) return;
    state.textContent = `${caption} ${sentence}`;
  }
  const pour = () => content && frame.contentWindow.postMessage({ ...content, view }, "*");
  function arrived(message) {
    clearTimeout(patience);
    if (message.problem) return tell(message.problem);
    content = message;
    if (frame.dataset.loaded) pour();
  }
  // JupyterLab may move the frame to another place of the page; it then loads anew, and gets its content again.
  frame.addEventListener("load", () => { frame.dataset.loaded = true; pour(); });
  function heard(event) {
    const said = event.source === frame.contentWindow && event.data?.bertviz;
    if (!said) return;
    if (said.problem) return tell(`bertviz stopped: ${said.problem}`);
    frame.dataset.drawn = true;
    frame.style.height = `${said.height + 4}px`;
    still.hidden = state.hidden = true;
  }
  addEventListener("message", heard);
  model.on("msg:custom", arrived);
  const box = element("div", { class: "course-bertviz" }, still, state, frame);
  el.append(box);
  model.send({ ask: "page" });
  return () => { clearTimeout(patience); removeEventListener("message", heard); model.off("msg:custom", arrived); box.remove(); };
}

export default { render };
