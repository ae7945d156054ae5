// Building the page. Data reaches it here and nowhere else, always as text: nothing is ever parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";

/** The element with an id. */
const byId = (id) => document.getElementById(id);

/** A new HTML element: `text` becomes its text, `class` its class, everything else an attribute. */
function make(tag, attributes = {}, children = []) {
  return dress(document.createElement(tag), attributes, children);
}

/** A new SVG element. */
function draw(tag, attributes = {}, children = []) {
  return dress(document.createElementNS(SVG, tag), attributes, children);
}

function dress(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "text") node.textContent = String(value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children);
  return node;
}

/** Set SVG attributes, skipping those that have not changed: this runs on every animation frame. */
function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    const text = typeof value === "number" ? String(Math.round(value * 100) / 100) : String(value);
    if (node.getAttribute(name) !== text) node.setAttribute(name, text);
  }
}

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const mix = (from, to, share) => from + (to - from) * share;

/** 0 below `low`, 1 above `high`, and an S-curve between. */
function smooth(low, high, value) {
  const x = clamp((value - low) / (high - low), 0, 1);
  return x * x * (3 - 2 * x);
}
