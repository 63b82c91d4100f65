"""GSM8K train in its authors' own words and numbers, and the same with one number that goes wrong.

`gsm8k.py` writes programs anew; here the text stays as it is, signs and spaces included. A wrong
twin has another number behind an equals sign whose left side, evaluated, gives the old one: that
step is false by exact arithmetic, the ones before it are not touched.
"""

from __future__ import annotations

import random
import re
from fractions import Fraction

from . import expr
from .asides import aside
from .gsm8k import Problem, to_fraction
from .trace import Step, Trace

SUM = re.compile(
    r"(?P<left>\(?\$?\d[\d,.]*%?\)?(?: ?[-+*/x] ?\(?\$?\d[\d,.]*\)?)+) ?= ?\$?"
    r"(?P<res>\d[\d,]*(?:\.\d+)?)"
)
ENDS = (
    "The answer is {v}.",
    "#### {v}",
    "Answer: {v}",
    "So the answer is {v}.",
    "\\boxed{{{v}}}",
    "The final answer is {v}.",
    "{v}",
)


def value_of(left: str) -> Fraction | None:
    plain = re.sub(r"[$,]", "", left).replace("x", "*").replace("%", "/100").strip()
    plain = re.sub(r"(?<![\d.])0+(?=\d)", "", plain)
    try:
        return expr.evaluate(expr.parse(plain), {})
    except (SyntaxError, ValueError, KeyError, ZeroDivisionError):
        return None


def sums(text: str) -> list[re.Match]:
    """The true sums of a line: an equals sign with its exact result."""
    found = []
    for m in SUM.finditer(text):
        said = to_fraction(m["res"])
        if said is not None and value_of(m["left"]) == said:
            found.append(m)
    return found


def slipped(rng: random.Random, text: str) -> Step | None:
    """A line with one result that is not what its sum gives."""
    found = sums(text)
    if not found:
        return None
    m = rng.choice(found)
    right = to_fraction(m["res"])
    wrong = expr.number(expr.perturb(rng, right), "," in m["res"])
    at = next((i for i, (a, b) in enumerate(zip(wrong, m["res"])) if a != b), 0)
    at = at if wrong[at : at + 1] != m["res"][at : at + 1] else min(len(wrong), len(m["res"]))
    truth = m["res"][at : at + 1]
    start = m.start("res")
    new = text[:start] + wrong + text[m.end("res") :]
    return Step(new, False, start + at, truth=truth if truth.isdigit() else None)


def make(rng: random.Random, problems: list[Problem], error_rate: float = 0.5) -> Trace:
    problem = rng.choice(problems)
    steps = [Step(text) for text in problem.raw_steps]
    error, value = "", problem.answer
    places = [i for i, s in enumerate(steps) if sums(s.text)]
    if rng.random() < error_rate:
        if places and rng.random() < 0.85:
            at = rng.choice(places)
            steps[at], error = slipped(rng, steps[at].text), "slip"
            if steps[at] is None:  # pragma: no cover - `places` has only lines with a sum
                raise ValueError("no sum to change")
        else:
            value, error = expr.perturb(rng, problem.answer), "conclusion"
    if error == "conclusion" or rng.random() < 0.7:
        text = rng.choice(ENDS).format(v=expr.number(value))
        ok = error != "conclusion"
        steps.append(Step(text, ok, None if ok else len(text)))
    if rng.random() < 0.15:
        steps.insert(rng.randrange(len(steps)), Step(aside(rng)))
    trace = Trace(problem.question, steps, "gsm8k", f"train-{problem.index}", error)
    trace.outcome = {"": True, "conclusion": False, "slip": None}[error]
    trace.group = trace.template
    return trace
