"""What every generator produces: a question and steps whose validity was computed."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Step:
    """One step. `valid` is the checker's verdict on this step given the question and the earlier
    steps; None means that nobody knows (unrated). `wrong_end` is the character offset from which
    the step is wrong, when the generator knows it: tokens from there on are trained as "already
    wrong". `truth` is the character that should stand there instead."""

    text: str
    valid: bool | None = True
    wrong_end: int | None = None
    weight: float = 1.0
    truth: str | None = None
    # characters up to here follow from nothing before them: the next-token loss does not ask for
    # them
    free: int = 0


def judged(said: str, right: str, free: int = 0) -> Step:
    """A step of a state machine next to the text that would be right: valid when they agree, else
    wrong from the first word or digit that differs."""
    if said == right:
        return Step(said, True, free=free)
    at = next(
        (i for i, (a, b) in enumerate(zip(said, right)) if a != b), min(len(said), len(right))
    )
    if at >= len(right):
        return Step(said, False, at, free=free)
    if right[at].isdigit():
        return Step(said, False, at, truth=right[at], free=free)
    while at > 0 and right[at - 1].isalpha():
        at -= 1
    end = at
    while end < len(right) and right[end].isalpha():
        end += 1
    at -= at > 0 and right[at - 1] == " "
    return Step(said, False, at, truth=right[at : max(end, at + 1)], free=free)


@dataclass
class Trace:
    question: str
    steps: list[Step]
    family: str
    template: str = ""
    error: str = ""
    shortcut: str = ""
    outcome: bool | None = None
    group: str = ""
    independent: bool = False  # every step is judged by itself (drills)
    dense_text: bool = (
        False  # every token of a valid step follows from what stands before it (state machines)
    )
    meta: dict = field(default_factory=dict)

    def first_error(self) -> int:
        """Index of the first invalid step, -1 when there is none."""
        for i, step in enumerate(self.steps):
            if step.valid is False:
                return i
        return -1

    def prefix_labels(self) -> list[int | None]:
        """1 while all steps so far are valid, 0 from the first error on, None where the step is
        unrated."""
        out: list[int | None] = []
        broken = False
        for step in self.steps:
            broken = step.valid is False or (broken and not self.independent)
            out.append(0 if broken else (None if step.valid is None else 1))
        return out


def merge_steps(a: Step, b: Step, joint: str = " ") -> Step:
    """Two consecutive steps written as one: valid when both are."""
    if joint == " " and a.text[-1:].isalnum():
        joint = ". "
    text = a.text + joint + b.text
    if a.valid is False:
        return Step(text, False, a.wrong_end, a.weight, a.truth)
    wrong = None if b.wrong_end is None else b.wrong_end + len(a.text) + len(joint)
    valid = b.valid if a.valid else None
    return Step(text, False if b.valid is False else valid, wrong, min(a.weight, b.weight), b.truth)
