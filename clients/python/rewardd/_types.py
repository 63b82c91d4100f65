"""What comes back from the daemon, as plain dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple


@dataclass(frozen=True)
class TraceError:
    """Why a reward is None. `code` is stable and part of the wire contract."""

    code: str
    message: str
    param: Optional[str] = None
    hint: Optional[str] = None
    retryable: bool = False

    @classmethod
    def parse(cls, data: Optional[Dict[str, Any]]) -> Optional["TraceError"]:
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

    def __init__(self, error: TraceError, status: int, request_id: Optional[str] = None):
        super().__init__(str(error))
        self.error = error
        self.status = status
        self.request_id = request_id

    def __reduce__(self):  # exceptions cross process borders in Ray and multiprocessing
        return (type(self), (self.error, self.status, self.request_id))


class RewardUnavailable(RewarddError):
    """No answer after all retries, or a trace without reward under on_error="raise"."""


class StreamBroken(RewardUnavailable):
    """A stream ended without its `done` event: what came before it is valid, the rest is not."""


@dataclass(frozen=True)
class Step:
    """One step. Spans run over the submitted text, or the concatenation of the steps."""

    index: int
    reward: Optional[float]  # probability
    raw: Optional[float]  # log-odds or the head's scalar
    tokens: int
    bytes: Tuple[int, int]
    chars: Tuple[int, int]
    error: Optional[str] = None  # code, when reward is None

    @classmethod
    def parse(cls, data: Dict[str, Any]) -> "Step":
        return cls(
            index=data["index"],
            reward=data["reward"],
            raw=data["raw"],
            tokens=data["tokens"],
            bytes=(data["bytes"][0], data["bytes"][1]),
            chars=(data["chars"][0], data["chars"][1]),
            error=data.get("error"),
        )


@dataclass(frozen=True)
class Flag:
    """One shortcut flag. `value` is None when it could not be computed; `error` says why."""

    name: str
    value: Optional[float]
    p: Optional[float]  # conformal, among n_cal clean values; None = not calibrated
    fired: bool
    severity: Optional[str]
    step: Optional[int]
    message: Optional[str]
    version: int = 0
    n_cal: int = 0
    span: Optional[Tuple[int, int]] = None  # code points
    error: Optional[str] = None

    @classmethod
    def parse(cls, data: Dict[str, Any]) -> "Flag":
        known = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        if known.get("span") is not None:
            known["span"] = (known["span"][0], known["span"][1])
        return cls(**known)


@dataclass(frozen=True)
class Gated:
    """What the gates made of a reward. `reward` is None when that could not be known."""

    reward: Optional[float]
    ungated: Optional[float]
    of: Optional[str]  # "outcome" or "process"
    by: List[str] = field(default_factory=list)  # gates that closed
    error: Optional[TraceError] = None

    @classmethod
    def parse(cls, data: Optional[Dict[str, Any]]) -> Optional["Gated"]:
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
class Score:
    """One trace. `reward` is the process aggregate, or the outcome reward if only that exists."""

    item: int = 0
    trace: int = 0
    process: Optional[float] = None
    aggregate: Optional[str] = None
    outcome: Optional[float] = None
    outcome_raw: Optional[float] = None
    steps: List[Step] = field(default_factory=list)
    flags: List[Flag] = field(default_factory=list)
    error: Optional[TraceError] = None
    has_process: bool = False
    stopped: bool = False
    split: bool = False
    separator: Optional[str] = None  # that cut the text into steps
    truncated: bool = False
    verified: Optional[bool] = None  # the final answer equals the reference
    gated: Optional[Gated] = None  # when gates were asked for; `reward` stays as it is

    @property
    def reward(self) -> Optional[float]:
        if self.error is not None:
            return None
        return self.process if self.has_process else self.outcome

    @property
    def rewards(self) -> List[Optional[float]]:
        """A reward for every step."""
        return [step.reward for step in self.steps]

    @classmethod
    def parse(cls, data: Dict[str, Any]) -> "Score":
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
            gated=Gated.parse(data.get("gated")),
        )

    @property
    def fired(self) -> List[str]:
        """Names of the flags that fired."""
        return [flag.name for flag in self.flags if flag.fired]


class Scores(List[Score]):
    """A list of scores, with what the calls cost."""

    def __init__(self, scores=(), usage: Optional[Dict[str, float]] = None):
        super().__init__(scores)
        self.usage: Dict[str, float] = usage or {}

    @property
    def rewards(self) -> List[Optional[float]]:
        """One reward per trace; None where there is none."""
        return [score.reward for score in self]

    @property
    def errors(self) -> List[TraceError]:
        return [score.error for score in self if score.error is not None]
