"""The blocking client. Threads may share one; forked and unpickled copies open their own
sockets."""

from __future__ import annotations

import http.client
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

from . import _calls, _plan, _wire
from ._options import (
    GroupOptions,
    ManyOptions,
    ScoreOptions,
    StreamOptions,
    Trace,
    VerifyOptions,
    keywords,
)
from ._types import RewarddError, RewardUnavailable, Score, Scores, Verdict

if TYPE_CHECKING:
    from typing_extensions import Unpack

TRANSPORT = (OSError, http.client.HTTPException)
T = TypeVar("T")


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

    def _once(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        connection, response = self._open(method, path, body, "application/json", extra)
        try:
            data = response.read()
        except BaseException:
            connection.close()
            raise
        if response.will_close:
            connection.close()
        else:
            self._give(connection)
        return response.status, _headers(response), data

    def _do(self, call: _calls.Call[T]) -> T:
        patience = _calls.Patience(self._endpoint, self._retries)
        while True:
            try:
                reply = self._once(call.method, call.path, call.body, call.headers)
                outcome = patience.reply(*reply)
            except TRANSPORT as cause:
                outcome = patience.failure(cause)
            if isinstance(outcome, bytes):
                return call.read(outcome)
            time.sleep(outcome)

    def _run(self, plan: _plan.Plan) -> Scores:
        try:
            call = next(plan)
            while True:
                try:
                    scores = self._do(call)
                except RewarddError as refusal:
                    call = plan.throw(refusal)
                else:
                    call = plan.send(scores)
        except StopIteration as done:
            return cast("Scores", done.value)

    @contextmanager
    def _lines(self, stream: _calls.Stream) -> Iterator[http.client.HTTPResponse]:
        """The lines of a streamed reply. A transport that fails among them is a broken stream."""
        try:
            connection, response = self._open(
                stream.method, stream.path, stream.body, stream.accept, stream.headers
            )
        except TRANSPORT as cause:
            raise _wire.unreachable(self._endpoint, cause) from cause
        try:
            if response.status != 200:
                raise _wire.refusal(response.status, response.read(), _headers(response))
            yield response
        except (*TRANSPORT, ValueError) as cause:
            raise stream.broke() from cause
        finally:
            connection.close()

    # ---- calls ----

    def wait_ready(self, timeout: float = 60.0) -> None:
        """Returns when models are loaded; RewardUnavailable, saying why, after `timeout`
        seconds."""
        wait = _calls.Readiness(self._endpoint, time.monotonic(), timeout)
        while True:
            try:
                if wait.reply(*self._once("GET", "/readyz")):
                    return
            except TRANSPORT as cause:
                wait.failure(cause)
            wait.check(time.monotonic())
            time.sleep(min(wait.PAUSE_S, timeout))

    def models(self) -> dict[str, Any]:
        return self._do(_calls.models())

    @keywords(VerifyOptions)
    def verify(
        self, items: Iterable[Mapping[str, Any]], **options: Unpack[VerifyOptions]
    ) -> list[Verdict]:
        """Answers beside references, without a model. An item has `text` or `steps` (a trace) or
        `answer` (an answer and nothing else), and `reference`. A verdict that was not reached is
        None, and its `reason` says why."""
        return self._do(_calls.verify(items, options))

    # ---- training runs ----

    def runs(self) -> list[dict[str, Any]]:
        """The runs this server knows, the latest first."""
        page = self._do(_calls.runs())
        found = list(page["data"])
        while page.get("next_cursor"):
            page = self._do(_calls.runs(page["next_cursor"]))
            found += page["data"]
        return found

    def run(self, run_id: str) -> dict[str, Any]:
        """What the traces of one run say together: windows, martingales, alarms."""
        return self._do(_calls.run(run_id))

    def run_traces(self, run_id: str) -> list[dict[str, Any]]:
        """Texts of traces that alarms named, and of typical ones; empty unless the server was
        started with --runs-keep-traces."""
        return self._do(_calls.run_traces(run_id))

    def delete_run(self, run_id: str) -> dict[str, Any]:
        """The server forgets the run and all that is known of it."""
        return self._do(_calls.delete_run(run_id))

    def acknowledge_run(self, run_id: str) -> dict[str, Any]:
        """Its alarms were seen: from now on the run is compared with what it is now."""
        return self._do(_calls.acknowledge_run(run_id))

    def reset_run(self, run_id: str) -> dict[str, Any]:
        """A new baseline: the run is compared with its next traces; its alarms stay open."""
        return self._do(_calls.reset_run(run_id))

    def baseline_run(self, run_id: str, other: str) -> dict[str, Any]:
        """From now on the run is compared with the baseline of the run `other`."""
        return self._do(_calls.baseline_run(run_id, other))

    def run_events(self, run_id: str, after: int = 0) -> Iterator[dict[str, Any]]:
        """{"id", "event", "data"} of windows, alarms and acknowledgements as they happen; blocks
        between them. Ends when the server drains; a lost connection raises StreamBroken, and
        `after=` the last id goes on behind it."""
        stream, reader = _calls.run_events(run_id, after), _wire.EventReader()
        with self._lines(stream) as lines:
            for line in lines:
                event = reader.feed(line)
                if event is not None:
                    yield event
                if reader.ended:
                    return
            raise stream.broke()

    # ---- scores ----

    @keywords(ScoreOptions)
    def score(self, prompt: str | None = None, **options: Unpack[ScoreOptions]) -> Score:
        """One trace: `trace`, `steps` or `text`. Raises when it has no reward, unless
        on_error="none"."""
        return self._run(_plan.one(prompt, options))[0]

    @keywords(GroupOptions)
    def score_group(
        self,
        prompt: str | None = None,
        traces: Sequence[Trace] = (),
        **options: Unpack[GroupOptions],
    ) -> Scores:
        """Several traces of one prompt, in order. Under on_error="none" a trace that is refused is
        a score without reward; a request that is wrong itself raises."""
        return self._run(_plan.group(prompt, traces, options))

    @keywords(ManyOptions)
    def score_items(
        self, items: Sequence[Mapping[str, Any]], **options: Unpack[ManyOptions]
    ) -> Scores:
        """A batch of {"prompt": ..., "traces": [...]}, in item and trace order, in one request.
        Under on_error="none" an item that is refused has scores without reward, and the others are
        asked for again without it; a request that is wrong itself raises."""
        return self._run(_plan.items(items, options))

    @keywords(ManyOptions)
    def score_many(
        self,
        samples: Iterable[Mapping[str, Any]],
        *,
        batch_size: int = 32,
        **options: Unpack[ManyOptions],
    ) -> Scores:
        """Many samples, each a prompt (or messages) with one trace (or steps, or text).

        Order is kept. Under on_error="none" a batch that failed after all retries gives scores
        whose reward is None and whose error says why."""
        batches = _plan.batches(samples, batch_size, options)
        workers = max(1, min(self._max_concurrency, len(batches)))
        with ThreadPoolExecutor(workers) as pool:
            parts = pool.map(lambda batch: self._run(batch.plan(options)), batches)
            return _wire.merge(list(map(_wire.part, parts)))

    @keywords(StreamOptions)
    def stream(
        self,
        prompt: str | None = None,
        traces: Sequence[Trace] = (),
        **options: Unpack[StreamOptions],
    ) -> Iterator[dict[str, Any]]:
        """Events (start, step, trace, done) as they are computed. A stream that is cut goes on with
        the next try, each event once."""
        stream = _calls.stream(prompt, traces, options)
        rest = _calls.Resumption(self._retries)
        while True:
            try:
                with self._lines(stream) as lines:
                    for line in lines:
                        event = _wire.stream_event(line)
                        if rest.is_new(event):
                            yield event
                        if event["event"] == "done":
                            return
                    raise stream.broke()
            except RewardUnavailable as cause:
                pause = rest.wait(cause)
            time.sleep(pause)


def _headers(response: http.client.HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.getheaders()}
