// The view Models: what is loaded, why it is read the way it is, and how far its figures can be trusted.

import { get } from "./api.js";
import { bytes, count, errorBox, h, isNumber, known, short, table, visible } from "./dom.js";

const facts = (pairs) => h("dl", { class: "facts" }, pairs.filter(Boolean).flatMap(([name, ...value]) => [h("dt", {}, name), h("dd", {}, ...value)]));
const KIND = { process: "process model: a reward after every step", outcome: "outcome model: one reward for the whole trace" };
// Shown in words of ours; whatever else the API tells is listed below them.
const TOLD = new Set(["id", "object", "kind", "digest", "preset", "preset_evidence", "architecture", "dtype", "aggregate", "context_tokens", "parameters",
  "weight_bytes", "language_head", "language_head_bytes", "golden_vectors", "bf16_agreement", "calibration", "load_ms", "audit", "split", "marker", "roles"]);
const SYSTEM = { none: "has no place", own: "the model's own stands there", client: "as the request gives it" };
const ENDS = { "\n\n": "an empty line", "\n": "a line end" };
const splitAt = (list) => (list.length === 0 ? ["nothing: it is one step"]
  : list.flatMap((s, i) => [i > 0 ? ", else " : "", ...(ENDS[s] ? [ENDS[s]] : [h("code", {}, ...visible(s))])]));

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

const GRADE = { no: ["good", "✓ no"], partly: ["warn", "! partly"], yes: ["alarm", "✗ yes"], unknown: ["dim", "? unknown"] };
const command = () => h("code", {}, "rewardd audit --save folder");

// "no" is well: each property is a flaw.
function verdict(v) {
  const [tone, word] = GRADE[v.verdict] || GRADE.unknown;
  return h("tr", {}, h("td", {}, h("b", { class: "name" }, ...visible(v.property)), " ", h("span", { class: `light ${tone}` }, word), h("div", { class: "dim" }, ...visible(v.means))),
    h("td", {}, ...visible(v.sentence), h("div", { class: "dim" }, "Rule: ", ...visible(v.rule), ".")));
}

function auditState(model) {
  const { state, problem, traces, digest } = model.audit || { state: "none" };
  if (state === "none") return ["not audited: ", command(), " leaves its verdicts in the folder of the model"];
  if (state === "unreadable") return [h("span", { class: "light warn" }, "not readable"), " – ", ...visible(problem || "")];
  if (state === "current") return [`verdicts on ${count(traces)} clean traces, below`];
  return [h("span", { class: "light alarm" }, "of other weights"), " – the verdicts below were made for the model with the digest ", h("code", {}, ...visible(digest.slice(0, 16))), "; run ", command(), " again"];
}

function audit(model) {
  const { state, traces, questions, traces_file: file, verdicts = [], dtype } = model.audit || {};
  if (verdicts.length === 0) return null;
  const flaws = verdicts.filter((v) => v.verdict === "yes").length;
  const other = state === "other_weights" ? ", of other weights" : "";
  return h("details", { open: true }, h("summary", {}, `Audit: ${flaws} of ${verdicts.length} flaws found${other}`),
    h("p", { class: "dim" }, `${count(traces)} clean traces of ${count(questions)} questions from `, ...visible(file), `, edited and scored again${dtype !== model.dtype ? ` with ${dtype} weights` : ""}. Each name is a flaw: “no” is well. Where several rules belong to one name, the worst decided and is shown.`),
    table(`Audit of ${model.id}`, ["flaw, and whether it was found", "what decided, and its rule"], verdicts.map(verdict), { class: "verdicts" }));
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
      ["Audit", ...auditState(model)],
      ["A text becomes steps at", ...splitAt(model.split)],
      model.marker && ["A step ends with", h("code", {}, ...visible(model.marker))],
      ["System prompt", SYSTEM[model.roles.system], model.roles.turns ? "; earlier turns have a place" : "; earlier turns have no place"],
      ["Language head", model.language_head.replaceAll("_", " "), model.language_head_bytes > 0 ? `, ${bytes(model.language_head_bytes)}` : ""],
      ["Loaded in", `${short(model.load_ms)} ms`],
      ["Digest", h("code", {}, model.digest)],
      ...rest.map(([name, value]) => [name.replaceAll("_", " "), ...visible(typeof value === "object" ? JSON.stringify(value) : String(value))]),
    ]), audit(model), groups(model));
}

export function modelsView(main) {
  const abort = new AbortController();
  const list = h("div", { class: "cards wide" });
  main.append(h("h1", {}, "Models"), h("p", { class: "lead" }, "What is in memory. A model is recognised by the contents of its folder; the evidence is named, so that a wrong guess can be seen."), list);
  get("v1/models", abort.signal).then(({ data }) => list.replaceChildren(...(data.length ? data.map(card) : [h("p", {}, "No model is loaded yet.")])))
    .catch((error) => error.name !== "AbortError" && list.replaceChildren(errorBox(error)));
  return () => abort.abort();
}
