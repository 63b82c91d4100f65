"""The options of a request as types, so that editors and type checkers know them."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Callable, Literal, TypedDict, TypeVar, Union

F = TypeVar("F", bound=Callable[..., Any])
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
    kind: str
    labels: Mapping[str, str]


class VerifyOptions(TypedDict, total=False):
    """Of `verify`, and `verify=` of what scores. Absent is the default: 0 and False."""

    tolerance: float | None
    rounding: bool | None
    ordered: bool | None
    units: bool | None
    any_box: bool | None
    read_thinking: bool | None


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
    checked: bool | None
    prompt_gap: Literal["start", "full"] | None
    stop_below: float | None
    deadline_ms: float | None
    overlong: Literal["error", "drop_steps"] | None
    roles: Literal["auto", "policy", "error"] | None
    split: Literal["model", "paragraph", "line", "sentence", "none"] | Sequence[str] | None
    allow_special_tokens: bool | None
    verify: VerifyOptions | None
    tools: Sequence[Mapping[str, Any]] | None
    run: Run | None


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


def check(given: Mapping[str, Any], kind: type) -> dict[str, Any]:
    """The options that were given. A name that is none is an error here already: a type checker is
    not asked in a notebook."""
    known = kind.__annotations__
    for name in given:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f": did you mean {close[0]!r}?" if close else f"; there are {', '.join(known)}"
            raise TypeError(f"unknown option {name!r}{hint}")
    return {name: value for name, value in given.items() if value is not None}


def keywords(kind: type) -> Callable[[F], F]:
    """Shows the options of `kind` as the keyword arguments they are: in help() and in the
    completion of a notebook, which see only **options otherwise."""

    def show(function: F) -> F:
        signature = inspect.signature(function)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        options = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=getattr(hint, "__forward_arg__", hint),
            )
            for name, hint in kind.__annotations__.items()
        ]
        shown = signature.replace(parameters=own + options)
        function.__signature__ = shown  # type: ignore[attr-defined]
        return function

    return show
