"""Arithmetic: evaluate an expression, follow a spoken chain of operations; `ledger` (held out): a
running balance."""

from __future__ import annotations

import random
from fractions import Fraction

from .. import expr
from ..program import Program, Quantity, write
from ..trace import Trace

ASKS = ["Compute {e}.", "What is {e}?", "Evaluate {e}.", "Find the value of {e}.", "Calculate {e}."]
VERBS = {
    "+": ["add {v}", "increase it by {v}"],
    "-": ["subtract {v}", "take away {v}"],
    "*": ["multiply by {v}", "multiply the result by {v}"],
    "/": ["divide by {v}", "divide the result by {v}"],
}


def make(rng: random.Random, held_out: bool = False) -> Trace:
    if held_out:
        return write(rng, _ledger(rng))
    maker = rng.choice([_single, _spoken, _nested, _nested])
    while True:
        program = maker(rng)
        if (
            program is not None
            and program.nice()
            and all(v.denominator == 1 for v in program.truth.values())
        ):
            return write(rng, program)


def _operands(rng: random.Random, op: str) -> tuple[int, int]:
    big = rng.random()
    if op in "+-":
        top = 20 if big < 0.3 else 100 if big < 0.75 else 1000
        a, b = rng.randint(1, top), rng.randint(1, top)
        return (max(a, b), min(a, b)) if op == "-" else (a, b)
    a, b = rng.randint(2, 12 if big < 0.5 else 99), rng.randint(2, 12)
    if op == "/":
        return a * b, b
    return (a, b) if rng.random() < 0.5 else (b, a)


def _single(rng: random.Random) -> Program:
    """One to three independent small results: the multiplication table and carries, over and
    over."""
    count = rng.randint(1, 3)
    given, quantities, parts = {}, [], []
    for i in range(count):
        op = rng.choice("+-*/")
        a, b = _operands(rng, op)
        given[f"a{i}"], given[f"b{i}"] = Fraction(a), Fraction(b)
        quantities += [Quantity(f"a{i}"), Quantity(f"b{i}")]
        parts.append((op, f"a{i}", f"b{i}"))
    quantities += [Quantity(f"r{i}", tree) for i, tree in enumerate(parts)]
    show = lambda leaf: expr.number(given[leaf])
    texts = [expr.render(p, show, "*", "/") for p in parts]
    question = "Compute " + ", then ".join(texts) + "."
    return Program(question, given, quantities, f"r{count - 1}", "chains", "single")


def _spoken(rng: random.Random) -> Program:
    value = rng.randint(2, 60)
    given, quantities = {"s": Fraction(value)}, [Quantity("s")]
    text, last = [f"start with {value}"], "s"
    for i in range(rng.randint(2, 5)):
        ops = [op for op in "+-*/" if not (op == "*" and value > 120)]
        op = rng.choice(ops)
        divisors = [d for d in range(2, 13) if value % d == 0]
        if (op == "/" and not divisors) or (op == "-" and value < 3):
            op = "+"
        v = {
            "+": lambda: rng.randint(1, 60),
            "-": lambda: rng.randint(1, value - 1),  # noqa: B023 - called at once
            "*": lambda: rng.randint(2, 9),
            "/": lambda: rng.choice(divisors),  # noqa: B023
        }[op]()
        given[f"v{i}"] = Fraction(v)
        quantities += [Quantity(f"v{i}"), Quantity(f"r{i}", (op, last, f"v{i}"))]
        value = int(expr.evaluate((op, Fraction(value), Fraction(v)), {}))
        text.append(rng.choice(VERBS[op]).format(v=v))
        last = f"r{i}"
    question = ", ".join(text).capitalize() + ". What is the result?"
    return Program(question, given, quantities, last, "chains", "spoken")


def _nested(rng: random.Random) -> Program | None:
    """An expression tree; every step does one operation on known values."""
    count = rng.randint(3, 5)
    names = [f"v{i}" for i in range(count)]
    given = {n: Fraction(rng.randint(2, 30)) for n in names}
    known = dict(given)
    pool: list[tuple[str, expr.Tree]] = [(n, n) for n in names]
    quantities = [Quantity(n) for n in names]
    for i in range(count - 1):
        j = rng.randrange(len(pool) - 1)
        (left, tree_l), (right, tree_r) = pool[j], pool[j + 1]
        op = rng.choice("+-*+-*/")
        if op == "*" and not _by_head(known[left], known[right]):
            op = rng.choice("+-")
        try:
            known[f"r{i}"] = expr.evaluate((op, left, right), known)
        except ZeroDivisionError:
            return None
        quantities.append(Quantity(f"r{i}", (op, left, right)))
        pool[j : j + 2] = [(f"r{i}", (op, tree_l, tree_r))]
    shown = expr.render(pool[0][1], lambda leaf: expr.number(given[leaf]), "*", "/")
    question = rng.choice(ASKS).format(e=shown)
    return Program(question, given, quantities, f"r{count - 2}", "chains", "nested")


def _by_head(a: Fraction, b: Fraction) -> bool:
    """A product of the size that grade-school solutions write on one line."""
    return min(a, b) <= 12 and a * b <= 5000


def _ledger(rng: random.Random) -> Program:
    """Held-out family: a bank account with deposits and withdrawals."""
    balance = rng.randint(20, 300)
    given, quantities = {"s": Fraction(balance)}, [Quantity("s", None, "$")]
    lines, last = [f"An account holds ${balance}."], "s"
    for i, day in enumerate(
        rng.sample(["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"], rng.randint(2, 5))
    ):
        out = rng.random() < 0.5 and balance > 10
        v = rng.randint(1, balance - 1) if out else rng.randint(5, 200)
        given[f"v{i}"] = Fraction(v)
        balance += -v if out else v
        lines.append(f"On {day} ${v} is {'withdrawn' if out else 'deposited'}.")
        tree = ("-" if out else "+", last, f"v{i}")
        quantities += [
            Quantity(f"v{i}", None, "$"),
            Quantity(f"r{i}", tree, "$", f"the balance after {day}"),
        ]
        last = f"r{i}"
    question = " ".join(lines) + " What is the balance at the end?"
    return Program(question, given, quantities, last, "ledger", "ledger")
