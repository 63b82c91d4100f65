"""Countdown / game of 24: reach a target, using every number at most once. The checker keeps the
multiset of numbers."""

from __future__ import annotations

import random

from ..trace import Step, Trace


def make(rng: random.Random, held_out: bool = False) -> Trace:
    count = rng.randint(3, 5)
    numbers = [rng.randint(1, 13) for _ in range(count)]
    plan = _plan(rng, numbers)
    target = plan[-1][3]
    question = f"Use the numbers {', '.join(map(str, numbers))} to make {target}."
    bad = rng.randrange(len(plan) + 1) if rng.random() < 0.5 else -1
    have, steps, error = list(numbers), [], ""
    form = rng.choice(["{a} {o} {b} = {r} (left: {l})", "{a} {o} {b} = {r}. Numbers left: {l}."])
    for i, (a, op, b, r) in enumerate(plan):
        said = (a, op, b, r)
        left = _rest(have, a, b) + [r]
        if i == bad:
            said, left, error = _damage(rng, have, said, left)
        valid = check(have, said, left)
        text = form.format(a=said[0], o=said[1], b=said[2], r=said[3], l=" ".join(map(str, left)))
        steps.append(Step(text, valid, None if valid else len(text)))
        have = left
        if not valid:
            break
    if not error:
        reached = bad != len(plan)
        shown = have[-1] if reached else have[-1] + rng.choice([-2, -1, 1, 2, 10])
        error = "" if reached else "conclusion"
        text = rng.choice(["We reached {x}.", "The result is {x}.", "So we made {x}."]).format(
            x=shown
        )
        steps.append(Step(text, reached, None if reached else len(text)))
    trace = Trace(question, steps, "countdown", f"n{count}", error, dense_text=True)
    trace.outcome = None  # cut at the error: no final answer to judge
    return trace


def _value(a: int, op: str, b: int) -> int | None:
    if op == "/":
        return a // b if b and a % b == 0 else None
    return {"+": a + b, "-": a - b, "*": a * b}[op]


def _rest(have: list[int], a: int, b: int) -> list[int]:
    left = list(have)
    left.remove(a)
    left.remove(b)
    return left


def check(have: list[int], said: tuple[int, str, int, int], left: list[int]) -> bool:
    """Both operands are there, the arithmetic is right, and the list of what is left is exact."""
    a, op, b, r = said
    pool = list(have)
    for x in (a, b):
        if x not in pool:
            return False
        pool.remove(x)
    return _value(a, op, b) == r and sorted(left) == sorted(pool + [r])


def _plan(rng: random.Random, numbers: list[int]) -> list[tuple[int, str, int, int]]:
    have, plan = list(numbers), []
    while len(have) > 1:
        a, b = rng.sample(have, 2)
        op = rng.choice("+-*/+*")
        value = _value(a, op, b)
        if value is None or value < 0 or value > 400:
            continue
        plan.append((a, op, b, value))
        have = _rest(have, a, b) + [value]
    return plan


def _damage(
    rng: random.Random, have: list[int], said: tuple, left: list[int]
) -> tuple[tuple, list[int], str]:
    a, op, b, r = said
    kind = rng.choice(["slip", "missing", "left"])
    while True:
        if kind == "slip":
            wrong = max(0, r + rng.choice([-10, -2, -1, 1, 2, 10]))
            new, rest = (a, op, b, wrong), left[:-1] + [wrong]
        elif kind == "missing":
            x = rng.randint(1, 13)
            value = _value(x, op, b)
            if value is None or value < 0:
                kind = "slip"
                continue
            new, rest = (x, op, b, value), left[:-1] + [value]
        else:
            spot = rng.randrange(len(left))
            rest = list(left)
            rest[spot] = max(1, rest[spot] + rng.choice([-2, -1, 1, 2]))
            new = said
        if not check(have, new, rest):
            return new, rest, {"slip": "slip", "missing": "premise", "left": "copy"}[kind]
        kind = "slip"
