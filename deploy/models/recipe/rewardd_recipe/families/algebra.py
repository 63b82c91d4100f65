"""Letters with values: evaluate an expression, follow definitions, put a value into an equation,
find the missing part.

One unknown at a time and every other letter known; two equations in two unknowns are the held-out
family `systems`.
"""

from __future__ import annotations

import random
from fractions import Fraction

from ..expr import number, perturb
from ..trace import Step, Trace, judged


def _spoil(rng: random.Random, value: Fraction) -> Fraction:
    return perturb(rng, abs(value)) * (-1 if value < 0 else 1)


def _n(value: Fraction) -> str:
    return ("-" if value < 0 else "") + number(abs(value))


class _Steps:
    """Collects steps of a form with one value; at the drawn place the value is spoilt, and what
    follows uses the spoilt one."""

    def __init__(self, rng: random.Random, count: int) -> None:
        self.rng, self.steps, self.error = rng, [], ""
        self.bad = rng.randrange(count) if rng.random() < 0.5 else -1

    def say(self, form: str, value: Fraction) -> Fraction:
        """`form` has {v} for the value. Once a step was wrong, the rest of the trace is its
        consequence and invalid."""
        here = len(self.steps) == self.bad
        said = _spoil(self.rng, value) if here else value
        if here:
            self.error = "slip"
        if self.error and not here:
            self.steps.append(Step(form.format(v=_n(said)), False, 0))
        else:
            self.steps.append(judged(form.format(v=_n(said)), form.format(v=_n(value))))
        return said


def _trace(question: str, s: _Steps, template: str, right: bool) -> Trace:
    trace = Trace(question, s.steps, "algebra", template, s.error, dense_text=True)
    trace.outcome = right
    return trace


def evaluate(rng: random.Random) -> Trace:
    """a x + b y at given x and y."""
    x, y = rng.sample("xyabmnpt", 2)
    a, b, u, w = (Fraction(rng.randint(2, 12)) for _ in range(4))
    minus = rng.random() < 0.4 and a * u > b * w
    sign = "-" if minus else "+"
    question = rng.choice(
        [
            "Evaluate {e} when {x} = {u} and {y} = {w}.",
            "If {x} = {u} and {y} = {w}, what is {e}?",
            "Let {x} = {u} and {y} = {w}. Find {e}.",
        ]
    ).format(e=f"{_n(a)}{x} {sign} {_n(b)}{y}", x=x, y=y, u=_n(u), w=_n(w))
    s = _Steps(rng, 4)
    lead = rng.choice(
        (
            ("", "", "", "The answer is"),
            ("First, ", "Then ", "So ", "The value is"),
            ("Substitute: ", "Substitute: ", "Together: ", "The result is"),
        )
    )
    p = s.say(f"{lead[0]}{_n(a)}{x} = {_n(a)} * {_n(u)} = {{v}}.", a * u)
    q = s.say(f"{lead[1]}{_n(b)}{y} = {_n(b)} * {_n(w)} = {{v}}.", b * w)
    r = s.say(
        f"{lead[2]}{_n(a)}{x} {sign} {_n(b)}{y} = {_n(p)} {sign} {_n(q)} = {{v}}.",
        p - q if minus else p + q,
    )
    t = s.say(f"{lead[3]} {{v}}.", r)
    return _trace(question, s, "evaluate", t == (a * u - b * w if minus else a * u + b * w))


def defined(rng: random.Random) -> Trace:
    """A chain of definitions, each from the letters before it."""
    letters = rng.sample("abcdkmnprst", 4)
    values = {letters[0]: Fraction(rng.randint(2, 20))}
    lines, plan = [f"{letters[0]} = {_n(values[letters[0]])}"], []
    for name in letters[1 : rng.randint(3, 4)]:
        known = list(values)
        one = rng.choice(known)
        other = rng.choice(known) if len(known) > 1 and rng.random() < 0.4 else ""
        k = Fraction(rng.randint(2, 9))
        op = rng.choice("+-*") if not other else "+"
        value = {
            "+": values[one] + (values[other] if other else k),
            "-": values[one] - k,
            "*": values[one] * k,
        }[op]
        if value < 0 or value > 999:
            op, value = "+", values[one] + (values[other] if other else k)
        lines.append(
            f"{name} = {one} {op} {other or _n(k)}" if op != "*" else f"{name} = {_n(k)}{one}"
        )
        plan.append((name, one, op, other, k))
        values[name] = value
    last = plan[-1][0]
    question = rng.choice(
        ["Let {l}. Find {x}.", "Given {l}, what is {x}?", "{l}. What is {x}?"]
    ).format(l=", ".join(lines), x=last)
    s = _Steps(rng, len(plan) + 1)
    said = {letters[0]: values[letters[0]]}
    for name, one, op, other, k in plan:
        right = said[other] if other else k
        value = {"+": said[one] + right, "-": said[one] - right, "*": said[one] * right}[op]
        shown = f"{_n(k)} * {_n(said[one])}" if op == "*" else f"{_n(said[one])} {op} {_n(right)}"
        said[name] = s.say(f"{name} = {shown} = {{v}}.", value)
    end = s.say(
        rng.choice(["The answer is {x} = {{v}}.", "So {x} = {{v}}.", "Hence {x} is {{v}}."]).format(
            x=last
        ),
        said[last],
    )
    return _trace(question, s, "defined", end == values[last])


def missing(rng: random.Random) -> Trace:
    """A sum or a difference in two letters of which one is given: substitute, then find the
    other."""
    x, y = rng.sample("xyabmn", 2)
    u, w = Fraction(rng.randint(2, 60)), Fraction(rng.randint(1, 40))
    k = Fraction(rng.choice((1, 1, 2, 3, 4)))
    plus = rng.random() < 0.6 or k * w >= u
    total = k * w + u if plus else u - k * w
    term = x if k == 1 else f"{_n(k)}{x}"
    left = f"{term} + {y}" if plus else f"{y} - {term}"
    question = rng.choice(
        [
            "If {l} = {t} and {x} = {w}, find {y}.",
            "We know {l} = {t} and {x} = {w}. What is {y}?",
            "Find {y}: {l} = {t}, {x} = {w}.",
        ]
    ).format(l=left, t=_n(total), x=x, y=y, w=_n(w))
    s = _Steps(rng, 3)
    p = (
        s.say(f"Substitute {x} = {_n(w)}: {_n(k)} * {_n(w)} = {{v}}.", k * w)
        if k != 1
        else s.say(f"We know that {x} = {{v}}.", w)
    )
    if plus:
        r = s.say(
            rng.choice(["Subtract: ", "So ", ""]) + f"{y} = {_n(total)} - {_n(p)} = {{v}}.",
            total - p,
        )
    else:
        r = s.say(
            rng.choice(["Add: ", "So ", ""]) + f"{y} = {_n(total)} + {_n(p)} = {{v}}.", total + p
        )
    end = s.say(
        rng.choice(["The answer is {y} = {{v}}.", "So {y} = {{v}}.", "Thus {y} = {{v}}."]).format(
            y=y
        ),
        r,
    )
    return _trace(question, s, "missing", end == u)


def halves(rng: random.Random) -> Trace:
    """A multiple written as a sum: add the right side, divide, use the value."""
    x = rng.choice("xyabmn")
    u, k = Fraction(rng.randint(2, 40)), Fraction(rng.randint(2, 9))
    total = u * k
    a = Fraction(rng.randint(1, int(total) - 1))
    c = Fraction(rng.randint(1, 30))
    plus = rng.random() < 0.5 or c >= u
    question = rng.choice(
        [
            "{k}{x} = {a} + {b}. Find {x} {s} {c}.",
            "Solve {k}{x} = {a} + {b}, then compute {x} {s} {c}.",
        ]
    ).format(k=_n(k), x=x, a=_n(a), b=_n(total - a), s="+" if plus else "-", c=_n(c))
    s = _Steps(rng, 4)
    t = s.say(
        f"Add the numbers on the right: {_n(k)}{x} = {_n(a)} + {_n(total - a)} = {{v}}.", total
    )
    v = s.say(
        rng.choice(
            ["Divide both sides by {k}: {x} = {{v}}.", "Divide by {k}: {x} = {t} / {k} = {{v}}."]
        ).format(k=_n(k), x=x, t=_n(t)),
        t / k,
    )
    r = s.say(
        f"Then {x} {'+' if plus else '-'} {_n(c)} = {_n(v)} {'+' if plus else '-'} {_n(c)} = "
        f"{{v}}.",
        v + c if plus else v - c,
    )
    end = s.say("The answer is {v}.", r)
    return _trace(question, s, "halves", end == (u + c if plus else u - c))


def make(rng: random.Random, held_out: bool = False) -> Trace:
    return rng.choice((evaluate, defined, missing, halves))(rng)
