"""GSM8K train as quantity programs: real phrasing, resampled numbers, corruptions with a known
place.

The calculator annotations of the solutions (<<48/2=24>>) give every derivation; operands are linked
to the question's numbers and to earlier results. Where every link is unambiguous the question's
numbers are drawn anew and everything is recomputed, so the model cannot remember the text. Only the
train file may be given to this module.
"""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from . import expr
from .families.nouns import FIRST_NAMES
from .families.words import NAMES
from .program import REASONING, Program, Quantity, write
from .trace import Trace

NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?|\.\d+")
ANNOTATION = re.compile(
    r"(?P<left>[\d$%.,()+\-*/x× "
    r"]*?=\s*)?(?P<cur>\$?)\s*<<(?P<e>[^=<>]+)=(?P<v>[^<>]+)>>\s*(?P<shown>\$?[\d.,]*\d)?"
)
FIXED = {Fraction(n) for n in (7, 10, 12, 24, 30, 31, 50, 52, 60, 100, 365, 1000)}
PEOPLE = (
    set(FIRST_NAMES)
    | set(NAMES)
    | set(
        "John Mary James Robert Michael Jessica Emily Sarah Janet Jerry Tommy Billy "
        "Samantha Andrew Lily Olivia "
        "Johnny Jackson Charlie Bobby Katie Jimmy Melissa Brandon Kelly Josh Rachel Sophia "
        "Mia Hannah Julie Carlos Natalia Weng".split()
    )
) - {
    "May",
    "April",
    "June",
    "Art",
    "Will",
    "Mark",
    "Rose",
    "Grace",
    "Faith",
    "Joy",
    "Pat",
    "Max",
    "Jack",
    "Stan",
    "Ray",
    "Bill",
    "Rob",
    "Sue",
    "Dan",
    "Jan",
}
DEV_EVERY = 20
SEED = 20260606


@dataclass
class Piece:
    """A stretch of a solution line that ends with one derivation (or with none: plain text)."""

    before: str
    tree: expr.Tree | None
    value: Fraction | None
    money: bool
    line_start: bool


@dataclass
class Problem:
    index: int
    question: str
    pieces: list[Piece]
    answer: Fraction
    raw_steps: list[str]


def to_fraction(text: str) -> Fraction | None:
    try:
        return Fraction(text.replace(",", "").replace("$", "").strip())
    except (ValueError, ZeroDivisionError):
        return None


def load(path: Path, dev: bool) -> list[Problem]:
    """Problems of the train file; every 20th is kept for development and never trained on."""
    out = []
    for i, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
        if (i % DEV_EVERY == 0) != dev:
            continue
        record = json.loads(line)
        problem = parse_problem(i, record["question"], record["answer"])
        if problem is not None:
            out.append(problem)
    return out


def parse_problem(index: int, question: str, answer: str) -> Problem | None:
    body, _, last = answer.rpartition("####")
    value = to_fraction(last)
    lines = [line.strip() for line in body.strip().split("\n") if line.strip()]
    if value is None or not lines:
        return None
    pieces: list[Piece] = []
    for line in lines:
        found = _pieces(line)
        if found is None:
            return None
        pieces += found
    raw = [re.sub(r"<<[^<>]*>>", "", line) for line in lines]
    return Problem(index, question.strip(), pieces, value, raw)


def _pieces(line: str) -> list[Piece] | None:
    out, at = [], 0
    for m in ANNOTATION.finditer(line):
        value = to_fraction(m["v"])
        try:
            tree = expr.parse(
                re.sub(
                    r"(?<![\d.])0+(?=\d)", "", m["e"].strip().replace(",", "").replace("%", "/100")
                )
            )
        except (SyntaxError, ValueError, KeyError):
            return None
        if (
            value is None
            or not isinstance(tree, tuple)
            or m["shown"] is None
            or to_fraction(m["shown"].rstrip(".,")) != value
        ):
            return None
        start = m.start()
        left = m["left"] or ""
        if left:
            text = line[at : m.start("left")]
            body = left.rstrip("= ")
            start = m.start("left") + (len(left) - len(left.lstrip()))
            if len(NUMBER.findall(body)) != len(expr.leaves(tree)):
                return None
            del text
        tail = len(m["shown"]) - len(m["shown"].rstrip(".,"))
        out.append(Piece(line[at:start], tree, value, bool(m["cur"]) or "$" in m["shown"], not out))
        at = m.end() - tail
    out.append(Piece(line[at:], None, None, False, not out))
    return out


def build(rng: random.Random, problem: Problem, resample: bool = True) -> Program | None:
    """The problem as a program, with new numbers when that is possible. None when it cannot be
    linked."""
    spans = [
        (m.start(), m.end(), to_fraction(m.group())) for m in NUMBER.finditer(problem.question)
    ]
    values = [v for _, _, v in spans]
    given = {f"g{i}": v for i, v in enumerate(values) if v is not None and values.index(v) == i}
    linked = _link(problem, given)
    if linked is None:
        return None
    nodes, target = linked
    used = {k for _, tree in nodes for k in expr.refs(tree)}
    new = dict(given)
    if resample:
        new = _resample(rng, given, nodes, used, values) or new
    return _program(problem, spans, given, new, nodes, target)


def _link(problem: Problem, given: expr.Env) -> tuple[list[tuple[str, expr.Tree]], str] | None:
    nodes, known, target = [], dict(given), ""
    for i, piece in enumerate(p for p in problem.pieces if p.tree is not None):
        tree = piece.tree
        for path, leaf in expr.leaves(piece.tree):
            keys = [k for k, v in known.items() if v == leaf]
            if keys:
                tree = expr.replace(tree, path, keys[-1])
        try:
            if expr.evaluate(tree, known) != piece.value:
                return None
        except ZeroDivisionError:
            return None
        key = f"n{i}"
        nodes.append((key, tree))
        known[key] = piece.value
        target = key if piece.value == problem.answer else target
    if not nodes or target != nodes[-1][0]:
        return None
    return nodes, target


def _resample(
    rng: random.Random, given: expr.Env, nodes: list, used: set[str], values: list
) -> expr.Env | None:
    free = [
        k
        for k, v in given.items()
        if k in used and v.denominator == 1 and v > 3 and v not in FIXED and values.count(v) == 1
    ]
    if not free:
        return None
    old = dict(given)
    for key, tree in nodes:
        old[key] = expr.evaluate(tree, old)
    if len({old[k] for k in old}) != len(old):
        return None
    for _ in range(40):
        new = dict(given)
        for k in free:
            v = int(given[k])
            new[k] = Fraction(rng.randint(max(2, v // 2), v + v // 2 + 2))
            if v % 10 == 0 and v >= 20:
                new[k] = Fraction(10 * round(new[k] / 10))
        if _sound(new, old, nodes):
            return {k: new[k] for k in given}
    return None


def _sound(new: expr.Env, old: expr.Env, nodes: list) -> bool:
    """Recomputed values stay whole where they were whole, positive, short, and distinct."""
    env = dict(new)
    for key, tree in nodes:
        try:
            env[key] = expr.evaluate(tree, env)
        except ZeroDivisionError:
            return False
        if (
            not expr.is_nice(env[key])
            or env[key] <= 0
            or (old[key].denominator == 1 and env[key].denominator != 1)
        ):
            return False
    return len(set(env.values())) == len(env)


def _program(
    problem: Problem, spans: list, given: expr.Env, new: expr.Env, nodes: list, target: str
) -> Program:
    swap = {given[k]: new[k] for k in given}
    question = _swap_numbers(problem.question, swap)
    facts = _facts(problem.question, given, swap)
    quantities = [Quantity(k, None, "", "", facts.get(k, "")) for k in given]
    env, old = dict(new), dict(given)
    for (
        key,
        tree,
        # a line may name its result before it derives it: "earns $4,000 because 48,000 / 12 =
        # 4,000"
    ) in nodes:
        env[key], old[key] = expr.evaluate(tree, env), expr.evaluate(tree, old)
        swap.setdefault(old[key], env[key])
    derived = iter(nodes)
    pending, glued = "", False
    for piece in problem.pieces:
        if piece.line_start and quantities and pending.strip() and quantities[-1].tree is not None:
            quantities[-1].sentence += pending
            pending = ""
        glued = not piece.line_start
        text = pending + _swap_numbers(piece.before, swap)
        if piece.tree is None:
            pending = text
            continue
        key, tree = next(derived)
        pending = ""
        quantities.append(Quantity(key, tree, "$" if piece.money else "", "", text + "{eq}", glued))
    if quantities[-1].tree is not None:
        quantities[-1].sentence += pending
    return Program(question, new, quantities, target, "gsm8k", f"train-{problem.index}")


def _swap_numbers(text: str, swap: dict[Fraction, Fraction]) -> str:
    def one(m: re.Match) -> str:
        value = to_fraction(m.group())
        if value is None or value not in swap or swap[value] == value:
            return m.group()
        return expr.number(swap[value], "," in m.group())

    return NUMBER.sub(one, text)


def _facts(question: str, given: expr.Env, swap: dict) -> dict[str, str]:
    """Sentences of the question with exactly one number, as fact templates."""
    out = {}
    for sentence in re.split(r"(?<=[.!])\s+", question):
        found = list(NUMBER.finditer(sentence))
        if len(found) != 1 or "?" in sentence or "{" in sentence or not 15 < len(sentence) < 140:
            continue
        value = to_fraction(found[0].group())
        key = next((k for k, v in given.items() if v == value), None)
        if key is not None:
            out[key] = sentence[: found[0].start()] + "{val}" + sentence[found[0].end() :]
    return out


def rename(rng: random.Random, program: Program) -> None:
    """Other first names for the people of a problem, the same in its question and its steps."""
    found = sorted(set(re.findall(r"\b[A-Z][a-z]+\b", program.question)) & PEOPLE)
    swap = dict(zip(found, rng.sample(FIRST_NAMES, len(found))))
    if not swap:
        return
    pattern = re.compile(r"\b(" + "|".join(swap) + r")\b")
    put = lambda text: pattern.sub(lambda m: swap[m.group()], text)
    program.question = put(program.question)
    for q in program.quantities:
        q.sentence = put(q.sentence)


class Source:
    """Draws traces from the loaded problems."""

    def __init__(self, path: Path, dev: bool = False) -> None:
        self.problems = load(path, dev)
        programs = [(p, build(random.Random(SEED), p, False)) for p in self.problems]
        self.linked = [p for p, program in programs if program is not None]
        self.sentences = [
            q.sentence
            for _, program in programs
            if program
            for q in program.derived()
            if not q.glued and 20 < len(q.sentence) < 90 and not re.search(r"\d|\$", q.sentence)
        ]

    def program(self, rng: random.Random, resample: float = 0.7) -> Program:
        program = None
        while program is None:
            program = build(rng, rng.choice(self.linked), rng.random() < resample)
        return program

    def make(self, rng: random.Random, resample: float = 0.7) -> Trace:
        program = self.program(rng, resample)
        if rng.random() < 0.6:
            rename(rng, program)
        trace = write(rng, program, kinds=REASONING)
        trace.group = trace.template
        return trace
