"""What both clients share: bodies, replies, and when to try again. No sockets here."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import random
from collections.abc import Mapping, Sequence
from typing import Any, Callable
from urllib.parse import unquote, urlsplit

from ._options import Reference, Trace
from ._types import (
    Models,
    RewarddError,
    RewardUnavailable,
    Score,
    Scores,
    Sent,
    StreamBroken,
    TraceError,
)

DEFAULT_URL = "http://127.0.0.1:7392"
DEFAULT_PORT = 7392
BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 8.0
RETRY_AFTER_MAX_S = 60.0
RETRY_STATUS = frozenset((429, 503))
ITEM_FIELDS = ("prompt", "messages", "reference", "domain", "sample_index")
PREFIX_HEADER = "X-Rewardd-Prefix"
SAMPLE_FIELDS = ITEM_FIELDS + ("trace", "steps", "text")

Part = tuple[list["Score"], Mapping[str, float]]


class Endpoint:
    """Where the daemon is and how to say who we are. Plain data: may be pickled."""

    def __init__(self, url: str | None, api_key: str | None):
        parts = urlsplit(url or os.environ.get("REWARDD_URL") or DEFAULT_URL)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not an http:// or https:// address: {url!r}")
        self.tls = parts.scheme == "https"
        self.host = parts.hostname
        self.port = parts.port or (443 if self.tls else DEFAULT_PORT)
        self.prefix = parts.path.rstrip("/")
        self.headers = {"User-Agent": "rewardd-python/0.1.0"}
        key = api_key or os.environ.get("REWARDD_API_KEY")
        if key:
            self.headers["Authorization"] = f"Bearer {key}"
        elif parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self.headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class EventReader:
    """The fields that rewardd sends (HTML standard, 9.2.6): id, event and one line of JSON."""

    def __init__(self) -> None:
        self._event: dict[str, Any] = {}
        self.ended = False

    def feed(self, raw: bytes) -> dict[str, Any] | None:
        """The event that this line completes. `ended`: it was the last."""
        line = raw.decode("utf-8").rstrip("\r\n")
        name, _, value = line.partition(": ")
        if not line:
            event, self._event = self._event, {}
            self.ended = event.get("event") == "end"
            return event if "data" in event else None
        if name == "id":
            self._event["id"] = int(value)
        elif name == "event":
            self._event["event"] = value
        elif name == "data":
            self._event["data"] = json.loads(value)
        return None


def one_trace(trace: Trace | None, steps: Sequence[str] | None, text: str | None) -> Any:
    given = [value for value in (trace, steps, text) if value is not None]
    if len(given) != 1:
        raise ValueError("give exactly one of trace, steps and text")
    if isinstance(given[0], str) and steps is not None:
        raise TypeError("steps must be a list of strings; use text for a string")
    return given[0] if isinstance(given[0], (str, Mapping)) else list(given[0])


def sample_item(sample: Mapping[str, Any]) -> dict[str, Any]:
    """One sample of score_many: an item with one trace."""
    unknown = set(sample) - set(SAMPLE_FIELDS)
    if unknown:
        raise ValueError(f"unknown fields of a sample: {sorted(unknown)}")
    item = {name: sample[name] for name in ITEM_FIELDS if name in sample}
    item["trace"] = one_trace(sample.get("trace"), sample.get("steps"), sample.get("text"))
    return item


def plain(value: Any) -> Any:
    """What numpy and torch hold, as JSON has it."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"{type(value).__name__} cannot be sent")


def dumps(value: Any) -> bytes:
    return json.dumps(value, allow_nan=False, separators=(",", ":"), default=plain).encode()


def encode(content: Mapping[str, Any], options: Mapping[str, Any]) -> bytes:
    """None means "not given", except for the models, where the wire's null means "none"."""
    body = {name: value for name, value in content.items() if value is not None}
    for name, value in options.items():
        if value is False and name in ("model", "outcome_model"):
            body[name] = None
        elif value is not None:
            body[name] = value
    return dumps(body)


def affinity(prompt: object) -> dict[str, str]:
    """A balancer sends requests of one prompt to one replica, whose prefix cache has it: its hash
    (deploy/haproxy). A bare prompt is the conversation of one user message."""
    if not prompt:
        return {}
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    text = json.dumps(messages, sort_keys=True, default=plain)
    return {PREFIX_HEADER: hashlib.sha256(text.encode()).hexdigest()[:16]}


def affinity_of(content: Mapping[str, Any]) -> dict[str, str]:
    """Of a request: of a batch its first prompt decides."""
    items = content.get("items")
    first = items[0] if items else content
    if not isinstance(first, Mapping):
        return {}
    return affinity(first.get("messages") or first.get("prompt"))


def sent_trace(trace: Any) -> Sent:
    if isinstance(trace, Mapping):
        trace = trace.get("text") if trace.get("steps") is None else trace["steps"]
    if trace is None or isinstance(trace, str):
        return trace
    every = [step for step in trace if isinstance(step, str)]
    return every if len(every) == len(trace) else None


def sent_traces(content: Mapping[str, Any]) -> Callable[[int, int], Sent]:
    """The trace that a result's numbers mean: the reply holds spans, the request has the texts."""

    def find(item: int, trace: int) -> Sent:
        entry = content["items"][item] if "items" in content else content
        every = entry.get("traces")
        return sent_trace(entry.get("trace") if every is None else every[trace])

    return find


def refusal(status: int, body: bytes, headers: Mapping[str, str]) -> RewarddError:
    try:
        error = TraceError.parse(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        error = None
    if error is None:
        text = body[:200].decode("utf-8", "replace")
        error = TraceError("http_error", f"HTTP {status}: {text}", retryable=status in RETRY_STATUS)
    kind = RewardUnavailable if status in RETRY_STATUS or status >= 500 else RewarddError
    return kind(error, status, headers.get("x-request-id"))


def unreachable(endpoint: Endpoint, cause: BaseException) -> RewardUnavailable:
    reason = str(cause) or type(cause).__name__
    message = f"no answer from {endpoint.host_header}: {reason}"
    return RewardUnavailable(TraceError("unreachable", message, retryable=True), 0)


def decode(body: bytes, sent: Callable[[int, int], Sent] | None = None) -> Scores:
    data = json.loads(body)
    models, request_id = Models.parse(data), data.get("id")
    scores = Scores(usage=data.get("usage"))
    for result in data["results"]:
        trace = sent(result["item"], result["trace"]) if sent is not None else None
        scores.append(Score.parse(result, trace, request_id, models))
    return scores


def backoff_s(attempt: int, headers: Mapping[str, str] | None) -> float:
    """Doubling with jitter; never earlier than the daemon asked for."""
    delay: float = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2**attempt) * (1 - 0.25 * random.random())
    try:
        asked = float((headers or {}).get("retry-after", "0"))
    except ValueError:
        asked = 0.0
    return max(delay, min(max(asked, 0.0), RETRY_AFTER_MAX_S))


def part(scores: Scores) -> Part:
    return scores, scores.usage


def merge(parts: Sequence[Part]) -> Scores:
    usage: dict[str, float] = {}
    merged = Scores(usage=usage)
    for scores, cost in parts:
        merged.extend(scores)
        for name, value in cost.items():
            usage[name] = usage.get(name, 0) + value
    merged.usage = usage
    return merged


def check_on_error(on_error: str) -> str:
    if on_error not in ("none", "raise"):
        raise ValueError('on_error is "none" or "raise"; there is no "zero"')
    return on_error


def group(
    prompt: str | None,
    messages: Sequence[Mapping[str, str]] | None,
    reference: Reference,
    traces: Sequence[Trace],
) -> dict[str, Any]:
    """Traces of one prompt: what is None is not sent."""
    given = {"prompt": prompt, "messages": messages, "reference": reference}
    item: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    item["traces"] = list(traces)
    return item


def accept(data: bytes, on_error: str, sent: Callable[[int, int], Sent] | None = None) -> Scores:
    """The scores of a reply; under on_error="raise" the first that could not be computed raises."""
    scores = decode(data, sent)
    if on_error == "raise":
        raise_for_errors(scores)
    return scores


class Configured:
    """What both clients are made from. A pickled one (a trainer's worker) opens its own sockets."""

    _unpickled: tuple[str, ...] = ()

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        timeout: float = 180.0,
        retries: int = 4,
        max_concurrency: int = 16,
    ):
        self._endpoint = Endpoint(url, api_key)
        self._timeout = timeout
        self._retries = retries
        self._max_concurrency = max_concurrency
        self._reset()

    def _reset(self) -> None:
        raise NotImplementedError

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in self._unpickled}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._reset()


def raise_for_errors(scores: Scores) -> None:
    for score in scores:
        if score.reward is None:
            error = score.error or TraceError("no_reward", "the reply holds no reward")
            raise RewardUnavailable(error, 200, score.request_id)


def stream_event(line: bytes) -> dict[str, Any]:
    """One line of a stream; its error event is raised."""
    event: dict[str, Any] = json.loads(line)
    if event["event"] == "error":
        error = TraceError.parse(event["error"])
        raise StreamBroken(error or TraceError("unknown", "stream failed"), 200)
    return event
