"""Traces to token ids, labels and weights.

Layout (also in rewardd.json): ids(question) <|question|> then for every step ids(step) <|step|>,
then <|end|> for the outcome model. Pieces are tokenised apart with special tokens off. The step
reward is read at <|step|>.
"""

from __future__ import annotations

from dataclasses import dataclass

from tokenizers import Tokenizer

from .tokenizer import END, QUESTION, STEP
from .trace import Step, Trace

IGNORE = -100
BAD_WEIGHT = 2.0
AFTER_WEIGHT = 0.2


@dataclass
class Example:
    ids: list[int]
    marks: list[int]  # positions of <|step|>
    labels: list[int]  # per mark: 1 valid so far, 0 not, IGNORE
    weights: list[float]
    dense: list[int]  # per token: 1, 0 or IGNORE
    lm: list[int]  # per token: the id the token before is asked for, or IGNORE
    outcome: float  # 1, 0, or -1 unknown


def plain(tok: Tokenizer, text: str) -> list[int]:
    return tok.encode(text, add_special_tokens=False).ids


def prompt_ids(tok: Tokenizer, question: str) -> list[int]:
    return plain(tok, question) + [QUESTION]


def score_ids(
    tok: Tokenizer, question: str, steps: list[str], end: bool = False
) -> tuple[list[int], list[int]]:
    """Ids of a trace to score and the positions of its step markers.
    tokenizer.encode_special_tokens must be on."""
    ids, marks = prompt_ids(tok, question), []
    for step in steps:
        ids += plain(tok, step) + [STEP]
        marks.append(len(ids) - 1)
    return ids + [END] * end, marks


def encode(tok: Tokenizer, trace: Trace, full: bool) -> Example:
    """A training example. Unless `full`, the trace is cut after its first wrong step: what follows
    teaches little."""
    ids = prompt_ids(tok, trace.question)
    ex = Example(ids, [], [], [], [IGNORE] * len(ids), [IGNORE] * len(ids), -1.0)
    first = -1 if trace.independent else trace.first_error()
    prefix = trace.prefix_labels()
    steps = trace.steps if full or first < 0 else trace.steps[: first + 1]
    for i, step in enumerate(steps):
        label = IGNORE if prefix[i] is None else prefix[i]
        _append(tok, ex, step, label, -1 if first < 0 else i - first, trace.dense_text)
        after = 0 <= first < i
        ex.weights.append(
            step.weight
            * (AFTER_WEIGHT if after else BAD_WEIGHT if label == 0 and first >= 0 else 1.0)
        )
    ex.ids.append(END)
    ex.dense.append(IGNORE)
    ex.lm.append(IGNORE)
    if len(steps) == len(trace.steps) and trace.outcome is not None:
        ex.outcome = float(trace.outcome)
    return ex


def _append(
    tok: Tokenizer, ex: Example, step: Step, label: int, place: int, dense_text: bool
) -> None:
    """One step with its token targets. `place`: position relative to the first error, negative
    before it.

    The next-token loss is asked where it teaches: the digits of valid steps (or all their tokens,
    in state machines, where nothing is free), and, where a number or a name goes wrong, the token
    that should have stood there."""
    enc = tok.encode(step.text, add_special_tokens=False)
    starts = [start for start, _ in enc.offsets]
    wrong = step.valid is False
    cut = len(step.text) + 1 if step.wrong_end is None else step.wrong_end
    if place > 0 or label == IGNORE:
        dense = [IGNORE] * len(starts)
    elif wrong:
        dense = [0 if start >= cut else IGNORE for start in starts]
    else:
        dense = [label] * len(starts)
    known = place < 0 or (place == 0 and not wrong)
    lm = [
        i
        if known
        and start >= step.free
        and (not wrong or start < cut)
        and (dense_text or step.text[start:end].isdigit())
        else IGNORE
        for i, start, end in zip(enc.ids, starts, (e for _, e in enc.offsets))
    ]
    if wrong and place <= 0 and step.truth is not None and cut in starts:
        right = plain(tok, step.truth)
        if right:
            lm[starts.index(cut)] = right[0]
    ex.ids += enc.ids + [STEP]
    ex.dense += dense + [IGNORE]
    ex.lm += lm + [IGNORE]
    ex.marks.append(len(ex.ids) - 1)
    ex.labels.append(label)


def load_tokenizer(path: str) -> Tokenizer:
    """Text that looks like a special token is tokenised as plain text: step text is hostile."""
    tok = Tokenizer.from_file(path)
    tok.encode_special_tokens = True
    return tok
