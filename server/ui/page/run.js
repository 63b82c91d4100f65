// One run: its curves, its alarms on the time line, the traces they name beside a typical one; live.

import { description, events, get, getText, send } from "./api.js";
import { copyText, count, download, errorBox, fixed, h, isNumber, known, moment, plural, say, short, table, visible } from "./dom.js";
import { figuresOf, members, valueOf } from "./figures.js";
import { Plots } from "./plot.js";
import { prefill } from "./score.js";
import { bar } from "./trace.js";

const RETRY_MS = 3000;
const TABLE_MAX = 2000;

export const runPath = (id) => `v1/runs/${encodeURIComponent(id)}`;

// Windows of a run by number: those it remembers, and those that its events still tell of.
export class History {
  constructor() {
    this.byNumber = new Map();
    this.alarms = [];
  }

  add(run) {
    for (const w of [run.first_window, ...run.windows]) if (w) this.byNumber.set(w.window, w);
    this.alarms = run.alarms;
  }

  get windows() {
    return [...this.byNumber.values()].sort((a, b) => a.window - b.window);
  }
}

export function definitions(named) {
  // named: [{name, windows: () => [...]}], one run or two
  const all = named.flatMap(({ windows }) => windows());
  return figuresOf(all).map((figure) => ({
    ...figure,
    series: named.flatMap(({ name, windows }) => (figure.many ? members(figure, windows()).slice(0, named.length > 1 ? 2 : 5) : [null]).map((member) => ({
      name: [name, member && member.replaceAll("_", " ")].filter(Boolean).join(": ") || figure.title,
      points: () => windows().map((w) => ({ x: w.end, figure: valueOf(figure, w, member) })),
    }))),
  }));
}

// ---- alarms and the traces behind them

const labelText = (l) => [`request ${l.request_id}`, `item ${l.item}, trace ${l.trace}`, known(l.step) && `step ${l.step}`,
  known(l.sample_index) && `sample ${l.sample_index}`].filter(Boolean).join(" · ");
const sameTrace = (a, b) => a.request_id === b.request_id && a.item === b.item && a.trace === b.trace;

// `whose`: of which alarm, so that no two regions of the page have one name.
function keptTrace(title, t, whose) {
  const rewards = (t.step_rewards || []).filter(isNumber);
  return h("div", { class: "kept" }, h("h3", {}, title), h("p", { class: "dim" }, labelText(t)),
    h("p", { class: "rewards" }, isNumber(t.process_reward) && h("span", {}, "process ", bar(t.process_reward), ` ${fixed(t.process_reward)}`),
      isNumber(t.outcome_reward) && h("span", {}, "outcome ", bar(t.outcome_reward), ` ${fixed(t.outcome_reward)}`)),
    h("p", { class: "dim" }, ...visible(t.prompt)),
    h("div", { class: "body", dir: "auto", tabindex: "0", role: "region", "aria-label": `${title}: its text, ${whose}` }, ...visible(t.text), t.cut && h("span", { class: "dim" }, " … (cut)")),
    rewards.length > 0 && h("p", { class: "dim rewards" }, "steps ", rewards.slice(0, 40).map((r) => h("span", {}, bar(r), ` ${fixed(r, 2)} `))),
    h("button", { type: "button", class: "small", onclick: () => {
      prefill({ prompt: t.prompt, solution: t.text });
      location.hash = "#/score";
    } }, "Score it again"));
}

function namedTraces(alarm, traces, whose) {
  if (alarm.traces.length === 0) return h("p", { class: "dim" }, "This rule names no single trace.");
  const kept = (traces && traces.data) || [];
  const found = alarm.traces.map((label) => kept.find((t) => t.why === "named" && sameTrace(t, label))).filter(Boolean);
  const before = kept.filter((t) => t.why === "typical");
  const typical = before.filter((t) => t.at_trace <= alarm.at_trace)[0] || before[0];
  const list = h("ul", {}, alarm.traces.map((label) => h("li", {}, labelText(label))));
  if (found.length === 0) {
    return [h("p", {}, "The traces it names:"), list, h("p", { class: "dim" }, traces && traces.keep > 0
      ? "Their text was not kept: they are older than what was held when the alarm rang." : "The server keeps no text. Start it with --runs-keep-traces N to see the traces here.")];
  }
  return [h("p", {}, typical ? "A typical trace, and beside it traces that the alarm names:" : "Traces that it names:"), h("div", { class: "beside" },
    typical && keptTrace("Typical: nearest to the mean of an early window", typical, whose), found.slice(0, 2).map((t, i) => keptTrace(`Named by the alarm (${i + 1})`, t, whose))),
  found.length < alarm.traces.length && h("p", { class: "dim" }, `The text of ${alarm.traces.length - found.length} more was not kept: older than what was held when the alarm rang.`),
  h("details", {}, h("summary", {}, "All it names"), list)].filter(Boolean);
}

function alarmCard(alarm, i, traces) {
  const state = alarm.acknowledged ? "seen" : alarm.severity;
  return h("article", { class: `card alarm-card ${state}`, id: `alarm-${i}`, tabindex: "-1" },
    h("h3", {}, alarm.acknowledged ? "✓ acknowledged: " : alarm.severity === "alarm" ? "▲ alarm: " : "△ warning: ", alarm.rule.replaceAll("_", " ")),
    h("p", {}, ...visible(alarm.sentence)), h("p", { class: "dim" }, `${alarm.meaning.replace(/^./, (c) => c.toUpperCase()).replace(/\.?$/, ".")} `,
      alarm.advice ? `What to do: ${alarm.advice} ` : "", alarm.gate ? `Gate: ${alarm.gate}. ` : "",
      `At trace ${count(alarm.at_trace)}, ${alarm.span ? `${alarm.span} ` : ""}window ${count(alarm.window)}; the figure was ${short(alarm.value)}, it rings at ${short(alarm.limit)}.`),
    namedTraces(alarm, traces, `alarm ${i + 1}`));
}

function strip(alarms, min, max) {
  const node = h("div", { class: "timeline", role: "group", "aria-label": "Alarms on the time line" }, h("span", { class: "line" }));
  alarms.forEach((alarm, i) => node.append(h("button", { type: "button", class: `ring ${alarm.acknowledged ? "seen" : alarm.severity}`,
    "aria-label": `${alarm.rule.replaceAll("_", " ")} at trace ${alarm.at_trace}`, title: `${alarm.rule.replaceAll("_", " ")} at trace ${alarm.at_trace}`,
    style: { left: `${(100 * (alarm.at_trace - min)) / Math.max(1, max - min)}%` }, onclick: () => {
      const card = document.getElementById(`alarm-${i}`);
      card.scrollIntoView({ block: "center" });
      card.focus();
    } }, alarm.acknowledged ? "○" : "▲")));
  node.append(h("span", { class: "from" }, `trace ${count(min)}`), h("span", { class: "to" }, count(max)));
  return node;
}

const MARTINGALE = { prompt_gap: "does the reward depend on the question?", min_logit: "the weakest step", step_redundant: "repetition", latent_outlier: "unusual inner states",
  flags: "how many flags fire", accuracy: "right answers of a prompt", group_texts: "samples of a prompt that differ" };

function martingales(run) {
  const rows = Object.entries(run.martingales).filter(([, m]) => m).map(([name, m]) => h("tr", {}, h("td", {}, name, " ", h("span", { class: "dim" }, MARTINGALE[name] || "")),
    h("td", { class: "number" }, short(m.log10_capital)), h("td", { class: "number" }, short(m.log10_alarm)), h("td", { class: "number" }, count(m.ranked)), h("td", { class: "number" }, short(m.last_p))));
  return rows.length > 0 && h("details", {}, h("summary", {}, "Has the distribution of a score changed?"),
    h("p", { class: "dim" }, "A bet against “nothing has changed”. Its capital (log10) stays near 0 or below while that is true; the alarm rings at the limit."),
    table("Martingales", ["score", { number: "capital" }, { number: "rings at" }, { number: "traces" }, { number: "last p" }], rows));
}

function asCsv(windows) {
  const flat = (object, prefix = "") => Object.entries(object).flatMap(([key, value]) => (value !== null && typeof value === "object" && !Array.isArray(value)
    ? flat(value, `${prefix}${key}.`) : [[prefix + key, Array.isArray(value) ? value.join(" ") : value]]));
  const rows = windows.map((w) => new Map(flat(w)));
  const columns = [...new Set(rows.flatMap((row) => [...row.keys()]))];
  return [columns.join(","), ...rows.map((row) => columns.map((c) => (known(row.get(c)) ? row.get(c) : "")).join(","))].join("\n") + "\n";
}

function windowTable(windows) {
  const columns = ["process_reward", "outcome_reward", "accuracy", "outcome_process_gap", "participation_ratio", "steps", "step_bytes"];
  const cell = (v) => h("td", { class: "number" }, short(v && typeof v === "object" ? v.value : v));
  return table("Windows", [{ number: "window" }, { number: "to trace" }, { number: "step" }, ...columns.map((c) => ({ number: c.replaceAll("_", " ") })), { number: "η" }],
    windows.slice(-TABLE_MAX).map((w) => h("tr", {}, h("td", { class: "number" }, count(w.window)), h("td", { class: "number" }, count(w.end)),
      h("td", { class: "number" }, known(w.step_last) ? count(w.step_last) : "–"), columns.map((c) => cell(w[c])), cell(w.coverage && w.coverage.eta))), { class: "windows" });
}

// ---- the view

export function runView(main, id) {
  const abort = new AbortController();
  const history = new History();
  const state = { run: null, traces: null, plots: null, after: 0, due: false, shape: "" };
  let timer = 0;
  const head = h("div", {});
  const line = h("div", {});
  const alarms = h("div", { class: "alarms" });
  const curves = h("div", {});
  const extra = h("div", {});
  const live = h("span", { class: "dim", role: "status" });
  const trouble = h("div", {});
  const all = h("details", { class: "all" }, h("summary", {}, "All windows as a table"));
  all.addEventListener("toggle", () => drawTable());

  const drawTable = () => all.open && all.replaceChildren(all.firstChild, windowTable(history.windows));
  const draw = () => {
    state.due = false;
    const { run } = state;
    if (!run || abort.signal.aborted) return;
    const windows = history.windows;
    const shape = JSON.stringify(definitions([{ name: "", windows: () => windows }]).map((d) => d.series.map((s) => s.name)));
    if (shape !== state.shape) {
      state.shape = shape;
      state.plots = new Plots(definitions([{ name: "", windows: () => history.windows }]));
      curves.replaceChildren(state.plots.node);
    }
    const max = Math.max(run.traces, windows.length > 0 ? windows[windows.length - 1].end : 0);
    state.plots.draw(history.alarms.map((a) => a.at_trace), 0, max);
    line.replaceChildren(strip(history.alarms, 0, max));
    drawTable();
  };
  const soon = () => {
    if (!state.due) requestAnimationFrame(draw);
    state.due = true;
  };

  const act = async (work) => {
    trouble.replaceChildren();
    try {
      await work();
    } catch (error) {
      if (error.name !== "AbortError") trouble.replaceChildren(errorBox(error));
    }
  };
  const button = (text, work, properties) => h("button", { type: "button", ...properties, onclick: () => act(work) }, text);
  const drawHead = () => {
    const { run } = state;
    const open = run.open_alarms;
    head.replaceChildren(
      h("p", {}, open > 0 ? h("span", { class: "light alarm" }, `▲ ${plural(open, "open alarm")}`) : h("span", { class: "light good" }, "✓ no open alarm"),
        ` · ${plural(run.traces, "trace")} · windows of ${count(run.window_traces)} (${count(run.in_window)} in the one under way) · ${known(run.step) ? `training step ${count(run.step)} · ` : ""}`,
        `last trace ${moment(run.updated)} · ${run.durable ? "kept in a database" : "in memory only"} `, live),
      h("p", { class: "dim" }, ...Object.entries(run.labels || {}).flatMap(([k, v], i) => [i > 0 ? " · " : "", ...visible(`${k} = ${v}`)])),
      h("div", { class: "row" },
        button("Acknowledge the alarms", async () => {
          await send("POST", `${runPath(id)}/acknowledge`);
          await read();
          say("Acknowledged. The run is watched anew, from what it is now.");
        }, { disabled: open === 0, title: "You have seen them: the run is watched anew, from what it is now" }),
        button("Export JSON", async () => download(`${id}.json`, "application/json", JSON.stringify({ run: state.run, windows: history.windows, traces: state.traces }, null, 1))),
        button("Export CSV", async () => download(`${id}.csv`, "text/csv", asCsv(history.windows))),
        state.plain && button("As text", async () => copyText(`Run ${id}`, await getText(runPath(id), "text/plain", abort.signal))),
        state.erase && button("Delete", async () => {
          if (!confirm(`Delete the run ${id} and all that is known of it?`)) return;
          await send("DELETE", runPath(id));
          location.hash = "#/runs";
        }, { class: "danger" })));
  };
  const drawAlarms = () => {
    const list = history.alarms.map((alarm, i) => [alarm, i]).reverse();
    alarms.replaceChildren(list.length > 0 ? h("div", { class: "stack" }, list.map(([alarm, i]) => alarmCard(alarm, i, state.traces)))
      : h("p", { class: "dim" }, "No alarm so far. An alarm would say which rule rang, in a sentence, and name the traces to look at."));
    extra.replaceChildren(martingales(state.run) || "");
  };

  const read = async () => {
    state.run = await get(runPath(id), abort.signal);
    history.add(state.run);
    state.traces = state.keeps ? await get(`${runPath(id)}/traces`, abort.signal) : null;
    drawHead();
    drawAlarms();
    soon();
  };
  const onEvent = (kind, data, number) => {
    state.after = number;
    if (kind === "window") {
      history.byNumber.set(data.window, data);
      if (data.end > state.run.traces) state.run.traces = data.end;
      soon();
    } else if (number > state.run.last_event && (kind === "alarm" || kind === "acknowledged" || kind === "restart")) {
      if (kind === "alarm") say(`Alarm: ${data.sentence}`);
      clearTimeout(timer);
      timer = setTimeout(() => act(read), 200);
    }
  };
  const follow = async () => {
    while (!abort.signal.aborted) {
      live.textContent = "● live";
      let error = null;
      await events(`${runPath(id)}/events`, state.after, onEvent, abort.signal).catch((e) => (error = e));
      if (abort.signal.aborted) return;
      live.textContent = "○ not live: the connection ended; trying again";
      if (error && (error.status === 401 || error.status === 404 || error.status === 410)) {
        trouble.replaceChildren(errorBox(error));
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  };

  main.append(h("p", {}, h("a", { href: "#/runs" }, "← all runs")), h("h1", {}, ...visible(id)), head, trouble, line,
    h("h2", {}, "Alarms"), alarms, h("h2", {}, "Curves"),
    h("p", { class: "dim" }, "One point per window of traces, with its 95 % band. Dashed lines are alarms. Point at a curve, or move along it with the arrow keys."), curves, extra, all);
  act(async () => {
    const document_ = await description().catch(() => ({}));
    const paths = document_.paths || {};
    const one = paths["/v1/runs/{id}"] || {};
    state.keeps = paths["/v1/runs/{id}/traces"] !== undefined;
    state.erase = one.delete !== undefined;
    state.plain = ((((one.get || {}).responses || {})["200"] || {}).content || {})["text/plain"] !== undefined;
    await read();
    follow();
  });
  return () => {
    abort.abort();
    clearTimeout(timer);
  };
}
