"""Exact arithmetic expressions: parse, evaluate, render in the notations people and language models
use."""

from __future__ import annotations

import ast
import random
from fractions import Fraction
from typing import Callable, Union

Tree = Union[str, Fraction, tuple]
Env = dict[str, Fraction]
_OPS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_RANK = {"+": 1, "-": 1, "*": 2, "/": 2}


def parse(text: str) -> Tree:
    """ "a*b+3" -> ("+", ("*", "a", "b"), Fraction(3))."""
    return _convert(ast.parse(text, mode="eval").body)


def _convert(node: ast.AST) -> Tree:
    if isinstance(node, ast.BinOp):
        return (_OPS[type(node.op)], _convert(node.left), _convert(node.right))
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Constant):
        return Fraction(str(node.value))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return ("-", Fraction(0), _convert(node.operand))
    raise ValueError(f"unsupported expression node {node!r}")


def evaluate(tree: Tree, env: Env) -> Fraction:
    if isinstance(tree, Fraction):
        return tree
    if isinstance(tree, str):
        return env[tree]
    op, left, right = tree
    a, b = evaluate(left, env), evaluate(right, env)
    if op == "+":
        return a + b
    if op == "-":
        return a - b
    return a * b if op == "*" else a / b


def leaves(tree: Tree, path: tuple[int, ...] = ()) -> list[tuple[tuple[int, ...], Tree]]:
    """All leaves with their paths, left to right."""
    if not isinstance(tree, tuple):
        return [(path, tree)]
    return leaves(tree[1], path + (1,)) + leaves(tree[2], path + (2,))


def operators(tree: Tree, path: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
    if not isinstance(tree, tuple):
        return []
    return [path] + operators(tree[1], path + (1,)) + operators(tree[2], path + (2,))


def replace(tree: Tree, path: tuple[int, ...], new: Tree) -> Tree:
    if not path:
        return new
    parts = list(tree)
    parts[path[0]] = replace(tree[path[0]], path[1:], new)
    return tuple(parts)


def node_at(tree: Tree, path: tuple[int, ...]) -> Tree:
    for i in path:
        tree = tree[i]
    return tree


def refs(tree: Tree) -> list[str]:
    return [leaf for _, leaf in leaves(tree) if isinstance(leaf, str)]


def number(value: Fraction, commas: bool = False, cents: bool = False) -> str:
    """Decimal text of a value with at most a few decimals; a fraction a/b when it has no short
    decimal form."""
    if value.denominator == 1:
        text = f"{value.numerator:,}" if commas else str(value.numerator)
        return text + ".00" if cents else text
    for digits in range(1, 7):
        if (value * 10**digits).denominator == 1:
            shown = max(digits, 2) if cents else digits
            return f"{float(value):,.{shown}f}" if commas else f"{float(value):.{shown}f}"
    return f"{value.numerator}/{value.denominator}"


def is_nice(value: Fraction) -> bool:
    """Short enough for a grade-school text: not negative, at most two decimals, below a million."""
    return 0 <= value < 1_000_000 and (value * 100).denominator == 1


def render(
    tree: Tree,
    show: Callable[[Tree], str],
    times: str,
    divide: str,
    parent: int = 0,
    right: bool = False,
) -> str:
    """Infix text with as few parentheses as needed. `divide` may be "frac" for LaTeX fractions."""
    if not isinstance(tree, tuple):
        return show(tree)
    op, a, b = tree
    rank = _RANK[op]
    if op == "/" and divide == "frac":
        inner = [render(x, show, times, divide) for x in (a, b)]
        return "\\frac{" + inner[0] + "}{" + inner[1] + "}"
    sign = {"*": times, "/": divide}.get(op, op)
    text = (
        render(a, show, times, divide, rank)
        + f" {sign} "
        + render(b, show, times, divide, rank, True)
    )
    wrap = rank < parent or (right and rank == parent)
    return f"({text})" if wrap else text


def perturb(rng: random.Random, value: Fraction) -> Fraction:
    """A plausible wrong number: off by a little, a digit changed, swapped, dropped or doubled, or a
    factor of ten."""
    whole = int(value) if value.denominator == 1 else None
    for _ in range(50):
        kind = rng.random()
        if kind < 0.30:
            new = value + rng.choice([-3, -2, -1, 1, 2, 3])
        elif kind < 0.50 and abs(value) >= 10:
            new = value + rng.choice([-30, -20, -10, 10, 20, 30])
        elif kind < 0.80 and whole is not None:
            digits = list(str(abs(whole)))
            spot = rng.randrange(len(digits))
            digits[spot] = rng.choice("123456789" if spot == 0 else "0123456789")
            new = Fraction(int("".join(digits)))
        elif kind < 0.88 and whole is not None and abs(whole) >= 10:
            digits = list(str(abs(whole)))
            spot = rng.randrange(len(digits) - 1)
            digits[spot], digits[spot + 1] = digits[spot + 1], digits[spot]
            new = Fraction(int("".join(digits)))
        elif kind < 0.94:
            new = value * rng.choice([Fraction(2), Fraction(1, 2), Fraction(10), Fraction(1, 10)])
        else:
            new = value + rng.choice([-1, 1]) * rng.randint(4, max(5, int(abs(value)) // 4 + 5))
        if new != value and is_nice(new) and (new > 0 or value == 0):
            return new
    return value + 1
