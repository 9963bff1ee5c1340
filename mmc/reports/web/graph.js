/* A graph on a canvas: only what is in view is drawn, so ten thousand operators stay smooth. */
"use strict";
const COLOURS = ["--node", "--changed", "--added", "--removed"];
const HEAT = ["--heat0", "--heat1", "--heat2", "--heat3", "--heat4"];

class GraphView {
  constructor(canvas, state, strings, change, picked) {
    Object.assign(this, {canvas, state, strings, change, picked});
    this.plan = layout(state, strings);
    this.hits = new Set();
    this.chosen = new Set();
    this.pointers = new Map();
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `Graph of ${state.nodes.length} operators; the table of operators says the same`);
    this.listen();
  }

  listen() {
    const c = this.canvas, at = e => { const r = c.getBoundingClientRect(); return [e.clientX - r.left, e.clientY - r.top]; };
    c.addEventListener("wheel", e => {
      e.preventDefault();
      if (e.ctrlKey || e.metaKey || !e.shiftKey) this.zoom(Math.exp(-e.deltaY / 400), ...at(e));
      else this.move(-e.deltaY, 0);
    }, {passive: false});
    c.addEventListener("pointerdown", e => {
      if (c.setPointerCapture && e.isTrusted) c.setPointerCapture(e.pointerId);
      this.pointers.set(e.pointerId, at(e));
      this.moved = 0;
    });
    c.addEventListener("pointermove", e => this.drag(e.pointerId, at(e)));
    for (const end of ["pointerup", "pointercancel"]) c.addEventListener(end, e => {
      const alone = this.pointers.size === 1;
      this.pointers.delete(e.pointerId);
      if (end === "pointerup" && alone && this.moved < 6) this.pick(...at(e));
    });
    c.addEventListener("keydown", e => {
      const step = {ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60]}[e.key];
      if (step) this.move(...step);
      else if (e.key === "+" || e.key === "-") this.zoom(e.key === "+" ? 1.25 : 0.8);
      else if (e.key === "0") this.fit();
      else return;
      e.preventDefault();
    });
  }

  drag(id, [x, y]) {
    const before = this.pointers.get(id);
    if (!before) return;
    const other = [...this.pointers].find(([key]) => key !== id);
    if (other) {
      const [ox, oy] = other[1], far = Math.hypot(before[0] - ox, before[1] - oy);
      this.zoom(Math.hypot(x - ox, y - oy) / Math.max(far, 1), (x + ox) / 2, (y + oy) / 2);
      this.moved = 99;
    } else this.move(x - before[0], y - before[1]);
    this.moved += Math.hypot(x - before[0], y - before[1]);
    this.pointers.set(id, [x, y]);
  }

  resize() {
    const ratio = window.devicePixelRatio || 1, {clientWidth: w, clientHeight: h} = this.canvas;
    if (!w || !h) return false;
    this.canvas.width = w * ratio;
    this.canvas.height = h * ratio;
    this.size = [w, h, ratio];
    if (!this.scale) this.start();
    this.draw();
    return true;
  }

  start() {
    const [w, h] = this.size;
    this.scale = Math.min(1, Math.max(0.55, Math.min(w / this.plan.width, h / this.plan.height)));
    const first = this.plan.nodes.reduce((a, b) => b.row < a.row ? b : a, this.plan.nodes[0]);
    this.x = w / 2 - (first ? first.x : 0) * this.scale;
    this.y = 10;
  }

  fit() {
    const [w, h] = this.size;
    this.scale = Math.min(1.2, 0.96 * w / this.plan.width, 0.96 * h / this.plan.height);
    this.x = (w - this.plan.width * this.scale) / 2;
    this.y = (h - this.plan.height * this.scale) / 2;
    this.draw();
  }

  move(dx, dy) { this.x += dx; this.y += dy; this.draw(); }

  zoom(factor, x = this.size[0] / 2, y = this.size[1] / 2) {
    const scale = Math.min(3, Math.max(0.002, this.scale * factor));
    this.x = x - (x - this.x) * scale / this.scale;
    this.y = y - (y - this.y) * scale / this.scale;
    this.scale = scale;
    this.draw();
  }

  pick(x, y) {
    const gx = (x - this.x) / this.scale, gy = (y - this.y) / this.scale;
    const row = this.plan.rows[Math.floor((gy - HEIGHT / 2) / ROW)] || [];
    const found = row.find(n => !n.bend && Math.abs(n.x - gx) < n.w / 2 && Math.abs(n.y - gy) < HEIGHT / 2);
    if (found && found.index !== null) this.picked(found.index);
  }

  node(index) { return this.plan.nodes[index < 0 ? -1 - index : this.plan.ports + index]; }

  /* Choose operators and bring the first into view. */
  show(indices, scale = 0) {
    this.chosen = new Set(indices);
    const node = indices.length ? this.node(indices[0]) : null;
    if (node && this.size) {
      this.scale = Math.max(this.scale, scale || Math.min(0.7, 3));
      this.x = this.size[0] / 2 - node.x * this.scale;
      this.y = this.size[1] / 2 - node.y * this.scale;
    }
    this.draw();
  }

  draw() {
    if (this.size && !this.waiting) this.waiting = requestAnimationFrame(() => { this.waiting = 0; this.paint(); });
  }

  paint() {
    const [w, h, ratio] = this.size, pen = this.canvas.getContext("2d"), style = getComputedStyle(document.documentElement);
    this.ink = name => style.getPropertyValue(name);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.fillStyle = this.ink("--back");
    pen.fillRect(0, 0, w, h);
    pen.setTransform(ratio * this.scale, 0, 0, ratio * this.scale, ratio * this.x, ratio * this.y);
    const top = -this.y / this.scale - ROW, bottom = (h - this.y) / this.scale + ROW;
    const first = Math.max(0, Math.floor(top / ROW) - 1), last = Math.min(this.plan.rows.length - 1, Math.ceil(bottom / ROW));
    this.paintEdges(pen, top, bottom);
    for (let row = first; row <= last; row++)
      for (const node of this.plan.rows[row]) if (!node.bend) this.paintNode(pen, node);
  }

  paintEdges(pen, top, bottom) {
    pen.lineWidth = 1.2 / Math.max(this.scale, 0.3);
    pen.strokeStyle = this.ink("--edge");
    pen.beginPath();
    for (const {chain} of this.plan.edges) {
      if (chain[chain.length - 1].y < top || chain[0].y > bottom) continue;
      for (let i = 1; i < chain.length; i++) {
        const a = chain[i - 1], b = chain[i], far = b.row - a.row > 1;
        const ay = a.bend ? a.y : a.y + HEIGHT / 2, by = b.bend ? b.y : b.y - HEIGHT / 2, middle = (ay + by) / 2;
        const side = far ? Math.max(a.x + a.w, b.x + b.w) + 40 : 0;
        pen.moveTo(a.x, ay);
        if (far) pen.bezierCurveTo(side, ay + ROW, side, by - ROW, b.x, by);
        else pen.bezierCurveTo(a.x, middle, b.x, middle, b.x, by);
      }
    }
    pen.stroke();
  }

  paintNode(pen, node) {
    const port = node.index === null || node.index < 0;
    pen.fillStyle = this.ink(port ? "--port" : this.tint ? this.tint(node.index) : COLOURS[this.change(node.index)]);
    const chosen = this.chosen.has(node.index), hit = this.hits.has(node.index);
    pen.strokeStyle = this.ink(chosen ? "--accent" : hit ? "--hit" : "--edge");
    pen.lineWidth = chosen || hit ? Math.max(3, 2 / this.scale) : 1;
    pen.beginPath();
    if (this.scale > 0.3) pen.roundRect(node.x - node.w / 2, node.y - HEIGHT / 2, node.w, HEIGHT, port ? 17 : 6);
    else pen.rect(node.x - node.w / 2, node.y - HEIGHT / 2, node.w, HEIGHT);
    pen.fill();
    pen.stroke();
    if (this.scale < 0.3) return;
    pen.fillStyle = this.ink("--front");
    pen.font = "13px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillText(plain(node.text), node.x, node.y, node.w - 8);
  }
}
