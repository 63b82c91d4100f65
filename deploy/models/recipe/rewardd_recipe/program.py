"""Quantity programs: problems whose solution is a list of derived quantities, with a checker and
planted errors.

A program states given quantities in its question and derives others by expressions. A trace is
written from *claims*; `claim_holds` is the only place that decides whether a claim, and with it a
step, is valid.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Callable

from . import expr
from .expr import Env, Tree
from .style import BARE, INTROS, Style, capital, draw_style
from .trace import Step, Trace, merge_steps

ASK = re.compile(
    r"(How (?:many|much|long|far|old)[^?.,]*?) (?:does|did|do|will|can|would) ([^?.]*)\?\s*$"
)
ASKED = [
    "To find out {wanted}, we need to follow these steps:",
    "To determine {wanted}, let's break down the problem step by step.",
    "We need to find {wanted}.",
    "To find {wanted}, we first look at what is given.",
    "Let's find out {wanted}.",
]
CONNECTIVES = {
    "So",
    "Then",
    "Next",
    "First",
    "Now",
    "Thus",
    "Therefore",
    "Finally",
    "Hence",
    "After",
    "Second",
}
LOWERABLE = {
    "The",
    "He",
    "She",
    "There",
    "It",
    "In",
    "They",
    "Each",
    "A",
    "If",
    "On",
    "His",
    "Her",
    "Their",
    "This",
    "We",
}


@dataclass
class Quantity:
    """`tree` is None for a given quantity. `sentence` is a template with {eq} or {val}: a fact of
    the question, or the wording of a solution step; without it the style words the step from
    `desc`. `glued`: continues the previous step."""

    key: str
    tree: Tree | None = None
    unit: str = ""
    desc: str = ""
    sentence: str = ""
    glued: bool = False


@dataclass
class Program:
    question: str
    given: Env
    quantities: list[Quantity]
    target: str
    family: str
    template: str
    ask: str = ""
    truth: Env = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.truth = dict(self.given)
        for q in self.derived():
            self.truth[q.key] = expr.evaluate(q.tree, self.truth)

    def derived(self) -> list[Quantity]:
        return [q for q in self.quantities if q.tree is not None]

    def by_key(self, key: str) -> Quantity:
        return next(q for q in self.quantities if q.key == key)

    def nice(self) -> bool:
        return all(expr.is_nice(v) for v in self.truth.values())


@dataclass
class Claim:
    """ "`tree`, with `operands` for its names, equals `result`, and that is `target`". tree None: a
    bare statement."""

    target: str
    result: Fraction
    tree: Tree | None = None
    operands: Env = field(default_factory=dict)


def claim_holds(program: Program, claim: Claim, established: set[str]) -> bool:
    """The checker: operands are established and true, the arithmetic is exact, and the result is
    the target's value."""
    if program.truth[claim.target] != claim.result:
        return False
    if claim.tree is None:
        return claim.target in established
    for key in expr.refs(claim.tree):
        if key not in established or claim.operands[key] != program.truth[key]:
            return False
    return expr.evaluate(claim.tree, claim.operands) == claim.result


# --- corruptions


def _wrong_operand(rng: random.Random, program: Program, q: Quantity, stated: Env) -> Tree | None:
    spots = [(p, leaf) for p, leaf in expr.leaves(q.tree) if isinstance(leaf, str)]
    rng.shuffle(spots)
    for path, leaf in spots:
        others = [k for k in stated if k != leaf and k != q.key]
        rng.shuffle(others)
        for other in others[:4]:
            tree = expr.replace(q.tree, path, other)
            if _usable(tree, stated, program.truth[q.key]):
                return tree
    return None


def _wrong_operation(rng: random.Random, program: Program, q: Quantity, stated: Env) -> Tree | None:
    spots = expr.operators(q.tree)
    rng.shuffle(spots)
    for path in spots:
        node = expr.node_at(q.tree, path)
        for op in rng.sample("+-*/", 4):
            if op == node[0]:
                continue
            for args in ((node[1], node[2]), (node[2], node[1])):
                tree = expr.replace(q.tree, path, (op, *args))
                if _usable(tree, stated, program.truth[q.key]):
                    return tree
    return None


def _usable(tree: Tree, stated: Env, truth: Fraction) -> bool:
    try:
        value = expr.evaluate(tree, stated)
    except ZeroDivisionError:
        return False
    return value != truth and expr.is_nice(value) and value > 0


def _skip(
    rng: random.Random, program: Program, q: Quantity, stated: Env, skipped: Quantity
) -> Tree | None:
    """The tree of `q` with the skipped quantity replaced by one of the things it was made from."""
    sources = expr.refs(skipped.tree)
    rng.shuffle(sources)
    for path, leaf in expr.leaves(q.tree):
        if leaf != skipped.key:
            continue
        for source in sources:
            tree = expr.replace(q.tree, path, source)
            if _usable(tree, stated, program.truth[q.key]):
                return tree
    return None


# --- writing


class Writer:
    """Writes one trace. Holds what has been stated so far, truly or not."""

    def __init__(self, rng: random.Random, program: Program, style: Style | None = None) -> None:
        self.rng = rng
        self.program = program
        self.style = style or draw_style(rng)
        self.stated: Env = dict(program.given)
        self.established = set(program.given)
        self.steps: list[Step] = []
        self.count = 0
        self.silent = rng.choice(
            [0.0, 0.0, 0.0, 0.3]
        )  # how often real text names a result without its arithmetic

    def add(
        self,
        text: str,
        valid: bool,
        wrong_end: int | None = None,
        glued: bool = False,
        truth: str | None = None,
    ) -> None:
        step = Step(
            text, valid, wrong_end if not valid else None, truth=truth if not valid else None
        )
        if glued and self.steps:
            self.steps[-1] = merge_steps(self.steps[-1], step, "")
        else:
            self.steps.append(step)

    def state(self, claim: Claim) -> bool:
        valid = claim_holds(self.program, claim, self.established)
        self.stated[claim.target] = claim.result
        if claim.tree is not None or valid:
            self.established.add(claim.target)
        return valid

    def shown(self, leaf: Tree, operands: Env, units: bool) -> str:
        if isinstance(leaf, Fraction):
            return self.style.num(leaf)
        unit = self.unit(leaf)
        value = operands[leaf]
        if unit == "$" or (units and unit != "%"):
            return self.style.val(value, unit)
        return self.style.num(value)

    def unit(self, key: str) -> str:
        return next((q.unit for q in self.program.quantities if q.key == key), "")

    def fact(self, q: Quantity, value: Fraction) -> None:
        """A step that repeats something the question says."""
        valid = self.state(Claim(q.key, value))
        body = q.sentence.format(val=self.style.val(value, q.unit))
        form = self.rng.choice(
            [
                "{lead}we know that {low}",
                "{cap}",
                "{lead}{low}",
                "{lead}the problem says that {low}",
            ]
        )
        text = form.format(
            lead=self.lead(),
            low=body[0].lower() + body[1:] if not body[0:2].isupper() else body,
            cap=body,
        )
        self.add(capital(text), valid, len(text))

    def lead(self) -> str:
        text = self.style.lead_at(self.count)
        self.count += 1
        return text

    def node(
        self,
        q: Quantity,
        tree: Tree | None = None,
        operands: Env | None = None,
        result: Fraction | None = None,
    ) -> None:
        """A derivation step, true or not: the checker decides."""
        tree = q.tree if tree is None else tree
        operands = {k: self.stated[k] for k in expr.refs(tree)} if operands is None else operands
        if result is None:
            result = _result(tree, operands, self.program.truth[q.key])
        valid = self.state(Claim(q.key, result, tree, operands))
        text, end = self.word(q, tree, operands, result)
        cut, truth = (
            self.deviation(text[:end], tree, operands, result) if not valid else (end, None)
        )
        self.add(text, valid, cut, q.glued, truth)

    def deviation(
        self, text: str, tree: Tree, operands: Env, result: Fraction
    ) -> tuple[int, str | None]:
        """Where a slip first shows: the first digit of the result that is not the one the
        expression gives. An operand or operation that is wrong is in doubt until the result is
        there."""
        try:
            value = expr.evaluate(tree, operands)
        except ZeroDivisionError:
            return len(text), None
        said, truth = self.style.num(result), self.style.num(value)
        if value == result or not text.endswith(said):
            return len(text), None
        at = next((i for i, (a, b) in enumerate(zip(said, truth)) if a != b), len(said))
        return len(text) - len(said) + at, truth[at] if at < len(said) else None

    def word(self, q: Quantity, tree: Tree, operands: Env, result: Fraction) -> tuple[str, int]:
        """Text of a derivation step and the offset just after the result."""
        style, units = self.style, self.style.units and self.rng.random() < 0.6
        shown = (
            style.val(result, q.unit)
            if (units or q.unit in ("$", "%")) and not q.sentence
            else style.num(result)
        )
        if q.sentence and q.unit == "$":
            shown = "$" + style.num(result, True)
        left = expr.render(
            tree, lambda leaf: self.shown(leaf, operands, units), style.times, style.divide
        )
        middle = self.reduced(tree, operands)
        core = f"{left} = {middle}{shown}"
        equation = style.math(core)
        mark = "\x00"
        inner = equation.replace(core, core + mark)
        if q.sentence:
            if self.rng.random() < self.silent:
                inner = shown + mark
            text = self.opening(q) + self.lowered(q).replace("{eq}", inner)
        else:
            bodies = style.bodies if q.desc else BARE
            body = self.rng.choice(bodies)
            desc = q.desc
            text = body.format(
                lead=self.lead(),
                desc=desc,
                Desc=capital(desc),
                eq=inner,
                val=style.val(result, q.unit),
            )
            text = capital(text)
        end = text.index(mark)
        return text.replace(mark, ""), end

    def opening(self, q: Quantity) -> str:
        """The style's lead, unless the sentence continues a step or brings its own connective."""
        first = q.sentence.split(" ", 1)[0].rstrip(",")
        return (
            ""
            if q.glued
            or (first in CONNECTIVES and self.style.lead not in ("step", "list", "bold", "head"))
            else self.lead()
        )

    def lowered(self, q: Quantity) -> str:
        first = q.sentence.split(" ", 1)[0]
        if (
            not q.glued
            and first in LOWERABLE
            and self.steps
            and self.style.lead in ("then", "ordinal", "so", "find")
        ):
            return q.sentence[0].lower() + q.sentence[1:]
        return q.sentence

    def reduced(self, tree: Tree, operands: Env) -> str:
        """For a nested expression, sometimes the line with its inner operations already done."""
        if (
            not isinstance(tree, tuple)
            or not any(isinstance(x, tuple) for x in tree[1:])
            or self.rng.random() < 0.4
        ):
            return ""
        try:
            parts = [expr.evaluate(x, operands) for x in tree[1:]]
        except ZeroDivisionError:
            return ""
        if not all(expr.is_nice(p) for p in parts):
            return ""
        flat = (tree[0], parts[0], parts[1])
        return (
            expr.render(
                flat, lambda leaf: self.style.num(leaf), self.style.times, self.style.divide
            )
            + " = "
        )

    def final(self, value: Fraction, valid: bool | None = None, merge: bool | None = None) -> None:
        """The conclusion. It follows only when the target was derived and the value is the stated
        one."""
        program, style = self.program, self.style
        q = program.by_key(program.target)
        if valid is None:
            valid = claim_holds(program, Claim(program.target, value), self.established)
        desc = q.desc or "the answer"
        form = style.end if (q.desc or "{desc}" not in style.end) else "The answer is {val}."
        text = form.format(val=style.val(value, q.unit), num=style.num(value), desc=desc)
        merge = style.answer_in_last if merge is None else merge
        if merge and self.steps:
            self.steps[-1] = merge_steps(
                self.steps[-1], Step(text, valid, None if valid else len(text))
            )
        else:
            self.add(text, valid, len(text))

    def intro(self) -> None:
        q = self.program.by_key(self.program.target)
        options = [t for t in INTROS if q.desc or "{desc}" not in t]
        wanted = asked(self.program.question)
        if wanted and self.rng.random() < 0.6:
            self.add(self.rng.choice(ASKED).format(wanted=wanted), True)
        else:
            self.add(self.rng.choice(options).format(desc=q.desc), True)


def _result(tree: Tree, operands: Env, truth: Fraction) -> Fraction:
    """What a step without a slip states. A true value is exact, whatever its decimals. Wrong values
    can make a later division impossible or endless: people round then, and so do we."""
    try:
        value = expr.evaluate(tree, operands)
    except ZeroDivisionError:
        return Fraction(0)
    return value if value == truth or expr.is_nice(value) else Fraction(round(value * 100), 100)


def outline(
    rng: random.Random, program: Program, facts: float = 0.25
) -> list[tuple[str, Quantity]]:
    """What the steps will be about: some facts where they are first needed, every derivation, the
    conclusion."""
    items: list[tuple[str, Quantity]] = []
    told: set[str] = set()
    for q in program.derived():
        for key in expr.refs(q.tree):
            source = next((g for g in program.quantities if g.key == key and g.tree is None), None)
            if source is not None and source.sentence and key not in told and rng.random() < facts:
                items.append(("fact", source))
                told.add(key)
        items.append(("node", q))
    items.append(("final", program.by_key(program.target)))
    return items


KINDS = ("slip", "slip", "operand", "operand", "operation", "copy", "skip")
REASONING = (
    "slip",
    "operand",
    "operand",
    "operation",
    "operation",
    "copy",
    "skip",
    "skip",
)  # models slip less than they misread


def write(
    rng: random.Random,
    program: Program,
    error_rate: float = 0.5,
    style: Style | None = None,
    kinds: tuple[str, ...] = KINDS,
) -> Trace:
    """A trace that is clean with probability 1 - error_rate, else has one planted error at a
    uniformly drawn place."""
    writer = Writer(rng, program, style)
    items = outline(rng, program)
    bad = rng.randrange(len(items)) if rng.random() < error_rate else -1
    if bad == len(items) - 1 and rng.random() < 0.4:
        bad = rng.randrange(
            len(items)
        )  # conclusions that contradict their own derivation are rarer in the wild
    skipped, kind = _pick_skip(rng, program, items, bad, kinds)
    if writer.style.intro and rng.random() < 0.8:
        writer.intro()
    error = ""
    for i, (what, q) in enumerate(items):
        if skipped is not None and q is skipped and what == "node":
            continue
        if what == "fact":
            value = program.truth[q.key]
            if i == bad:
                value, error = expr.perturb(rng, value), "premise"
            writer.fact(q, value)
        elif what == "node":
            done = _node_with_error(rng, writer, q, kind, skipped) if i == bad else ""
            if not done:
                writer.node(q)
            error = done or error
        else:
            value = writer.stated.get(program.target, program.truth[program.target])
            if i == bad:
                value, error = _other_answer(rng, writer, value), "conclusion"
            writer.final(value)
    return finish(writer, error)


def _pick_skip(
    rng: random.Random, program: Program, items: list, bad: int, kinds: tuple[str, ...]
) -> tuple[Quantity | None, str]:
    if bad < 0 or items[bad][0] != "node":
        return None, ""
    kind = rng.choice(kinds)
    if kind == "skip":
        needs = set(expr.refs(items[bad][1].tree))
        before = [q for what, q in items[:bad] if what == "node" and q.key in needs and not q.glued]
        uses = [
            sum(k == q.key for w, n in items if w == "node" for k in expr.refs(n.tree))
            for q in before
        ]
        single = [q for q, n in zip(before, uses) if n == 1]
        if single and _skip(rng, program, items[bad][1], program.truth, single[-1]) is not None:
            return single[-1], kind
        kind = "operand"
    return None, kind


def _node_with_error(
    rng: random.Random, writer: Writer, q: Quantity, kind: str, skipped: Quantity | None
) -> str:
    program, stated = writer.program, writer.stated
    order = [kind] + [k for k in ("slip", "copy") if k != kind]
    for attempt in order:
        if attempt == "slip":
            writer.node(q, result=expr.perturb(rng, program.truth[q.key]))
            return attempt
        if attempt == "copy":
            keys = expr.refs(q.tree)
            if not keys:
                continue
            key = rng.choice(keys)
            operands = {k: stated[k] for k in keys} | {key: expr.perturb(rng, stated[key])}
            if _usable(q.tree, operands, program.truth[q.key]):
                writer.node(q, operands=operands)
                return attempt
            continue
        tree = {
            "operand": lambda: _wrong_operand(rng, program, q, stated),
            "operation": lambda: _wrong_operation(rng, program, q, stated),
            "skip": lambda: _until(lambda: _skip(rng, program, q, stated, skipped)),
        }[attempt]()
        if tree is not None:
            writer.node(q, tree=tree)
            return attempt
    return ""


def asked(question: str) -> str:
    """ "How many clips did Natalia sell?" -> "how many clips Natalia sell"; empty when the question
    is not of that kind."""
    found = ASK.search(question)
    return f"{found[1][0].lower()}{found[1][1:]} {found[2]}" if found else ""


def _until(draw: Callable[[], Tree | None]) -> Tree | None:
    """A skip that was found possible before is found again within a few draws."""
    return next((tree for tree in (draw() for _ in range(50)) if tree is not None), None)


def _other_answer(rng: random.Random, writer: Writer, value: Fraction) -> Fraction:
    others = [v for v in writer.stated.values() if v != value and v > 0]
    if others and rng.random() < 0.5:
        return rng.choice(others)
    return expr.perturb(rng, value)


def finish(writer: Writer, error: str = "", shortcut: str = "") -> Trace:
    program = writer.program
    trace = Trace(program.question, writer.steps, program.family, program.template, error, shortcut)
    trace.outcome = (
        writer.stated.get(program.target) == program.truth[program.target] and error != "conclusion"
    )
    trace.steps = _merge_some(writer.rng, trace.steps)
    return trace


def _merge_some(rng: random.Random, steps: list[Step]) -> list[Step]:
    """Language models often put two derivations in one step."""
    rate, limit = rng.choice([(0.0, 0), (0.0, 0), (0.25, 160), (0.5, 160), (0.6, 400)])
    out: list[Step] = []
    for step in steps:
        if out and rng.random() < rate and len(out[-1].text) < limit:
            out[-1] = merge_steps(out[-1], step)
        else:
            out.append(step)
    return out
