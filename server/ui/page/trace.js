// One scored trace as it streams: a row per step with its bar and its text, flags at their place, the whole text with
// coloured spans, raw values on demand.

import { codePoints, errorBox, fixed, h, isNumber, known, short, table, visible } from "./dom.js";

const SHOWN_MAX = 4000; // characters of a step, until somebody asks for the rest
const PIECE = 8000; // characters of a long step that are laid out together: a megabyte in one paragraph stalls the tab
const CHUNK = 250; // rows of a list: lists out of sight are not laid out, so that 10,000 steps cost what is seen of them

const severityWord = { alarm: "alarm", warn: "warning", info: "note" };

export function bar(reward) {
  const level = isNumber(reward) ? Math.min(1, Math.max(0, reward)) : 0;
  return h("span", { class: isNumber(reward) ? "bar" : "bar none", "aria-hidden": "true", style: { "--r": String(level) } }, h("i"));
}

// Cut behind a space where there is one, never inside a character.
function pieces(text) {
  const found = [];
  for (let at = 0; at < text.length;) {
    let end = Math.min(text.length, at + PIECE);
    const space = text.lastIndexOf(" ", end);
    if (end < text.length && space > end - 200) end = space + 1;
    else if (end < text.length && text.codePointAt(end - 1) > 0xffff) end -= 1;
    found.push(text.slice(at, end));
    at = end;
  }
  return found;
}

function longText(nodesOf, text) {
  if (text.length <= SHOWN_MAX) return nodesOf(text);
  const more = h("button", { type: "button", class: "small" }, `Show all ${text.length.toLocaleString("en-US")} characters`);
  const holder = h("span", {}, nodesOf(text.slice(0, SHOWN_MAX)), "… ", more);
  more.addEventListener("click", () => holder.replaceChildren(...pieces(text).map((piece) => h("span", { class: "piece" }, nodesOf(piece)))));
  return [holder];
}

// The text of one step; flags with a span inside it are underlined at their place. Offsets are UTF-16 units.
function stepText(text, marks) {
  if (marks.length === 0) return longText(visible, text);
  const nodes = [];
  let at = 0;
  for (const [begin, end, flag] of marks.sort((a, b) => a[0] - b[0])) {
    if (begin < at) continue;
    nodes.push(...visible(text.slice(at, begin)));
    nodes.push(h("mark", { class: flag.severity, title: flag.message }, ...visible(text.slice(begin, end))));
    at = end;
  }
  return [...nodes, ...longText(visible, text.slice(at))];
}

export function flagNode(flag) {
  const p = isNumber(flag.p) ? `p = ${short(flag.p)}, among ${flag.n_cal} clean traces` : "an absolute rule, no p";
  return h("li", { class: `flag ${flag.severity || ""}` },
    h("span", { class: "flag-name" }, `⚑ ${flag.name}`, h("span", { class: "hidden" }, `, ${severityWord[flag.severity] || ""}: `)),
    " ", ...visible(flag.message || ""), " ", h("span", { class: "dim" }, `(${p})`));
}

// source: {text} as submitted, or {steps} as submitted.
export class TraceView {
  constructor(title, source) {
    this.text = source.steps ? source.steps.join("") : source.text;
    this.given = source.steps;
    this.offset = codePoints(this.text);
    this.steps = [];
    this.rows = [];
    this.waiting = [];
    this.list = h("div", {});
    this.head = h("div", { class: "verdict" }, h("span", { class: "dim" }, "…"));
    this.flags = h("ul", { class: "flags" });
    this.whole = h("div", { class: "whole", dir: "auto" });
    this.raw = h("details", {}, h("summary", {}, "Raw values"));
    this.raw.addEventListener("toggle", () => this.fillRaw());
    this.wholeBox = h("details", {}, h("summary", {}, "The whole text, coloured"), this.whole);
    this.wholeBox.addEventListener("toggle", () => this.fillWhole());
    this.adjust = h("button", { type: "button", class: "small" }, "Change how it is split");
    this.splitNote = h("p", { class: "dim split" });
    this.node = h("section", { class: "trace", "aria-label": title },
      h("h2", {}, title), this.head, this.flags, this.list, this.splitNote, this.wholeBox, this.raw);
  }

  span(step) {
    return [this.offset(step.chars[0]), this.offset(step.chars[1])];
  }

  textOf(step) {
    return this.given ? this.given[step.index] : this.text.slice(...this.span(step));
  }

  row(step) {
    const reward = isNumber(step.reward) ? fixed(step.reward) : "none";
    const why = known(step.error) ? (typeof step.error === "string" ? step.error : step.error.code) : null;
    const row = h("li", { class: "step", style: { "--r": String(isNumber(step.reward) ? step.reward : 0.5) } },
      h("span", { class: "number", "aria-hidden": "true" }, String(step.index + 1)),
      bar(step.reward),
      h("span", { class: "reward" }, h("span", { class: "hidden" }, `step ${step.index + 1}, reward `), reward),
      h("span", { class: "text", dir: "auto" }, stepText(this.textOf(step), [])),
      why && h("span", { class: "dim why" }, `no reward: ${why.replaceAll("_", " ")}`));
    this.rows[step.index] = row;
    return row;
  }

  step(event) {
    this.steps[event.index] = event;
    this.waiting.push(event);
    if (this.waiting.length === 1) requestAnimationFrame(() => this.draw());
  }

  // A batch per frame, so that the page answers while it fills.
  draw() {
    let list = this.list.lastChild;
    if (!list || list.children.length >= CHUNK) this.list.append((list = h("ol", { class: "steps" })));
    list.append(...this.waiting.splice(0, CHUNK - list.children.length).map((step) => this.row(step)));
    list.start = this.rows.length - list.children.length + 1;
    list.style.setProperty("contain-intrinsic-size", `auto ${2.3 * list.children.length}em`);
    if (this.waiting.length > 0) requestAnimationFrame(() => this.draw());
    else if (this.result) this.place();
  }

  trace(result) {
    this.result = result;
    this.verdict();
    if (this.waiting.length === 0) this.place();
  }

  verdict() {
    const { process, outcome, error } = this.result;
    if (error) {
      this.head.replaceChildren(errorBox({ record: error }));
      return;
    }
    const box = (label, reward, sentence, failure) => h("div", { class: "figure" }, h("span", { class: "label" }, label),
      h("span", { class: "big" }, fixed(reward)), bar(reward), h("span", { class: "dim" }, failure ? failure.message : sentence));
    const how = { min: "the lowest step counts", product: "all steps multiplied", mean: "the mean of the steps", last: "the last step counts" };
    const items = [];
    if (process) items.push(box("Process", process.reward, how[process.aggregate] + (process.stopped ? "; stopped early" : ""), process.error));
    if (outcome) items.push(box("Outcome", outcome.reward, "is the final answer right? The whole trace, judged at once", outcome.error));
    if (outcome && outcome.verified_reason) {
      const word = outcome.verified === null ? "cannot be read" : outcome.verified ? "is right" : "is wrong";
      items.push(h("div", { class: "figure" }, h("span", { class: "label" }, "Reference"), h("span", { class: "big" }, word),
        h("span", { class: "dim" }, ...visible(outcome.verified_reason.message || ""))));
    }
    this.head.replaceChildren(...items);
  }

  place() {
    const { flags, split, separator, truncated } = this.result;
    const fired = flags.filter((flag) => flag.fired);
    const general = [];
    for (const flag of fired) {
      const row = known(flag.step) ? this.rows[flag.step] : null;
      if (!row) {
        general.push(flagNode(flag));
        continue;
      }
      let list = row.querySelector("ul");
      if (!list) row.append((list = h("ul", { class: "flags" })));
      list.append(flagNode(flag));
    }
    this.underline(fired);
    this.flags.replaceChildren(...general);
    const n = this.steps.length;
    const marks = separator === "\n\n" ? "at blank lines" : separator === "\n" ? "at line ends" : separator ? `at ${JSON.stringify(separator)}` : "";
    const how = split ? `The text was split into ${n} ${n === 1 ? "step" : "steps"}${marks && " " + marks}.` : `You gave ${n} ${n === 1 ? "step" : "steps"}.`;
    this.splitNote.replaceChildren(how + (truncated ? " Steps that do not fit the model's context were dropped." : "") + " ", n > 0 ? this.adjust : "");
    if (this.wholeBox.open) this.fillWhole();
    if (this.raw.open) this.fillRaw();
  }

  underline(flags) {
    const bySteps = new Map();
    for (const flag of flags) {
      if (!flag.span) continue;
      const [begin, end] = [this.offset(flag.span[0]), this.offset(flag.span[1])];
      for (const step of this.steps) {
        if (!step) continue;
        const [from, to] = this.span(step);
        if (begin >= to || end <= from) continue;
        const marks = bySteps.get(step.index) || [];
        marks.push([Math.max(begin, from) - from, Math.min(end, to) - from, flag]);
        bySteps.set(step.index, marks);
      }
    }
    for (const [index, marks] of bySteps) {
      const row = this.rows[index];
      if (row) row.querySelector(".text").replaceChildren(...stepText(this.textOf(this.steps[index]), marks));
    }
  }

  fillWhole() {
    if (!this.wholeBox.open) return;
    const nodes = [];
    let at = 0;
    for (const step of this.steps) {
      if (!step) continue;
      const [begin, end] = this.span(step);
      if (begin > at) nodes.push(h("span", { class: "cut" }, ...visible(this.text.slice(at, begin))));
      nodes.push(h("span", { class: isNumber(step.reward) ? "tint" : "", title: `step ${step.index + 1}: ${fixed(step.reward)}`,
        style: { "--r": String(isNumber(step.reward) ? step.reward : 0.5) } }, ...longText(visible, this.text.slice(begin, end))));
      at = end;
    }
    if (at < this.text.length) nodes.push(...longText(visible, this.text.slice(at)));
    this.whole.replaceChildren(...nodes);
  }

  fillRaw() {
    if (!this.raw.open || !this.result) return;
    const numbers = (list) => list.map((cell) => h("td", { class: "number" }, cell));
    const rows = this.steps.slice(0, 500).map((s) => h("tr", {}, numbers([String(s.index), known(s.reward) ? String(s.reward) : "null",
      known(s.raw) ? String(s.raw) : "null", String(s.tokens), s.bytes.join("–"), s.chars.join("–")])));
    const flags = this.result.flags.map((f) => h("tr", {}, h("td", {}, f.name), numbers([known(f.value) ? short(f.value) : "null",
      known(f.p) ? short(f.p) : "null", f.fired ? "yes" : "no", String(f.n_cal), known(f.step) ? String(f.step) : "–"]), h("td", {}, f.error || "")));
    const json = { ...this.result, steps: this.steps.map(({ event, item, trace, ...step }) => step) };
    delete json.event;
    const pre = h("details", {}, h("summary", {}, "As JSON"));
    pre.addEventListener("toggle", () => pre.open && pre.children.length === 1 &&
      pre.append(h("pre", { class: "json", tabindex: "0" }, ...longText(visible, JSON.stringify(json, null, 1)))));
    this.raw.replaceChildren(this.raw.firstChild,
      table("Steps", ["index", "reward", "raw", "tokens", "bytes", "chars"].map((number) => ({ number })), rows),
      this.steps.length > 500 ? h("p", { class: "dim" }, "The first 500 steps; all are in the JSON.") : "",
      flags.length ? table("Flags", ["flag", { number: "value" }, { number: "p" }, { number: "fired" }, { number: "n_cal" }, { number: "step" }, "not computed"], flags)
        : h("p", { class: "dim" }, "No flag fired; tick “every flag” to see the values of the quiet ones."), pre);
  }

  fail(error) {
    this.node.append(errorBox(error));
  }

  found() {
    return this.steps.map((step) => this.textOf(step));
  }
}
