// The view Status: what the server is doing now.

import { get } from "./api.js";
import { bytes, count, errorBox, fixed, h, isNumber, known, moment, seconds, short, table } from "./dom.js";

const EVERY_MS = 2000;

const facts = (pairs) => h("dl", { class: "facts" }, pairs.flatMap(([name, ...value]) => [h("dt", {}, name), h("dd", {}, ...value)]));
const card = (title, says, ...content) => h("section", { class: "card", "aria-label": title }, h("h2", {}, title), h("p", { class: "dim" }, says), ...content);
const meter = (value, limit) => (limit > 0 ? h("div", { class: "meter", "aria-hidden": "true" }, h("i", { style: { width: `${Math.min(100, (100 * value) / limit)}%` } })) : "");
const named = (object) => Object.entries(object).map(([name, n]) => [name.replaceAll("_", " "), count(n)]);

function cards(s) {
  const q = s.queue;
  return [
    card("Queue", "How long new work would wait. Far below a second is idle; seconds mean the machine is full.",
      facts([["Work waiting", isNumber(q.seconds) ? seconds(q.seconds) : "not measured yet"],
        ["Rate", isNumber(q.tokens_per_second) ? `${count(q.tokens_per_second)} tokens per second` : "not measured yet"],
        ["Tokens admitted", `${count(q.admitted_tokens)} of ${count(q.admitted_tokens_limit)}`, meter(q.admitted_tokens, q.admitted_tokens_limit)],
        ["Requests", `${count(q.requests_in_flight)} in work, ${count(q.requests_waiting)} waiting for room`],
        ["Traces in the engine", `${count(q.jobs_running)} computed, ${count(q.jobs_waiting)} waiting`], ["Refused for lack of room", count(q.refused)]])),
    card("Work done", "Since the daemon started.",
      facts([["Traces", `${count(s.work.traces_scored)} scored, ${count(s.work.traces_failed)} failed`], ["Steps", count(s.work.steps_scored)],
        ["Tokens computed", count(s.work.scored_tokens)], ["Tokens from the cache", count(s.work.cached_tokens)],
        ["Operations", short(s.work.flops)], ["CPU time", seconds(s.work.cpu_seconds)]])),
    card("Prefix cache", "Prompts and steps seen before are not computed again. A high share is good.",
      facts([["Hit share", known(s.cache.hit_share) ? fixed(s.cache.hit_share) : "nothing looked up yet"],
        ["Tokens", `${count(s.cache.hit_tokens)} of ${count(s.cache.lookup_tokens)}`],
        ["Memory", `${bytes(s.cache.bytes)} of ${bytes(s.cache.bytes_limit)}`, meter(s.cache.bytes, s.cache.bytes_limit)], ["Evictions", count(s.cache.evictions)]])),
    card("Connections and memory", "The longest stall is how long the event loop once made everybody wait.",
      facts([["Connections", `${count(s.connections.open)} open, ${count(s.connections.accepted)} so far, ${count(s.connections.refused)} refused`],
        ["Event streams", count(s.connections.event_streams)], ["Received, sent", `${bytes(s.connections.received_bytes)}, ${bytes(s.connections.sent_bytes)}`],
        ["Resident memory", bytes(s.memory.resident_bytes)],
        ["Keys and values", `${bytes(s.memory.kv_bytes)} of ${bytes(s.memory.kv_bytes_limit)}`, meter(s.memory.kv_bytes, s.memory.kv_bytes_limit)],
        ["Open files", count(s.memory.open_files)], ["Longest stall", seconds(s.loop.longest_stall_seconds)]])),
    card("Run monitors", s.runs.durable ? "Kept in a database: a restart loses nothing." : "In memory only: a restart forgets them. Start with --runs-db FILE to keep them.",
      facts([["Runs", `${count(s.runs.known)} known, ${count(s.runs.in_memory)} in memory`], ["Open alarms", count(s.runs.open_alarms)],
        ["Traces watched", `${count(s.runs.observed)}, ${count(s.runs.dropped)} dropped, ${count(s.runs.failed)} refused`]])),
    card("Models", "Traces each was asked about.", facts(s.models.map((m) => [m.id, `${count(m.traces)}, ${count(m.failed)} failed`]))),
    Object.keys(s.flags).length > 0 && card("Flags that fired", "Over all traces since the start.", facts(named(s.flags))),
    Object.keys(s.errors).length > 0 && card("Errors", "Of requests and of single traces, since the start.", facts(named(s.errors))),
    s.keys.length > 0 && card("API keys", "What each key has used.", table("API keys", ["name", { number: "requests" }, { number: "refused" }, { number: "tokens" }, { number: "in work" }],
      s.keys.map((k) => h("tr", {}, h("td", {}, k.name), ...[k.requests, k.refused, k.tokens, k.in_flight].map((n) => h("td", { class: "number" }, count(n))))))),
  ].filter(Boolean);
}

export function statusView(main) {
  const abort = new AbortController();
  let timer = 0;
  const head = h("p", { class: "lead" });
  const list = h("div", { class: "cards" });
  main.append(h("h1", {}, "Status"), head, list);
  const read = async () => {
    try {
      const s = await get("v1/status", abort.signal);
      head.textContent = `rewardd ${s.version}, kernel ${s.kernel}, ${s.phase}, since ${moment(s.started)}.`;
      list.replaceChildren(...cards(s));
      timer = setTimeout(read, EVERY_MS);
    } catch (error) {
      if (error.name === "AbortError") return;
      list.replaceChildren(errorBox(error));
      if (error.status !== 401) timer = setTimeout(read, 5 * EVERY_MS);
    }
  };
  read();
  return () => {
    abort.abort();
    clearTimeout(timer);
  };
}
