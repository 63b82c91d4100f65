"""What comes back from the daemon, as plain dataclasses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Union

from . import _show

if TYPE_CHECKING:
    import numpy

Sent = Union[str, Sequence[str], None]  # a trace as it was sent: its text, or its steps
Column = Literal["reward", "process", "outcome", "outcome_raw", "verified", "steps", "steps_raw"]


@dataclass(frozen=True)
class TraceError:
    """Why a reward is None. `code` is stable and part of the wire contract."""

    code: str
    message: str
    param: str | None = None
    hint: str | None = None
    retryable: bool = False

    @classmethod
    def parse(cls, data: dict[str, Any] | None) -> TraceError | None:
        if not data:
            return None
        return cls(
            code=str(data.get("code", "unknown")),
            message=str(data.get("message", "")),
            param=data.get("param"),
            hint=data.get("hint"),
            retryable=bool(data.get("retryable", False)),
        )

    def __str__(self) -> str:
        where = f" at {self.param}" if self.param else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.code}{where}: {self.message}{hint}"


class RewarddError(Exception):
    """The daemon refused the request; sending it again will not help."""

    def __init__(self, error: TraceError, status: int, request_id: str | None = None):
        super().__init__(str(error))
        self.error = error
        self.status = status
        self.request_id = request_id

    def __reduce__(
        self,
    ) -> tuple[Any, ...]:  # exceptions cross process borders in Ray and multiprocessing
        return (type(self), (self.error, self.status, self.request_id))


class RewardUnavailable(RewarddError):
    """No answer after all retries, or a trace without reward under on_error="raise"."""


class StreamBroken(RewardUnavailable):
    """A stream ended without its `done` event: what came before it is valid, the rest is not."""


@dataclass(frozen=True)
class Model:
    """A model that took part. The digest is of its weights and of what they are read by."""

    name: str
    digest: str
    dtype: str | None = None

    @classmethod
    def parse(cls, data: Mapping[str, Any] | None) -> Model | None:
        if not data or "digest" not in data:
            return None
        return cls(str(data["name"]), str(data["digest"]), data.get("dtype"))


@dataclass(frozen=True)
class Models:
    """What computed a reply: scores of equal Models may be compared."""

    process: Model | None = None
    outcome: Model | None = None
    kernel: str | None = None

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Models:
        model = data.get("model") or {}
        process, outcome = Model.parse(model.get("process")), Model.parse(model.get("outcome"))
        return cls(process, outcome, data.get("kernel"))


@dataclass(frozen=True)
class Step:
    """One step. Spans run over the submitted text, or the concatenation of the steps."""

    index: int
    reward: float | None  # probability
    raw: float | None  # log-odds or the head's scalar
    tokens: int
    bytes: tuple[int, int]
    chars: tuple[int, int]
    error: str | None = None  # code, when reward is None

    @classmethod
    def parse(cls, data: dict[str, Any]) -> Step:
        error = data.get("error")
        return cls(
            index=data["index"],
            reward=data["reward"],
            raw=data["raw"],
            tokens=data["tokens"],
            bytes=(data["bytes"][0], data["bytes"][1]),
            chars=(data["chars"][0], data["chars"][1]),
            error=error.get("code") if isinstance(error, dict) else error,
        )


@dataclass(frozen=True)
class Flag:
    """One shortcut flag. `value` is None when it could not be computed; `error` says why."""

    name: str
    value: float | None
    p: float | None  # conformal, among n_cal clean values; None = not calibrated
    fired: bool
    severity: str | None
    step: int | None
    message: str | None
    version: int = 0
    n_cal: int = 0
    span: tuple[int, int] | None = None  # code points
    error: str | None = None

    @classmethod
    def parse(cls, data: dict[str, Any]) -> Flag:
        known = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        if known.get("span") is not None:
            known["span"] = (known["span"][0], known["span"][1])
        return cls(**known)


@dataclass(frozen=True)
class Checked:
    """The process reward with a 0 from the first step on that states a false equation."""

    reward: float | None
    step: int | None  # that states it; None where no equation is false
    span: tuple[int, int] | None = None  # code points of the equation
    error: TraceError | None = None

    @classmethod
    def parse(cls, data: dict[str, Any] | None) -> Checked | None:
        if not data:
            return None
        span = data["span"]
        return cls(
            reward=data["reward"],
            step=data["step"],
            span=None if span is None else (span[0], span[1]),
            error=TraceError.parse(data["error"]),
        )


@dataclass(frozen=True)
class Gated:
    """What the gates made of a reward. `reward` is None when that could not be known."""

    reward: float | None
    ungated: float | None
    of: str | None  # "outcome" or "process"
    by: list[str] = field(default_factory=list)  # gates that closed
    error: TraceError | None = None

    @classmethod
    def parse(cls, data: dict[str, Any] | None) -> Gated | None:
        if not data:
            return None
        return cls(
            reward=data["reward"],
            ungated=data["ungated"],
            of=data["of"],
            by=list(data["by"]),
            error=TraceError.parse(data["error"]),
        )


@dataclass(frozen=True)
class Reason:
    """How a verdict on an answer came about."""

    rule: str  # that decided, or why nothing did: "number", "rounding", "unread", ...
    message: str  # the rule in words
    evidence: str  # what made the text an answer: "box", "announced", ...
    answer: str | None  # as it was read
    reference: str | None
    step: int | None = None  # the step the answer is a part of
    bytes: tuple[int, int] | None = None  # its bytes in that step

    @classmethod
    def parse(cls, data: dict[str, Any] | None) -> Reason | None:
        if not data:
            return None
        known = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        if known.get("bytes") is not None:
            known["bytes"] = (known["bytes"][0], known["bytes"][1])
        return cls(**known)


@dataclass(frozen=True)
class Verdict:
    """Whether an answer equals its reference. `verified` is None where that was not decided."""

    verified: bool | None
    reason: Reason | None = None

    @classmethod
    def parse(cls, data: dict[str, Any]) -> Verdict:
        return cls(verified=data["verified"], reason=Reason.parse(data.get("reason")))


def sent_text(sent: Sent) -> str | None:
    """The text that spans run over. Two surrogates are one code point to the daemon."""
    if sent is None:
        return None
    text = sent if isinstance(sent, str) else "".join(sent)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@dataclass(frozen=True)
class Score:
    """One trace. `reward` is the process aggregate, or the outcome reward if only that exists."""

    item: int = 0
    trace: int = 0
    process: float | None = None
    aggregate: str | None = None
    outcome: float | None = None
    outcome_raw: float | None = None
    steps: list[Step] = field(default_factory=list)
    flags: list[Flag] = field(default_factory=list)
    error: TraceError | None = None
    has_process: bool = False
    stopped: bool = False
    split: bool = False
    separator: str | None = None  # that cut the text into steps
    truncated: bool = False
    verified: bool | None = None  # the final answer equals the reference
    verified_reason: Reason | None = None  # how that came about
    roles: dict[str, int] | None = None  # turns that had no place: what became of how many
    checked: Checked | None = None  # when asked for; `process` stays the model's own
    gated: Gated | None = None  # when gates were asked for; `reward` stays as it is
    # Where alarms of a run and the daemon's log find it: this item of this request.
    request_id: str | None = None
    request_item: int = 0
    models: Models | None = field(default=None, repr=False)
    sent: Sent = field(default=None, repr=False, compare=False)

    @property
    def reward(self) -> float | None:
        if self.error is not None:
            return None
        return self.process if self.has_process else self.outcome

    @property
    def rewards(self) -> list[float | None]:
        """A reward for every step."""
        return [step.reward for step in self.steps]

    @property
    def texts(self) -> list[str]:
        """The text of every step, as it was sent."""
        text = sent_text(self.sent)
        return [] if text is None else [text[s.chars[0] : s.chars[1]] for s in self.steps]

    @classmethod
    def parse(
        cls,
        data: dict[str, Any],
        sent: Sent = None,
        request_id: str | None = None,
        models: Models | None = None,
    ) -> Score:
        process = data.get("process") or {}
        outcome = data.get("outcome") or {}
        error = data.get("error") or process.get("error")
        if not process and outcome:
            error = error or outcome.get("error")
        return cls(
            item=data["item"],
            trace=data["trace"],
            process=process.get("reward"),
            aggregate=process.get("aggregate"),
            outcome=outcome.get("reward"),
            outcome_raw=outcome.get("raw"),
            steps=[Step.parse(step) for step in data.get("steps", [])],
            flags=[Flag.parse(flag) for flag in data.get("flags", [])],
            error=TraceError.parse(error),
            has_process=bool(process),
            stopped=bool(process.get("stopped", False)),
            split=bool(data.get("split", False)),
            separator=data.get("separator"),
            truncated=bool(data.get("truncated", False)),
            verified=outcome.get("verified"),
            verified_reason=Reason.parse(outcome.get("verified_reason")),
            roles=data.get("roles"),
            checked=Checked.parse(process.get("checked")),
            gated=Gated.parse(data.get("gated")),
            request_id=request_id,
            request_item=data["item"],
            models=models,
            sent=sent,
        )

    @property
    def fired(self) -> list[str]:
        """Names of the flags that fired."""
        return [flag.name for flag in self.flags if flag.fired]

    def to_numpy(self, raw: bool = False) -> numpy.ndarray[Any, Any]:
        """A reward (or raw value) for every step; NaN where there is none."""
        return _show.array([step.raw if raw else step.reward for step in self.steps])

    def _repr_html_(self) -> str:
        return _show.score(self)


class Scores(list[Score]):
    """A list of scores, with what the calls cost."""

    def __init__(self, scores: Iterable[Score] = (), usage: dict[str, float] | None = None):
        super().__init__(scores)
        self.usage: dict[str, float] = usage or {}

    @property
    def rewards(self) -> list[float | None]:
        """One reward per trace; None where there is none."""
        return [score.reward for score in self]

    @property
    def errors(self) -> list[TraceError]:
        return [score.error for score in self if score.error is not None]

    @property
    def request_ids(self) -> list[str]:
        """Of the requests that brought them, in their order."""
        return list(dict.fromkeys(s.request_id for s in self if s.request_id is not None))

    @property
    def models(self) -> list[Models]:
        """What computed them: more than one if replicas or a reload changed models between
        requests, and then their rewards are not one scale."""
        return list(dict.fromkeys(s.models for s in self if s.models is not None))

    def named(self, labels: Iterable[Mapping[str, Any]]) -> Scores:
        """The scores that labels name: those of an alarm's `traces`."""
        at = {(s.request_id, s.request_item, s.trace): s for s in self}
        keys = ((label["request_id"], label["item"], label["trace"]) for label in labels)
        return Scores(at[key] for key in keys if key in at)

    def to_numpy(self, column: Column = "reward") -> numpy.ndarray[Any, Any]:
        """One number for each trace, NaN where there is none; "steps" and "steps_raw": one row for
        each trace, as long as the longest, filled up with NaN."""
        if column in ("steps", "steps_raw"):
            return _show.rows([[s.raw if column == "steps_raw" else s.reward for s in t.steps]
                               for t in self])  # fmt: skip
        if column not in ("reward", "process", "outcome", "outcome_raw", "verified"):
            raise ValueError(f"no such column: {column!r}")
        return _show.array([getattr(score, column) for score in self])

    def _repr_html_(self) -> str:
        return _show.scores(self)
