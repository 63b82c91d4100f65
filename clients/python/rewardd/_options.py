"""The options of a request as types, so that editors and type checkers know them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict, Union

Trace = Union[str, Sequence[str], Mapping[str, object]]
Message = Mapping[str, str]
Reference = Union[str, int, float, None]
OnError = Literal["none", "raise"]


class Run(TypedDict, total=False):
    """Labels of a training run."""

    id: str
    step: int
    sample_index: int
    rollout_n: int
    validate: bool


class Options(TypedDict, total=False):
    """How to score. What is None or absent is not sent: the daemon has its defaults.

    False as a model means "no such model": only the other one scores."""

    model: str | Literal[False] | None
    outcome_model: str | Literal[False] | None
    aggregate: Literal["min", "product", "mean", "last"] | None
    flags: Literal["off", "free", "cheap", "deep"] | None
    flags_all: bool | None
    gate: str | Sequence[str] | None
    domain: str | None
    prompt_gap: Literal["start", "full"] | None
    stop_below: float | None
    deadline_ms: float | None
    overlong: Literal["error", "drop_steps"] | None
    allow_special_tokens: bool | None
    run: Run | None


class VerifyOptions(TypedDict, total=False):
    """Of `verify`. What is None or absent is not sent; all False is the default."""

    tolerance: float | None
    rounding: bool | None
    ordered: bool | None
    units: bool | None
    any_box: bool | None
    read_thinking: bool | None


class StreamOptions(Options, total=False):
    """Of `stream`."""

    messages: Sequence[Message] | None
    reference: Reference


class ManyOptions(Options, total=False):
    """Of `score_items` and `score_many`, whose items bring their prompts."""

    on_error: OnError


class GroupOptions(ManyOptions, total=False):
    """Of `score_group`."""

    messages: Sequence[Message] | None
    reference: Reference


class ScoreOptions(GroupOptions, total=False):
    """Of `score`."""

    trace: Trace | None
    steps: Sequence[str] | None
    text: str | None
