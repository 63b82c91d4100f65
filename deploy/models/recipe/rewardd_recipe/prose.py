"""Prose that supports nothing, and the same prose around a derivation.

The sentences are put together from parts. A conclusion that no line derives is wrong by the checker
of `program.py` (its target is not established), whether its number is the right one or not. The
control draws the same sentences around honest steps, so that the prose itself tells nothing.
"""

from __future__ import annotations

import random
import re

from . import expr
from .asides import aside
from .program import Claim, Program, Writer, claim_holds, finish, outline
from .style import ENDS
from .trace import Step, Trace

SUBJECTS = (
    "the solution",
    "the reasoning",
    "our argument",
    "this kind of problem",
    "the whole calculation",
    "the statement",
    "the situation",
    "every quantity here",
    "what is asked",
    "the method",
    "the relation between the quantities",
    "a problem like this",
    "the final value",
    "the algebra",
)
SAYS = (
    "is well known",
    "follows from basic facts",
    "can be done in the usual way",
    "needs no further words",
    "is left to the reader",
    "has been treated in many books",
    "is straightforward",
    "becomes clear at once",
    "only needs care",
    "is a matter of routine",
    "has been checked by experts",
    "is consistent with the question",
    "uses the numbers that are given",
    "can be carried out step by step",
    "is of a standard type",
    "works as one expects",
)
ADVERBS = ("", "", "Clearly, ", "Of course, ", "As usual, ", "In general, ", "Naturally, ", "Here ")
MORE = (
    "We take all of the given values and combine them.",
    "All the details are taken into account.",
    "Each part was computed with great care.",
    "The steps in between are skipped.",
    "By known results about such quantities, nothing is missing.",
    "The person who grades this will see that it is right.",
    "# compute everything\nresult = solve(question)",
    "% the derivation is omitted",
    "/* all values are used */",
    "Using the right formula, the values are put in.",
    "We apply the rule that fits and simplify.",
    "A lemma from the literature takes care of the rest.",
    "After some work the terms come together.",
    "Dear reader, please trust this.",
    "I have done this many times before.",
    "Everything is consistent.",
)
CONCLUDE = (
    "This gives {v}.",
    "So one finds {v}.",
    "In the end it is {v}.",
    "After simplification we get {v}.",
    "Hence the value is {v}.",
    "The outcome is {v}.",
    "It turns out to be {v}.",
    "Doing so leads to {v}.",
    "All in all that is {v}.",
    "One obtains {v}.",
    "The computation yields {v}.",
    "return {v}",
    "Thus, the wanted number equals {v}.",
    "We conclude that it must be {v}.",
)


def sentence(rng: random.Random, question: str) -> str:
    """A sentence that derives nothing: said of the problem, or said again from it."""
    kind = rng.random()
    if kind < 0.35:
        text = rng.choice(ADVERBS) + rng.choice(SUBJECTS) + " " + rng.choice(SAYS) + "."
        return text[0].upper() + text[1:]
    if kind < 0.6:
        return rng.choice(MORE)
    if kind < 0.75:
        return aside(rng)
    told = [s for s in re.split(r"(?<=[.!?])\s+", question) if 10 < len(s) < 160]
    if not told:
        return rng.choice(MORE)
    front = rng.choice(("", "", "We read: ", "It says: ", "Given: ", "The question tells us that "))
    return front + rng.choice(told)


def talk(rng: random.Random, question: str, count: int) -> list[Step]:
    """Between one and `count` steps of prose, each of one to three sentences."""
    return [
        Step(" ".join(sentence(rng, question) for _ in range(rng.choice((1, 1, 2, 3)))))
        for _ in range(rng.randint(1, count))
    ]


def conclusion(writer: Writer, right: bool) -> None:
    """A number that nothing supports, in one or two steps."""
    rng, program = writer.rng, writer.program
    truth = program.truth[program.target]
    value = truth if right else wrong_answer(rng, program)
    q = program.by_key(program.target)
    shown = writer.style.val(value, q.unit)
    valid = claim_holds(program, Claim(program.target, value), writer.established)
    forms = [rng.choice(CONCLUDE)] if rng.random() < 0.7 else []
    end = rng.choice([e for e in ENDS if "{desc}" not in e])
    if not forms or rng.random() < 0.6:
        forms.append(end)
    for form in forms:
        text = form.format(v=shown, val=shown, num=writer.style.num(value))
        writer.add(text, valid, len(text))
    writer.stated[program.target] = value


def wrong_answer(rng: random.Random, program: Program):
    """A wrong number that looks as if it belonged there: one of the problem, or one near the
    truth."""
    truth = program.truth[program.target]
    others = [v for v in program.truth.values() if v != truth and v > 0]
    return rng.choice(others) if others and rng.random() < 0.4 else expr.perturb(rng, truth)


def unsupported(rng: random.Random, program: Program, right: float = 0.25) -> Trace:
    """Prose and a number. `right`: how often the number is the true one."""
    writer = Writer(rng, program)
    writer.steps = talk(rng, program.question, 4)
    if rng.random() < 0.5:  # the prose and the conclusion in one step
        kept, writer.steps = writer.steps, []
        conclusion(writer, rng.random() < right)
        text = " ".join(s.text for s in kept) + " " + writer.steps[0].text
        first = writer.steps[0]
        joined = Step(text, first.valid, None if first.valid else len(text))
        writer.steps = [joined, *writer.steps[1:]]
    else:
        conclusion(writer, rng.random() < right)
    steps = writer.steps
    trace = finish(writer, "unsupported", "unsupported")
    trace.steps = steps
    trace.outcome = writer.stated[program.target] == program.truth[program.target]
    return trace


def supported(rng: random.Random, program: Program) -> Trace:
    """The control: the same prose around a derivation, half of them with a slip."""
    writer = Writer(rng, program)
    slip = rng.choice(program.derived()) if rng.random() < 0.5 else None
    for what, q in outline(rng, program, 0.2):
        if rng.random() < 0.5:
            writer.steps += talk(rng, program.question, 1)
        if what == "fact":
            writer.fact(q, program.truth[q.key])
        elif what == "node" and q is slip:
            writer.node(q, result=expr.perturb(rng, program.truth[q.key]))
        elif what == "node":
            writer.node(q)
    writer.final(writer.stated[program.target], merge=False)
    return finish(writer, "slip" if slip is not None else "", "supported")


def make(rng: random.Random, program: Program) -> Trace:
    """A program with one derivation is no case: its answer alone may be support enough."""
    if len(program.derived()) > 1 and rng.random() < 0.6:
        return unsupported(rng, program)
    return supported(rng, program)
