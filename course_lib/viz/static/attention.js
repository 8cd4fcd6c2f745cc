// The browser's half of viz.attention_view: plain DOM and canvas, no network, no build step. Text of tokens only ever
// becomes textContent. Model: weights (bytes, in the order layer, head, query, key) and view (what they mean).
const PLAIN = 4; // heads whose numbers fit beside a token; of more we show the mean and a strip of colours
const STEPS = 24; // of opacity
const MOST = 3000; // lines at once; more take long to draw, and hide each other
const TABLE = 4096; // cells of the largest table shown whole
const DASHES = [[], [7, 3], [2, 2]]; // heads 0 to 7, 8 to 15, 16 and more

/** The weights as a function of (layer, head, query, key), counted in what travelled; two bytes each or one. */
function reader(bytes, view) {
  const { layers, heads, queries, keys } = view;
  const all = new Uint8Array(bytes.buffer ?? bytes, bytes.byteOffset ?? 0, bytes.byteLength);
  const size = layers.length * heads.length * queries.length * keys.length;
  const fine = all.length === 2 * size;
  const values = new Float32Array(size);
  for (let i = 0; i < size; i++) values[i] = fine ? (all[2 * i] + 256 * all[2 * i + 1]) / 65535 : all[i] / 255;
  const [H, Q, K] = [heads.length, queries.length, keys.length];
  return { fine, row: (l, h, q) => values.subarray(((l * H + h) * Q + q) * K, ((l * H + h) * Q + q + 1) * K) };
}

const format = (value, digits = 2) =>
  value === 0 ? "0" : value < 0.5 * 10 ** -digits ? `<${(10 ** -digits).toFixed(digits).slice(1)}` : value.toFixed(digits);
const parse = (colour) => [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
/** 256 colours from no weight to a full one. */
const palette = (ramp) => Array.from({ length: 256 }, (_, i) => i < 128 ? blend(ramp[0], ramp[1], i / 128) : blend(ramp[1], ramp[2], (i - 128) / 127));

/** One tab stop for a row of buttons; arrow keys, Home and End go on from there. */
function rove(buttons, event, back, forth) {
  const at = buttons.indexOf(event.target);
  const to = { [back]: at - 1, [forth]: at + 1, Home: 0, End: buttons.length - 1 }[event.key];
  if (at < 0 || to === undefined) return;
  event.preventDefault();
  visit(buttons, buttons[Math.min(Math.max(to, 0), buttons.length - 1)]);
}
function visit(buttons, button) {
  for (const other of buttons) other.tabIndex = other === button ? 0 : -1;
  button.focus();
}

function render({ model, el }) {
  const view = model.get("view");
  const weights = reader(model.get("weights"), view);
  const { queries, keys, layers, heads } = view;
  const colour = (h) => view.colours[heads[h] % view.colours.length];
  const many = Math.max(queries.length, keys.length) > view.lines;
  const rowHeight = many ? 17 : queries.length <= 16 && keys.length <= 16 ? 26 : queries.length <= 32 && keys.length <= 32 ? 20 : 14;
  let layer = layers.indexOf(view.layer), mode = many ? "heatmap" : "lines", stretch = false;
  let on = view.shown.map((head) => heads.indexOf(head));
  let held = null, hovered = null; // {side: 0 for queries, 1 for keys, index}

  const twice = [queries, keys].map((names) => names.filter((name, i) => names.indexOf(name) !== i));
  // Hebrew and Arabic would pull the number that follows them to their other side: signs of isolation hold it.
  const isolated = (name) => /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]/.test(name) ? `\u2068${name}\u2069` : name;
  const called = (side, i) => { const name = [queries, keys][side][i]; return `“${isolated(name)}”` + (twice[side].includes(name) ? ` (${i})` : ""); };
  const listed = (numbers) => numbers.length > 1 ? `heads ${numbers.slice(0, -1).join(", ")} and ${numbers.at(-1)}` : `head ${numbers[0]}`;

  const box = element("div", { class: "course-attention", role: "group", "aria-label": view.title || "Attention viewer" });
  keepKeys(box);

  // --- the row of controls
  const controls = element("div", { class: "course-attention-controls" });
  const select = element("select", { "aria-label": "layer" });
  layers.forEach((number, i) => select.append(element("option", { value: i }, String(number))));
  select.value = layer;
  select.addEventListener("change", () => { layer = Number(select.value); draw(); });
  const layerBox = element("label", { class: "course-attention-control" }, "layer ", select);
  if (layers.length > 1) controls.append(layerBox);
  const chips = heads.map((number, h) => {
    const chip = element("button", { type: "button", class: "course-attention-chip", "aria-label": `head ${number}`,
      title: `head ${number}: click to switch it on or off, double-click to see it alone` }, String(number));
    chip.style.setProperty("--head", colour(h));
    chip.style.setProperty("--ink", bright(parse(colour(h))) ? "#000" : "#fff");
    if (number >= view.colours.length) chip.dataset.round = Math.min(2, Math.floor(number / view.colours.length));
    chip.addEventListener("click", (event) => {
      if (event.shiftKey || event.detail > 1) on = [h];
      else on = on.includes(h) ? on.filter((other) => other !== h) : [...on, h].sort((a, b) => a - b);
      visitable(chips, chip);
      draw();
    });
    return chip;
  });
  const visitable = (buttons, button) => buttons.forEach((other) => (other.tabIndex = other === button ? 0 : -1));
  visitable(chips, chips[on[0] ?? 0]);
  const all = element("button", { type: "button", class: "course-attention-plain" }, "all");
  all.addEventListener("click", () => { on = on.length === heads.length ? [] : heads.map((_, h) => h); draw(); });
  if (heads.length > 1) {
    const group = element("div", { class: "course-attention-control", role: "group", "aria-label": "heads" }, "heads ", ...chips, all);
    group.addEventListener("keydown", (event) => rove(chips, event, "ArrowLeft", "ArrowRight"));
    controls.append(group);
  }
  const modes = ["lines", "heatmap", "table"].map((name) => {
    const button = element("button", { type: "button", class: "course-attention-mode" }, name);
    button.addEventListener("click", () => { mode = name; visitable(modes, button); draw(); });
    return button;
  });
  const modeBox = element("div", { class: "course-attention-control course-attention-modes", role: "group", "aria-label": "show as" }, ...modes);
  modeBox.addEventListener("keydown", (event) => rove(modes, event, "ArrowLeft", "ArrowRight"));
  visitable(modes, modes[many ? 1 : 0]);
  const check = element("input", { type: "checkbox" });
  check.addEventListener("change", () => { stretch = check.checked; draw(); });
  const checkBox = element("label", { class: "course-attention-control", title: "the largest weight shown gets the full colour" }, check, " stretch faint weights");
  controls.append(modeBox, checkBox);

  const stage = element("div", { class: "course-attention-stage" });
  const state = element("p", { class: "course-attention-state", role: "status" });
  const note = element("p", { class: "course-attention-note" }, notes());
  box.append(...(view.title ? [element("p", { class: "course-attention-title" }, view.title)] : []), controls, stage, state, note);
  el.append(box);

  function notes() {
    const said = [];
    const [allLayers, allHeads] = view.all;
    if (layers.length < allLayers || heads.length < allHeads)
      said.push(`This copy carries ${allLayers > 1 ? `layer ${layers.join(", ")} (of ${allLayers}), ` : ""}${listed(heads)} (of ${allHeads}): run the cell for the rest.`);
    if (many) said.push("With so many tokens, lines are drawn for one token at a time: point at it, or go to it with the arrow keys.");
    if (!weights.fine) said.push("Each weight is rounded to the nearest 1/255, so a row may miss its sum a little, and 0 means below 0.002.");
    return said.join(" ");
  }

  // --- weights of what is shown
  const row = (h, q) => weights.row(layer, h, q);
  /** The weights of one token in head h: its row for a query, its column for a key. */
  const profile = ({ side, index }, h) => side === 0 ? row(h, index) : Float32Array.from(queries, (_, q) => row(h, q)[index]);
  const mean = (parts) => parts[0].map((_, i) => parts.reduce((sum, part) => sum + part[i], 0) / parts.length);
  const empty = (q) => on.length > 0 && on.every((h) => row(h, q).every((w) => w === 0));
  function largest() {
    let most = 0;
    for (const h of on) for (let q = 0; q < queries.length; q++) for (const w of row(h, q)) if (w > most) most = w;
    return most || 1;
  }

  // --- lines
  const canvas = element("canvas", { "aria-hidden": "true" });
  const middle = element("div", { class: "course-attention-middle" }, canvas);
  const values = [[], []], shares = [Array(queries.length), Array(keys.length)];
  const buttons = [queries, keys].map((names, side) => names.map((name, i) => {
    const value = element("span", { class: "course-attention-values" });
    values[side].push(value);
    const text = element("bdi", { class: "course-attention-token", dir: "auto" }, name);
    const button = element("button", { type: "button", class: "course-attention-name", title: `${["query", "key"][side]} ${i}: ${name}`,
      "aria-label": `${["query", "key"][side]} ${called(side, i)}`, "data-index": i, tabindex: i ? -1 : 0 }, text);
    button.append(value);
    return button;
  }));
  const columns = buttons.map((list, side) => {
    const column = element("div", { class: "course-attention-column", role: "group", "aria-label": ["queries", "keys"][side], "data-side": side },
      element("span", { class: "course-attention-heading", "aria-hidden": "true" }, ["query", "key"][side]), ...list);
    const find = (event) => { const button = event.target.closest?.("button"); return button && { side, index: Number(button.dataset.index) }; };
    column.addEventListener("pointerover", (event) => { hovered = find(event) ?? null; point(); });
    column.addEventListener("pointerleave", () => { hovered = null; point(); });
    column.addEventListener("focusin", (event) => { held = find(event) ?? null; hovered = null; visitable(list, event.target); point(); });
    column.addEventListener("focusout", (event) => {
      held = null;
      if (!event.relatedTarget?.classList.contains("course-attention-name")) point(); // else the next one's focus does it
    });
    let was = null; // a second click lets the token go
    column.addEventListener("pointerdown", (event) => (was = document.activeElement === event.target.closest?.("button")));
    column.addEventListener("click", (event) => {
      const button = event.target.closest?.("button");
      if (was) button?.blur(); else button?.focus();
      was = null;
      if (side !== 0 || !button) return; // a viz.model_view of the same tokens opens its worksheet of this query
      const detail = { tokens: queries, all: view.all, layer: layers[layer], head: heads[on[0]], query: Number(button.dataset.index) };
      document.dispatchEvent(new CustomEvent("course-query", { detail }));
    });
    column.addEventListener("keydown", (event) => {
      const other = { ArrowRight: 1, ArrowLeft: 0 }[event.key];
      if (other === undefined) return rove(list, event, "ArrowUp", "ArrowDown");
      event.preventDefault();
      if (other !== side) visit(buttons[other], buttons[other][Math.min(Number(event.target.dataset.index), buttons[other].length - 1)]);
    });
    return column;
  });
  const lines = element("div", { class: "course-attention-lines" + (many ? " course-attention-tall" : "") }, columns[0], middle, columns[1]);
  lines.style.setProperty("--row", `${rowHeight}px`);
  lines.style.setProperty("--font", `${Math.min(14, rowHeight - 3)}px`);
  if (many) lines.addEventListener("scroll", () => requestAnimationFrame(() => mode === "lines" && drawLines()));

  function fit(surface, width, height) {
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    surface.width = Math.max(1, Math.round(width * ratio));
    surface.height = Math.max(1, Math.round(height * ratio));
    surface.style.width = `${width}px`;
    surface.style.height = `${height}px`;
    const pen = surface.getContext("2d");
    pen.scale(ratio, ratio);
    return pen;
  }

  /** Lines of the chosen token, or of all, in steps of opacity: steps[i] holds (lane, query, key) three by three. */
  function linesIn(chosen) {
    const scale = stretch ? 1 / largest() : 1, steps = Array.from({ length: STEPS + 1 }, () => []);
    const [from, to] = chosen?.side === 0 ? [chosen.index, chosen.index + 1] : [0, queries.length];
    const [first, last] = chosen?.side === 1 ? [chosen.index, chosen.index + 1] : [0, keys.length];
    on.forEach((h, lane) => {
      for (let q = from; q < to; q++) {
        const part = row(h, q);
        for (let k = first; k < last; k++) {
          const step = Math.min(STEPS, Math.ceil(part[k] * scale * STEPS - 0.25)); // fainter ones nobody would see
          if (step > 0) steps[step].push(lane, q, k);
        }
      }
    });
    return steps;
  }

  function drawLines() {
    const chosen = hovered ?? held, width = middle.clientWidth;
    const tall = many ? lines.clientHeight : rowHeight * (1 + Math.max(queries.length, keys.length)); // one row of headings
    const pen = fit(canvas, width, tall), up = many ? lines.scrollTop : 0;
    if ((many && !chosen) || !on.length) return "";
    const steps = linesIn(chosen), light = dark(box) ? 0.35 : 0; // faint lines need it on a dark page
    const inks = on.map((h) => `rgb(${blend(parse(colour(h)), [255, 255, 255], light)})`);
    const dashes = on.map((h) => DASHES[Math.min(2, Math.floor(heads[h] / view.colours.length))]);
    let faintest = STEPS, count = steps[STEPS].length / 3;
    while (faintest > 1 && count + steps[faintest - 1].length / 3 <= MOST) count += steps[--faintest].length / 3;
    const all = steps.reduce((sum, step) => sum + step.length / 3, 0), fine = count > MOST / 3;
    pen.lineWidth = fine ? 1 : on.length > 2 ? 1.6 : 2.2;
    for (let step = faintest; step <= STEPS; step++) {
      pen.globalAlpha = step / STEPS;
      for (let i = 0; i < steps[step].length; i += 3) {
        const [lane, q, k] = [steps[step][i], steps[step][i + 1], steps[step][i + 2]];
        const shift = rowHeight * (1.5 + 0.6 * ((lane + 0.5) / on.length - 0.5)) - up;
        const [y, z] = [q * rowHeight + shift, k * rowHeight + shift];
        pen.strokeStyle = inks[lane];
        pen.setLineDash(fine ? [] : dashes[lane]);
        pen.beginPath();
        pen.moveTo(0, y);
        if (fine) pen.lineTo(width, z);
        else pen.bezierCurveTo(width * 0.4, y, width * 0.6, z, width, z);
        pen.stroke();
      }
    }
    return count < all ? ` Of ${all} lines the ${count} strongest are drawn.` : "";
  }

  const narrow = () => box.clientWidth > 0 && box.clientWidth < 560; // no room for numbers of several heads

  const whole = () => on.length < 2 || (on.length <= PLAIN && !narrow()); // a number for each head, not their mean
  let dressed = null; // for which heads the places are
  let marked = null; // the button of the token that was pointed at before

  /** Empty places for the numbers beside the tokens. */
  function dress() {
    const now = [...on, narrow()].join();
    if (now === dressed) return;
    dressed = now;
    lines.style.setProperty("--values", `${whole() ? Math.max(1, on.length) * 44 - 4 : narrow() ? 40 : Math.min(140, on.length * 9) + 44}px`);
    for (const value of values.flat()) {
      if (whole()) value.replaceChildren(...on.map((h) => {
        const number = element("span", {}, "");
        if (heads.length > 1) number.style.setProperty("--head", colour(h));
        return number;
      }));
      else value.replaceChildren(...(narrow() ? [] : [element("i")]), element("span", {}, ""));
    }
    shares.forEach((list) => list.fill(undefined));
  }

  /** What changes when another token is pointed at: numbers, marks, lines, the sentence below. */
  function point() {
    if (mode !== "lines") return;
    const chosen = on.length ? hovered ?? held : null;
    const parts = chosen && on.map((h) => profile(chosen, h));
    const average = parts && mean(parts);
    marked?.classList.remove("course-attention-chosen");
    marked = chosen && buttons[chosen.side][chosen.index];
    marked?.classList.add("course-attention-chosen");
    columns.forEach((column, side) => column.toggleAttribute("data-answers", Boolean(chosen) && chosen.side !== side));
    if (chosen) buttons[1 - chosen.side].forEach((button, i) => answer(1 - chosen.side, i, parts, average));
    const left = drawLines();
    state.textContent = (chosen ? sentence(chosen, parts, average) : hint()) + left;
  }

  /** The numbers beside token i; only what differs is written, for there may be hundreds. */
  function answer(side, i, parts, average) {
    const nodes = values[side][i].querySelectorAll("span"), strip = values[side][i].querySelector("i");
    (whole() ? parts : [average]).forEach((part, lane) => {
      const text = format(part[i]);
      if (nodes[lane].textContent === text) return;
      nodes[lane].textContent = text;
      nodes[lane].classList.toggle("course-attention-zero", part[i] === 0);
    });
    if (strip) strip.style.backgroundImage = `linear-gradient(to right, ${on.map((h, lane) => {
      const alpha = Math.round(255 * Math.min(1, parts[lane][i])).toString(16).padStart(2, "0");
      return `${colour(h)}${alpha} ${(100 * lane) / on.length}% ${(100 * (lane + 1)) / on.length}%`;
    }).join(", ")})`;
    const share = Math.min(1, average[i]).toFixed(2);
    if (shares[side][i] !== share) buttons[side][i].style.setProperty("--share", (shares[side][i] = share));
  }

  const hint = () => on.length ? "The stronger a line, the larger its weight. Point at a token, or go to one with Tab and the arrow keys, for its numbers." : "No head is on.";
  function top(part, side, number) {
    const order = Array.from(part.keys()).filter((i) => part[i] > 0).sort((a, b) => part[b] - part[a]).slice(0, number);
    return order.map((i) => `${called(side, i)} ${format(part[i])}`).join(", ");
  }
  function sentence({ side, index }, parts, average) {
    const name = `${["Query", "Key"][side]} ${called(side, index)} `;
    if (side === 0 && empty(index)) return `${name}attends to nothing: all its weights are 0.`;
    const verb = side === 0 ? "attends to " : "gets from ";
    if (on.length === 1) return `${name}${verb}${top(parts[0], 1 - side, 5) || "nothing"}.`;
    if (on.length > PLAIN || narrow()) return `${name}${verb}${top(average, 1 - side, 5) || "nothing"} (mean of ${on.length} heads).`;
    return `${name}${verb}${on.map((h, lane) => `${top(parts[lane], 1 - side, 2) || "nothing"} (head ${heads[h]})`).join("; ")}.`;
  }

  // --- heatmap
  function drawHeatmap() {
    const grid = element("div", { class: "course-attention-grid" });
    const across = on.length < 2 ? 1 : on.length <= 4 ? 2 : on.length <= 9 ? 3 : 4;
    grid.style.gridTemplateColumns = `repeat(${across}, minmax(0, 1fr))`;
    const ramp = RAMPS[dark(box) ? "dark" : "light"], most = stretch ? largest() : 1, strip = element("i");
    strip.style.backgroundImage = `linear-gradient(to right, ${ramp.map((colour) => `rgb(${colour})`).join(", ")})`;
    stage.replaceChildren(grid, element("p", { class: "course-attention-scale" }, "weight 0 ", strip, ` ${format(most)}`));
    const style = getComputedStyle(box), colours = palette(ramp), scale = 255 / most;
    const shade = (weight) => colours[Math.min(255, Math.round(weight * scale))];
    for (const h of on) {
      const surface = element("canvas", { tabindex: 0, role: "img", "aria-label": `Heatmap of head ${heads[h]}: arrow keys read one cell after the other.` });
      const panel = element("figure", {}, ...(heads.length > 1 ? [element("figcaption", {}, `head ${heads[h]}`)] : []), surface);
      grid.append(panel);
      panelOf(h, surface, panel.clientWidth, style, shade);
    }
    state.textContent = on.length ? "Rows are queries, columns keys. Point at a cell, or go to it with the arrow keys, for its number." : "No head is on.";
  }

  /** One head's cells on one canvas; `room` is the width that there is for it. */
  function panelOf(h, surface, room, { fontFamily, color }, shade) {
    const size = 11, measure = surface.getContext("2d");
    measure.font = `${size}px ${fontFamily}`;
    const widest = (names) => Math.min(90, Math.max(...names.map((name) => measure.measureText(name).width))) + 6;
    const named = !many && (on.length === 1 || room / keys.length >= 15);
    const level = keys.every((name) => [...name].length < 3); // short names need not stand upright
    const [left, above] = named ? [widest(queries), level ? 18 : widest(keys)] : [0, 0];
    const cell = Math.max(1, Math.min(48, (Math.min(room, 720) - left - 2) / keys.length, 640 / queries.length));
    const pen = fit(surface, left + cell * keys.length + 2, above + cell * queries.length + 2);
    const raster = element("canvas", { width: keys.length, height: queries.length });
    const pixels = new ImageData(keys.length, queries.length);
    for (let q = 0; q < queries.length; q++) row(h, q).forEach((weight, k) => {
      const i = 4 * (q * keys.length + k);
      [pixels.data[i], pixels.data[i + 1], pixels.data[i + 2]] = shade(weight);
      pixels.data[i + 3] = 255;
    });
    raster.getContext("2d").putImageData(pixels, 0, 0);

    function paint(at) {
      pen.clearRect(0, 0, surface.width, surface.height);
      pen.imageSmoothingEnabled = false;
      pen.drawImage(raster, left, above, cell * keys.length, cell * queries.length);
      pen.font = `${Math.min(size, cell + 1)}px ${fontFamily}`;
      pen.fillStyle = color;
      pen.textBaseline = "middle";
      if (named) names();
      if (cell >= 26) numbers();
      if (!at) return;
      pen.strokeStyle = "#d55e00";
      pen.lineWidth = 2;
      pen.strokeRect(left + at.k * cell, above + at.q * cell, Math.max(cell, 3), Math.max(cell, 3));
    }
    function names() {
      pen.textAlign = "right";
      queries.forEach((name, q) => pen.fillText(shorten(pen, name, left - 6), left - 4, above + (q + 0.5) * cell));
      if (level) pen.textAlign = "center";
      if (level) return keys.forEach((name, k) => pen.fillText(name, left + (k + 0.5) * cell, above - 8));
      pen.save();
      pen.rotate(-Math.PI / 2);
      pen.textAlign = "left";
      keys.forEach((name, k) => pen.fillText(shorten(pen, name, above - 6), 4 - above, left + (k + 0.5) * cell));
      pen.restore();
    }
    function numbers() {
      pen.textAlign = "center";
      for (let q = 0; q < queries.length; q++) row(h, q).forEach((weight, k) => {
        pen.fillStyle = bright(shade(weight)) ? "#000" : "#fff";
        const text = format(weight).replace("0.", ".");
        pen.fillText(cell < 34 && text[0] === "<" ? ".00" : text, left + (k + 0.5) * cell, above + (q + 0.5) * cell);
      });
    }

    let at = { q: 0, k: 0 };
    function say({ q, k }) {
      at = { q: Math.min(Math.max(q, 0), queries.length - 1), k: Math.min(Math.max(k, 0), keys.length - 1) };
      paint(at);
      state.textContent = `${heads.length > 1 ? `Head ${heads[h]}, q` : "Q"}uery ${called(0, at.q)} to key ${called(1, at.k)} ${format(row(h, at.q)[at.k], weights.fine ? 3 : 2)}.`;
    }
    surface.addEventListener("pointermove", (event) => {
      const frame = surface.getBoundingClientRect(), zoom = surface.offsetWidth / frame.width || 1;
      const [x, y] = [(event.clientX - frame.left) * zoom - left, (event.clientY - frame.top) * zoom - above];
      if (x >= 0 && y >= 0 && x < cell * keys.length && y < cell * queries.length) say({ q: Math.floor(y / cell), k: Math.floor(x / cell) });
    });
    surface.addEventListener("pointerleave", () => paint(document.activeElement === surface ? at : null));
    surface.addEventListener("focus", () => say(at));
    surface.addEventListener("blur", () => paint(null));
    surface.addEventListener("keydown", (event) => {
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      if (!step) return;
      event.preventDefault();
      say({ q: at.q + step[0], k: at.k + step[1] });
    });
    paint(null);
  }

  // --- table
  let asked = 0;
  function drawTable() {
    state.textContent = on.length ? "" : "No head is on.";
    if (!on.length) return stage.replaceChildren();
    const digits = weights.fine ? 3 : 2, whole = queries.length * keys.length <= TABLE && !many;
    const where = layers.length > 1 ? `layer ${layers[layer]}, ` : "";
    const averaged = on.length > 1 ? `mean of ${listed(on.map((h) => heads[h]))}` : listed([heads[on[0]]]);
    const table = element("table"), head = element("tr");
    const cell = (value) => element("td", {}, format(value, digits));
    const name = (text, scope) => element("th", { scope, title: text }, element("bdi", { class: "course-attention-token" }, text));
    table.append(element("caption", {}, `Weights, ${where}${whole ? averaged : listed(on.map((h) => heads[h]))}.` + (whole ? " Rows are queries, columns keys." : "")), element("thead", {}, head));
    const body = table.appendChild(element("tbody"));
    if (whole) {
      head.append(element("td"), ...keys.map((key) => name(key, "col")));
      queries.forEach((query, q) => body.append(element("tr", {}, name(query, "row"), ...Array.from(mean(on.map((h) => row(h, q))), cell))));
    } else {
      head.append(name("key", "col"), ...on.map((h) => name(`head ${heads[h]}`, "col")));
      keys.forEach((key, k) => body.append(element("tr", {}, name(key, "row"), ...on.map((h) => cell(row(h, asked)[k])))));
    }
    const frame = element("div", { class: "course-attention-table", tabindex: 0, role: "region", "aria-label": "table of weights" }, table);
    if (whole) return stage.replaceChildren(frame);
    const choice = element("select", { "aria-label": "query" }, ...queries.map((query, q) => element("option", { value: q }, `${q}: ${query}`)));
    choice.value = asked;
    choice.addEventListener("change", () => { asked = Number(choice.value); drawTable(); stage.querySelector("select").focus(); });
    stage.replaceChildren(element("label", { class: "course-attention-control" }, "query ", choice), frame);
  }

  function draw() {
    chips.forEach((chip, h) => chip.setAttribute("aria-pressed", on.includes(h)));
    all.textContent = on.length === heads.length ? "none" : "all";
    modes.forEach((button) => button.setAttribute("aria-pressed", button.textContent === mode));
    box.dataset.mode = mode;
    checkBox.style.display = mode === "table" ? "none" : ""; // a table has numbers and no colours
    if (mode === "lines") {
      if (lines.parentNode !== stage) stage.replaceChildren(lines);
      dress();
      buttons[0].forEach((button, q) => button.classList.toggle("course-attention-nothing", empty(q)));
      point();
    } else if (mode === "heatmap") drawHeatmap();
    else drawTable();
  }

  draw();
  let width = 0, night = dark(box);
  const theme = new MutationObserver(() => {
    if (!box.isConnected) theme.disconnect(); // out of the page: the page's body must not hold on to it
    else if (dark(box) !== night) { night = !night; draw(); }
  });
  const size = new ResizeObserver(() => {
    if (box.clientWidth === width) return;
    width = box.clientWidth;
    if (!width) return;
    theme.observe(document.body, { attributes: true });
    night = dark(box);
    if (mode !== "table") draw();
  });
  size.observe(box);
  return () => { size.disconnect(); theme.disconnect(); box.remove(); }; // JupyterLab keeps el after a rerun: keep it empty
}

export default { render };
