/* A layered layout in linear time: rows by longest path, two sweeps of means, no dummy for edges
   that pass more rows than LONG. */
"use strict";
const ROW = 64, GAP = 18, HEIGHT = 34, LONG = 24;

/* Returns {nodes: [{x, y, w, text, state index}], edges: [[from, to, bends]], rows, width, height};
   the model's inputs come first: node -1 - place of the state is at index place. */
function layout(state, strings) {
  const ports = state.inputs.length, count = ports + state.nodes.length;
  const nodes = [], edges = [];
  for (const [name] of state.inputs) nodes.push(box(strings[name], -1 - nodes.length));
  state.nodes.forEach((node, i) => nodes.push(box(strings[node[0]], i)));
  state.nodes.forEach((node, i) => {
    for (const from of node[4]) edges.push([from < 0 ? -1 - from : ports + from, ports + i]);
  });
  state.outputs.forEach(([name, from]) => {
    nodes.push(box(strings[name], null));
    edges.push([from < 0 ? -1 - from : ports + from, nodes.length - 1]);
  });
  const rank = ranks(nodes.length, edges);
  lower(ports, edges, rank);
  const rows = [], place = (item, row) => (rows[row] = rows[row] || []).push(item);
  nodes.forEach((node, i) => { node.row = rank[i]; place(node, rank[i]); });
  let budget = 4 * count + 200;
  const drawn = edges.map(([a, b]) => {
    const chain = [nodes[a]], span = rank[b] - rank[a] - 1;
    if (span > 0 && span <= LONG && (budget -= span) > 0)
      for (let row = rank[a] + 1; row < rank[b]; row++) {
        const bend = {x: 0, w: 8, row, bend: true};
        place(bend, row);
        chain.push(bend);
      }
    chain.push(nodes[b]);
    return {from: a, to: b, chain};
  });
  for (let row = 0; row < rows.length; row++) rows[row] = rows[row] || [];
  settle(rows, drawn);
  const all = rows.flat(), left = all.reduce((m, n) => Math.min(m, n.x - n.w / 2), Infinity);
  const right = all.reduce((m, n) => Math.max(m, n.x + n.w / 2), -Infinity);
  for (const item of all) { item.x -= left; item.y = item.row * ROW + HEIGHT; }
  return {nodes, edges: drawn, rows, ports, width: right - left, height: rows.length * ROW + HEIGHT};
}

function box(text, index) {
  const shown = text.length > 26 ? text.slice(0, 25) + "…" : text;
  return {x: 0, w: Math.max(56, 7.4 * shown.length + 18), text: shown, index};
}

/* Longest path from the inputs; edges lead forward, so one pass in order is enough. */
function ranks(count, edges) {
  const rank = new Int32Array(count);
  for (const [a, b] of edges) if (rank[b] <= rank[a]) rank[b] = rank[a] + 1;
  return rank;
}

/* An input stands right above its first user. */
function lower(ports, edges, rank) {
  const first = new Array(ports).fill(Infinity);
  for (const [a, b] of edges) if (a < ports) first[a] = Math.min(first[a], rank[b]);
  first.forEach((row, port) => { if (row < Infinity) rank[port] = row - 1; });
}

/* Order and place every row by the mean of its neighbours above, then of those below. */
function settle(rows, drawn) {
  const above = new Map(), below = new Map();
  const link = (map, key, value) => map.has(key) ? map.get(key).push(value) : map.set(key, [value]);
  for (const {chain} of drawn)
    for (let i = 1; i < chain.length; i++) {
      if (chain[i].row - chain[i - 1].row > LONG) continue;
      link(above, chain[i], chain[i - 1]);
      link(below, chain[i - 1], chain[i]);
    }
  for (let row = 0; row < rows.length; row++) arrange(rows[row], above);
  for (let row = rows.length - 1; row >= 0; row--) arrange(rows[row], below);
  for (let row = 0; row < rows.length; row++) arrange(rows[row], above);
}

function arrange(row, neighbours) {
  for (const item of row) {
    const near = neighbours.get(item);
    item.wish = near ? near.reduce((sum, n) => sum + n.x, 0) / near.length : item.x;
  }
  row.sort((a, b) => a.wish - b.wish);
  let edge = -Infinity, shift = 0;
  for (const item of row) {
    item.x = Math.max(item.wish, edge + item.w / 2);
    edge = item.x + item.w / 2 + GAP;
    shift += item.x - item.wish;
  }
  for (const item of row) item.x -= shift / row.length;
}
