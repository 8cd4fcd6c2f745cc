// The browser's half of viz.model_view: plain DOM and canvas, no network, no build step. Text of tokens only ever becomes
// textContent. Model: start (what is shown first), picture {number, view, arrays: bytes by name} (the kernel's answers),
// problem {number, text}, wanted {number, text, position} (ours). Numbers come as viz/model.py packs them.
const PAUSE = 100; // milliseconds to wait for the next key: of questions asked meanwhile Jupyter keeps the last
const PATIENCE = 30_000; // before we say that no kernel answers
const BARS = 10; // tokens with a bar; FEW: logits of a token where not all travel
const FEW = 50;
const NAMED = 24; // tokens whose names fit beside the heatmap
const SIGNS = { light: [[213, 94, 0], [255, 255, 255], [0, 114, 178]], dark: [[240, 128, 48], [27, 31, 38], [86, 180, 233]] };

const number = (value, digits = 2) => value.toFixed(digits).replace(/^-(?=[0.]*$)/, "").replace("-", "−");
const share = (value) => value === 0 ? "0" : value < 0.005 ? "<.01" : value.toFixed(2);
const power = (value) => value >= 1e5 ? value.toExponential(1).replace("+", "") : value >= 0.005 ? number(value) : "<.01";
/** 256 colours of a ramp, as CSS writes them. */
const palette = (ramp) => Array.from({ length: 256 }, (_, i) => `rgb(${shade(ramp, i / 255)})`);
const INKS = { light: palette(SIGNS.light), dark: palette(SIGNS.dark) };
const length = (row) => Math.sqrt(row.reduce((sum, x) => sum + x * x, 0));
const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);

/** One tab stop for a row of buttons; arrow keys, Home and End go on from there, and choose. */
function rove(buttons, event) {
  const at = buttons.indexOf(event.target);
  const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: buttons.length - 1 }[event.key];
  if (at < 0 || to === undefined) return;
  event.preventDefault();
  const button = buttons[Math.min(Math.max(to, 0), buttons.length - 1)];
  button.focus();
  button.click();
}

// --- what travelled
const typed = (Type, bytes) => new Type(new Uint8Array(bytes.buffer ?? bytes, bytes.byteOffset ?? 0, bytes.byteLength).slice().buffer);
/** Numbers of two bytes: 1 bit of sign, 5 of exponent, 10 of fraction. */
const halves = (codes) => Float32Array.from(codes, (h) => {
  const [exponent, fraction] = [(h >> 10) & 31, h & 1023];
  return (h >> 15 ? -1 : 1) * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction);
});

/** The arrays as functions of a layer and head (counted in what travelled) and a token's place. */
function reader({ view, arrays }) {
  const T = view.tokens.length, H = view.heads.length, d = view.size, L = view.all[0];
  const cut = (values, size, i) => values.subarray(i * size, (i + 1) * size);
  const [query, key, value] = ["query", "key", "value"].map((name) => { // read head by head: most are never looked at
    const all = typed(Uint16Array, arrays[name]);
    return (l, h, t) => halves(cut(all, d, (l * H + h) * T + t));
  });
  const scores = typed(Float32Array, arrays.scores), logits = typed(Float32Array, arrays.logits);
  const [codes, lengths, sums] = [typed(Int8Array, arrays.vectors), typed(Float32Array, arrays.lengths), typed(Float32Array, arrays.sums)];
  const [guesses, chances, bars] = [typed(Int32Array, arrays.guesses), halves(typed(Uint16Array, arrays.chances)), typed(Int32Array, arrays.bars)];
  const G = guesses.length / ((L + 1) * T), B = bars.length / T;
  const starts = view.counts.map((_, t) => view.counts.slice(0, t).reduce((a, b) => a + b, 0));
  const hidden = (q, k) => view.causal && k > q;
  /** A row of the worksheet after the other, up to the weights. */
  function weigh(l, h, q) {
    const products = cut(scores, T, (l * H + h) * T + q), scaled = products.map((x) => x / Math.sqrt(d));
    const seen = scaled.filter((_, k) => !hidden(q, k)), most = Math.max(...seen);
    const powers = Array.from(scaled, (x, k) => hidden(q, k) ? 0 : Math.exp(x - most));
    const total = powers.reduce((a, b) => a + b, 0);
    return { products, scaled, powers: powers.map((x) => x * Math.exp(most)), weights: powers.map((x) => x / total) };
  }
  return {
    T, L, d, query, key, value, hidden, weigh,
    vector: (kind, t) => Float32Array.from(cut(codes, view.numbers, kind * T + t), (code) => code / 127 * view.scale),
    length: (place, t) => lengths[place * T + t], // 0: the token's vector, 1: the position's, 2 and on: the stream's
    guesses: (layer, t) => Array.from(cut(guesses, G, layer * T + t), (id, i) => [view.names[id], chances[(layer * T + t) * G + i]]),
    bars: (t) => Array.from(cut(bars, B, t)),
    logits: (t) => logits.subarray(starts[t], starts[t] + view.counts[t]),
    sum: (t) => sums[t],
  };
}

/** What is drawn from, as course_lib.decoding works it out: the temperature first, then top-k, then top-p.
 *
 * `logits` fall from 0, equal ones in the order of their ids. Where not all travelled, `sum` is the logarithm of what all
 * of them come to at temperature 1. `before` is what the tokens had at this temperature, and `after` is after the cuts. */
function probabilities(logits, sum, temperature, topK, topP) {
  const powers = Array.from(logits, (x) => Math.exp(x / (temperature || 1)));
  const add = (values) => values.reduce((a, b) => a + b, 0);
  const all = temperature === 1 || temperature === 0 ? Math.exp(sum) : add(powers);
  const before = powers.map((x) => x / all);
  if (temperature === 0) return { before, after: before.map((_, i) => (i ? 0 : 1)), kept: 1 };
  let kept = Math.min(topK, powers.length), total = kept < powers.length || topK <= kept ? add(powers.slice(0, kept)) : all;
  if (topP < 1) {
    let reached = 0, few = 0;
    while (few < kept && reached < topP) reached += powers[few++] / total; // the token that crosses p stays
    kept = few;
    total = add(powers.slice(0, kept));
  }
  return { before, after: powers.map((x, i) => (i < kept ? x / total : 0)), kept };
}

function render({ model, el }) {
  const first = model.get("start"), live = Boolean(model.save_changes);
  let view, read, position, layer, head; // the last two count what travelled
  let night = false, width = 0; // whether the page is dark; how wide we are
  let temperature = 1, topK = Infinity, topP = 1, pause, patience, asked = 0;

  const box = element("div", { class: "course-model", role: "group", "aria-label": first.title || "X-ray of a model" });
  keepKeys(box);
  const part = (name, ...children) => {
    const node = element("section", { class: "course-model-part", "data-part": name }, ...children);
    box.append(node);
    return node;
  };
  const heading = (text) => element("p", { class: "course-model-heading" }, text);
  const token = (name) => element("bdi", { class: "course-model-token", title: name }, name);
  const th = (scope, ...children) => element("th", { scope }, ...children);
  const td = (...children) => element("td", {}, ...children);
  const row = (...cells) => element("tr", {}, ...cells);
  const table = (caption, heads, rows) => element("table", {}, element("caption", {}, caption), element("thead", {}, row(...heads.map((text) => th("col", text)))), element("tbody", {}, ...rows));
  const isolated = (name) => `“\u2068${name}\u2069”`;
  const called = (t) => isolated(view.tokens[t]) + (view.tokens.indexOf(view.tokens[t]) !== view.tokens.lastIndexOf(view.tokens[t]) ? ` (${t})` : "");

  /** Numbers as a strip of colours: orange below 0, blue above, the page's own colour at 0.
   *
   * Each is a piece of a background, unblended: a hundred canvases would take three times as long to draw. */
  function strip(values, scale, what) {
    const inks = INKS[night ? "dark" : "light"], at = (x) => Math.round(255 * Math.min(1, Math.max(0, 0.5 + x / scale / 2)));
    const piece = (x, i) => `${inks[at(x)]} 0 ${100 * (i + 1) / values.length}%`;
    const words = `${what}: ${values.length} numbers from ${number(Math.min(...values))} to ${number(Math.max(...values))}`;
    const node = element("i", { class: "course-model-strip", role: "img", "aria-label": words, title: words });
    node.style.backgroundImage = `linear-gradient(to right, ${Array.from(values, piece)})`;
    return node;
  }
  const largest = (rows) => Math.max(1e-9, ...rows.map((one) => one.reduce((most, x) => Math.max(most, Math.abs(x)), 0)));
  function bar(value, most, text, cut) {
    const fill = element("i", { class: cut ? "course-model-cut" : "" });
    fill.style.width = `${100 * Math.min(1, value / (most || 1))}%`;
    return element("div", { class: "course-model-bar" }, element("span", {}, fill), element("b", {}, text));
  }

  // --- 1 the text
  const field = element("textarea", { rows: 1, "aria-label": "text", spellcheck: "false", maxlength: 500 });
  field.value = model.get("wanted").text ?? first.text; // a second view of the same widget, or one reopened
  field.disabled = !live;
  const hint = element("span", { class: "course-model-note" }, live ? "Type, or press Enter." : "Run this cell to type a text of your own.");
  const problem = element("p", { class: "course-model-problem", role: "alert" });
  const tokens = element("div", { class: "course-model-tokens", role: "group", "aria-label": "tokens" });
  const state = element("p", { class: "course-model-state", role: "status" });
  const textHeading = heading("");
  if (first.title) box.append(element("p", { class: "course-model-title" }, first.title));
  part("text", textHeading, element("label", { class: "course-model-field" }, field, hint), problem, tokens, state);
  let buttons = [];
  tokens.addEventListener("keydown", (event) => rove(buttons, event));

  const askIfNew = () => { if (field.value !== (model.get("wanted").text ?? first.text)) ask(); };
  function ask() {
    clearTimeout(pause);
    performance.mark("course-model-asked");
    asked = Math.max(asked, model.get("picture").number, model.get("problem").number ?? 0) + 1; // another view may have asked
    box.setAttribute("aria-busy", "true");
    clearTimeout(patience);
    patience = setTimeout(() => (problem.textContent = "No answer yet. Is another cell running? If not, run this cell again."), PATIENCE);
    model.set("wanted", { number: asked, text: field.value, position: position === view.tokens.length - 1 ? 1e6 : position });
    model.save_changes();
  }
  field.addEventListener("input", () => { clearTimeout(pause); pause = setTimeout(askIfNew, PAUSE); });
  field.addEventListener("change", askIfNew); // it is left
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    ask(); // the same text too: the model may have learned since
  });
  /** An answer to an older question is dropped; so the last word stays with the last text. */
  function arrived(number, text) {
    if (number < asked) return false;
    asked = number;
    clearTimeout(patience);
    box.removeAttribute("aria-busy");
    problem.textContent = text;
    return true;
  }

  // --- 2 embedding
  const embedding = part("embedding");
  function drawEmbedding() {
    const names = [["the token’s vector", "token"], ["+ its position’s vector", "position"], [view.sum ? "= the stream’s start" : "the stream’s start (more is added, or it is scaled)", "start"]];
    const rows = names.map(([text, what], kind) => row(th("row", text), td(strip(read.vector(kind, position), view.scale, what)), td(number(read.length(kind, position)))));
    const some = view.numbers < view.width ? `the first ${view.numbers} of ${view.width} numbers` : `${view.width} numbers`;
    embedding.replaceChildren(heading("Embedding: what the token is, and where it stands"),
      table("", ["", some, "length"], rows));
  }

  // --- 3 one head of one block
  const select = element("select", { "aria-label": "layer" });
  select.addEventListener("change", () => { layer = Number(select.value); draw(); });
  const chips = element("span", { role: "group", "aria-label": "heads" });
  let chipButtons = [];
  chips.addEventListener("keydown", (event) => rove(chipButtons, event));
  const map = element("canvas", { tabindex: 0, role: "img" }), mapBox = element("div", { class: "course-model-map" }, map);
  const sheet = element("div", { class: "course-model-sheet", tabindex: 0, role: "region", "aria-label": "worksheet" });
  const carried = element("p", { class: "course-model-note" });
  const mix = element("div", { class: "course-model-mix" });
  part("head", heading("A block: one head’s attention, row by row"),
    element("div", { class: "course-model-controls" }, element("label", {}, "layer ", select), element("span", {}, "head ", chips)), carried,
    element("div", { class: "course-model-pair" }, mapBox, element("div", {}, sheet, mix)));

  function drawSheet() {
    const at = [layer, head], { products, scaled, powers, weights } = read.weigh(...at, position);
    const every = (what) => view.tokens.map((_, t) => what(...at, t));
    const [keys, values] = [every(read.key), every(read.value)], scales = [largest(keys), largest(values)];
    const rows = view.tokens.map((name, k) => {
      const off = read.hidden(position, k);
      const line = row(th("row", token(name)), td(strip(keys[k], scales[0], "k")), td(number(products[k])), td(number(scaled[k])),
        td(off ? "−∞" : number(scaled[k])), td(off ? "0" : power(powers[k])), td(bar(weights[k], 1, share(weights[k]))), td(strip(values[k], scales[1], "v")));
      if (off) line.className = "course-model-hidden";
      return line;
    });
    const mixed = Float32Array.from({ length: read.d }, (_, i) => dot(weights, values.map((value) => value[i])));
    const total = powers.reduce((a, b) => a + b, 0);
    rows.push(row(th("row", "sum"), td(), td(), td(), td(), td(power(total)), td(bar(0, 1, number(weights.reduce((a, b) => a + b, 0)))), td()));
    const sheetTable = table("", ["key", "k", "q · k", `÷ √${read.d}`, "mask", "e^score", "weight", "v"], rows);
    const query = read.query(...at, position);
    sheetTable.querySelector("caption").append(token(view.tokens[position]), " asks with q ", strip(query, Math.max(scales[0], largest([query])), "q"), ` of length ${number(length(query))}`);
    sheet.replaceChildren(sheetTable);
    mix.replaceChildren("mix: Σ weight · v = ", strip(mixed, largest([mixed]), "the mix"), ` of length ${number(length(mixed))}`);
  }

  let cursor = 0, geometry; // the key that arrow keys stand at; where cells are
  function drawMap() {
    const T = read.T, size = 11, room = Math.min(300, (width || 300) - 4), style = getComputedStyle(box), font = `${size}px ${style.fontFamily}`;
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    let pen = map.getContext("2d");
    pen.font = font;
    const names = T > NAMED ? [] : view.tokens.map((name) => shorten(pen, name, 70));
    const widest = T > NAMED ? 0 : Math.max(...names.map((name) => pen.measureText(name).width)) + 6;
    const level = names.every((name) => [...name].length < 2), above = T > NAMED ? 2 : level ? 16 : widest;
    const cell = Math.min(40, (room - widest - 2) / T), side = cell * T;
    geometry = { left: widest, above, cell };
    [map.width, map.height] = [(widest + side + 2) * ratio, (above + side + 2) * ratio];
    [map.style.width, map.style.height] = [`${widest + side + 2}px`, `${above + side + 2}px`];
    pen = map.getContext("2d");
    pen.scale(ratio, ratio);
    const ramp = RAMPS[night ? "dark" : "light"], pixels = new ImageData(T, T), raster = element("canvas", { width: T, height: T });
    for (let q = 0; q < T; q++) read.weigh(layer, head, q).weights.forEach((weight, k) => pixels.data.set([...shade(ramp, weight), 255], 4 * (q * T + k)));
    raster.getContext("2d").putImageData(pixels, 0, 0);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(raster, widest, above, side, side);
    Object.assign(pen, { font, fillStyle: style.color, textBaseline: "middle", textAlign: "right" });
    names.forEach((name, t) => pen.fillText(name, widest - 4, above + (t + 0.5) * cell));
    pen.textAlign = level ? "center" : "left";
    names.forEach((name, t) => {
      pen.save();
      pen.translate(widest + (t + 0.5) * cell, above - (level ? 8 : 4));
      if (!level) pen.rotate(-Math.PI / 2);
      pen.fillText(name, 0, 0);
      pen.restore();
    });
    Object.assign(pen, { strokeStyle: first.colours[1], lineWidth: 2 });
    pen.strokeRect(widest, above + position * cell, side, Math.max(cell, 3));
    map.setAttribute("aria-label", `Heatmap of layer ${view.layers[layer]}, head ${view.heads[head]}: rows ask, columns are looked at. Up and down choose the row; left and right read its weights.`);
  }
  const sayCell = (q, k) => (state.textContent = `${called(q)} looks at ${called(k)} with ${share(read.weigh(layer, head, q).weights[k])} in layer ${view.layers[layer]}, head ${view.heads[head]}.`);
  const cellOf = (event) => {
    const frame = map.getBoundingClientRect(), { left, above, cell } = geometry, inside = (x) => x >= 0 && x < read.T;
    const [k, q] = [(event.clientX - frame.left - left) / cell, (event.clientY - frame.top - above) / cell].map(Math.floor);
    return inside(q) && inside(k) ? { q, k } : null;
  };
  map.addEventListener("pointermove", (event) => { const at = cellOf(event); if (at) sayCell(at.q, at.k); });
  map.addEventListener("pointerleave", () => say());
  map.addEventListener("click", (event) => { const at = cellOf(event); if (at) choose(at.q); });
  map.addEventListener("keydown", (event) => {
    const [down, right] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key] ?? [];
    if (down === undefined) return;
    event.preventDefault();
    const within = (x) => Math.min(Math.max(x, 0), read.T - 1);
    cursor = within(cursor + right);
    if (down) choose(within(position + down));
    else sayCell(position, cursor);
  });

  // --- 4 the stream
  const stream = part("stream");
  function drawStream() {
    const places = Array.from({ length: read.L + 1 }, (_, i) => i), lengths = places.map((i) => read.length(i + 2, position));
    const rows = places.map((i) => row(th("row", i ? `after block ${i - 1}` : "embedding"), td(bar(lengths[i], Math.max(...lengths), number(lengths[i]))),
      ...read.guesses(i, position).map(([name, chance]) => td(token(name), ` ${share(chance)}`))));
    const what = view.causal ? "likeliest next tokens" : "likeliest tokens here";
    stream.replaceChildren(heading("The stream: how long it grows, and what the head would say if it were read there"),
      table("", ["", "length", `${what}, if read here`], rows));
    stream.querySelectorAll("th[scope=col]")[2].colSpan = read.guesses(0, position).length;
  }

  // --- 5 the next token
  const sliders = element("div", { class: "course-model-sliders" }), chances = element("div"), chancesNote = element("p", { class: "course-model-note" });
  const nextHeading = heading("");
  part("next", nextHeading, sliders, element("div", { class: "course-model-pair" }, chances), chancesNote);
  const last = () => Math.min(view.vocab, FEW + 1); // of top-k: beyond it, all
  function slider(name, low, high, step, value, words, set) {
    const input = element("input", { type: "range", min: low, max: high, step, value, "aria-label": name }), shown = element("span", { class: "course-model-value", "aria-hidden": "true" });
    const tell = () => { shown.textContent = words(Number(input.value)); input.setAttribute("aria-valuetext", shown.textContent); };
    input.addEventListener("input", () => { set(Number(input.value)); tell(); drawNext(); });
    sliders.append(element("label", {}, `${name} `, input, shown));
    return { input, tell };
  }
  slider("temperature", 0, 2, 0.05, 1, (x) => x ? number(x) : "0 (greedy)", (x) => (temperature = x)).tell();
  const kSlider = slider("top-k", 1, FEW + 1, 1, FEW + 1, (x) => x >= last() ? "off" : `${x}`, (x) => (topK = x >= last() ? Infinity : x));
  slider("top-p", 0.05, 1, 0.05, 1, (x) => x < 1 ? number(x) : "off", (x) => (topP = x)).tell();

  function drawNext() {
    const logits = read.logits(position), whole = logits.length === view.vocab;
    const limited = !whole && (topK > logits.length) && ((temperature !== 1 && temperature !== 0) || topP < 1);
    const { before, after, kept } = probabilities(logits, read.sum(position), temperature, limited ? logits.length : topK, topP);
    const ids = read.bars(position), next = view.causal ? view.ids[position + 1] : undefined;
    const most = Math.max(after[0], before[0]);
    const rows = ids.map((id, i) => {
      const cut = i >= kept, line = row(th("row", token(view.names[id])), td(bar(cut ? before[i] : after[i], most, cut ? `cut, was ${share(before[i])}` : share(after[i]), cut)), td(id === next ? "the text goes on with it" : ""));
      if (cut) line.className = "course-model-hidden";
      return line;
    });
    const left = !whole && kept === logits.length && topK === Infinity && !limited ? view.vocab : kept, others = view.vocab - ids.length;
    const rest = left > ids.length ? 1 - after.slice(0, ids.length).reduce((a, b) => a + b, 0) : 0;
    if (others > 0) rows.push(row(th("row", `${others.toLocaleString("en")} others`), td(bar(0, 1, share(rest))), td()));
    chances.replaceChildren(table("", ["token", "probability", ""], rows));
    chancesNote.textContent = `${left.toLocaleString("en")} of ${view.vocab.toLocaleString("en")} tokens can be drawn.` + (whole ? "" : ` The ${logits.length} likeliest travelled for this token: exact at temperature 1 or with top-k` + (limited ? `, so top-k counts as ${logits.length} here.` : "."));
  }

  // --- all of it
  function say() {
    const { weights } = read.weigh(layer, head, position), order = weights.map((_, k) => k).sort((a, b) => weights[b] - weights[a]).slice(0, 3);
    const looks = order.filter((k) => weights[k] >= 0.005).map((k) => `${called(k)} ${share(weights[k])}`).join(", ");
    const guess = read.guesses(read.L, position)[0];
    state.textContent = `${isolated(view.tokens[position])} at place ${position} asks. In layer ${view.layers[layer]}, head ${view.heads[head]} it looks most at ${looks}. ${view.causal ? "Likeliest next" : "Likeliest here"}: ${isolated(guess[0])} ${share(guess[1])}.`;
  }
  function choose(t) { position = t; draw(); }
  function mark(list, chosen, name) {
    list.forEach((button, i) => { button.tabIndex = i === chosen ? 0 : -1; button.setAttribute(name, i === chosen); });
  }
  function draw() {
    night = dark(box);
    box.classList.toggle("course-model-dark", night);
    mark(buttons, position, "aria-pressed");
    mark(chipButtons, head, "aria-pressed");
    drawMap(); // first, as it asks for the page's font: later that would have the new tables styled twice
    drawEmbedding();
    drawSheet();
    drawStream();
    drawNext();
    say();
  }

  function load() {
    const picture = model.get("picture"), before = view?.tokens.length;
    if (!arrived(picture.number, "")) return;
    performance.mark("course-model-arrived");
    if (picture.number && document.activeElement !== field) field.value = model.get("wanted").text; // another view asked
    view = picture.view;
    read = reader(picture);
    const end = read.T - 1;
    position = before === undefined ? first.position : position === before - 1 ? end : Math.min(position, end);
    if (before === undefined) {
      layer = Math.max(0, view.layers.indexOf(first.layer));
      head = Math.max(0, view.heads.indexOf(first.head));
    }
    const size = view.causal ? "next token" : "token at this place";
    textHeading.textContent = `Text: ${read.T} ${read.T === 1 ? "token" : "tokens"} (at most ${view.most}). Choose one: it asks.`;
    nextHeading.textContent = `The ${size}: temperature first, then top-k, then top-p`;
    kSlider.input.max = last();
    if (topK === Infinity) kSlider.input.value = last();
    kSlider.tell();
    buttons = view.tokens.map((name, t) => {
      const button = element("button", { type: "button", "aria-label": `token ${t}: ${name}`, title: `token ${t}` }, token(name));
      button.addEventListener("click", () => choose(t));
      return button;
    });
    tokens.replaceChildren(...buttons);
    select.replaceChildren(...view.layers.map((n, i) => element("option", { value: i }, String(n))));
    select.value = layer;
    chipButtons = view.heads.map((n, h) => {
      const chip = element("button", { type: "button", class: "course-model-chip", "aria-label": `head ${n}` }, String(n));
      chip.addEventListener("click", () => { head = h; draw(); });
      return chip;
    });
    chips.replaceChildren(...chipButtons);
    const [L, H] = view.all, fewer = view.layers.length < L || view.heads.length < H;
    carried.textContent = fewer ? `This copy carries layer ${view.layers.join(", ")} (of ${L}), ${view.heads.length > 1 ? "heads" : "head"} ${view.heads.join(", ")} (of ${H}): run the cell for the rest.` : "";
    draw();
    requestAnimationFrame(() => setTimeout(() => performance.mark("course-model-painted")));
  }
  /** A query that is clicked in a viz.attention_view of the same tokens is opened here, in its layer and first head. */
  function follow({ detail }) {
    if (JSON.stringify([detail.tokens, detail.all]) !== JSON.stringify([view.tokens, view.all])) return;
    const [l, h] = [view.layers.indexOf(detail.layer), view.heads.indexOf(detail.head)];
    if (l < 0 || h < 0) return;
    [layer, head, select.value] = [l, h, l];
    choose(detail.query);
  }
  document.addEventListener("course-query", follow);

  el.append(box);
  width = box.clientWidth;
  load();
  const complain = () => { const { number, text } = model.get("problem"); if (text) arrived(number, text); };
  complain();
  model.on?.("change:picture", load);
  model.on?.("change:problem", complain);

  const theme = new MutationObserver(() => {
    if (!box.isConnected) theme.disconnect(); // out of the page: the page's body must not hold on to it
    else if (dark(box) !== night) draw();
  });
  const size = new ResizeObserver(() => {
    if (box.clientWidth) theme.observe(document.body, { attributes: true });
    if (box.clientWidth === width && night === dark(box)) return;
    width = box.clientWidth;
    if (width) draw();
  });
  size.observe(box);
  return () => { // JupyterLab keeps el after a rerun: keep it empty
    size.disconnect();
    theme.disconnect();
    clearTimeout(pause);
    clearTimeout(patience);
    model.off?.("change:picture", load);
    model.off?.("change:problem", complain);
    document.removeEventListener("course-query", follow);
    box.remove();
  };
}

export default { render };
