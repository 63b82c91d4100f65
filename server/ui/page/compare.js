// Two runs on the same axes.

import { events, get } from "./api.js";
import { count, errorBox, h, known, plural, short, table, visible } from "./dom.js";
import { FIGURES, valueOf } from "./figures.js";
import { Plots } from "./plot.js";
import { definitions, History, runPath } from "./run.js";
import { runLink } from "./runs.js";

const SETTLE_MS = 400; // behind the last stored event of a run

// The run, and the windows that its events still tell of.
async function readAll(id, signal) {
  const history = new History();
  const run = await get(runPath(id), signal);
  const stop = new AbortController();
  signal.addEventListener("abort", () => stop.abort());
  let timer = setTimeout(() => stop.abort(), SETTLE_MS);
  await events(`${runPath(id)}/events`, 0, (kind, data, number) => {
    if (kind === "window") history.byNumber.set(data.window, data);
    clearTimeout(timer);
    if (number >= run.last_event) stop.abort();
    else timer = setTimeout(() => stop.abort(), SETTLE_MS);
  }, stop.signal).catch((error) => {
    if (error.name !== "AbortError") throw error;
  });
  clearTimeout(timer);
  signal.throwIfAborted();
  history.add(run);
  return { id, run, history };
}

function summary(sides) {
  const last = (side) => side.history.windows.slice(-1)[0];
  const value = (figure, w) => {
    const v = w && valueOf(figure, w);
    return v && typeof v === "object" ? v.value : v;
  };
  const rows = FIGURES.filter((f) => !f.many).map((figure) => [figure, ...sides.map((side) => value(figure, last(side)))])
    .filter(([, a, b]) => known(a) || known(b))
    .map(([figure, a, b]) => h("tr", {}, h("th", { scope: "row" }, figure.title), h("td", { class: "number" }, short(a)), h("td", { class: "number" }, short(b)),
      h("td", { class: "number" }, known(a) && known(b) ? short(b - a) : "–")));
  return table("The last windows beside each other", ["figure, last window", { number: "A" }, { number: "B" }, { number: "B − A" }], rows);
}

export function compareView(main, a, _, b) {
  const abort = new AbortController();
  const body = h("div", {}, h("p", { class: "dim" }, "Reading both runs …"));
  main.append(h("p", {}, h("a", { href: "#/runs" }, "← all runs")), h("h1", {}, "Two runs"),
    h("p", {}, h("b", {}, "A: "), h("a", { href: runLink(a) }, ...visible(a)), h("b", {}, " · B: "), h("a", { href: runLink(b) }, ...visible(b))), body);
  Promise.all([readAll(a, abort.signal), readAll(b, abort.signal)]).then((sides) => {
    const named = sides.map((side, i) => ({ name: "AB"[i], windows: () => side.history.windows }));
    const plots = new Plots(definitions(named));
    body.replaceChildren(
      h("div", { class: "cards" }, sides.map((side, i) => h("section", { class: "card", "aria-label": "AB"[i] }, h("h2", {}, "AB"[i], ": ", ...visible(side.id)),
        h("p", {}, `${plural(side.run.traces, "trace")}, ${plural(side.history.windows.length, "window")}, ${plural(side.run.open_alarms, "open alarm")}`),
        h("ul", {}, side.run.alarms.map((alarm) => h("li", {}, `trace ${count(alarm.at_trace)}: ${alarm.rule.replaceAll("_", " ")}`)))))),
      h("h2", {}, "Now"), summary(sides), h("h2", {}, "Curves"), plots.node);
    plots.draw([], 0, Math.max(1, ...sides.flatMap((side) => side.history.windows.map((w) => w.end))));
  }).catch((error) => error.name !== "AbortError" && body.replaceChildren(errorBox(error)));
  return () => abort.abort();
}
