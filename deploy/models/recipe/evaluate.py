"""Prints every figure of the model cards, each beside its floors. Reads public evaluation data;
trains nothing but floors.

python evaluate.py --prm ../rewardd-prm-small --orm ../rewardd-orm-small --data DIR [--rewardd
build/server/rewardd]
                   [--sections own,processbench,...] [--json out.json]

With --rewardd the daemon scores (about ten times faster), else transformers. Thresholds and floors
are fitted on training-side data only (training and development seeds, held-back problems of GSM8K
train and prm800k train), never on a test set.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from rewardd_recipe import newcomers, shortcuts
from rewardd_recipe.metrics import (
    LengthFloor,
    Scored,
    WordFloor,
    auroc,
    best_threshold,
    f1_interval,
    first_error,
    interval,
    predicted_first,
    step_auroc,
    step_auroc_interval,
)
from rewardd_recipe.mixture import HELD_OUT, OWN, SEEDS, Mixture
from rewardd_recipe.program import write
from rewardd_recipe.score import Package
from rewardd_recipe.served import Served
from rewardd_recipe.trace import Trace

FLOOR_TRACES = 6000
FLOOR_SHARES = {
    "own": 0.5,
    "gsm8k": 0.3,
    "shortcut": 0.08,
    "other": 0.02,
    "prm800k": 0.10,
}  # no drills: their lines stand alone


class Context:
    """Models, data, the development threshold and the fitted floors."""

    def __init__(self, opt: argparse.Namespace) -> None:
        self.data: Path = opt.data
        self.prm, self.orm = (
            Served(opt.rewardd, folder, kind, opt.threads) if opt.rewardd else Package(folder, kind)
            for folder, kind in ((opt.prm, "prm"), (opt.orm, "orm"))
        )
        self.size, self.limit = opt.size, opt.limit
        self.rows: list[dict] = []
        train = Mixture(opt.data, shares=FLOOR_SHARES)
        self.dev = Mixture(opt.data, dev=True, shares=FLOOR_SHARES)
        sample = list(itertools.islice(train.stream(SEEDS["train"] + 1), FLOOR_TRACES))
        self.length, self.words = step_floors(sample)
        self.orm_length, self.orm_words = outcome_floors(sample)
        self.mixed = sample

    def some(self, records: list) -> list:
        """All records, or a seeded sample when --limit asks for one; n is printed with every
        figure."""
        if not self.limit or len(records) <= self.limit:
            return records
        return random.Random(SEEDS["test"]).sample(records, self.limit)

    def add(self, section: str, name: str, figure: str, value: float, **more) -> None:
        row = {
            "section": section,
            "set": name,
            "figure": figure,
            "value": round(float(value), 4),
        } | more
        self.rows.append(row)
        extras = " ".join(f"{k}={v}" for k, v in more.items())
        print(f"{section:14s} {name:34s} {figure:28s} {value:.3f} {extras}", flush=True)


def rated_steps(trace: Trace) -> list[tuple[int, int]]:
    """(index, label) of the steps that count: rated, up to and including the first error."""
    out = []
    for i, label in enumerate(trace.prefix_labels()):
        if label is not None:
            out.append((i, label))
        if label == 0:
            break
    return out


def step_floors(traces: Sequence[Trace]) -> tuple[LengthFloor, WordFloor]:
    length, words = LengthFloor(), WordFloor()
    picks = [
        (t, [s.text for s in t.steps], i, label) for t in traces for i, label in rated_steps(t)
    ]
    labels = [p[3] for p in picks]
    length.fit([LengthFloor.features(t.question, texts, i) for t, texts, i, _ in picks], labels)
    words.fit([texts[i] for _, texts, i, _ in picks], labels)
    return length, words


def outcome_floors(traces: Sequence[Trace]) -> tuple[LengthFloor, WordFloor]:
    length, words = LengthFloor(), WordFloor()
    rated = [t for t in traces if t.outcome is not None]
    labels = [int(t.outcome) for t in rated]
    length.fit([whole_features(t.question, [s.text for s in t.steps]) for t in rated], labels)
    words.fit([" ".join(s.text for s in t.steps) for t in rated], labels)
    return length, words


def whole_features(question: str, steps: Sequence[str]) -> list[float]:
    return LengthFloor.features(question, steps, len(steps) - 1) + [len(steps)]


def floor_scores(
    ctx: Context, items: Sequence[tuple[str, Sequence[str]]]
) -> tuple[list[list[float]], list[list[float]]]:
    """Step scores of the two floors for every trace."""
    rows = [LengthFloor.features(q, s, i) for q, s in items for i in range(len(s))]
    texts = [s[i] for _, s in items for i in range(len(s))]
    return regroup(ctx.length.predict(rows), items), regroup(ctx.words.predict(texts), items)


def regroup(flat: np.ndarray, items: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
    out, at = [], 0
    for _, steps in items:
        out.append(flat[at : at + len(steps)].tolist())
        at += len(steps)
    return out


def scored(firsts: Sequence[int], scores: Sequence[list[float]]) -> list[Scored]:
    return [Scored(f, s) for f, s in zip(firsts, scores)]


def report_steps(
    ctx: Context, section: str, name: str, items: list, firsts: list[int], threshold: float | None
) -> list[Scored]:
    """Step AUROC and, with a threshold, first-error figures; beside both floors."""
    mine = scored(firsts, ctx.prm.scores(items))
    low, bag = (scored(firsts, s) for s in floor_scores(ctx, items))
    lo, hi = step_auroc_interval(mine)
    ctx.add(
        section,
        name,
        "step AUROC",
        step_auroc(mine),
        ci=f"[{lo:.3f},{hi:.3f}]",
        length=f"{step_auroc(low):.3f}",
        words=f"{step_auroc(bag):.3f}",
        n=len(items),
    )
    if threshold is not None:
        wrong, clean, f1 = first_error(mine, threshold)
        lo, hi = f1_interval(mine, threshold)
        ctx.add(section, name, "first-error accuracy", wrong)
        ctx.add(section, name, "clean-trace accuracy", clean)
        floors = {
            k: f"{first_error(v, best_threshold(v))[2]:.3f}"
            for k, v in (("length_oracle", low), ("words_oracle", bag))
        }
        ctx.add(section, name, "F1", f1, ci=f"[{lo:.3f},{hi:.3f}]", **floors)
    return mine


def as_items(traces: Sequence[Trace]) -> tuple[list, list[int]]:
    return [(t.question, [s.text for s in t.steps]) for t in traces], [
        t.first_error() for t in traces
    ]


def fully_rated(trace: Trace) -> bool:
    return all(label is not None for label in trace.prefix_labels())


def thresholds(ctx: Context) -> tuple[float, float]:
    """(own families, natural text): the thresholds with the best F1 on development traces."""
    rng = random.Random(SEEDS["dev"])
    own = [draw_own(rng) for _ in range(1200)]
    natural = [ctx.dev.gsm8k.make(rng) for _ in range(600)]
    natural += [t for t in (ctx.dev.prm800k.make(rng) for _ in range(600)) if fully_rated(t)]
    out = []
    for traces in (own, natural):
        items, firsts = as_items(traces)
        out.append(best_threshold(scored(firsts, ctx.prm.scores(items))))
    ctx.add("dev", "own families", "threshold", out[0])
    ctx.add("dev", "GSM8K + prm800k train, held back", "threshold", out[1])
    return out[0], out[1]


def draw_own(rng: random.Random) -> Trace:
    name = rng.choice(list(OWN))
    return OWN[name][1](rng)


def own_section(ctx: Context, own_threshold: float) -> None:
    rng = random.Random(SEEDS["test"])
    everything: list[Trace] = []
    for name, (_, maker) in OWN.items():
        traces = [maker(rng) for _ in range(ctx.size)]
        everything += traces
        report_steps(ctx, "own", name, *as_items(traces), own_threshold)
    report_steps(ctx, "own", "all families, held-out seeds", *as_items(everything), own_threshold)
    held: list[Trace] = []
    for name, maker in HELD_OUT.items():
        traces = [maker(rng) for _ in range(ctx.size)]
        held += traces
        report_steps(ctx, "held-out", name, *as_items(traces), own_threshold)
    report_steps(
        ctx, "held-out", "all held-out templates, families", *as_items(held), own_threshold
    )
    real = [ctx.dev.gsm8k.make(rng) for _ in range(2 * ctx.size)]
    report_steps(ctx, "held-out", "GSM8K train, held-back problems", *as_items(real), own_threshold)


def surface_section(ctx: Context) -> None:
    """What the surface gives away on own test sets, by floors fitted on 6,000 other traces of the
    same families."""
    rng = random.Random(SEEDS["train"] + 2)
    length, words = step_floors([draw_own(rng) for _ in range(FLOOR_TRACES)])
    rng = random.Random(SEEDS["test"] + 4)
    traces = [draw_own(rng) for _ in range(8 * ctx.size)]
    rows = [(t, [s.text for s in t.steps], i, label) for t in traces for i, label in rated_steps(t)]
    labels = [r[3] for r in rows]
    by = {
        "length, counts and position (fitted)": length.predict(
            [LengthFloor.features(t.question, texts, i) for t, texts, i, _ in rows]
        ),
        "words and word pairs (fitted)": words.predict([texts[i] for _, texts, i, _ in rows]),
        "length of the step alone": [len(texts[i]) for _, texts, i, _ in rows],
        "position alone": [i for _, _, i, _ in rows],
    }
    for name, scores in by.items():
        ctx.add("surface", "own families", name, auroc(labels, scores), n=len(rows))
    whole = [
        t for t in traces if t.outcome is not None
    ]  # the other families end at their first error, which a causal score cannot see
    clean, steps = [int(t.first_error() < 0) for t in whole], [len(t.steps) for t in whole]
    ctx.add(
        "surface",
        "own families",
        "clean trace, by number of steps",
        auroc(clean, steps),
        n=len(whole),
        clean=f"{np.mean(clean):.3f}",
    )
    rated = [t for t in ctx.mixed if t.outcome is not None]
    for answer, name in ((True, "right answer"), (False, "wrong answer")):
        part = [t.first_error() >= 0 for t in rated if bool(t.outcome) is answer]
        ctx.add(
            "surface",
            "training mixture",
            f"wrong process, given {name}",
            float(np.mean(part)),
            n=len(part),
        )


def errors_section(ctx: Context) -> None:
    """Which errors are seen: the score at the first wrong step, by kind, against all valid steps of
    clean traces."""
    rng = random.Random(SEEDS["test"] + 3)
    traces = [draw_own(rng) if i % 2 else ctx.dev.gsm8k.make(rng) for i in range(8 * ctx.size)]
    items, firsts = as_items(traces)
    clean: list[float] = []
    wrong: dict[str, list[float]] = {}
    for trace, first, scores in zip(traces, firsts, ctx.prm.scores(items)):
        if first < 0:
            clean += scores
        else:
            wrong.setdefault(trace.error, []).append(scores[first])
    for kind, values in sorted(wrong.items()):
        ctx.add(
            "errors",
            kind,
            "AUROC against valid steps",
            auroc([1] * len(clean) + [0] * len(values), clean + values),
            n=len(values),
        )


def processbench_section(ctx: Context, threshold: float, subsets: Sequence[str]) -> None:
    right: list[tuple[int, float, float]] = []
    for subset in subsets:
        records = ctx.some(
            json.loads((ctx.data / "processbench" / f"{subset}.json").read_text(encoding="utf-8"))
        )
        items = [(r["problem"], r["steps"]) for r in records]
        mine = report_steps(
            ctx, "ProcessBench", subset, items, [r["label"] for r in records], threshold
        )
        right += [
            (int(r["label"] < 0), lowest(t.scores), -sum(map(len, r["steps"])))
            for r, t in zip(records, mine)
            if r["final_answer_correct"]
        ]
    report_auroc(ctx, "ProcessBench", "right answer, wrong process", "AUROC of the minimum", right)


def lowest(scores: Sequence[float]) -> float:
    known = [s for s in scores if s == s]
    return min(known) if known else 0.5


def report_auroc(
    ctx: Context, section: str, name: str, figure: str, rows: list[tuple[int, float, float]]
) -> None:
    """rows: (label, score, value of the length floor), one for each trace."""
    lo, hi = interval(rows, lambda g: auroc([r[0] for r in g], [r[1] for r in g]))
    ctx.add(
        section,
        name,
        figure,
        auroc([r[0] for r in rows], [r[1] for r in rows]),
        ci=f"[{lo:.3f},{hi:.3f}]",
        length=f"{auroc([r[0] for r in rows], [r[2] for r in rows]):.3f}",
        n=len(rows),
    )


def prmbench_section(ctx: Context, threshold: float) -> None:
    """PRMScore = 0.5 F1 + 0.5 negative F1 over steps, by error class, on the files over prm800k
    test problems. The floors' threshold is the one that calls as many steps wrong as the model
    does: they have none of their own."""
    records = [
        json.loads(line)
        for line in (ctx.data / "prmbench" / "prmbench_6216.jsonl").open(encoding="utf-8")
    ]
    records = ctx.some([r for r in records if re.search(r"test_p1|test_p2|multi", r["file"])])
    items = [(r["modified_question"], r["modified_process"]) for r in records]
    by_class: dict[str, list[list[tuple[int, float, float, float]]]] = {}
    for r, mine, low, bag in zip(records, ctx.prm.scores(items), *floor_scores(ctx, items)):
        wrong = set(r["error_steps"])
        trace = [(int(i + 1 not in wrong), s, low[i], bag[i]) for i, s in enumerate(mine) if s == s]
        by_class.setdefault(r["classification"], []).append(trace)
    for name, traces in sorted(by_class.items()) + [
        ("all", [t for v in by_class.values() for t in v])
    ]:
        prmbench_row(ctx, name, traces, threshold)


def prmbench_row(ctx: Context, name: str, traces: list, threshold: float) -> None:
    pairs = [p for t in traces for p in t]
    columns = [np.asarray(c) for c in zip(*pairs)]
    labels, guess = columns[0], columns[1] >= threshold
    floors = {
        k: f"{prm_score(labels, c >= np.quantile(c, 1 - np.mean(guess))):.3f}"
        for k, c in (("length", columns[2]), ("words", columns[3]))
    }
    figure = lambda g: prm_score(
        [p[0] for t in g for p in t], [p[1] >= threshold for t in g for p in t]
    )
    lo, hi = interval(traces, figure, rounds=100)
    ctx.add(
        "PRMBench",
        name,
        "PRMScore",
        prm_score(labels, guess),
        ci=f"[{lo:.3f},{hi:.3f}]",
        **floors,
        all_correct=f"{prm_score(labels, np.ones(len(labels))):.3f}",
        auroc=f"{auroc(labels, columns[1]):.3f}",
        auroc_length=f"{auroc(labels, columns[2]):.3f}",
        auroc_words=f"{auroc(labels, columns[3]):.3f}",
        n=len(traces),
    )


def prm_score(labels: Sequence[int], guess: Sequence[bool]) -> float:
    said, true = np.asarray(guess, dtype=bool), np.asarray(labels, dtype=bool)
    wrong = int((said != true).sum())
    f1 = lambda hits: 0.0 if hits == 0 else 2 * hits / (2 * hits + wrong)
    return 0.5 * f1(int((said & true).sum())) + 0.5 * f1(int((~said & ~true).sum()))


def bigbench_section(ctx: Context, threshold: float) -> None:
    for path in sorted((ctx.data / "bigbench_mistake").glob("*.jsonl")):
        records = ctx.some([json.loads(line) for line in path.open(encoding="utf-8")])
        firsts = [-1 if r["mistake_index"] is None else r["mistake_index"] for r in records]
        items = [(r["input"], r["steps"]) for r in records]
        mine = scored(firsts, ctx.prm.scores(items))
        low, bag = (scored(firsts, s) for s in floor_scores(ctx, items))
        lo, hi = interval(mine, lambda g: location(g, threshold))
        oracle = {
            k: f"{location(v, best_threshold(v)):.3f}"
            for k, v in (("length_oracle", low), ("words_oracle", bag))
        }
        ctx.add(
            "BIG-Bench",
            path.stem,
            "location accuracy",
            location(mine, threshold),
            ci=f"[{lo:.3f},{hi:.3f}]",
            **oracle,
            always_none=f"{np.mean([f < 0 for f in firsts]):.3f}",
            step_auroc=f"{step_auroc(mine):.3f}",
            auroc_length=f"{step_auroc(low):.3f}",
            auroc_words=f"{step_auroc(bag):.3f}",
            n=len(records),
        )


def location(traces: Sequence[Scored], threshold: float) -> float:
    """Share of traces whose first step under the threshold is the first mistake (or that rightly
    have none)."""
    return float(np.mean([predicted_first(t.scores, threshold) == t.first for t in traces]))


def outcome_figures(ctx: Context, name: str, items: list, labels: list[int]) -> None:
    probs = [p[0] for p in ctx.orm.scores(items)]
    fits = [i for i, p in enumerate(probs) if p == p]
    items, labels, probs = (
        [items[i] for i in fits],
        [labels[i] for i in fits],
        [probs[i] for i in fits],
    )
    length = ctx.orm_length.predict([whole_features(q, s) for q, s in items])
    bag = ctx.orm_words.predict([" ".join(s) for _, s in items])
    pairs = list(zip(labels, probs))
    lo, hi = interval(pairs, lambda g: auroc([p[0] for p in g], [p[1] for p in g]))
    ctx.add(
        "ORM",
        name,
        "AUROC",
        auroc(labels, probs),
        ci=f"[{lo:.3f},{hi:.3f}]",
        length=f"{auroc(labels, length):.3f}",
        words=f"{auroc(labels, bag):.3f}",
        n=len(items),
    )


def orm_section(ctx: Context) -> None:
    rng = random.Random(SEEDS["test"] + 1)
    own = [t for t in (draw_own(rng) for _ in range(6 * ctx.size)) if t.outcome is not None]
    real = [ctx.dev.gsm8k.make(rng) for _ in range(2 * ctx.size)]
    held = [
        HELD_OUT[k](rng) for k in ("words (held-out templates)", "ledger") for _ in range(ctx.size)
    ]
    for name, traces in (
        ("own, held-out seeds", own),
        ("own, held-out templates", held),
        ("GSM8K train, held-back problems", real),
    ):
        outcome_figures(ctx, name, as_items(traces)[0], [int(t.outcome) for t in traces])
    records = [
        json.loads(line)
        for line in (ctx.data / "gsm8k" / "example_model_solutions.jsonl").open(encoding="utf-8")
    ]
    everything: list = []
    for solver in ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification"):
        part = [
            ((r["question"], solution_steps(r[solver]["solution"])), int(r[solver]["is_correct"]))
            for r in records
            if solver in r
        ]
        everything += part
        outcome_figures(
            ctx, "rated solutions " + solver, [p[0] for p in part], [p[1] for p in part]
        )
    outcome_figures(
        ctx, "rated solutions, all", [p[0] for p in everything], [p[1] for p in everything]
    )


def solution_steps(text: str) -> list[str]:
    """Lines without the calculator annotations; the last line reads "The answer is N." as in
    training."""
    lines = [re.sub(r"<<[^<>]*>>", "", line).strip() for line in text.split("\n")]
    return [re.sub(r"^A: *(.*)$", r"The answer is \1.", line) for line in lines if line] or [
        "The answer is unknown."
    ]


def shortcut_section(ctx: Context, threshold: float) -> None:
    """Planted shortcuts beside honest solutions of the same problems: who lets them through, who
    tells them apart."""
    rng = random.Random(SEEDS["test"] + 2)
    for kind in list(shortcuts.KINDS) + ["other_question"]:
        traces, honest = [], []
        for _ in range(ctx.size):
            program = ctx.dev.program(rng)
            honest.append(write(rng, program, 0.0))
            if kind == "other_question":
                traces.append(
                    shortcuts.other_question(rng, program, write(rng, ctx.dev.program(rng), 0.0))
                )
            else:
                traces.append(shortcuts.make(rng, program, kind))
        shortcut_rows(ctx, kind, traces, honest, threshold)


def shortcut_rows(
    ctx: Context, kind: str, traces: list[Trace], honest: list[Trace], threshold: float
) -> None:
    items, firsts = as_items(traces + honest)
    low = [lowest(s) for s in ctx.prm.scores(items)]
    outcome = [p[0] for p in ctx.orm.scores(items)]
    n = len(traces)
    length = ctx.orm_length.predict([whole_features(q, s) for q, s in items])
    bag = ctx.orm_words.predict([" ".join(s) for _, s in items])
    side = [0] * n + [1] * len(honest)
    rejects, accepts = [v < threshold for v in low[:n]], [v > 0.5 for v in outcome[:n]]
    spans = {
        k: "[{:.3f},{:.3f}]".format(*interval(v, lambda g: float(np.mean(g))))
        for k, v in (("ci", rejects), ("ci_outcome", accepts))
    }
    ctx.add(
        "shortcuts",
        kind,
        "process model rejects",
        float(np.mean(rejects)),
        **spans,
        outcome_model_accepts=f"{np.mean(accepts):.3f}",
        honest_rejected=f"{np.mean([v < threshold for v in low[n:]]):.3f}",
        auroc_process=f"{auroc(side, low):.3f}",
        auroc_outcome=f"{auroc(side, outcome):.3f}",
        length=f"{auroc(side, length):.3f}",
        words=f"{auroc(side, bag):.3f}",
        invalid=f"{np.mean([f >= 0 for f in firsts[:n]]):.3f}",
        answer_right=f"{np.mean([bool(t.outcome) for t in traces]):.3f}",
        family="held out" if kind in shortcuts.HELD_OUT else "trained",
        n=n,
    )


def parse() -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--prm", type=Path, required=True)
    p.add_argument("--orm", type=Path, required=True)
    p.add_argument(
        "--rewardd", type=Path, help="score with this daemon over loopback instead of transformers"
    )
    p.add_argument("--data", type=Path, required=True)
    p.add_argument("--size", type=int, default=500, help="traces of every generated test set")
    p.add_argument(
        "--limit", type=int, default=0, help="at most this many records of each public set (0: all)"
    )
    p.add_argument(
        "--sections",
        default="newcomers,own,surface,errors,processbench,prmbench,bigbench,orm,shortcuts",
    )
    p.add_argument("--subsets", default="gsm8k,math,olympiadbench,omnimath")
    p.add_argument("--json", type=Path)
    p.add_argument("--threads", type=int, default=2)
    return p.parse_args()


def main() -> int:
    opt = parse()
    torch.set_num_threads(opt.threads)
    begin = time.time()
    ctx = Context(opt)
    try:
        report(ctx, opt.sections.split(","), opt.subsets.split(","))
    finally:
        for model in (ctx.prm, ctx.orm):
            if isinstance(model, Served):
                model.daemon.close()
    print(f"{time.time() - begin:.0f} s", file=sys.stderr)
    if opt.json:
        opt.json.write_text(json.dumps(ctx.rows, indent=0) + "\n")
    return 0


def report(ctx: Context, wanted: Sequence[str], subsets: Sequence[str]) -> None:
    if "newcomers" in wanted:
        newcomers.section(ctx)
    if list(wanted) == ["newcomers"]:
        return
    own, natural = thresholds(ctx)
    if "own" in wanted:
        own_section(ctx, own)
    if "surface" in wanted:
        surface_section(ctx)
    if "errors" in wanted:
        errors_section(ctx)
    if "processbench" in wanted:
        processbench_section(ctx, natural, subsets)
    if "prmbench" in wanted:
        prmbench_section(ctx, natural)
    if "bigbench" in wanted:
        bigbench_section(ctx, own)
    if "orm" in wanted:
        orm_section(ctx)
    if "shortcuts" in wanted:
        shortcut_section(ctx, own)


if __name__ == "__main__":
    sys.exit(main())
