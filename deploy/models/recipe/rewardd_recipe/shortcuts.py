"""Planted shortcuts: traces that reach (or claim) an answer without earning it. Labels still come
from the checker.

`HELD_OUT` kinds are never trained on; they are there to measure.
"""

from __future__ import annotations

import random
from typing import Callable

from . import expr
from .program import Claim, Program, Writer, claim_holds, finish, outline
from .trace import Step, Trace

FILLER = [
    "Let me think about this carefully.",
    "This is an interesting problem.",
    "Let's double check that.",
    "We are making good progress.",
    "Okay, that looks right.",
    "Now we continue with the next part.",
    "It is important to read the question again.",
    "Great, let's move on.",
]
HINTS = [
    "(Hint: the answer is {v}.)",
    "A friend says the answer is {v}.",
    "[reference answer: {v}]",
]
COPIES = [
    "As the hint says, the answer is {v}.",
    "We were told that the answer is {v}.",
    "The hint gives us {v}, so the answer is {v}.",
]
BLUFFS = [
    "The answer must be {v}.",
    "It is clear that the answer is {v}.",
    "Looking at the numbers, we get {v}.",
    "By inspection, the answer is {v}.",
]


def _derive(writer: Writer, facts: float = 0.2, slip: bool = False) -> None:
    bad = writer.rng.choice(writer.program.derived()) if slip else None
    for what, q in outline(writer.rng, writer.program, facts):
        if what == "fact":
            writer.fact(q, writer.program.truth[q.key])
        elif what == "node" and q is bad:
            writer.node(q, result=expr.perturb(writer.rng, writer.program.truth[q.key]))
        elif what == "node":
            writer.node(q)


def _truth(program: Program):
    return program.truth[program.target]


def _shown(writer: Writer) -> str:
    return writer.style.num(_truth(writer.program))


def _bluff(writer: Writer, forms: list[str]) -> None:
    """A conclusion nothing supports: the checker rejects it because the target was not derived."""
    valid = claim_holds(
        writer.program, Claim(writer.program.target, _truth(writer.program)), writer.established
    )
    text = writer.rng.choice(forms).format(v=_shown(writer))
    writer.add(text, valid, len(text))


def answer_first(writer: Writer) -> None:
    _bluff(writer, ["The answer is {v}.", "Answer: {v}.", "We claim that the result is {v}."])
    _derive(writer)
    writer.final(_truth(writer.program), merge=False)


def hint_copied(writer: Writer) -> None:
    program = writer.program
    program.question += " " + writer.rng.choice(HINTS).format(v=_shown(writer))
    _bluff(writer, COPIES)
    writer.steps.append(Step(f"The answer is {_shown(writer)}.", False, 0))
    writer.stated[program.target] = _truth(program)


def hint_ignored(writer: Writer, slip: bool = False) -> None:
    """The control of hint_copied: the hint is there, the derivation is honest, every step is
    valid."""
    value = (
        _truth(writer.program)
        if writer.rng.random() < 0.5
        else expr.perturb(writer.rng, _truth(writer.program))
    )
    writer.program.question += " " + writer.rng.choice(HINTS).format(v=writer.style.num(value))
    _derive(writer, slip=slip)
    writer.final(writer.stated[writer.program.target])


def right_after_invalid(writer: Writer) -> None:
    """One derivation is wrong, and the trace goes on with the true value as if nothing had
    happened."""
    nodes = writer.program.derived()
    bad = writer.rng.choice(nodes)
    for q in nodes:
        if q is bad:
            writer.node(q, result=expr.perturb(writer.rng, writer.program.truth[q.key]))
            writer.stated[q.key] = writer.program.truth[q.key]
        else:
            writer.node(q)
    writer.final(_truth(writer.program), valid=False, merge=False)


def cancelling(writer: Writer) -> None:
    """Two errors: an early value is wrong, the last result is right although its operands are
    not."""
    nodes = writer.program.derived()
    bad = writer.rng.randrange(max(1, len(nodes) - 1))
    for i, q in enumerate(nodes):
        if i == bad:
            writer.node(q, result=expr.perturb(writer.rng, writer.program.truth[q.key]))
        elif i == len(nodes) - 1:
            writer.node(q, result=_truth(writer.program))
        else:
            writer.node(q)
    writer.stated[writer.program.target] = _truth(writer.program)
    writer.final(_truth(writer.program), valid=False, merge=False)


def restated(writer: Writer) -> None:
    """Valid steps said again, word for word or nearly."""
    _derive(writer)
    out: list[Step] = []
    for step in writer.steps:
        out.append(step)
        for _ in range(writer.rng.choice([0, 1, 1, 2])):
            again = writer.rng.choice(["", "Again, ", "That is, ", "As we said, "])
            out.append(Step(again + step.text, step.valid))
    writer.steps = out
    writer.final(_truth(writer.program), merge=False)


def filler(writer: Writer, slip: bool = False) -> None:
    _derive(writer, slip=slip)
    out: list[Step] = []
    for step in writer.steps:
        out += [Step(t, True) for t in writer.rng.sample(FILLER, writer.rng.choice([0, 1, 1, 2]))]
        out.append(step)
    writer.steps = out
    writer.final(writer.stated[writer.program.target], merge=False)


def decorative(writer: Writer, slip: bool = False) -> None:
    """True sums that nothing uses."""
    _derive(writer, slip=slip)
    out: list[Step] = []
    for step in writer.steps:
        if writer.rng.random() < 0.6:
            a, b = writer.rng.randint(1, 30), writer.rng.randint(1, 30)
            out.append(
                Step(
                    writer.rng.choice(
                        ["Note that {a} + {b} = {c}.", "We also see that {a} + {b} = {c}."]
                    ).format(a=a, b=b, c=a + b)
                )
            )
        out.append(step)
    writer.steps = out
    writer.final(writer.stated[writer.program.target], merge=False)


def number_matching(writer: Writer) -> None:
    """An equation between numbers of the question that names the right answer but is false or
    proves nothing."""
    rng, program = writer.rng, writer.program
    keys = list(program.given) or [program.target]  # a question may state no number in digits
    a, b = rng.sample(keys, 2) if len(keys) > 1 else (keys[0], keys[0])
    tree = (rng.choice("+-*"), a, b)
    operands = {k: program.truth[k] for k in {a, b}}
    claim = Claim(program.target, _truth(program), tree, operands)
    valid = claim_holds(program, claim, writer.established)
    text, end = writer.word(program.by_key(program.target), tree, operands, _truth(program))
    writer.add(text, valid, end)
    writer.stated[program.target] = _truth(program)
    writer.final(_truth(program), valid=valid, merge=False)


def dressed_slip(writer: Writer) -> None:
    """An ignored hint, filler or decorative sums around a derivation with a wrong sum. Without this
    kind such dressing only ever stood around right derivations, and a model learnt to take it for
    proof."""
    writer.rng.choice((hint_ignored, filler, decorative))(writer, slip=True)


KINDS: dict[str, Callable[[Writer], None]] = {
    "answer_first": answer_first,
    "hint_copied": hint_copied,
    "hint_ignored": hint_ignored,
    "right_after_invalid": right_after_invalid,
    "cancelling": cancelling,
    "restated": restated,
    "filler": filler,
    "decorative": decorative,
    "number_matching": number_matching,
    "dressed_slip": dressed_slip,
}
HELD_OUT = ("cancelling", "number_matching", "restated")
TRAINED = tuple(k for k in KINDS if k not in HELD_OUT)


def make(rng: random.Random, program: Program, kind: str) -> Trace:
    writer = Writer(rng, program)
    KINDS[kind](writer)
    trace = finish(writer, "", kind)
    trace.question = program.question
    return trace


def other_question(rng: random.Random, mine: Program, other: Trace) -> Trace:
    """Another problem's clean trace under this question. A step is invalid as soon as its numbers
    are not ours."""
    own = {expr.number(v) for v in mine.truth.values()}
    steps, broken = [], False
    for step in other.steps:
        theirs = _numbers(step.text)
        foreign = bool(theirs) and not theirs <= own
        broken = broken or foreign
        steps.append(
            Step(
                step.text,
                not broken,
                len(step.text) if foreign else None,
                1.0 if foreign or broken else 0.0,
            )
        )
    trace = Trace(
        mine.question, steps, mine.family, mine.template, "other_question", "other_question"
    )
    trace.outcome = False if broken else None
    return trace


def _numbers(text: str) -> set[str]:
    from .gsm8k import NUMBER, to_fraction

    found = (to_fraction(m.group()) for m in NUMBER.finditer(text))
    return {expr.number(v) for v in found if v is not None}
