"""Single claims, each judged by itself: sums in the notation of the traces (the multiplication
table, carries, percentages), one swap of a tracking trace, one column of an addition in base b, one
operation on an equation, one cited rule.

A word problem of 120 tokens has one or two results whose digits decide its label; a drill of the
same length has ten. The question says that lines stand alone, so these labels do not contradict
"right so far" elsewhere.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction

from .. import expr
from ..style import Style, draw_style
from ..trace import Step, Trace
from . import basen, equations, states

QUESTION = "Check each line by itself."
UNITS = (
    "",
    "",
    "",
    "",
    "$",
    "$",
    "apples",
    "hours",
    "miles",
    "people",
    "pages",
    "minutes",
    "pounds",
    "students",
    "eggs",
    "days",
)
LEADS = (
    "",
    "",
    "",
    "So ",
    "Total: ",
    "Then ",
    "We get ",
    "This is ",
    "- ",
    "That is ",
    "Cost = ",
    "He has ",
    "The sum is ",
    "There are ",
    "x = ",
    "y = ",
    "2x = ",
    "The total is ",
    "Left: ",
    "Balance: ",
)


def make(rng: random.Random, sentences: Sequence[str] = ()) -> Trace:
    """`sentences`: wordings with {eq} in which every fourth sum stands, so that the check does not
    depend on what is around it."""
    kind = rng.choices(
        ("sums", "swaps", "lookups", "columns", "equations"), (0.5, 0.2, 0.1, 0.08, 0.12)
    )[0]
    if kind == "lookups":
        return states.lookups(rng)
    if kind != "sums":
        line = {"swaps": states.swap_drill, "columns": basen.column, "equations": equations.drill}[
            kind
        ]
        trace = Trace(
            QUESTION, [line(rng) for _ in range(rng.randint(5, 9))], "drills", kind, dense_text=True
        )
        trace.independent = True
        return trace
    return sums(rng, sentences)


def sums(rng: random.Random, sentences: Sequence[str] = ()) -> Trace:
    style = draw_style(rng)
    steps = []
    for _ in range(rng.randint(6, 14)):
        around = rng.choice(sentences) if sentences and rng.random() < 0.25 else ""
        steps.append(_line(rng, style, _tree(rng), around))
    trace = Trace(QUESTION, steps, "drills", "drills")
    trace.independent = True
    return trace


def _size(rng: random.Random) -> int:
    """Operand sizes of grade-school problems: mostly one and two digits, some round numbers, few of
    three."""
    kind = rng.random()
    if kind < 0.35:
        return rng.randint(1, 12)
    if kind < 0.72:
        return rng.randint(10, 99)
    if kind < 0.84:
        return 10 * rng.randint(1, 30)
    if kind < 0.96:
        return rng.randint(100, 600)
    return 100 * rng.randint(1, 60)


def _factor(rng: random.Random) -> int:
    return rng.choice((2, 2, 3, 3, 4, 4, 5, 5, 6, 7, 8, 9, 10, 12, rng.randint(2, 30)))


def _pair(rng: random.Random, op: str) -> expr.Tree:
    a, b = _size(rng), _size(rng)
    if op == "-":
        a, b = max(a, b) + (a == b), min(a, b)
    elif op == "*":
        b = _factor(rng)
        a = a if a * b < 10_000 else rng.randint(2, 99)
        a, b = (a, b) if rng.random() < 0.6 else (b, a)
    elif op == "/":
        b = _factor(rng)
        a = b * (a if a * b < 10_000 else rng.randint(2, 60))
    return (op, Fraction(a), Fraction(b))


def _tree(rng: random.Random) -> expr.Tree:
    """One operation most of the time; three terms, a product and a sum, decimals, percentages and
    parts of a number else."""
    kind = rng.random()
    if kind < 0.62:
        return _pair(rng, rng.choice("++--***/"))
    if kind < 0.70:
        return ("+", ("+", Fraction(_size(rng)), Fraction(_size(rng))), Fraction(_size(rng)))
    if kind < 0.78:
        inner = _pair(rng, "*")
        value = int(expr.evaluate(inner, {}))
        small = Fraction(rng.randint(1, min(value, 99)))
        return (rng.choice("+-"), inner, small)
    if kind < 0.82:
        return ("*", ("*", Fraction(_factor(rng)), Fraction(_factor(rng))), Fraction(_factor(rng)))
    if kind < 0.90:
        return _decimal(rng)
    if kind < 0.95:
        return (
            "*",
            Fraction(20 * rng.randint(1, 30)),
            Fraction(rng.choice((5, 10, 15, 20, 25, 30, 40, 50, 60, 75, 80, 90)), 100),
        )
    part = rng.randint(2, 8)
    return ("*", ("/", Fraction(1), Fraction(part)), Fraction(part * rng.randint(1, 40)))


def _decimal(rng: random.Random) -> expr.Tree:
    a = Fraction(
        rng.choice(
            (
                rng.randint(1, 40) * 50,
                rng.randint(4, 80) * 25,
                rng.randint(11, 999),
                10 * rng.randint(1, 200),
            )
        ),
        100,
    )
    op = rng.choice("+-*")
    if op == "*":
        return ("*", a, Fraction(rng.choice((2, 3, 4, 5, 6, 8, 10, 12))))
    b = Fraction(
        rng.choice(
            (
                rng.randint(1, 40),
                rng.randint(1, 40) * Fraction(1, 2),
                rng.randint(10, 999) * Fraction(1, 100),
            )
        )
    )
    return (op, max(a, b) + (a == b), min(a, b))


def _line(rng: random.Random, style: Style, tree: expr.Tree, around: str = "") -> Step:
    """An equation, wrong every second time, bare or in a sentence."""
    truth = expr.evaluate(tree, {})
    said = expr.perturb(rng, truth) if rng.random() < 0.5 else truth
    unit = rng.choice(UNITS)
    money = unit == "$"
    show = (lambda v: "$" + style.num(v, True)) if money and rng.random() < 0.7 else style.num
    left = expr.render(
        tree,
        lambda v: show(v) if v.denominator == 1 or money else style.num(v),
        style.times,
        style.divide,
    )
    tail = "" if money or not unit or rng.random() < 0.4 else " " + unit
    result = lambda v: ("$" if money else "") + style.num(v, money)
    mark = "\x00"
    equation = style.math(f"{left} = {mark}{result(said)}")
    text = (
        around.replace("{eq}", equation)
        if around
        else rng.choice(LEADS) + equation + tail + rng.choice(("", "", "."))
    )
    start = text.index(mark)
    cut, truth_char = deviation(result(said), result(truth))
    return Step(
        text.replace(mark, ""),
        said == truth,
        None if said == truth else start + cut,
        1.0,
        None if said == truth else truth_char,
    )


def deviation(said: str, truth: str) -> tuple[int, str | None]:
    """Offset of the first character that differs from the truth, and the character that should be
    there. A number that is only too short goes wrong at its end."""
    at = next(
        (i for i, (a, b) in enumerate(zip(said, truth)) if a != b), min(len(said), len(truth))
    )
    return at, truth[at] if at < min(len(said), len(truth)) else None
