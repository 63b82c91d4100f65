"""Linear equations in one unknown; `systems` (held out): two unknowns by adding or subtracting
equations.

An equation is a coefficient row. A step is valid when the written equation follows from the one
before by the operation the step names, which the checker does by exact arithmetic on the rows.
"""

from __future__ import annotations

import random
from fractions import Fraction

from ..expr import number, perturb
from ..trace import Step, Trace, judged

FORMS = [
    "{cap}: {eq}.",
    "We {low} to get {eq}.",
    "{cap}. This gives {eq}.",
    "So {eq}.",
    "If we {low}, we have ${eq}$.",
]
Row = tuple[Fraction, Fraction, Fraction, Fraction]  # a x + b = c x + d


def _side(a: Fraction, b: Fraction, var: str) -> str:
    parts = ""
    if a:
        parts = {1: var, -1: "-" + var}.get(
            a, number(abs(a)) + var if a > 0 else "-" + number(abs(a)) + var
        )
    if b or not parts:
        mag = number(abs(b))
        parts = (
            (f"{parts} + {mag}" if b >= 0 else f"{parts} - {mag}")
            if parts
            else (mag if b >= 0 else "-" + mag)
        )
    return parts


def show(row: Row, var: str) -> str:
    return f"{_side(row[0], row[1], var)} = {_side(row[2], row[3], var)}"


def apply(row: Row, op: str, coef: Fraction, const: Fraction) -> Row:
    """`op` on both sides: "+" adds coef*x + const, "*" multiplies by const."""
    a, b, c, d = row
    if op == "+":
        return a + coef, b + const, c + coef, d + const
    return a * const, b * const, c * const, d * const


def holds(row: Row, x: Fraction) -> bool:
    """The equation is not an identity and has the root x."""
    return row[0] != row[2] and row[0] * x + row[1] == row[2] * x + row[3]


def make(rng: random.Random, held_out: bool = False) -> Trace:
    return _system(rng) if held_out else _linear(rng)


def _plan(row: Row) -> list[tuple[str, Fraction, Fraction]]:
    """Operations that isolate x."""
    ops: list[tuple[str, Fraction, Fraction]] = []
    zero = Fraction(0)
    if row[2]:
        ops.append(("+", -row[2], zero))
    if row[1]:
        ops.append(("+", zero, -row[1]))
    lead = row[0] - row[2]
    if lead != 1:
        ops.append(("*", zero, 1 / lead))
    return ops


def _describe(rng: random.Random, op: str, coef: Fraction, const: Fraction, var: str) -> str:
    if op == "*":
        return f"divide both sides by {_plain(1 / const)}"
    amount = _side(abs(coef), Fraction(0), var) if coef else number(abs(const))
    if coef + const < 0:
        return rng.choice(
            [f"subtract {amount} from both sides", f"move {amount} to the other side"]
        )
    return f"add {amount} to both sides"


def _plain(value: Fraction) -> str:
    return ("-" if value < 0 else "") + number(abs(value))


def _wrong_row(
    rng: random.Random, before: Row, right: Row, op: str, coef: Fraction, const: Fraction
) -> tuple[Row, str]:
    """A slip in one entry, the operation done on one side only, or with the wrong sign."""
    kind = rng.choice(["slip", "slip", "one_side", "sign"])
    if kind == "sign" and op == "+":
        other = apply(before, op, -coef, -const)
        return (right[0], right[1], other[2], other[3]), "operation"
    if kind == "one_side" and op == "+":
        return (right[0], right[1], before[2], before[3]), "operation"
    entry = 3 if right[3] else 1
    values = list(right)
    values[entry] = perturb(rng, abs(right[entry])) * (-1 if right[entry] < 0 else 1)
    return tuple(values), "slip"


def _linear(rng: random.Random) -> Trace:
    var = rng.choice("xynabt")
    x = Fraction(rng.randint(1, 20))
    a, c = Fraction(rng.randint(2, 12)), Fraction(rng.choice([0, 0, rng.randint(1, 9)]))
    if a == c:
        a += 1
    b = Fraction(rng.randint(-30, 40))
    row: Row = (a, b, c, a * x + b - c * x)
    question = rng.choice(
        ["Solve {e}.", "Solve for {v}: {e}.", "Find {v} if {e}.", "If {e}, what is {v}?"]
    ).format(e=show(row, var), v=var)
    ops = _plan(row)
    bad = rng.randrange(len(ops) + 1) if rng.random() < 0.5 else -1
    steps: list[Step] = []
    error = ""
    forms = rng.sample(FORMS, 2)
    for i, (op, coef, const) in enumerate(ops):
        right = new = apply(row, op, coef, const)
        if i == bad:
            new, error = _wrong_row(rng, row, new, op, coef, const)
        steps.append(
            _step(rng.choice(forms), _describe(rng, op, coef, const, var), new, right, var)
        )
        assert not steps[-1].valid or holds(new, x)
        row = new
        if not steps[-1].valid:
            break
    if (not error and len(ops) == bad) or not error:
        stated = row[3] / row[0] if row[0] and not row[1] and not row[2] else x
        if bad == len(ops):
            stated, error = perturb(rng, abs(x)), "conclusion"
        form = rng.choice(
            ["The answer is {v} = {x}.", "So {v} = {x}.", "Therefore {v} = \\boxed{{{x}}}."]
        )
        steps.append(judged(form.format(v=var, x=_plain(stated)), form.format(v=var, x=_plain(x))))
    trace = Trace(question, steps, "linear", "linear", error, dense_text=True)
    trace.outcome = None  # cut at the error: no final answer to judge
    return trace


def _step(
    form: str, low: str, said: Row, right: Row, var: str, before: str = "", free: int = 0
) -> Step:
    texts = [
        before + form.format(cap=low[0].upper() + low[1:], low=low, eq=show(row, var))
        for row in (said, right)
    ]
    return judged(*texts, free=free)


def drill(rng: random.Random) -> Step:
    """One operation on an equation of its own, wrong every second time."""
    var = rng.choice("xynabt")
    x, a, c = (
        Fraction(rng.randint(1, 20)),
        Fraction(rng.randint(1, 12)),
        Fraction(rng.choice([0, 0, rng.randint(1, 9)])),
    )
    a += a == c
    b = Fraction(rng.choice([0, rng.randint(-30, 40), rng.randint(-30, 40)]))
    row: Row = (a, b, c, a * x + b - c * x)
    ops = _plan(row)
    if not ops:
        return drill(rng)
    op, coef, const = ops[0]
    right = new = apply(row, op, coef, const)
    if rng.random() < 0.5:
        new, _ = _wrong_row(rng, row, right, op, coef, const)
    before = show(row, var) + rng.choice([" | ", ". ", " -> "])
    low = _describe(rng, op, coef, const, var)
    return _step(rng.choice(FORMS), low, new, right, var, before, len(before) + len(low))


def _system(rng: random.Random) -> Trace:
    """x + y = s, x - y = d, with multiples: add, halve, substitute."""
    x, y = Fraction(rng.randint(2, 40)), Fraction(rng.randint(1, 30))
    if x <= y:
        x, y = y + 1, x
    s, d = x + y, x - y
    question = f"Solve the system x + y = {s}, x - y = {d}."
    bad = rng.randrange(4) if rng.random() < 0.5 else -1
    values = [s + d, x, y, x]
    truth = list(values)
    if bad >= 0:
        values[bad] = perturb(rng, values[bad])
        for later in range(bad + 1, 4):
            values[later] = {1: values[0] / 2, 2: s - values[1], 3: values[1]}[later]
    n = [_plain(v) for v in values]
    texts = [
        f"Add the equations: 2x = {s} + {d} = {n[0]}.",
        f"Divide both sides by 2: x = {n[1]}.",
        f"Substitute: y = {s} - {n[1]} = {n[2]}.",
        f"The answer is x = {n[3]}.",
    ]
    steps = [Step(t, v == u, None if v == u else len(t)) for t, v, u in zip(texts, values, truth)]
    trace = Trace(question, steps, "systems", "systems", "slip" if bad >= 0 else "")
    trace.outcome = values[3] == x
    return trace
