"""Right traces that people and large models wrote: groups of the calibration bank, and sets that
its false alarms are counted on.

Nothing here trains a model. ProcessBench and the train part of prm800k are in the bank; the other
sets are for reporting only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from . import prm800k

MIN_STEPS = 2


@dataclass(frozen=True)
class Natural:
    """A right trace: every step is right, and so is the answer."""

    prompt: str
    steps: list[str]


def _rows(path: Path) -> Iterator[dict]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def _pieces(text: str, separator: str) -> list[str]:
    return [piece.strip() for piece in re.split(separator, text) if piece.strip()]


def processbench(data: Path, part: str) -> Iterator[Natural]:
    """No wrong step by its raters, and the right answer."""
    rows = json.loads((data / "processbench" / f"{part}.json").read_text(encoding="utf-8"))
    for row in rows:
        if row["label"] == -1 and row["final_answer_correct"]:
            yield Natural(row["problem"], row["steps"])


def prm800k_solutions(path: Path) -> Iterator[Natural]:
    """Of each problem the first path to a solution on which no step was rated wrong."""
    for row in _rows(path):
        nodes = row["nodes"]
        for leaf, node in enumerate(nodes):
            if not any(label["sol"] for label in node["labels"]):
                continue
            path_up, at = [], leaf
            while at >= 0:
                path_up.append(at)
                at = nodes[at]["p"]
            path_up.reverse()
            if any(prm800k.rating(nodes[i]) == -1 for i in path_up):
                continue
            yield Natural(row["problem"].strip(), [nodes[i]["t"].strip() for i in path_up])
            break


def gsm8k_gold(path: Path) -> Iterator[Natural]:
    for row in _rows(path):
        text = re.sub(r"<<[^>]*>>", "", row["answer"])
        text = re.sub(r"\n#### *(.*)$", r"\nThe answer is \1.", text)
        yield Natural(row["question"], _pieces(text, r"\n"))


def gsm8k_rated(data: Path) -> Iterator[Natural]:
    """Solutions of other models with the right answer; calculator notes removed."""
    for row in _rows(data / "gsm8k" / "example_model_solutions.jsonl"):
        for value in row.values():
            if isinstance(value, dict) and value.get("is_correct"):
                text = re.sub(r"<<[^>]*>>", "", value["solution"])
                text = re.sub(r"\nA: *(.*)$", r"\nThe answer is \1.", text)
                yield Natural(row["question"], _pieces(text, r"\n"))
                break


def real_math(data: Path) -> Iterator[Natural]:
    """Responses of a 72B model on MATH that were rated right: the first of each problem."""
    for row in _rows(data / "answers" / "real_math_800.jsonl"):
        for response, right in zip(row["responses"], row["right"], strict=True):
            if right:
                yield Natural(row["question"], _pieces(response, r"\n\n"))
                break


def prmbench_originals(data: Path) -> Iterator[Natural]:
    """The unedited process of each item whose problem is not in prm800k's train part."""
    train = {row["problem"].strip() for row in _rows(data / "prm800k_phase1" / "train.tree.jsonl")}
    seen = set(train)
    for row in _rows(data / "prmbench" / "prmbench_6216.jsonl"):
        question = row["original_question"].strip()
        if question in seen:
            continue
        seen.add(question)
        steps = [re.sub(r"^\d+\.\s*", "", step) for step in row["original_process"]]
        yield Natural(question, steps)


def bigbench(data: Path) -> Iterator[Natural]:
    for path in sorted((data / "bigbench_mistake").glob("*.jsonl")):
        for row in _rows(path):
            if row["mistake_index"] is None:
                yield Natural(row["input"], row["steps"])


CALIBRATION: dict[str, tuple[str, Callable[[Path], Iterator[Natural]]]] = {
    "natural_words": ("word_problems", lambda data: processbench(data, "gsm8k")),
    "natural_math": ("math", lambda data: processbench(data, "math")),
    "natural_olympiad": ("math", lambda data: processbench(data, "olympiadbench")),
    "natural_contest": ("math", lambda data: processbench(data, "omnimath")),
    "natural_rated": (
        "math",
        lambda data: prm800k_solutions(data / "prm800k_phase1" / "train.tree.jsonl"),
    ),
}
"""Group of the bank -> its domain tag, and its traces."""

UNSEEN: dict[str, tuple[str, Callable[[Path], Iterator[Natural]]]] = {
    "gsm8k test, gold": ("word_problems", lambda data: gsm8k_gold(data / "gsm8k" / "test.jsonl")),
    "gsm8k test, models": ("word_problems", gsm8k_rated),
    "prm800k test": (
        "math",
        lambda data: prm800k_solutions(data / "prm800k_phase1" / "test.tree.jsonl"),
    ),
    "MATH, 72B model": ("math", real_math),
    "PRMBench originals": ("math", prmbench_originals),
    "BIG-Bench Mistake": ("", bigbench),
}
"""Set -> the tag a client would send, and its traces."""


def traces_of(sets: dict, name: str, data: Path) -> list[Natural]:
    """The traces of one set that have at least MIN_STEPS steps."""
    return [t for t in sets[name][1](data) if len(t.steps) >= MIN_STEPS]
