"""Scores as a notebook shows them (HTML) and as numpy holds them."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy

    from ._types import Score

ROWS_MAX = 200  # of a table; the rest is counted
TEXT_MAX = 400  # characters of a step
BAR_PX = 100


def array(values: Iterable[float | None]) -> numpy.ndarray[Any, Any]:
    """float64, so that values stay what they are in Python; NaN is "not computed"."""
    import numpy

    nan = float("nan")
    return numpy.array([nan if v is None else v for v in values], dtype=numpy.float64)


def rows(values: Sequence[Sequence[float | None]]) -> numpy.ndarray[Any, Any]:
    import numpy

    out = numpy.full((len(values), max(map(len, values), default=0)), float("nan"))
    for i, row in enumerate(values):
        out[i, : len(row)] = array(row)
    return out


def text(value: object) -> str:
    """Safe in HTML: a trace may hold anything. Long ones are cut."""
    whole = str(value)
    return html.escape(whole if len(whole) <= TEXT_MAX else whole[: TEXT_MAX - 1] + "…")


def bar(reward: float | None) -> str:
    if reward is None:
        return "<i>none</i>"
    width = round(BAR_PX * min(max(reward, 0.0), 1.0))
    style = f"display:inline-block;height:.7em;width:{width}px;background:#4a7"
    return f'{reward:.3f} <span style="{style}"></span>'


def table(head: Sequence[str], lines: Sequence[Sequence[str]], more: int = 0) -> str:
    cells = "".join(f"<th>{name}</th>" for name in head)
    left = ' style="text-align:left"'
    body = "".join(
        "<tr>" + "".join(f"<td{left}>{cell}</td>" for cell in line) + "</tr>" for line in lines
    )
    rest = f"<p>… and {more} more</p>" if more > 0 else ""
    return f"<table><tr>{cells}</tr>{body}</table>{rest}"


def summary(score: Score) -> str:
    """One line: the rewards, the verdict, the flags that fired, or why there is no reward."""
    if score.error is not None:
        return f"<b>no reward</b>: {text(score.error)}"
    parts = []
    if score.process is not None:
        parts.append(f"process {score.process:.3f} ({text(score.aggregate)})")
    if score.outcome is not None:
        parts.append(f"outcome {score.outcome:.3f}")
    if score.verified is not None:
        parts.append("answer " + ("right" if score.verified else "wrong"))
    if score.gated is not None:
        value = "none" if score.gated.reward is None else f"{score.gated.reward:.3f}"
        parts.append(f"gated {value}")
    parts += [f"⚑ {text(name)}" for name in score.fired]
    return ", ".join(parts)


def score(one: Score) -> str:
    texts: list[Any] = list(one.texts) or [""] * len(one.steps)
    lines = [
        [str(step.index + 1), bar(step.reward), text(words) + _error(step.error)]
        for step, words in zip(one.steps[:ROWS_MAX], texts)
    ]
    flags = "".join(
        f"<div>⚑ <b>{text(flag.name)}</b>: {text(flag.message)}</div>"
        for flag in one.flags
        if flag.fired
    )
    steps = table(["step", "reward", "text"], lines, len(one.steps) - ROWS_MAX) if lines else ""
    return f"<div>{summary(one)}</div>{steps}{flags}"


def _error(code: str | None) -> str:
    return f" <i>({text(code)})</i>" if code else ""


def scores(every: Sequence[Score]) -> str:
    lines = [
        [str(one.item), str(one.trace), bar(one.reward), str(len(one.steps)), summary(one)]
        for one in every[:ROWS_MAX]
    ]
    head = ["item", "trace", "reward", "steps", "what it says"]
    return table(head, lines, len(every) - ROWS_MAX)
