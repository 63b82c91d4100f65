// The figures of a window: their names, what each means in one sentence, and which way is bad.

export const FIGURES = [
  { key: "outcome_reward", title: "Outcome reward", says: "Mean reward for final answers: what an outcome-trained policy is paid.", bad: "Bad: it rises and accuracy does not." },
  { key: "process_reward", title: "Process reward", says: "Mean reward of the steps: is the work right, not only the answer?", bad: "Bad: it falls while the outcome reward rises." },
  { key: "accuracy", title: "Accuracy", says: "Share of traces whose answer equals the reference you sent.", bad: "Bad: it falls, or stays while rewards rise." },
  { key: "outcome_process_gap", title: "Outcome minus process", says: "How much more the answer is paid than the work behind it.", bad: "Bad: it grows." },
  { key: "coverage", title: "Coverage η", get: (w) => w.coverage && w.coverage.eta, says: "Share of the region of the first traces that is still visited; one half at the start by construction.", bad: "Bad: it falls, because fewer kinds of solutions are left." },
  { key: "participation_ratio", title: "Participation ratio", says: "In how many independent directions the traces differ.", bad: "Bad: it falls: all traces look alike." },
  { key: "group_diversity", title: "Diversity of a prompt's samples", many: true, says: "How much the traces of one prompt differ: their texts, wrong answers, inner states.", bad: "Bad: it falls: the policy has one way left." },
  { key: "prompt_features", title: "Prompts", many: true, says: "What the questions look like on average: length, digits and so on.", bad: "Bad: it changes and you changed nothing." },
  { key: "prompts", title: "Distinct prompts", says: "How many different questions the window had: figures of few prompts are uncertain.", bad: "Bad: it shrinks for no reason of yours." },
  { key: "steps", title: "Steps per trace", says: "How many steps a solution has.", bad: "Bad: a jump up (padding) or down (answers without work)." },
  { key: "step_bytes", title: "Bytes per step", says: "How long a step is.", bad: "Bad: a jump either way." },
  { key: "flag_rates", title: "Flags", many: true, says: "Share of traces on which each shortcut flag fired; the most frequent ones.", bad: "Bad: any of them rises." },
  { key: "screening_index", title: "Reward explained by the surface", many: true, says: "How much of the reward length and layout alone predict (prequential R²).", bad: "Bad: it grows: the reward can be had without reasoning." },
  { key: "reward_length_correlation", title: "Reward and length", many: true, says: "Correlation of reward and length.", bad: "Bad: it moves away from 0." },
  { key: "reward_per_length_doubling", title: "Reward per doubling of the length", many: true, says: "What a solution of twice the length earns in addition.", bad: "Bad: it moves away from 0: length is being paid." },
  { key: "reward_accuracy_correlation", title: "Reward and accuracy", many: true, says: "Does the reward go to right answers?", bad: "Bad: it falls." },
  { key: "failed", title: "Traces without a reward", says: "How many could not be scored.", bad: "Bad: it rises." },
];

// Counters and positions of a window; everything else that the API sends and this file does not know gets a plot too.
const NO_CURVE = new Set(["window", "segment", "end", "traces", "step_first", "step_last", "points"]);
const isFigure = (v) => typeof v === "number" || (v !== null && typeof v === "object" && !Array.isArray(v));

export function figuresOf(windows) {
  const known = new Set(FIGURES.map((f) => f.key));
  const extra = new Map();
  for (const w of windows.slice(-8)) {
    for (const [key, value] of Object.entries(w)) {
      if (known.has(key) || NO_CURVE.has(key) || !isFigure(value)) continue;
      const many = typeof value === "object" && value.value === undefined;
      extra.set(key, { key, title: key.replaceAll("_", " "), many, says: "A figure of this server that the page has no sentence for; see openapi.json." });
    }
  }
  return [...FIGURES, ...extra.values()];
}

// Names of the curves of a figure that has several: the largest at the end first.
export function members(figure, windows) {
  const size = new Map();
  for (const w of windows) for (const [name, v] of Object.entries(w[figure.key] || {})) {
    const value = v !== null && typeof v === "object" ? v.value : v;
    if (typeof value === "number") size.set(name, Math.abs(value));
  }
  return [...size].sort((a, b) => b[1] - a[1]).map(([name]) => name).slice(0, 5);
}

export const valueOf = (figure, w, member) => (figure.get ? figure.get(w) : member ? (w[figure.key] || {})[member] : w[figure.key]);
