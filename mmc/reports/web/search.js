/* The tab of a search among candidates: bytes against what is lost, and the front of the best. */
"use strict";
const PLOT = {width: 720, height: 360, edge: 84};

function drawn(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.map(child => child instanceof Node ? child : plain(child)));
  return element;
}

/* Bytes in three digits: candidates of one model are close to each other. */
const precise = count => `${Number((count / 1e6).toPrecision(3))} MB`;

/* A line of numbers onto a line of pixels; equal ends are set apart. */
function scale(values, from, to) {
  let least = Math.min(...values), most = Math.max(...values);
  if (most === least) { least -= 0.5; most += 0.5; }
  return {least, most, at: value => from + (value - least) / (most - least) * (to - from)};
}

function pareto(search) {
  const {width, height, edge} = PLOT, seen = search.trials.filter(t => [t.drop_percent, t.drop_high_percent].every(Number.isFinite));
  if (!seen.length) return null;
  const across = scale(seen.map(t => t.bytes), edge, width - edge);
  const up = scale(seen.flatMap(t => [t.drop_percent, t.drop_high_percent]), height - edge, edge / 2);
  const front = search.front.map(label => seen.find(t => t.label === label)).filter(Boolean);
  const parts = [drawn("path", {class: "axis", d: `M${edge},${edge / 2} V${height - edge} H${width - edge}`}),
    drawn("polyline", {class: "front", points: front.map(t => `${across.at(t.bytes)},${up.at(t.drop_percent)}`).join(" ")})];
  for (const t of seen) {
    const x = across.at(t.bytes), y = up.at(t.drop_percent), kind = t.label === search.chosen ? "chosen" : search.front.includes(t.label) ? "best" : "other";
    parts.push(drawn("path", {class: "interval", d: `M${x},${y} V${up.at(t.drop_high_percent)}`}),
      drawn("circle", {class: kind, cx: x, cy: y, r: kind === "chosen" ? 7 : 4}, drawn("title", {}, `${t.label}: ${precise(t.bytes)}, ${number(t.drop_percent)} % lost, ${number(t.drop_high_percent)} % at worst`)));
  }
  const text = (x, y, anchor, what) => parts.push(drawn("text", {x, y, "text-anchor": anchor}, what));
  text(edge, height - edge + 18, "start", precise(across.least));
  text(width - edge, height - edge + 18, "end", precise(across.most));
  text(width / 2, height - 16, "middle", "size of the artifact");
  text(edge - 6, height - edge, "end", `${number(up.least)} %`);
  text(edge - 6, edge / 2 + 4, "end", `${number(up.most)} %`);
  text(edge + 6, edge / 2 + 4, "start", "lost of the metric; a line ends at the worse end of the interval");
  return drawn("svg", {class: "plot", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "What is lost, by size"}, ...parts);
}

function searchTab() {
  const {search} = report, said = search.chosen ? `Taken: ${search.chosen}. ` : "None keeps the limits. ";
  const rows = search.trials.map(({bytes: count, ...t}) => ({label: t.label, activations: t.activations, mb: count / 1e6, ...t, on_front: search.front.includes(t.label), taken: t.label === search.chosen}));
  const plot = pareto(search);
  return [make("p", {class: "soft"}, said, "The line joins the candidates that no other one beats in size and in what is lost."),
    plot ? make("div", {class: "scroll"}, plot) : null, table(rows, {label: "candidates"})].filter(Boolean);
}
