// What the viewers of viz.attention_view and viz.model_view share; it stands above the script of each (viz.script).
const RAMPS = { light: [[247, 251, 255], [66, 146, 198], [8, 48, 107]], dark: [[27, 31, 38], [49, 130, 189], [222, 240, 255]] };

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

const bright = ([r, g, b]) => 0.3 * r + 0.6 * g + 0.1 * b > 100; // black is read better on it than white
const dark = (node) => bright((getComputedStyle(node).color.match(/[\d.]+/g) ?? [0, 0, 0]).map(Number)); // light text
const blend = (a, b, t) => a.map((x, i) => Math.round(x + (b[i] - x) * t));
/** A colour for t from 0 to 1, on a ramp of three. */
const shade = (ramp, t) => t < 0.5 ? blend(ramp[0], ramp[1], 2 * t) : blend(ramp[1], ramp[2], 2 * t - 1);

/** As much of a text as fits into `room`, as this pen writes it. */
function shorten(pen, text, room) {
  while (text.length > 1 && pen.measureText(text).width > room) text = [...text.replace(/…$/, "")].slice(0, -1).join("") + "…";
  return text;
}

/** What is typed in a box stays there, so that no "dd" deletes a cell; Ctrl, Escape and Shift + Enter keep their meaning. */
function keepKeys(box) {
  box.addEventListener("keydown", (event) => {
    const notebooks = event.ctrlKey || event.metaKey || event.altKey || event.key === "Escape";
    if (!notebooks && !(event.shiftKey && event.key === "Enter")) event.stopPropagation();
  });
}

/** Where there is no kernel: CSS and STATE stand above this file, and the viewer takes the still picture's place. */
function stand(render) {
  const place = document.currentScript.parentNode, el = element("div");
  const bytes = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  const data = JSON.parse(JSON.stringify(STATE), (_, value) => value?.base64 === undefined ? value : bytes(value.base64));
  place.before(element("style", {}, CSS), el);
  try {
    render({ model: { get: (name) => data[name] }, el });
    place.remove();
  } catch (problem) { // the still picture stays
    el.remove();
    throw problem;
  }
}

