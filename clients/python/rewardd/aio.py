"""The asyncio client: HTTP/1.1 by hand on asyncio streams, keep-alive, bounded concurrency."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
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

HEAD_BYTES_MAX = 64 * 1024
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
T = TypeVar("T")
Reply = tuple[int, dict[str, str], bytes]


class BadReply(OSError):
    """Not HTTP, or cut off."""


TRANSPORT = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.TimeoutError)


async def _read_chunked(reader: asyncio.StreamReader) -> bytes:
    parts: list[bytes] = []
    while True:
        line = await reader.readuntil(b"\r\n")
        try:
            size = int(line.split(b";")[0], 16)
        except ValueError as bad:
            raise BadReply("bad chunk") from bad
        data = await reader.readexactly(size + 2)
        if size == 0:
            return b"".join(parts)
        parts.append(data[:-2])


async def _read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bool]:
    """Status, headers, and whether the connection may be used again; interim replies are
    skipped."""
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        words = head[0].split(" ", 2)
        if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
            raise BadReply("not HTTP/1")
        if int(words[1]) >= 200:
            break
    headers = {}
    for line in head[1:]:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    keep = headers.get("connection", "").lower() != "close" and words[0] == "HTTP/1.1"
    return int(words[1]), headers, keep


async def _read_reply(reader: asyncio.StreamReader) -> tuple[Reply, bool]:
    """The reply, and whether the connection may be used again."""
    status, headers, keep = await _read_head(reader)
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = await _read_chunked(reader)
    elif "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    else:
        body, keep = await reader.read(), False
    return (status, headers, body), keep


async def _lines(reader: asyncio.StreamReader, chunked: bool) -> AsyncIterator[bytes]:
    """Lines of a streamed body, as soon as each is complete."""
    rest = b""
    while True:
        if chunked:
            size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
            data = (await reader.readexactly(size + 2))[:-2]
        else:
            data = await reader.read(HEAD_BYTES_MAX)
        if not data:
            return
        *whole, rest = (rest + data).split(b"\n")
        for line in whole:
            yield line


async def _next(lines: AsyncIterator[bytes]) -> bytes | None:
    async for line in lines:
        return line
    return None


class AsyncClient(_wire.Configured):
    """As Client, for one event loop; api_key, timeout and retries as there. `max_concurrency`
    bounds connections and requests."""

    _unpickled = ("_loop", "_slots", "_idle")

    def __init__(self, url: str | None = None, *, max_concurrency: int = 64, **settings: Any):
        super().__init__(url, max_concurrency=max_concurrency, **settings)

    def _reset(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._slots: asyncio.Semaphore | None = None
        self._idle: list[Connection] = []

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        idle, self._idle = self._idle, []
        for _, writer in idle:
            writer.close()

    # ---- transport ----

    def _bind(self) -> asyncio.Semaphore:
        """Sockets belong to a loop: under a new one (a second asyncio.run, a fork) start anew."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop or self._slots is None:
            self._reset()
            self._loop = loop
            self._slots = asyncio.Semaphore(self._max_concurrency)
        return self._slots

    async def _connect(self) -> Connection:
        context = ssl.create_default_context() if self._endpoint.tls else None
        return await asyncio.open_connection(  # asyncio sets TCP_NODELAY
            self._endpoint.host, self._endpoint.port, ssl=context, limit=HEAD_BYTES_MAX
        )

    def _head(
        self,
        method: str,
        path: str,
        body: bytes | None,
        accept: str = "application/json",
        extra: Mapping[str, str] | None = None,
    ) -> bytes:
        lines = [
            f"{method} {self._endpoint.prefix}{path} HTTP/1.1",
            f"Host: {self._endpoint.host_header}",
            f"Accept: {accept}",
        ]
        headers = {**self._endpoint.headers, **(extra or {})}
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    async def _exchange(
        self, connection: Connection, message: bytes, idle: list[Connection]
    ) -> Reply:
        reader, writer = connection
        keep = False
        try:
            writer.write(message)
            await writer.drain()
            reply, keep = await _read_reply(reader)
            return reply
        finally:
            if keep:
                idle.append(connection)
            else:
                writer.close()

    async def _once(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> Reply:
        message = self._head(method, path, body, extra=extra) + (body or b"")
        idle = self._idle  # of this loop: another one may bind the client meanwhile
        while idle:
            try:  # closed by the other side meanwhile: scoring has no side effects, go on
                return await asyncio.wait_for(
                    self._exchange(idle.pop(), message, idle), self._timeout
                )
            except asyncio.TimeoutError:
                raise
            except TRANSPORT:
                continue
        fresh = await asyncio.wait_for(self._connect(), self._timeout)
        return await asyncio.wait_for(self._exchange(fresh, message, idle), self._timeout)

    async def _do(self, call: _calls.Call[T]) -> T:
        slots = self._bind()
        patience = _calls.Patience(self._endpoint, self._retries)
        while True:
            try:
                async with slots:
                    reply = await self._once(call.method, call.path, call.body, call.headers)
                outcome = patience.reply(*reply)
            except TRANSPORT as cause:
                outcome = patience.failure(cause)
            if isinstance(outcome, bytes):
                return call.read(outcome)
            await asyncio.sleep(outcome)

    async def _run(self, plan: _plan.Plan) -> Scores:
        try:
            call = next(plan)
            while True:
                try:
                    scores = await self._do(call)
                except RewarddError as refusal:
                    call = plan.throw(refusal)
                else:
                    call = plan.send(scores)
        except StopIteration as done:
            return cast("Scores", done.value)

    @asynccontextmanager
    async def _open(self, stream: _calls.Stream) -> AsyncIterator[AsyncIterator[bytes]]:
        """The lines of a streamed reply. A transport that fails among them is a broken stream."""
        message = self._head(stream.method, stream.path, stream.body, stream.accept, stream.headers)
        async with self._bind():
            try:
                reader, writer = await asyncio.wait_for(self._connect(), self._timeout)
            except TRANSPORT as cause:
                raise _wire.unreachable(self._endpoint, cause) from cause
            try:
                yield await self._begin(reader, writer, message + (stream.body or b""))
            except (*TRANSPORT, ValueError) as cause:
                raise stream.broke() from cause
            finally:
                writer.close()

    async def _begin(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, message: bytes
    ) -> AsyncIterator[bytes]:
        try:
            writer.write(message)
            await writer.drain()
            status, headers, _ = await asyncio.wait_for(_read_head(reader), self._timeout)
        except TRANSPORT as cause:
            raise _wire.unreachable(self._endpoint, cause) from cause
        if status != 200:
            length = int(headers.get("content-length", "0"))
            raise _wire.refusal(status, await reader.readexactly(length), headers)
        return _lines(reader, "chunked" in headers.get("transfer-encoding", "").lower())

    # ---- calls ----

    async def wait_ready(self, timeout: float = 60.0) -> None:
        """As Client.wait_ready."""
        self._bind()
        now = asyncio.get_running_loop().time
        wait = _calls.Readiness(self._endpoint, now(), timeout)
        while True:
            try:
                if wait.reply(*await self._once("GET", "/readyz")):
                    return
            except TRANSPORT as cause:
                wait.failure(cause)
            wait.check(now())
            await asyncio.sleep(min(wait.PAUSE_S, timeout))

    async def models(self) -> dict[str, Any]:
        """As Client.models."""
        return await self._do(_calls.models())

    @keywords(VerifyOptions)
    async def verify(
        self, items: Iterable[Mapping[str, Any]], **options: Unpack[VerifyOptions]
    ) -> list[Verdict]:
        """As Client.verify."""
        return await self._do(_calls.verify(items, options))

    async def runs(self) -> list[dict[str, Any]]:
        """As Client.runs."""
        page = await self._do(_calls.runs())
        found = list(page["data"])
        while page.get("next_cursor"):
            page = await self._do(_calls.runs(page["next_cursor"]))
            found += page["data"]
        return found

    async def run(self, run_id: str) -> dict[str, Any]:
        """As Client.run."""
        return await self._do(_calls.run(run_id))

    async def run_traces(self, run_id: str) -> list[dict[str, Any]]:
        """As Client.run_traces."""
        return await self._do(_calls.run_traces(run_id))

    async def delete_run(self, run_id: str) -> dict[str, Any]:
        """As Client.delete_run."""
        return await self._do(_calls.delete_run(run_id))

    async def acknowledge_run(self, run_id: str) -> dict[str, Any]:
        """As Client.acknowledge_run."""
        return await self._do(_calls.acknowledge_run(run_id))

    async def reset_run(self, run_id: str) -> dict[str, Any]:
        """As Client.reset_run."""
        return await self._do(_calls.reset_run(run_id))

    async def baseline_run(self, run_id: str, other: str) -> dict[str, Any]:
        """As Client.baseline_run."""
        return await self._do(_calls.baseline_run(run_id, other))

    async def run_events(self, run_id: str, after: int = 0) -> AsyncIterator[dict[str, Any]]:
        """As Client.run_events."""
        stream, reader = _calls.run_events(run_id, after), _wire.EventReader()
        async with self._open(stream) as lines:
            async for line in lines:  # no timeout: events are rare
                event = reader.feed(line)
                if event is not None:
                    yield event
                if reader.ended:
                    return
            raise stream.broke()

    @keywords(ScoreOptions)
    async def score(self, prompt: str | None = None, **options: Unpack[ScoreOptions]) -> Score:
        """As Client.score."""
        return (await self._run(_plan.one(prompt, options)))[0]

    @keywords(GroupOptions)
    async def score_group(
        self,
        prompt: str | None = None,
        traces: Sequence[Trace] = (),
        **options: Unpack[GroupOptions],
    ) -> Scores:
        """As Client.score_group."""
        return await self._run(_plan.group(prompt, traces, options))

    @keywords(ManyOptions)
    async def score_items(
        self, items: Sequence[Mapping[str, Any]], **options: Unpack[ManyOptions]
    ) -> Scores:
        """As Client.score_items."""
        return await self._run(_plan.items(items, options))

    @keywords(ManyOptions)
    async def score_many(
        self,
        samples: Iterable[Mapping[str, Any]],
        *,
        batch_size: int = 32,
        **options: Unpack[ManyOptions],
    ) -> Scores:
        """As Client.score_many."""
        batches = _plan.batches(samples, batch_size, options)
        parts = await asyncio.gather(*(self._run(batch.plan(options)) for batch in batches))
        return _wire.merge(list(map(_wire.part, parts)))

    @keywords(StreamOptions)
    async def stream(
        self,
        prompt: str | None = None,
        traces: Sequence[Trace] = (),
        **options: Unpack[StreamOptions],
    ) -> AsyncIterator[dict[str, Any]]:
        """As Client.stream. The timeout is for each event, not for the whole."""
        stream = _calls.stream(prompt, traces, options)
        rest = _calls.Resumption(self._retries)
        while True:
            try:
                async with self._open(stream) as lines:
                    while True:
                        line = await asyncio.wait_for(_next(lines), self._timeout)
                        if line is None:
                            raise stream.broke()
                        event = _wire.stream_event(line)
                        if rest.is_new(event):
                            yield event
                        if event["event"] == "done":
                            return
            except RewardUnavailable as cause:
                pause = rest.wait(cause)
            await asyncio.sleep(pause)
