/* The tab with the graph: which step, before and after, search, and the chosen operator's facts. */
"use strict";
const NAMES = ["same", "changed", "added", "removed"];

/* What the artifact's operators can be coloured by: a measure of 0 (good) to 1 (look here); null: unknown. */
const MEASURES = {
  "colour: changes": null,
  "colour: NPU or CPU": layers => layers.map(l => l.runs_on === null ? null : l.runs_on === "npu" ? 0 : 1),
  "colour: latency": layers => share(layers.map(l => l.latency_ms)),
  "colour: error": layers => layers.map(l => l.equal ? 0 : l.sqnr_db === null ? null : Math.min(1, Math.max(0, (120 - l.sqnr_db) / 100))),
  "colour: bits": layers => layers.map(l => l.bits === null ? null : Math.min(1, l.bits / 32)),
};

function share(values) {
  const most = Math.max(...values.map(v => v ?? 0));
  return values.map(v => v === null || !most ? null : Math.sqrt(v / most));
}

function tintOf(name) {
  const measure = MEASURES[name], layers = report.layers || [];
  if (!measure) return null;
  const found = measure(layers);
  return index => found[index] === null ? "--node" : HEAT[Math.min(HEAT.length - 1, Math.floor(found[index] * HEAT.length))];
}

function measures() {
  const layers = report.layers || [], last = graph.states[graph.states.length - 1];
  if (!layers.length || layers.length !== last.nodes.length) return [];
  return Object.entries(MEASURES).filter(([, m]) => !m || new Set(m(layers)).size > 1).map(([name]) => name);
}

function graphTab({step = 0, state = null, node = null, search = ""} = {}) {
  const views = [], panes = make("div", {class: "panes"}), detail = make("div", {}), count = make("span", {class: "soft"});
  const steps = graph.steps.length ? graph.steps.map((s, i) => make("option", {value: i}, stepTitle(s))) : [];
  const select = make("select", {"aria-label": "Step", onchange: () => draw(Number(select.value))}, steps);
  const box = make("input", {type: "search", placeholder: "Search kind, name or source", "aria-label": "Search the graph", oninput: () => find(), onkeydown: e => e.key === "Enter" && find(1)});
  const turn = make("button", {class: "turn", onclick: () => flip()}, "Before / after");
  const kinds = measures(), paint = make("select", {"aria-label": "Colour", onchange: () => tint()}, kinds.map(k => make("option", {value: k}, k)));
  let hits = [], at = 0;

  /* Only the artifact, the last state, has measures. */
  function tint() {
    for (const view of views) {
      view.tint = view.state === graph.states[graph.states.length - 1] ? tintOf(paint.value) : null;
      view.draw();
    }
  }

  function draw(index) {
    views.length = 0;
    panes.replaceChildren();
    detail.replaceChildren();
    const one = graph.steps[index];
    const sides = one ? [[one.before, 0], [one.after, 1]] : [[0, 1]];
    panes.classList.toggle("single", sides.length === 1);
    for (const [place, side] of sides) addPane(place, side, one);
    if (sides.length > 1) panes.children[0].classList.add("away");
    resize();
    tint();
    find();
  }

  function addPane(place, side, one) {
    const canvas = make("canvas"), shown = graph.states[place];
    const change = one ? index => one.changes[one.groups[side][index]] : () => 0;
    const view = new GraphView(canvas, shown, graph.strings, change, index => pick(view, index));
    Object.assign(view, {side, step: one});
    views.push(view);
    const tally = one ? ` · ${NAMES.slice(1).map((n, i) => [n, shown.nodes.filter((_, k) => change(k) === i + 1).length]).filter(([, c]) => c).map(([n, c]) => `${c} ${n}`).join(", ") || "no change"}` : "";
    panes.append(make("div", {class: "pane"}, make("h3", {}, `${one ? (side ? "After: " : "Before: ") : ""}${shown.title} `, make("span", {class: "soft"}, `${shown.nodes.length} operators${tally}`)), canvas));
  }

  function flip() {
    for (const pane of panes.children) pane.classList.toggle("away");
    resize();
  }

  const resize = () => views.forEach(v => v.resize());

  function pick(view, index) {
    for (const other of views) {
      if (other === view) { other.chosen = new Set([index]); other.draw(); continue; }
      const group = index < 0 ? -1 : view.step.groups[view.side][index];
      const twins = index < 0 ? [index] : other.step.groups[other.side].flatMap((g, i) => g === group ? [i] : []);
      other.show(twins.filter(i => i >= 0 || -1 - i < other.plan.ports), view.scale);
    }
    detail.replaceChildren(facts(view, index));
  }

  function find(way = 0) {
    const text = box.value.toLowerCase();
    for (const view of views) {
      view.hits = new Set(text ? matches(view.state, text) : []);
      view.draw();
    }
    const last = views[views.length - 1];
    hits = [...last.hits];
    at = way ? (at + way) % Math.max(hits.length, 1) : 0;
    count.textContent = text ? (hits.length ? `${at + 1} of ${hits.length}` : "none") : "";
    if (hits.length && text) last.show([hits[at]]);
  }

  const zooms = [["+", v => v.zoom(1.4)], ["−", v => v.zoom(0.7)], ["Whole", v => v.fit()], ["Start", v => { v.start(); v.draw(); }]];
  const changed = make("button", {onclick: () => nextChange()}, "Next change");
  let seen = -1;
  function nextChange() {
    const view = views[views.length - 1], marked = view.state.nodes.flatMap((_, i) => view.change(i) ? [i] : []);
    if (!marked.length) return;
    seen = (seen + 1) % marked.length;
    view.show([marked[seen]]);
    pick(view, marked[seen]);
  }

  main.addEventListener("shown", () => {
    if (state !== null) step = Math.max(0, graph.steps.findIndex(s => s.after === state));
    if (steps.length) select.value = step;
    draw(step);
    if (node !== null) { const view = views[views.length - 1]; view.show([node]); pick(view, node); }
    if (search) { box.value = search; find(); }
  }, {once: true});
  window.onresize = resize;
  matchMedia("(prefers-color-scheme: dark)").onchange = () => views.forEach(v => v.draw());
  const left = graph.left_out ? make("p", {class: "soft"}, `${graph.left_out} states are left out: the model is large.`) : null;
  return [make("div", {class: "bar"}, steps.length ? select : null, kinds.length > 1 ? paint : null, box, count, turn, zooms.map(([text, act]) => make("button", {onclick: () => views.forEach(act)}, text)), steps.length ? changed : null),
    steps.length ? make("p", {class: "legend soft"}, NAMES.slice(1).flatMap(n => { const dot = make("i"); dot.style.background = `var(--${n})`; return [dot, n]; })) : null,
    left, panes, detail].filter(Boolean);
}

function stepTitle(step) {
  const from = graph.states[step.before], to = graph.states[step.after];
  return step.after - step.before === 1 && graph.steps.length > 1 ? `${to.run ?? ""} ${to.title}` : `${from.title} → ${to.title}`;
}

function matches(state, text) {
  const fits = new Set(graph.strings.flatMap((s, i) => s.toLowerCase().includes(text) ? [i] : []));
  return state.nodes.flatMap((n, i) => fits.has(n[0]) || fits.has(n[1]) || n[3].some(s => fits.has(s)) ? [i] : []);
}

function facts(view, index) {
  const say = places => places.map(p => graph.strings[p]).join(", ") || "–", rows = [];
  if (index < 0) {
    const [name, type] = view.state.inputs[-1 - index];
    rows.push(["input", graph.strings[name]], ["type", graph.strings[type]]);
  } else {
    const [kind, name, attributes, sources, , types, constants] = view.state.nodes[index];
    rows.push(["operator", graph.strings[kind]], ["name", say([name])], ["from", say(sources)], ["output", say(types)], ["attributes", say([attributes])], ["constants", say(constants)]);
    if (view.step) rows.push(["here", NAMES[view.change(index)]]);
    const layer = (report.layers || [])[index];
    if (layer && view.state === graph.states[graph.states.length - 1] && layer.name === graph.strings[name])
      for (const key of ["bits", "runs_on", "latency_ms", "sqnr_db"]) if (layer[key] !== null) rows.push([words(key), cell(key, layer[key])]);
  }
  return make("div", {class: "detail"}, make("dl", {}, rows.flatMap(([k, v]) => [make("dt", {}, k), make("dd", {}, v)])));
}
