/* The page: tabs of what the report has. Sections that are not known here are shown as data. */
"use strict";
const read = id => JSON.parse(document.getElementById(id).textContent);
const reports = [read("report-data")].flat(), graphs = [read("graph-data")].flat();
const KNOWN = new Set("schema mmc status exit_code model target options artifact operators memory verification stages passes diagnostics layers title search".split(" "));
const COLUMNS = "place kind name sources output weight bits runs_on latency_ms sqnr_db".split(" ");
const OUTPUTS = ["name", "accuracy sqnr_db", "accuracy max_abs_error", "accuracy cosine", "accuracy mismatches", "emission sqnr_db", "floor_db"];
const main = document.getElementById("main");
let report, graph, open = {};

function choose(index) {
  report = reports[index];
  graph = graphs[index] && graphs[index].states.length ? graphs[index] : null;
  const file = (report.model ? report.model.path : report.title).split("/").pop();
  document.getElementById("title").textContent = plain(file + (report.target ? ` for ${report.target}` : ""));
  open = {Overview: overview};
  if (graph) open.Graph = graphTab;
  if (report.layers && report.layers.length) open.Operators = operators;
  if (report.search) open.Search = searchTab;
  if (report.passes && report.passes.length) open.Passes = passes;
  if (report.diagnostics) open[`Findings (${report.diagnostics.length})`] = findings;
  for (const [key, value] of Object.entries(report))
    if (!KNOWN.has(key) && value && typeof value === "object" && Object.keys(value).length)
      open[words(key)[0].toUpperCase() + words(key).slice(1)] = () => [anything(value, words(key))];
  document.getElementById("tabs").replaceChildren(...Object.keys(open).map(name => make("button", {role: "tab", onclick: () => show(name)}, name)));
  const asked = decodeURIComponent(location.hash.slice(1));
  show(Object.keys(open).find(name => name === asked || name.startsWith(`${asked} (`)) || "Overview");
}

function show(name, ...given) {
  for (const tab of document.querySelectorAll("#tabs button")) {
    tab.setAttribute("aria-selected", tab.textContent === plain(name));
    if (tab.textContent === plain(name)) tab.scrollIntoView({block: "nearest", inline: "nearest"});
  }
  main.replaceChildren(...open[name](...given));
  main.dispatchEvent(new Event("shown"));
}

/* ---- overview ---- */

const tile = (label, value, more = "", mood = null) => make("div", {class: "tile"}, make("span", {}, label), make("b", {class: mood}, value), make("span", {}, more));

function overview() {
  const found = [];
  if (!report.status) return [anything(Object.fromEntries(Object.entries(report).filter(([k]) => k !== "layers" && k !== "title")))];
  const {operators: ops, verification: checked, artifact, memory} = report, shortest = worst(checked);
  found.push(tile("Status", report.status, "", report.status === "ok" ? "good" : "bad"));
  found.push(tile("Model", bytes(report.model.bytes), `${ops.before} ONNX nodes`));
  if (artifact) found.push(tile("Artifact", bytes(artifact.bytes), `${(100 * artifact.bytes / report.model.bytes).toFixed(0)} % of the model`));
  found.push(tile("Operators", ops.after, `${ops.transposes} transposes`));
  if (ops.on_npu !== null && ops.after) found.push(tile("On the NPU", `${(100 * ops.on_npu / ops.after).toFixed(0)} %`, `${ops.on_npu} of ${ops.after}`, ops.on_npu === ops.after ? "good" : null));
  if (report.cost) found.push(tile("Latency", `${number(report.cost.latency_ms)} ms`, `estimated; ${number(report.cost.latency_low_ms)} to ${number(report.cost.latency_high_ms)}`), tile("Energy", `${number(report.cost.energy_mj)} mJ`, `on ${report.cost.device}`));
  for (const line of report.budget || []) found.push(tile(`Budget: ${words(line.name)}`, line.met ? "kept" : "missed", "", line.met ? "good" : "bad"));
  if (memory) found.push(tile("Activations", bytes(memory.peak_bytes), `at once; arena ${bytes(memory.arena_bytes)}`));
  found.push(tile("Verified", checked ? (checked.passed ? "yes" : "no") : "not run", shortest, checked ? (checked.passed ? "good" : "bad") : null));
  const seconds = (report.stages || []).reduce((sum, s) => sum + s.seconds, 0);
  found.push(tile("Compile", `${seconds.toFixed(2)} s`, artifact ? artifact.path : ""));
  const rest = [make("div", {class: "tiles"}, found)];
  const grave = (report.diagnostics || []).filter(d => d.severity !== "note");
  if (grave.length) rest.push(make("h2", {}, "To look at"), ...grouped(grave).slice(0, 5).map(finding));
  if (checked && checked.outputs.length) rest.push(make("h2", {}, "Outputs"), make("p", {class: "soft"}, `Against ${checked.reference}, ${checked.inputs}. No SQNR means equal.`), table(checked.outputs.map(flat), {label: "outputs", columns: OUTPUTS.filter(key => checked.outputs.some(o => flat(o)[key] !== undefined))}));
  rest.push(make("h2", {}, "Emitted operators"), table(Object.entries(ops.kinds).map(([kind, count]) => ({kind, count})), {label: "kinds"}));
  rest.push(make("h2", {}, "Options"), anything(report.options));
  return rest;
}

function worst(checked) {
  const levels = checked ? checked.outputs.map(o => (o.accuracy || o.emission).sqnr_db).filter(v => v !== null) : [];
  return levels.length ? `worst output ${Math.min(...levels).toFixed(1)} dB` : "";
}

/* ---- operators ---- */

function operators() {
  const rows = report.layers.map((layer, place) => ({place, ...layer, sqnr_db: layer.sqnr_db === null && layer.equal ? "equal" : layer.sqnr_db}));
  const columns = COLUMNS.filter(key => rows.some(row => row[key] !== null && row[key] !== "" && row[key] !== undefined));
  const last = graph ? graph.states.length - 1 : -1;
  const fits = graph && graph.states[last].nodes.length === rows.length;
  return [make("p", {class: "soft"}, "In order of execution. ", fits ? "A click shows an operator in the graph. " : "", "SQNR: against the tensor of the same name in the model; latency: an estimate."),
    table(rows, {columns, label: "operators", picked: fits ? row => show("Graph", {state: last, node: row.place}) : null})];
}

/* ---- passes ---- */

function passes() {
  const found = [], total = report.stages.reduce((sum, s) => sum + s.seconds, 0) || 1, tones = ["#0a5cc2", "#1a7f37", "#9a6700", "#8250df", "#bf3989", "#57606a", "#cf222e", "#0598bc"];
  found.push(make("h2", {}, "Stages"), make("div", {class: "share", role: "img", "aria-label": "Share of each stage"}, report.stages.map((s, i) => { const part = make("i", {title: `${s.name} ${s.seconds.toFixed(2)} s`}); part.style.width = `${100 * s.seconds / total}%`; part.style.background = tones[i % tones.length]; return part; })));
  found.push(make("p", {class: "legend soft"}, report.stages.flatMap((s, i) => { const dot = make("i"); dot.style.background = tones[i % tones.length]; return [dot, `${s.name} ${s.seconds.toFixed(2)} s`]; })));
  const rows = make("div", {class: "runs"}), idle = make("input", {type: "checkbox", id: "idle", onchange: () => fill()});
  const longest = Math.max(...report.passes.map(p => p.seconds), 1e-9);
  const fill = () => rows.replaceChildren(...report.passes.flatMap((p, i) => p.changes || idle.checked ? timelineRow(p, i + 1, longest) : []));
  fill();
  found.push(make("h2", {}, "Passes, in order"), make("div", {class: "bar"}, make("label", {}, idle, " also those that changed nothing")), rows);
  found.push(make("h2", {}, "By pass"), table(byPass(), {label: "passes"}));
  return found;
}

function timelineRow(p, run, longest) {
  const step = graph ? graph.steps.findIndex(s => graph.states[s.after].run === run && graph.states[s.before].run !== null && s.after === s.before + 1) : -1;
  const bar = make("i"), name = `${p.name}`;
  bar.style.width = `${60 * p.seconds / longest}%`;
  return [make("div", {class: p.changes ? "what" : "what idle"}, step >= 0 ? make("button", {onclick: () => show("Graph", {step})}, name) : name, make("span", {class: "soft"}, ` ${p.phase}`)),
    make("div", {class: "meter"}, bar, make("span", {class: "soft"}, `${(1000 * p.seconds).toFixed(1)} ms · ${p.changes} changes · ${p.nodes} nodes${p.sqnr_db !== null ? ` · ${p.sqnr_db.toFixed(1)} dB` : ""}`))];
}

function byPass() {
  const found = new Map();
  for (const p of report.passes) {
    const row = found.get(p.name) || {pass: p.name, runs: 0, changes: 0, seconds: 0, peak_bytes: 0};
    found.set(p.name, {pass: p.name, runs: row.runs + 1, changes: row.changes + p.changes, seconds: row.seconds + p.seconds, peak_bytes: Math.max(row.peak_bytes, p.peak_bytes)});
  }
  return [...found.values()].sort((a, b) => b.seconds - a.seconds);
}

/* ---- findings ---- */

function grouped(list) {
  const found = new Map();
  for (const d of list) {
    const key = JSON.stringify([d.code, d.severity, d.what, d.why, d.fix]);
    if (!found.has(key)) found.set(key, {...d, places: []});
    found.get(key).places.push(d.where);
  }
  return [...found.values()];
}

function finding(d) {
  const quoted = /'([^']+)'/.exec(d.places[0]);
  const more = d.places.length > 1 ? make("details", {}, make("summary", {}, `${d.places.length} places`), d.places.slice(0, 500).map(p => make("div", {}, p))) : null;
  return make("div", {class: `finding ${["error", "warning", "note"].includes(d.severity) ? d.severity : ""}`}, make("b", {}, `${d.severity} ${d.code}`), ` ${d.places[0]}: ${d.what}`,
    d.why ? make("p", {}, "Why: ", d.why) : null, d.fix ? make("p", {}, "Fix: ", d.fix) : null, more,
    graph && quoted && open.Graph ? make("p", {}, make("button", {onclick: () => show("Graph", {search: quoted[1]})}, "Find in the graph")) : null);
}

function findings() {
  const list = report.diagnostics;
  if (!list.length) return [make("p", {class: "good"}, "Nothing was found.")];
  return ["error", "warning", "note"].flatMap(severity => {
    const some = grouped(list.filter(d => d.severity === severity));
    return some.length ? [make("h2", {}, `${words(severity)}s`), ...some.map(finding)] : [];
  });
}

/* ---- start ---- */

const chooser = document.getElementById("choose");
if (reports.length > 1) {
  chooser.hidden = false;
  chooser.append(...reports.map((r, i) => make("option", {value: i}, r.model ? r.model.path : r.title)));
  chooser.addEventListener("change", () => choose(Number(chooser.value)));
}
choose(0);
