// The view Score: a prompt, a solution, how it is split, and what the models say, step by step.

import { description, get, score } from "./api.js";
import { bar, TraceView } from "./trace.js";
import { copyText, count, errorBox, fixed, h, isNumber, say, short } from "./dom.js";
import { DOMAIN, EXAMPLES } from "./examples.js";

const MARK = "---"; // a line of its own between the steps of a solution that was split by hand
const OWN = { paragraph: /\n\s*\n/, line: /\n+/, none: /$^/ };
const SPLIT_WORDS = { model: "as the model does", auto: "as the model does", paragraph: "at blank lines", line: "at line ends",
  sentence: "at ends of sentences", none: "not at all: one step", marks: `by hand: at lines of ${MARK}` };

let kept = null; // what was typed, while other views are shown

// The next time the view is shown, it shows this.
export function prefill({ prompt, solution }) {
  kept = { prompt, solution, other: "", compare: "one", split: "model" };
}

const field = (label, control, hint) => h("label", { class: "field" }, h("span", { class: "label" }, label), control, hint && h("span", { class: "dim" }, hint));
const choice = (name, options, value) => {
  const select = h("select", { name }, options.map(([key, text]) => h("option", { value: key }, text)));
  select.value = value;
  return select;
};

// The words of `split` that this server knows, from its description; without them the page cuts itself.
function wordsOfSplit(document) {
  const schemas = (document.components || {}).schemas || {};
  const words = [];
  const walk = (schema) => {
    if (!schema || typeof schema !== "object") return;
    if (schema.$ref) walk(schemas[schema.$ref.split("/").pop()]);
    for (const word of schema.enum || []) if (typeof word === "string") words.push(word);
    if (typeof schema.const === "string") words.push(schema.const);
    for (const inner of [...(schema.oneOf || []), ...(schema.anyOf || [])]) walk(inner);
  };
  walk(((schemas.Request || {}).properties || {}).split);
  return words;
}

function cut(text, how, served) {
  if (how === "marks") return { steps: text.split(/^---[ \t]*$/m).map((s) => s.replace(/^\n|\n$/g, "")).filter((s) => s.trim() !== "") };
  if (served || !OWN[how]) return { text };
  return { steps: text.split(OWN[how]).filter((s) => s.trim() !== "") };
}

// ---- the request, as others would send it

const quoted = (text) => "'" + text.replaceAll("'", "'\\''") + "'";
const auth = " \\\n  -H \"Authorization: Bearer $REWARDD_API_KEY\"   # leave out where no key is asked for";

export function asCurl(body) {
  return `curl -sS ${quoted(new URL("v1/rewards", location.href.split("#")[0]).href)} \\\n  -H 'Content-Type: application/json' -d ${quoted(JSON.stringify(body))}${auth}\n`;
}

function python(value, indent = "") {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map((v) => python(v, indent)).join(", ")}]`;
  if (typeof value === "object") {
    const inner = indent + "    ";
    return `{\n${Object.entries(value).map(([k, v]) => `${inner}${JSON.stringify(k)}: ${python(v, inner)},\n`).join("")}${indent}}`;
  }
  return JSON.stringify(value);
}

export function asPython(body) {
  return `import json, os, urllib.request

body = ${python(body)}
request = urllib.request.Request(
    ${JSON.stringify(new URL("v1/rewards", location.href.split("#")[0]).href)},
    json.dumps(body).encode(),
    {"Content-Type": "application/json", "Authorization": "Bearer " + os.environ.get("REWARDD_API_KEY", "")},
)
with urllib.request.urlopen(request) as reply:
    result = json.load(reply)
for trace in result["results"]:
    print(trace["process"], trace["outcome"])
    for step in trace["steps"]:
        print(step["index"], step["reward"])
    for flag in trace["flags"]:
        print(flag["name"], flag["p"], flag["message"])
`;
}

// ---- the view

export function scoreView(main) {
  const state = kept || { prompt: EXAMPLES[1].prompt, solution: EXAMPLES[1].solution, other: "", compare: "one", split: "model" };
  const running = { abort: null };
  const prompt = h("textarea", { rows: "3", name: "prompt", dir: "auto", value: state.prompt });
  const solution = h("textarea", { rows: "6", name: "solution", dir: "auto", value: state.solution });
  const other = h("textarea", { rows: "6", name: "other", dir: "auto", value: state.other });
  const reference = h("input", { type: "text", name: "reference", autocomplete: "off" });
  const domain = choice("domain", [["", "any kind"]], "");
  const compare = choice("compare", [["one", "one trace"], ["traces", "two traces side by side"], ["models", "two models side by side"]], state.compare);
  const split = choice("split", [["model", SPLIT_WORDS.model], ["marks", SPLIT_WORDS.marks]], "model");
  const model = choice("model", [["", "the default"]], "");
  const model2 = choice("model2", [["", "the default"]], "");
  const outcome = choice("outcome", [["", "the default"]], "");
  const aggregate = choice("aggregate", [["", "as the model says"], ["min", "the lowest step"], ["product", "all multiplied"], ["mean", "the mean"], ["last", "the last step"]], "");
  const flags = choice("flags", [["free", "from the same pass"], ["cheap", "and one short pass more"], ["deep", "and counterfactual passes"], ["off", "none"]], "cheap");
  const all = h("input", { type: "checkbox", name: "all" });
  const results = h("div", { class: "results" });
  const cost = h("div", { class: "cost" });
  const run = h("button", { type: "submit", class: "primary" }, "Score");
  const stop = h("button", { type: "button", disabled: true }, "Stop");
  let served = [];

  const otherField = field("Solution B", other);
  const model2Field = field("Model B", model2);
  const layout = () => {
    otherField.hidden = compare.value !== "traces";
    model2Field.hidden = compare.value !== "models";
  };
  compare.addEventListener("change", layout);
  layout();

  const trace = (text) => {
    const source = cut(text, split.value, served.includes(split.value));
    if (reference.value.trim() !== "") return { ...source, reference: reference.value.trim() };
    return source;
  };
  const body = (which) => {
    const request = { prompt: prompt.value };
    if (compare.value === "traces") request.traces = [trace(solution.value), trace(other.value)];
    else request.trace = trace(solution.value);
    const name = which === 1 ? model2.value : model.value;
    if (name) request.model = name;
    if (outcome.value) request.outcome_model = outcome.value;
    if (aggregate.value) request.aggregate = aggregate.value;
    if (served.includes(split.value) && split.value !== "model") request.split = split.value;
    if (domain.value) request.domain = domain.value;
    request.flags = flags.value;
    if (all.checked) request.flags_all = true;
    return request;
  };

  const examples = EXAMPLES.map((example) => h("button", { type: "button", onclick: () => {
    prompt.value = example.prompt;
    solution.value = example.solution;
    reference.value = "";
    domain.value = [...domain.options].some((o) => o.value === DOMAIN) ? DOMAIN : "";
    split.value = "model";
    compare.value = "one";
    layout();
    hint.textContent = example.says;
    start();
  } }, example.name));
  const hint = h("p", { class: "dim", role: "status" }, kept ? "" : "Choose an example, or write your own and press Score (Ctrl+Enter).");

  const adjust = (view, area) => {
    area.value = view.found().map((s) => s.replace(/^\n|\n$/g, "")).join(`\n${MARK}\n`);
    split.value = "marks";
    area.focus();
    hint.textContent = `The steps are now separated by lines of ${MARK}. Move, add or remove such lines, then press Score.`;
    say(hint.textContent);
  };

  const writeCost = (label, head, usage) => {
    const part = (text, value) => h("span", {}, h("b", {}, value), ` ${text}`);
    cost.append(h("p", {}, label && h("b", {}, label + ": "), part("prompt tokens", count(usage.prompt_tokens)), part("scored", count(usage.scored_tokens)),
      part("from the cache", count(usage.cached_tokens)), part("operations", short(usage.flops)), part("ms CPU", short(usage.cpu_ms)),
      part("ms in the queue", short(usage.queue_ms)), isNumber(usage.total_ms) && part("ms in all", short(usage.total_ms))),
      h("p", { class: "dim" }, Object.entries(head.model || {}).filter(([, m]) => m).map(([kind, m]) => `${kind} ${m.name} (${m.dtype}, ${m.digest.slice(0, 12)})`).join(" · "),
        ` · kernel ${head.kernel} · request ${head.id}`));
  };

  const compareTable = (views) => {
    const [a, b] = views;
    if (!b || !a.result || !b.result || compare.value !== "models") return;
    const rows = a.steps.map((step, i) => [step, b.steps[i]]).filter(([x, y]) => x && y && isNumber(x.reward) && isNumber(y.reward));
    results.append(h("details", { class: "both" }, h("summary", {}, "Step by step, both models"), h("ol", { class: "pairs" },
      rows.slice(0, 500).map(([x, y]) => h("li", {}, bar(x.reward), " ", fixed(x.reward), " ", bar(y.reward), " ", fixed(y.reward), h("b", {}, ` ${y.reward >= x.reward ? "+" : ""}${fixed(y.reward - x.reward)}`))))));
  };

  async function one(which, views, label, signal) {
    let head = {};
    await score(body(which), (event) => {
      const view = views[which === null ? event.trace : 0];
      if (event.event === "start") head = event;
      else if (event.event === "step") view.step(event);
      else if (event.event === "trace") view.trace(event);
      else if (event.event === "done") writeCost(label, head, event.usage);
    }, signal);
  }

  async function start() {
    if (running.abort) running.abort.abort();
    const abort = (running.abort = new AbortController());
    const source = (text) => cut(text, split.value, served.includes(split.value));
    let views;
    if (compare.value === "traces") views = [new TraceView("Trace A", source(solution.value)), new TraceView("Trace B", source(other.value))];
    else if (compare.value === "models") views = [model, model2].map((m) => new TraceView(m.selectedOptions[0].textContent, source(solution.value)));
    else views = [new TraceView("The trace", source(solution.value))];
    views.forEach((view, i) => view.adjust.addEventListener("click", () => adjust(view, compare.value === "traces" && i === 1 ? other : solution)));
    results.replaceChildren(...views.map((view) => view.node));
    results.className = `results n${views.length}`;
    cost.replaceChildren();
    stop.disabled = false;
    say("Scoring.");
    try {
      if (compare.value === "models") await Promise.all(views.map((view, i) => one(i, [view], view.node.getAttribute("aria-label"), abort.signal)));
      else await one(null, views, "", abort.signal);
      compareTable(views);
      say("Scored.");
    } catch (error) {
      if (error.name === "AbortError") {
        if (running.abort === abort) cost.append(h("p", { class: "dim" }, "Stopped. The server forgets the rest of the work."));
      } else if (running.abort === abort) {
        cost.append(errorBox(error));
        say("That did not work.");
      }
    } finally {
      if (running.abort === abort) {
        running.abort = null;
        stop.disabled = true;
      }
    }
  }

  stop.addEventListener("click", () => running.abort && running.abort.abort());
  const form = h("form", { class: "score", onsubmit: (event) => {
    event.preventDefault();
    start();
  } },
    h("div", { class: "row examples", role: "group", "aria-label": "Examples" }, h("span", { class: "dim" }, "Examples:"), examples), hint,
    field("Prompt", prompt), h("div", { class: "pair" }, field("Solution", solution), otherField),
    h("div", { class: "row options" }, field("Split", split), field("Compare", compare), field("Flags", flags)),
    h("details", {}, h("summary", {}, "More choices"), h("div", { class: "row options" }, field("Process model", model), model2Field,
      field("Outcome model", outcome), field("From steps to one reward", aggregate), field("Right answer, if you know it", reference), field("Flags compare with", domain),
      h("label", { class: "check" }, all, " every flag, also the quiet ones"))),
    h("div", { class: "row" }, run, stop,
      h("span", { class: "grow" }),
      h("button", { type: "button", onclick: () => copyText("As curl", asCurl(body(null))) }, "Copy as curl"),
      h("button", { type: "button", onclick: () => copyText("As Python", asPython(body(null))) }, "Python"),
      h("button", { type: "button", onclick: () => copyText("The request as JSON", JSON.stringify(body(null), null, 2)) }, "JSON")));
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) start();
    if (event.key === "Escape" && running.abort) running.abort.abort();
  });
  compare.addEventListener("change", () => {
    if (compare.value === "models") form.querySelector("details").open = true;
  });
  main.append(h("h1", {}, "Score a trace"),
    h("p", { class: "lead" }, "A ", h("em", {}, "trace"), " is a solution written step by step. A process model says after every step whether all is right so far; an outcome model judges the answer. Long bars are good."),
    form, cost, results);

  get("v1/models").then(({ data }) => {
    const names = (kind) => data.filter((m) => m.kind === kind).map((m) => h("option", { value: m.id }, m.id));
    model.append(...names("process"));
    const domains = new Set(data.flatMap((m) => m.calibration.domains));
    domain.append(...[...domains].sort().map((d) => h("option", { value: d }, d)));
    model2.append(...names("process"));
    outcome.append(...names("outcome"));
    const processes = data.filter((m) => m.kind === "process");
    if (processes.length > 0) model.options[0].textContent = `the default (${processes[0].id})`;
    if (processes.length > 1) model2.value = processes[1].id;
    else compare.querySelector("[value=models]").textContent = "two models (this server has one process model)";
  }).catch((error) => cost.append(errorBox(error)));
  description().then((document) => {
    served = wordsOfSplit(document);
    const words = served.length > 0 ? served : ["model", "paragraph", "line", "none"];
    split.replaceChildren(...[...new Set(["model", ...words, "marks"])].map((word) => h("option", { value: word }, SPLIT_WORDS[word] || word)));
    split.value = state.split;
  }).catch(() => {});
  return () => {
    if (running.abort) running.abort.abort();
    kept = { prompt: prompt.value, solution: solution.value, other: other.value, compare: compare.value, split: split.value };
  };
}
