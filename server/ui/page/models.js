// The view Models: what is loaded, why it is read the way it is, and how far its figures can be trusted.

import { get } from "./api.js";
import { bytes, count, errorBox, h, isNumber, known, short, table, visible } from "./dom.js";

const facts = (pairs) => h("dl", { class: "facts" }, pairs.filter(Boolean).flatMap(([name, ...value]) => [h("dt", {}, name), h("dd", {}, ...value)]));
const KIND = { process: "process model: a reward after every step", outcome: "outcome model: one reward for the whole trace" };
// Shown in words of ours; whatever else the API tells is listed below them.
const TOLD = new Set(["id", "object", "kind", "digest", "preset", "preset_evidence", "architecture", "dtype", "aggregate", "context_tokens", "parameters",
  "weight_bytes", "language_head", "language_head_bytes", "golden_vectors", "bf16_agreement", "calibration", "load_ms", "audit"]);

function agreement(model) {
  const a = model.bf16_agreement;
  if (!known(a)) return model.dtype === "int8" || model.dtype === "q4" ? "not measured (--skip-agreement)" : "full precision of the file: nothing to compare";
  return `${count(a.equal_verdicts)} of ${count(a.reads)} rewards on the same side of one half as in BF16; the farthest differs by ${short(a.worst_difference)}`;
}

function calibration(model) {
  const c = model.calibration;
  if (!c || c.traces === 0) return [h("span", { class: "light warn" }, "none"), " – calibrated flags never fire. ", h("span", { class: "dim" }, (c && c.missing) || "")];
  return [`${count(c.traces)} clean traces`];
}

// A value is compared inside each group; the rate is what clean traces of such a group raise by chance.
function groups(model) {
  const { groups: list = [], alpha } = model.calibration || {};
  if (list.length === 0) return null;
  const percent = (x) => (isNumber(x) ? `${(100 * x).toFixed(2)} %` : "–");
  return h("details", {}, h("summary", {}, `Calibration groups and false-alarm rates (${list.length})`),
    h("p", { class: "dim" }, `A flag fires on a clean trace of a group about that often (it fires at p ≤ ${alpha}); the spread says how much it varies from one sample of clean traces to another. A group with too few traces ranks nothing.`),
    table("Calibration groups", ["domain", "group", { number: "clean traces" }, { number: "false alarms" }, { number: "±" }], list.map((g) => h("tr", {},
      h("td", {}, ...visible(g.domain || "all")), h("td", {}, ...visible(g.group || "–")), h("td", { class: "number" }, count(g.traces)),
      h("td", { class: "number" }, percent(g.false_alarm_rate)), h("td", { class: "number" }, percent(g.false_alarm_deviation))))));
}

function audit(model) {
  if (model.audit === undefined) return null;
  const verdicts = model.audit && (model.audit.verdicts || model.audit);
  if (!verdicts) return ["Audit", "none beside the model: run ", h("code", {}, "rewardd audit")];
  return ["Audit", h("ul", {}, Object.entries(verdicts).map(([name, v]) => h("li", {}, `${name.replaceAll("_", " ")}: ${typeof v === "object" ? JSON.stringify(v) : v}`)))];
}

function card(model) {
  const rest = Object.entries(model).filter(([name, value]) => !TOLD.has(name) && value !== null);
  return h("section", { class: "card", "aria-label": model.id }, h("h2", {}, model.id), h("p", { class: "dim" }, KIND[model.kind] || model.kind),
    facts([
      ["Read as", h("b", {}, model.preset), " – decided by ", ...visible(model.preset_evidence || "")],
      ["Architecture", `${model.architecture}, ${count(model.parameters)} parameters`],
      ["Weights", `${model.dtype}, ${bytes(model.weight_bytes)}`],
      ["Against BF16", agreement(model)],
      ["Context", `${count(model.context_tokens)} tokens`],
      model.kind === "process" && ["Steps become one reward by", model.aggregate],
      ["Self-test at load", model.golden_vectors > 0 ? h("span", { class: "light good" }, `✓ ${count(model.golden_vectors)} golden vectors reproduced`) : "the folder has no golden vectors"],
      ["Flags compared with", ...calibration(model)],
      audit(model),
      ["Language head", model.language_head.replaceAll("_", " "), model.language_head_bytes > 0 ? `, ${bytes(model.language_head_bytes)}` : ""],
      ["Loaded in", `${short(model.load_ms)} ms`],
      ["Digest", h("code", {}, model.digest)],
      ...rest.map(([name, value]) => [name.replaceAll("_", " "), ...visible(typeof value === "object" ? JSON.stringify(value) : String(value))]),
    ]), groups(model));
}

export function modelsView(main) {
  const abort = new AbortController();
  const list = h("div", { class: "cards" });
  main.append(h("h1", {}, "Models"), h("p", { class: "lead" }, "What is in memory. A model is recognised by the contents of its folder; the evidence is named, so that a wrong guess can be seen."), list);
  get("v1/models", abort.signal).then(({ data }) => list.replaceChildren(...(data.length ? data.map(card) : [h("p", {}, "No model is loaded yet.")])))
    .catch((error) => error.name !== "AbortError" && list.replaceChildren(errorBox(error)));
  return () => abort.abort();
}
