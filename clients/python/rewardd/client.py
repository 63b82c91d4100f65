"""The blocking client. Threads may share one; forked and unpickled copies open their own
sockets."""

from __future__ import annotations

import http.client
import json
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from . import _wire
from ._types import RewarddError, RewardUnavailable, Score, Scores, StreamBroken, TraceError

TRANSPORT = (OSError, http.client.HTTPException)
Reply = tuple[int, dict[str, str], bytes]


class Client(_wire.Configured):
    """`url` and `api_key` default to $REWARDD_URL and $REWARDD_API_KEY.

    `timeout` is seconds without a byte; `retries` counts further tries after 429, 503 and failures
    of the transport. Nothing else is tried again, and nothing ever becomes a made-up reward."""

    _unpickled = ("_lock", "_idle", "_pid")

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._idle: list[http.client.HTTPConnection] = []

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    # ---- transport ----

    def _take(self) -> tuple[http.client.HTTPConnection, bool]:
        if self._pid != os.getpid():
            self._reset()  # the parent owns the sockets we inherited
        with self._lock:
            if self._idle:
                return self._idle.pop(), True
        kind = http.client.HTTPSConnection if self._endpoint.tls else http.client.HTTPConnection
        return kind(self._endpoint.host, self._endpoint.port, timeout=self._timeout), False

    def _give(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            if len(self._idle) < self._max_concurrency:
                self._idle.append(connection)
                return
        connection.close()

    def _open(
        self,
        method: str,
        path: str,
        body: bytes | None,
        accept: str,
        extra: Mapping[str, str] | None = None,
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """Sends one request. A kept connection may have been closed by the other side meanwhile:
        scoring has no side effects, so that is tried once more at once."""
        headers = dict(self._endpoint.headers, Accept=accept, **(extra or {}))
        if body is not None:
            headers["Content-Type"] = "application/json"
        while True:
            connection, reused = self._take()
            try:
                connection.request(method, self._endpoint.prefix + path, body, headers)
                return connection, connection.getresponse()
            except TRANSPORT:
                connection.close()
                if not reused:
                    raise

    def _once(self, method: str, path: str, body: bytes | None, accept: str) -> Reply:
        connection, response = self._open(method, path, body, accept)
        try:
            data = response.read()
        except BaseException:
            connection.close()
            raise
        if response.will_close:
            connection.close()
        else:
            self._give(connection)
        return response.status, {k.lower(): v for k, v in response.getheaders()}, data

    def _request(
        self, method: str, path: str, body: bytes | None = None, accept: str = "application/json"
    ) -> bytes:
        for attempt in range(self._retries + 1):
            headers: dict[str, str] = {}
            try:
                status, headers, data = self._once(method, path, body, accept)
                if 200 <= status < 300:
                    return data
                error: RewarddError = _wire.refusal(status, data, headers)
                if status not in _wire.RETRY_STATUS:
                    raise error
            except TRANSPORT as cause:
                error = _wire.unreachable(self._endpoint, cause)
            if attempt == self._retries:
                raise error
            time.sleep(_wire.backoff_s(attempt, headers))
        raise AssertionError("unreachable")

    # ---- calls ----

    def wait_ready(self, timeout: float = 60.0) -> None:
        """Returns when models are loaded; RewardUnavailable, saying why, after `timeout`
        seconds."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                status, headers, data = self._once("GET", "/readyz", None, "application/json")
                if status == 200:
                    return
                error: RewarddError = _wire.refusal(status, data, headers)
            except TRANSPORT as cause:
                error = _wire.unreachable(self._endpoint, cause)
            if time.monotonic() >= deadline:
                raise RewardUnavailable(error.error, error.status)
            time.sleep(min(0.1, timeout))

    def models(self) -> dict[str, Any]:
        return json.loads(self._request("GET", "/v1/models"))

    # ---- training runs ----

    def runs(self) -> list[dict[str, Any]]:
        """The runs this server knows, the latest first."""
        return json.loads(self._request("GET", "/v1/runs"))["data"]

    def run(self, run_id: str) -> dict[str, Any]:
        """What the traces of one run say together: windows, martingales, alarms."""
        return json.loads(self._request("GET", _wire.run_path(run_id)))

    def acknowledge_run(self, run_id: str) -> dict[str, Any]:
        """Its alarms were seen: from now on the run is compared with what it is now."""
        return json.loads(self._request("POST", _wire.run_path(run_id, "/acknowledge"), b""))

    def run_events(self, run_id: str, after: int = 0) -> Iterator[dict[str, Any]]:
        """{"id", "event", "data"} of windows, alarms and acknowledgements as they happen; blocks
        between them. Ends when the server drains; a lost connection raises StreamBroken, and
        `after=` the last id goes on behind it."""
        extra = {"Last-Event-ID": str(after)} if after > 0 else {}
        try:
            connection, response = self._open(
                "GET", _wire.run_path(run_id, "/events"), None, "text/event-stream", extra
            )
        except TRANSPORT as cause:
            raise _wire.unreachable(self._endpoint, cause) from cause
        try:
            if response.status != 200:
                headers = {k.lower(): v for k, v in response.getheaders()}
                raise _wire.refusal(response.status, response.read(), headers)
            yield from _wire.server_sent_events(response)
        except TRANSPORT as cause:
            raise StreamBroken(TraceError("stream_broken", "the events ended"), 200) from cause
        finally:
            connection.close()

    def score(
        self,
        prompt: str | None = None,
        *,
        messages: Sequence[Mapping[str, str]] | None = None,
        trace: _wire.Trace | None = None,
        steps: Sequence[str] | None = None,
        text: str | None = None,
        reference: str | int | float | None = None,
        on_error: str = "raise",
        **options: Any,
    ) -> Score:
        """One trace. Options are the wire's: model, outcome_model (False = none), aggregate, flags,
        flags_all, gate, domain, prompt_gap, stop_below, deadline_ms, overlong, run,
        allow_special_tokens."""
        one = _wire.one_trace(trace, steps, text)
        return self.score_group(
            prompt, [one], messages=messages, reference=reference, on_error=on_error, **options
        )[0]

    def score_group(
        self,
        prompt: str | None = None,
        traces: Sequence[_wire.Trace] = (),
        *,
        messages: Sequence[Mapping[str, str]] | None = None,
        reference: str | int | float | None = None,
        on_error: str = "none",
        **options: Any,
    ) -> Scores:
        """Several traces of one prompt, in order. Refused requests raise whatever on_error is."""
        _wire.check_on_error(on_error)
        if not traces:
            return Scores()
        group = _wire.group(prompt, messages, reference, traces)
        body = _wire.encode(group, options)
        return _wire.accept(self._request("POST", "/v1/rewards", body), on_error)

    def score_items(
        self, items: Sequence[Mapping[str, Any]], *, on_error: str = "none", **options: Any
    ) -> Scores:
        """A batch of {"prompt": ..., "traces": [...]}, in item and trace order, in one request."""
        _wire.check_on_error(on_error)
        if not items:
            return Scores()
        body = _wire.encode({"items": list(items)}, options)
        return _wire.accept(self._request("POST", "/v1/rewards", body), on_error)

    def score_many(
        self,
        samples: Iterable[Mapping[str, Any]],
        *,
        batch_size: int = 32,
        on_error: str = "none",
        **options: Any,
    ) -> Scores:
        """Many samples, each a prompt (or messages) with one trace (or steps, or text).

        Order is kept. Under on_error="none" a batch that failed after all retries gives scores
        whose reward is None and whose error says why."""
        _wire.check_on_error(on_error)
        parts = _wire.batches(map(_wire.sample_item, samples), batch_size)

        def one(numbered: tuple[int, list[dict[str, Any]]]):
            number, batch = numbered
            first = number * batch_size
            try:
                scores = self.score_items(batch, on_error=on_error, **options)
            except RewardUnavailable as error:
                if on_error == "raise":
                    raise
                return _wire.failed_batch(first, len(batch), error.error), {}
            return _wire.renumber(first, scores), scores.usage

        workers = max(1, min(self._max_concurrency, len(parts)))
        with ThreadPoolExecutor(workers) as pool:
            return _wire.merge(list(pool.map(one, enumerate(parts))))

    def stream(
        self,
        prompt: str | None = None,
        traces: Sequence[_wire.Trace] = (),
        *,
        messages: Sequence[Mapping[str, str]] | None = None,
        **options: Any,
    ) -> Iterator[dict[str, Any]]:
        """Events (start, step, trace, done) as they are computed. Not retried: events were seen."""
        body = _wire.stream_body(prompt, messages, traces, options)
        try:
            connection, response = self._open("POST", "/v1/rewards", body, "application/x-ndjson")
        except TRANSPORT as cause:
            raise _wire.unreachable(self._endpoint, cause) from cause
        try:
            if response.status != 200:
                headers = {k.lower(): v for k, v in response.getheaders()}
                raise _wire.refusal(response.status, response.read(), headers)
            yield from self._events(response)
        finally:
            connection.close()

    def _events(self, response: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
        cause: BaseException | None = None
        try:
            for line in response:
                event = _wire.stream_event(line)
                yield event
                if event["event"] == "done":
                    return
        except (*TRANSPORT, ValueError) as broken:
            cause = broken
        raise StreamBroken(TraceError("stream_broken", "no done event"), 200) from cause
