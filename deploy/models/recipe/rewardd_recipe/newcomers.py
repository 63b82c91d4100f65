"""Figures on what people type first: plain short traces, GSM8K's own solutions, prose that supports
nothing. Reporting only: nothing here is trained on and no threshold comes from it; 0.5 decides.

The traces of `hand_typed.jsonl` were typed by hand; those marked "dev" chose the mixture, those
marked "report" were looked at for the card only. The unsupported prose has the wordings of
`unnamed.py`, which no generator has, over GSM8K test problems and with a wrong answer.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from . import expr, natural, unnamed
from .gsm8k import to_fraction
from .metrics import interval
from .mixture import SEEDS, plain_trace
from .served import Served
from .trace import Trace

ACCEPT = 0.5
HAND_TYPED = Path(__file__).resolve().parents[1] / "hand_typed.jsonl"
UNSUPPORTED = ("theorem", "praise", "inject_plain", "restated_ignored", "unused_premise", "thanks")
PROBLEMS = 200

Items = Sequence[tuple[str, Sequence[str]]]


def accepted(ctx, items: Items) -> tuple[list[bool], list[bool]]:
    """Whether each trace passes the process model (its lowest step) and the outcome model."""
    lowest = [min(s) for s in ctx.prm.scores(items)]
    outcome = [p[0] for p in ctx.orm.scores(items)]
    return [v >= ACCEPT for v in lowest], [v >= ACCEPT for v in outcome]


def share(ctx, name: str, figure: str, items: Items, want: bool) -> None:
    """The share of traces that are judged as they should be."""
    process, outcome = ([v == want for v in passed] for passed in accepted(ctx, items))
    lo, hi = interval(process, lambda g: float(np.mean(g)))
    ctx.add(
        "newcomers",
        name,
        figure,
        float(np.mean(process)),
        ci=f"[{lo:.3f},{hi:.3f}]",
        outcome=f"{np.mean(outcome):.3f}",
        n=len(items),
    )


def both(ctx, name: str, right: Items, wrong: Items) -> None:
    share(ctx, name, "right accepted", right, True)
    share(ctx, name, "wrong rejected", wrong, False)


def texts(traces: Sequence[Trace]) -> Items:
    return [(t.question, [s.text for s in t.steps]) for t in traces]


def generated(ctx, name: str, make: Callable[[random.Random], Trace], seed: int) -> None:
    rng = random.Random(seed)
    traces = [make(rng) for _ in range(3 * ctx.size)]
    clean = [t for t in traces if t.first_error() < 0]
    both(ctx, name, texts(clean), texts([t for t in traces if t.first_error() >= 0]))


def hand_typed(part: str) -> tuple[Items, Items]:
    """(right, wrong) traces of a part."""
    rows = [json.loads(line) for line in HAND_TYPED.open(encoding="utf-8")]
    rows = [r for r in rows if r["part"] == part]
    pick = lambda want: [(r["question"], r["steps"]) for r in rows if r["right"] is want]
    return pick(True), pick(False)


def wrong_answers(data: Path, kind: str) -> Items:
    """Prose of one kind with a wrong answer, over the first problems of GSM8K test."""
    rng = random.Random(SEEDS["test"] + 9)
    out = []
    for row in natural.traces_of(natural.UNSEEN, "gsm8k test, gold", data)[:PROBLEMS]:
        right = row.steps[-1].removeprefix("The answer is ").removesuffix(".")
        value = to_fraction(right)
        value = Fraction(1) if value is None else value
        problem = unnamed.Problem(row.prompt, row.steps[:-1], right)
        wrong = replace(problem, answer=expr.number(expr.perturb(rng, abs(value))))
        out.append(unnamed.make(rng, kind, wrong, [problem]))
    return out


def section(ctx) -> None:
    generated(ctx, "plain, held-out seeds", plain_trace, SEEDS["test"] + 7)
    held = lambda rng: plain_trace(rng, True)
    generated(ctx, "plain, held-out wordings", held, SEEDS["test"] + 8)
    both(ctx, "typed by hand", *hand_typed("report"))
    if isinstance(ctx.prm, Served):
        ctx.prm.checked = True
        both(ctx, "typed by hand, process.checked", *hand_typed("report"))
        ctx.prm.checked = False
    gold = natural.traces_of(natural.UNSEEN, "gsm8k test, gold", ctx.data)
    share(ctx, "GSM8K test, gold", "right accepted", [(t.prompt, t.steps) for t in gold], True)
    for kind in UNSUPPORTED:
        share(ctx, f"unsupported: {kind}", "wrong rejected", wrong_answers(ctx.data, kind), False)
