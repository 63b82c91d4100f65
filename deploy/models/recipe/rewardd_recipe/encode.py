"""Traces to token ids, labels and weights.

Layout (also in rewardd.json): ids(question) <|question|> then for every step ids(step) <|step|>, then <|end|> for the
outcome model. Pieces are tokenised apart with special tokens off. The step reward is read at <|step|>.
"""

from __future__ import annotations

from dataclasses import dataclass

from tokenizers import Tokenizer

from .tokenizer import END, QUESTION, STEP
from .trace import Trace

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
    lm: list[bool]  # per token: is it a target of the next-token loss
    outcome: float  # 1, 0, or -1 unknown


def plain(tok: Tokenizer, text: str) -> list[int]:
    return tok.encode(text, add_special_tokens=False).ids


def prompt_ids(tok: Tokenizer, question: str) -> list[int]:
    return plain(tok, question) + [QUESTION]


def score_ids(tok: Tokenizer, question: str, steps: list[str], end: bool = False) -> tuple[list[int], list[int]]:
    """Ids of a trace to score and the positions of its step markers. tokenizer.encode_special_tokens must be on."""
    ids, marks = prompt_ids(tok, question), []
    for step in steps:
        ids += plain(tok, step) + [STEP]
        marks.append(len(ids) - 1)
    return ids + [END] * end, marks


def encode(tok: Tokenizer, trace: Trace, full: bool) -> Example:
    """A training example. Unless `full`, the trace is cut after its first wrong step: what follows teaches little."""
    ids = prompt_ids(tok, trace.question)
    ex = Example(ids, [], [], [], [IGNORE] * len(ids), [False] * len(ids), -1.0)
    first, prefix = trace.first_error(), trace.prefix_labels()
    steps = trace.steps if full or first < 0 else trace.steps[: first + 1]
    for i, step in enumerate(steps):
        enc = tok.encode(step.text, add_special_tokens=False)
        label = IGNORE if prefix[i] is None else prefix[i]
        ex.ids += enc.ids + [STEP]
        if first < 0 or i < first:
            ex.dense += [label] * len(enc.ids)
            ex.lm += [True] * (len(enc.ids) + 1)
        elif i == first:
            cut = step.wrong_end
            ex.dense += [0 if cut is not None and start >= cut else IGNORE for start, _ in enc.offsets]
            ex.lm += [False] * (len(enc.ids) + 1)
        else:
            ex.dense += [IGNORE] * len(enc.ids)
            ex.lm += [False] * (len(enc.ids) + 1)
        ex.dense.append(IGNORE)
        ex.marks.append(len(ex.ids) - 1)
        ex.labels.append(label)
        after = first >= 0 and i > first
        ex.weights.append(step.weight * (AFTER_WEIGHT if after else BAD_WEIGHT if label == 0 else 1.0))
    complete = len(steps) == len(trace.steps)
    ex.ids.append(END)
    ex.dense.append(IGNORE)
    ex.lm.append(False)
    if complete and trace.outcome is not None:
        ex.outcome = float(trace.outcome)
    return ex


def load_tokenizer(path: str) -> Tokenizer:
    """Text that looks like a special token is tokenised as plain text: step text is hostile."""
    tok = Tokenizer.from_file(path)
    tok.encode_special_tokens = True
    return tok
