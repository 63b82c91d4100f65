// The view Runs: the training runs that this server watches.

import { get } from "./api.js";
import { count, errorBox, h, moment, plural, table, visible } from "./dom.js";

const EVERY_MS = 5000;
const LABELS_SHOWN = 4;

export const runLink = (id) => `#/runs/${encodeURIComponent(id)}`;

export function runsView(main) {
  const abort = new AbortController();
  let timer = 0;
  let chosen = [];
  const list = h("div", {});
  const side = h("button", { type: "button", disabled: true, onclick: () => {
    location.hash = `#/runs/${encodeURIComponent(chosen[0])}/vs/${encodeURIComponent(chosen[1])}`;
  } }, "Compare two runs");
  const filter = h("input", { type: "search", "aria-label": "Filter by name", placeholder: "filter by name" });
  let runs = [];

  const choose = (event, id) => {
    chosen = event.target.checked ? [...chosen, id].slice(-2) : chosen.filter((other) => other !== id);
    side.disabled = chosen.length !== 2;
    for (const box of list.querySelectorAll("input")) box.checked = chosen.includes(box.value);
  };
  const row = (run) => h("tr", {},
    h("td", {}, h("input", { type: "checkbox", value: run.id, "aria-label": `choose ${run.id} to compare`, onchange: (event) => choose(event, run.id) })),
    h("td", { class: "name" }, h("a", { href: runLink(run.id) }, ...visible(run.id)),
      ...Object.entries(run.labels || {}).slice(0, LABELS_SHOWN).map(([k, v]) => h("span", { class: "dim" }, ...visible(`${k} = ${v}`)))),
    h("td", {}, run.open_alarms > 0 ? h("span", { class: "light alarm" }, `▲ ${plural(run.open_alarms, "open alarm")}`) : h("span", { class: "light good" }, "✓ quiet")),
    h("td", { class: "number" }, count(run.traces)), h("td", {}, moment(run.updated)), h("td", {}, moment(run.created)));

  const draw = () => {
    const shown = runs.filter((run) => run.id.toLowerCase().includes(filter.value.toLowerCase()));
    const rows = shown.map(row);
    list.replaceChildren(runs.length === 0
      ? h("p", {}, "No run yet. A run begins with the first scored trace whose request carries ", h("code", {}, '"run": {"id": "my-run", "step": 1}'), ".")
      : table("Training runs", [h("span", { class: "hidden" }, "choose"), "run", "state", { number: "traces" }, "last trace", "first trace"], rows, { class: "list" }));
    for (const box of list.querySelectorAll("input")) box.checked = chosen.includes(box.value);
  };
  filter.addEventListener("input", draw);
  main.append(h("h1", {}, "Runs"),
    h("p", { class: "lead" }, "Training runs whose traces are scored here, the latest first. An open alarm says that what is rewarded has changed; it names the traces to look at."),
    h("div", { class: "row" }, filter, side), list);

  // Every page of the list: a cursor is given while there is more.
  const readAll = async () => {
    const all = [];
    let next = "";
    do {
      const page = await get(`v1/runs?limit=1000${next && `&cursor=${encodeURIComponent(next)}`}`, abort.signal);
      all.push(...page.data);
      next = page.next_cursor || "";
    } while (next && all.length < 20000);
    return all;
  };
  const read = async () => {
    try {
      const found = await readAll();
      if (JSON.stringify(found) !== JSON.stringify(runs) || list.children.length === 0) {
        runs = found;
        if (!list.contains(document.activeElement)) draw();
      }
      timer = setTimeout(read, EVERY_MS);
    } catch (error) {
      if (error.name === "AbortError") return;
      list.replaceChildren(errorBox(error));
      if (error.status !== 401) timer = setTimeout(read, 2 * EVERY_MS);
    }
  };
  read();
  return () => {
    abort.abort();
    clearTimeout(timer);
  };
}
