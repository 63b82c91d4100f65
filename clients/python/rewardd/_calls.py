"""What every call of both clients is: bytes to send, and what is read from the reply. No sockets.

A client brings the transport and the waiting; Client and AsyncClient differ in nothing else. Calls
that may take several requests are plans (`_plan.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable, Generic, TypeVar, cast
from urllib.parse import quote

from . import _options, _wire
from ._options import StreamOptions, Trace, VerifyOptions
from ._types import (
    RewarddError,
    RewardUnavailable,
    Scores,
    StreamBroken,
    TraceError,
    Verdict,
)

T = TypeVar("T")
REWARDS = "/v1/rewards"
RUNS_PAGE = 1000  # of a list; the most that a server gives


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request, and how its reply is read."""

    method: str
    path: str
    read: Callable[[bytes], T]
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Stream:
    """One request whose reply is lines; `broken` says what it means that they ended early."""

    method: str
    path: str
    accept: str
    broken: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

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


class Resumption:
    """A stream that was cut is asked for again: the same request has the same rewards, bit for bit,
    so what was seen is left out. Gives up after `retries` tries that brought nothing new, and when
    another model answers."""

    def __init__(self, retries: int):
        self.retries = retries
        self.attempt = 0
        self.seen: set[tuple[Any, ...]] = set()
        self.by: tuple[Any, ...] | None = None

    def is_new(self, event: Mapping[str, Any]) -> bool:
        if event["event"] == "start":
            by = (event.get("model"), event.get("kernel"))
            if self.by not in (None, by):
                raise StreamBroken(TraceError("other_model", "another model goes on"), 200)
            self.by = by
        key = tuple(event.get(name) for name in ("event", "item", "trace", "index"))
        if key in self.seen:
            return False
        self.seen.add(key)
        self.attempt = 0
        return True

    def wait(self, cause: RewardUnavailable) -> float:
        """Seconds until the next try; raises when there is none."""
        again = cause.error.retryable or cause.error.code in ("stream_broken", "unreachable")
        if not again or self.attempt == self.retries:
            raise cause
        self.attempt += 1
        return _wire.backoff_s(self.attempt - 1, {})


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

    given = _options.check(options, VerifyOptions)
    body: dict[str, Any] = {"items": [dict(item) for item in items], "options": given or None}
    return Call("POST", "/v1/verify", read, _wire.encode(body, {}))


def models() -> Call[dict[str, Any]]:
    return Call("GET", "/v1/models", read_object)


def run_path(run_id: str, suffix: str = "") -> str:
    return "/v1/runs/" + quote(run_id, safe="") + suffix


def runs(cursor: str | None = None) -> Call[dict[str, Any]]:
    """A page of the list; `next_cursor` of its reply leads to the next one."""
    behind = "" if cursor is None else "&cursor=" + quote(cursor, safe="")
    return Call("GET", f"/v1/runs?limit={RUNS_PAGE}{behind}", read_object)


def run_traces(run_id: str) -> Call[list[dict[str, Any]]]:
    return Call("GET", run_path(run_id, "/traces"), read_list)


def delete_run(run_id: str) -> Call[dict[str, Any]]:
    return Call("DELETE", run_path(run_id), read_object)


def run(run_id: str) -> Call[dict[str, Any]]:
    return Call("GET", run_path(run_id), read_object)


def acknowledge_run(run_id: str) -> Call[dict[str, Any]]:
    return Call("POST", run_path(run_id, "/acknowledge"), read_object, b"")


def reset_run(run_id: str) -> Call[dict[str, Any]]:
    return Call("POST", run_path(run_id, "/reset"), read_object, b"")


def baseline_run(run_id: str, other: str) -> Call[dict[str, Any]]:
    path = run_path(run_id, "/baseline?from=" + quote(other, safe=""))
    return Call("POST", path, read_object, b"")


def run_events(run_id: str, after: int) -> Stream:
    headers = {"Last-Event-ID": str(after)} if after > 0 else {}
    path = run_path(run_id, "/events")
    return Stream("GET", path, "text/event-stream", "the events ended", headers=headers)


def wire(path: str, content: Mapping[str, Any], prompt: object = None) -> Call[Any]:
    """A route of a trainer's dialect: JSON in, JSON out."""
    return Call("POST", path, json.loads, _wire.encode(content, {}), _wire.affinity(prompt))


def scoring(content: Mapping[str, Any], options: Mapping[str, Any], on_error: str) -> Call[Scores]:
    body = _wire.encode(content, options)
    texts = _wire.sent_traces(content)
    headers = _wire.affinity_of(content)
    return Call("POST", REWARDS, lambda data: _wire.accept(data, on_error, texts), body, headers)


def stream(prompt: str | None, traces: Sequence[Trace], options: StreamOptions) -> Stream:
    given = _options.check(options, StreamOptions)
    content = _wire.group(prompt, given.pop("messages", None), given.pop("reference", None), traces)
    body = _wire.encode({**content, "stream": True}, given)
    headers = _wire.affinity_of(content)
    return Stream("POST", REWARDS, "application/x-ndjson", "no done event", body, headers)
