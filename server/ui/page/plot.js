// Curves of windows with their 95 % bands, as SVG; what they mean and which way is bad stands below each.

import { h, isNumber, short, svg } from "./dom.js";

const WIDTH = 1000;
const HEIGHT = 200;
const SERIES_MAX = 5;

// A figure of a window: a number, or {value, low, high}.
const point = (x, figure) => {
  if (isNumber(figure)) return { x, y: figure, low: figure, high: figure };
  if (figure && isNumber(figure.value)) return { x, y: figure.value, low: isNumber(figure.low) ? figure.low : figure.value, high: isNumber(figure.high) ? figure.high : figure.value };
  return null; // not known: a gap in the curve, never a zero
};

function pieces(points) {
  const out = [[]];
  for (const p of points) {
    if (p) out[out.length - 1].push(p);
    else if (out[out.length - 1].length) out.push([]);
  }
  return out.filter((piece) => piece.length > 0);
}

export class Plot {
  // series: [{name, points: (windows) => [{x, figure}]}]; hover: called with an x, or null
  constructor({ title, says, bad, series, hover }) {
    Object.assign(this, { title, series: series.slice(0, SERIES_MAX), hover });
    this.now = h("span", { class: "now" });
    this.top = h("span", { class: "y top" });
    this.bottom = h("span", { class: "y bottom" });
    this.image = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": title });
    this.frame = h("div", { class: "frame", tabindex: "0", role: "group", "aria-label": `${title}; arrow keys move along the windows` }, this.image, this.top, this.bottom);
    this.legend = h("div", { class: "legend" });
    this.node = h("section", { class: "plot", "aria-label": title }, h("h3", {}, h("span", {}, title), this.now), this.frame, this.legend,
      h("p", {}, says, " ", bad && h("b", {}, bad)));
    this.frame.addEventListener("pointermove", (event) => {
      const box = this.frame.getBoundingClientRect();
      this.point(this.min + ((event.clientX - box.left) / box.width) * (this.max - this.min));
    });
    this.frame.addEventListener("pointerleave", () => this.hover(null));
    this.frame.addEventListener("keydown", (event) => this.key(event));
    this.at = -1;
  }

  point(x) {
    const all = this.xs;
    if (all.length === 0) return;
    let best = 0;
    for (let i = 1; i < all.length; i++) if (Math.abs(all[i] - x) < Math.abs(all[best] - x)) best = i;
    this.hover(all[best]);
  }

  key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined || this.xs.length === 0) return;
    event.preventDefault();
    const from = this.at < 0 ? this.xs.length : this.at;
    this.hover(this.xs[Math.min(this.xs.length - 1, Math.max(0, from + step))]);
  }

  draw(alarms, min, max) {
    const lists = this.series.map((s) => s.points().map(({ x, figure }) => point(x, figure)));
    const flat = lists.flat().filter(Boolean);
    this.node.hidden = flat.length === 0;
    this.lists = lists;
    this.xs = [...new Set(flat.map((p) => p.x))].sort((a, b) => a - b);
    [this.min, this.max] = [min, Math.max(max, min + 1)];
    if (flat.length === 0) return;
    let [low, high] = [Infinity, -Infinity];
    for (const p of flat) {
      low = Math.min(low, p.low);
      high = Math.max(high, p.high);
    }
    const pad = Math.max((high - low) * 0.06, Math.abs(high) * 0.01, 1e-6);
    [low, high] = [low - pad, high + pad];
    const X = (x) => (((x - this.min) / (this.max - this.min)) * WIDTH).toFixed(1);
    const Y = (y) => (HEIGHT - ((y - low) / (high - low)) * HEIGHT).toFixed(1);
    const shapes = [];
    for (const at of alarms) shapes.push(svg("line", { class: "alarm-line", x1: X(at), x2: X(at), y1: 0, y2: HEIGHT }));
    lists.forEach((points, s) => {
      for (const piece of pieces(points)) {
        if (piece.some((p) => p.low < p.high)) {
          const edge = [...piece.map((p) => `${X(p.x)},${Y(p.high)}`), ...piece.slice().reverse().map((p) => `${X(p.x)},${Y(p.low)}`)];
          shapes.push(svg("polygon", { class: `band s${s}`, points: edge.join(" ") }));
        }
        if (piece.length === 1) shapes.push(svg("ellipse", { class: `dot s${s}`, cx: X(piece[0].x), cy: Y(piece[0].y), rx: 5, ry: 3.5 }));
        else shapes.push(svg("polyline", { class: `curve s${s}`, points: piece.map((p) => `${X(p.x)},${Y(p.y)}`).join(" ") }));
      }
    });
    this.cursor = svg("line", { class: "cursor", x1: -10, x2: -10, y1: 0, y2: HEIGHT });
    this.image.replaceChildren(...shapes, this.cursor);
    this.top.textContent = short(high - pad);
    this.bottom.textContent = short(low + pad);
    this.legend.replaceChildren(...(this.series.length > 1 ? this.series.map((s, i) => h("span", { class: `s${i}` }, h("i"), s.name)) : []));
    this.show(null);
    const last = lists[0].filter(Boolean).pop();
    const first = lists[0].find(Boolean);
    if (first) this.image.setAttribute("aria-label", `${this.title}: from ${short(first.y)} to ${short(last.y)} over ${this.xs.length} windows`);
  }

  // The values at x, in words beside the title; null: the latest.
  show(x) {
    if (this.node.hidden || !this.cursor) return;
    const found = this.lists.map((points) => (x === null ? points.filter(Boolean).pop() : points.find((p) => p && p.x === x)));
    const told = found.map((p, i) => p && (this.series.length > 1 ? `${this.series[i].name} ` : "") + short(p.y) + (p.low < p.high ? ` [${short(p.low)}, ${short(p.high)}]` : ""));
    this.now.textContent = told.filter(Boolean).join(" · ") + (x === null ? "" : ` at trace ${x.toLocaleString("en-US")}`);
    this.at = x === null ? -1 : this.xs.indexOf(x);
    const at = x === null ? -10 : ((x - this.min) / (this.max - this.min)) * WIDTH;
    this.cursor.setAttribute("x1", at);
    this.cursor.setAttribute("x2", at);
  }
}

// All plots of a view: one range, one cursor.
export class Plots {
  constructor(definitions) {
    this.plots = definitions.map((d) => new Plot({ ...d, hover: (x) => this.plots.forEach((plot) => plot.show(x)) }));
    this.node = h("div", { class: "plots" }, this.plots.map((plot) => plot.node));
  }

  draw(alarms, min, max) {
    for (const plot of this.plots) plot.draw(alarms, min, max);
  }
}
