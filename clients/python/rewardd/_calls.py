"""What every call of both clients is: bytes to send, and what is read from the reply. No sockets.

A client brings the transport and the waiting; Client and AsyncClient differ in nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable, Generic, TypeVar, cast
from urllib.parse import quote

from . import _wire
from ._options import (
    GroupOptions,
    ManyOptions,
    ScoreOptions,
    StreamOptions,
    Trace,
    VerifyOptions,
)
from ._types import (
    RewarddError,
    RewardUnavailable,
    Score,
    Scores,
    StreamBroken,
    TraceError,
    Verdict,
)

T = TypeVar("T")
REWARDS = "/v1/rewards"


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request, and how its reply is read."""

    method: str
    path: str
    read: Callable[[bytes], T]
    body: bytes | None = None


@dataclass(frozen=True)
class Stream:
    """One request whose reply is lines; `broken` says what it means that they ended early."""

    method: str
    path: str
    accept: str
    broken: str
    body: bytes | None = None
    headers: Mapping[str, str] | None = None

    def broke(self) -> StreamBroken:
        return StreamBroken(TraceError("stream_broken", self.broken), 200)


class Patience:
    """When a call is tried again: after 429, 503 and failures of the transport, `retries` times."""

    def __init__(self, endpoint: _wire.Endpoint, retries: int):
        self.endpoint = endpoint
        self.retries = retries
        self.attempt = 0

    def reply(self, status: int, headers: Mapping[str, str], data: bytes) -> bytes | float:
        """The body, or seconds to wait before the next try."""
        if 200 <= status < 300:
            return data
        error = _wire.refusal(status, data, headers)
        if status not in _wire.RETRY_STATUS:
            raise error
        return self.wait(error, headers)

    def failure(self, cause: BaseException) -> float:
        return self.wait(_wire.unreachable(self.endpoint, cause), {})

    def wait(self, error: RewarddError, headers: Mapping[str, str]) -> float:
        if self.attempt == self.retries:
            raise error
        self.attempt += 1
        return _wire.backoff_s(self.attempt - 1, headers)


class Readiness:
    """Polls of /readyz until `timeout` seconds are over; says why in the end."""

    PAUSE_S = 0.1

    def __init__(self, endpoint: _wire.Endpoint, now: float, timeout: float):
        self.endpoint = endpoint
        self.deadline = now + timeout
        self.error: RewarddError | None = None

    def reply(self, status: int, headers: Mapping[str, str], data: bytes) -> bool:
        if status != 200:
            self.error = _wire.refusal(status, data, headers)
        return status == 200

    def failure(self, cause: BaseException) -> None:
        self.error = _wire.unreachable(self.endpoint, cause)

    def check(self, now: float) -> None:
        if now >= self.deadline and self.error is not None:
            raise RewardUnavailable(self.error.error, self.error.status)


def read_object(data: bytes) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(data))


def read_list(data: bytes) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", json.loads(data)["data"])


def verify(items: Iterable[Mapping[str, Any]], options: VerifyOptions) -> Call[list[Verdict]]:
    def read(data: bytes) -> list[Verdict]:
        return [Verdict.parse(result) for result in json.loads(data)["results"]]

    body: dict[str, Any] = {"items": [dict(item) for item in items]}
    given = {name: value for name, value in options.items() if value is not None}
    if given:
        body["options"] = given
    text = json.dumps(body, allow_nan=False, separators=(",", ":"))
    return Call("POST", "/v1/verify", read, text.encode())


def models() -> Call[dict[str, Any]]:
    return Call("GET", "/v1/models", read_object)


def run_path(run_id: str, suffix: str = "") -> str:
    return "/v1/runs/" + quote(run_id, safe="") + suffix


def runs() -> Call[list[dict[str, Any]]]:
    return Call("GET", "/v1/runs", read_list)


def run(run_id: str) -> Call[dict[str, Any]]:
    return Call("GET", run_path(run_id), read_object)


def acknowledge_run(run_id: str) -> Call[dict[str, Any]]:
    return Call("POST", run_path(run_id, "/acknowledge"), read_object, b"")


def run_events(run_id: str, after: int) -> Stream:
    headers = {"Last-Event-ID": str(after)} if after > 0 else {}
    path = run_path(run_id, "/events")
    return Stream("GET", path, "text/event-stream", "the events ended", headers=headers)


def wire_options(options: Mapping[str, Any], *own: str) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in own}


def scoring(content: Mapping[str, Any], options: Mapping[str, Any], on_error: str) -> Call[Scores]:
    body = _wire.encode(content, options)
    return Call("POST", REWARDS, lambda data: _wire.accept(data, on_error), body)


def score(prompt: str | None, options: ScoreOptions) -> Call[Score]:
    """One trace; unlike the others it raises unless asked not to."""
    one = _wire.one_trace(options.get("trace"), options.get("steps"), options.get("text"))
    rest = {"on_error": "raise", **wire_options(options, "trace", "steps", "text")}
    group = score_group(prompt, [one], cast("GroupOptions", rest))
    assert group is not None
    return Call(group.method, group.path, lambda data: group.read(data)[0], group.body)


def score_group(
    prompt: str | None, traces: Sequence[Trace], options: GroupOptions
) -> Call[Scores] | None:
    """None: there is nothing to ask."""
    on_error = _wire.check_on_error(options.get("on_error", "none"))
    if not traces:
        return None
    rest = wire_options(options, "on_error", "messages", "reference")
    content = _wire.group(prompt, options.get("messages"), options.get("reference"), traces)
    return scoring(content, rest, on_error)


def score_items(items: Sequence[Mapping[str, Any]], options: ManyOptions) -> Call[Scores] | None:
    on_error = _wire.check_on_error(options.get("on_error", "none"))
    if not items:
        return None
    return scoring({"items": list(items)}, wire_options(options, "on_error"), on_error)


def stream(prompt: str | None, traces: Sequence[Trace], options: StreamOptions) -> Stream:
    rest = wire_options(options, "messages", "reference")
    content = _wire.group(prompt, options.get("messages"), options.get("reference"), traces)
    body = _wire.encode({**content, "stream": True}, rest)
    return Stream("POST", REWARDS, "application/x-ndjson", "no done event", body)


@dataclass(frozen=True)
class Batch:
    """Some of the samples of score_many, as items of one request."""

    first: int  # number of its first sample
    items: list[dict[str, Any]]

    def scored(self, scores: Scores) -> _wire.Part:
        return _wire.renumber(self.first, scores), scores.usage

    def failed(self, error: RewardUnavailable, options: Mapping[str, Any]) -> _wire.Part:
        """After all retries: under on_error="none" scores that say why there is no reward."""
        if options.get("on_error", "none") == "raise":
            raise error
        return _wire.failed_batch(self.first, len(self.items), error.error), {}


def batches(samples: Iterable[Mapping[str, Any]], size: int, options: ManyOptions) -> list[Batch]:
    _wire.check_on_error(options.get("on_error", "none"))
    every = [_wire.sample_item(sample) for sample in samples]
    return [Batch(at, every[at : at + size]) for at in range(0, len(every), size)]
