/* Elements from data: text only, never markup, so a name from a model cannot become anything else. */
"use strict";
const ROWS = 200;

/* Text without control and direction characters: names come from models and are not trusted. */
const plain = text => String(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "?");

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  for (const child of children.flat())
    if (child !== null && child !== undefined) element.append(child instanceof Node ? child : plain(child));
  return element;
}

const UNITS = {sqnr: "SQNR", db: "dB", mb: "MB", mj: "mJ"};
const words = key => plain(key).split("_").map(word => UNITS[word] || word).join(" ");

function number(value) {
  if (Number.isInteger(value)) return value.toLocaleString("en");
  const size = Math.abs(value);
  return size >= 1e-3 && size < 1e6 ? Number(value.toPrecision(4)).toString() : value.toExponential(2);
}

function bytes(value) {
  return value >= 1e9 ? `${(value / 1e9).toFixed(2)} GB` : value >= 1e5 ? `${(value / 1e6).toFixed(1)} MB` : `${(value / 1e3).toFixed(1)} KB`;
}

const listed = value => Array.isArray(value) && value.every(v => v === null || typeof v !== "object");
const empty = value => value === null || value === undefined || value === "" || (typeof value === "object" && !Object.keys(value).length);

function cell(key, value) {
  if (empty(value)) return "–";
  if (typeof value === "number") return /bytes$/.test(key) ? bytes(value) : /_ms$/.test(key) ? value.toFixed(4) : number(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (listed(value)) return value.join(", ");
  return typeof value === "object" ? JSON.stringify(value) : value;
}

const order = (a, b) => {
  const none = v => v === null || v === undefined || v === "";
  if (none(a) || none(b)) return none(a) - none(b);
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", {numeric: true});
};

/* A table of like objects: sorts by a click on a heading, filters by text, shows ROWS at first. */
function table(rows, {columns = null, picked = null, label = "rows"} = {}) {
  const keys = columns || [...new Set(rows.flatMap(row => Object.keys(row)))];
  const body = make("tbody"), more = make("div", {class: "bar"}), head = make("tr");
  const view = {rows, key: null, down: false, shown: ROWS, text: ""};
  const fill = () => {
    let found = view.text ? rows.filter(row => keys.some(k => String(cell(k, row[k])).toLowerCase().includes(view.text))) : rows.slice();
    if (view.key !== null) found.sort((a, b) => {
      const way = order(a[view.key], b[view.key]), missing = [a, b].some(r => r[view.key] === null || r[view.key] === undefined);
      return view.down && !missing ? -way : way;
    });
    body.replaceChildren(...found.slice(0, view.shown).map(row => make("tr", picked ? {class: "link", tabindex: 0, onclick: () => picked(row), onkeydown: e => e.key === "Enter" && picked(row)} : {},
      keys.map(k => make("td", {class: typeof row[k] === "number" ? "number" : String(cell(k, row[k])).length > 24 ? "wide" : null}, cell(k, row[k]))))));
    more.replaceChildren(make("span", {class: "soft"}, `${Math.min(view.shown, found.length)} of ${found.length} ${label}`),
      ...(found.length > view.shown ? [make("button", {onclick: () => { view.shown *= 5; fill(); }}, "Show more")] : []));
    [...head.children].forEach((th, i) => th.setAttribute("aria-sort", keys[i] !== view.key ? "none" : view.down ? "descending" : "ascending"));
    [...head.querySelectorAll("button")].forEach((b, i) => { b.textContent = words(keys[i]) + (keys[i] !== view.key ? "" : view.down ? " ▾" : " ▴"); });
  };
  head.append(...keys.map(k => make("th", {scope: "col"}, make("button", {onclick: () => {
    view.down = view.key === k && !view.down;
    view.key = k;
    fill();
  }}, words(k)))));
  const filter = make("input", {type: "search", placeholder: `Filter ${label}`, "aria-label": `Filter ${label}`, oninput: e => { view.text = e.target.value.toLowerCase(); view.shown = ROWS; fill(); }});
  fill();
  return make("div", {}, rows.length > 8 ? make("div", {class: "bar"}, filter) : null,
    make("div", {class: "scroll"}, make("table", {}, make("thead", {}, head), body)), more);
}

/* What the keys of these objects are: the model's names and ONNX's, which stay as they are. */
const NAMED = new Set(["inputs", "outputs", "operators", "kinds", "sources", "dim", "input shape", "const"]);

/* Any JSON value: lists of objects are tables, objects are lists of terms. */
function anything(value, label = "rows") {
  const term = NAMED.has(label) ? plain : words;
  if (Array.isArray(value) && value.length && value.every(v => v && typeof v === "object" && !Array.isArray(v)))
    return table(value.map(flat), {label});
  if (value && typeof value === "object" && !Array.isArray(value)) {
    const entries = Object.entries(value), large = entries.filter(([, v]) => typeof v === "object" && !empty(v) && !listed(v));
    const small = entries.filter(entry => !large.includes(entry));
    return make("div", {}, make("dl", {}, small.flatMap(([k, v]) => [make("dt", {}, term(k)), make("dd", {}, cell(k, v))])),
      large.flatMap(([k, v]) => [make("h2", {}, term(k)), anything(v, words(k))]));
  }
  return make("p", {}, cell("", value));
}

/* {a: {b: 1}} -> {"a b": 1}, so that a nested object is columns. */
function flat(object) {
  const found = {};
  for (const [key, value] of Object.entries(object)) {
    if (value && typeof value === "object" && !Array.isArray(value))
      for (const [inner, v] of Object.entries(flat(value))) found[`${key} ${inner}`] = v;
    else found[key] = value;
  }
  return found;
}
