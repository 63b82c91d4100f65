"""The asyncio client: HTTP/1.1 by hand on asyncio streams, keep-alive, bounded concurrency."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import (
    Any,
)

from . import _wire
from ._types import RewarddError, RewardUnavailable, Score, Scores, StreamBroken, TraceError

HEAD_BYTES_MAX = 64 * 1024
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
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
        self, method: str, path: str, body: bytes | None, accept: str = "application/json"
    ) -> bytes:
        lines = [
            f"{method} {self._endpoint.prefix}{path} HTTP/1.1",
            f"Host: {self._endpoint.host_header}",
            f"Accept: {accept}",
        ]
        lines += [f"{name}: {value}" for name, value in self._endpoint.headers.items()]
        if body is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    async def _exchange(self, connection: Connection, message: bytes) -> Reply:
        reader, writer = connection
        keep = False
        try:
            writer.write(message)
            await writer.drain()
            reply, keep = await _read_reply(reader)
            return reply
        finally:
            if keep:
                self._idle.append(connection)
            else:
                writer.close()

    async def _once(self, method: str, path: str, body: bytes | None) -> Reply:
        message = self._head(method, path, body) + (body or b"")
        while self._idle:
            try:  # closed by the other side meanwhile: scoring has no side effects, go on
                return await asyncio.wait_for(
                    self._exchange(self._idle.pop(), message), self._timeout
                )
            except asyncio.TimeoutError:
                raise
            except TRANSPORT:
                continue
        fresh = await asyncio.wait_for(self._connect(), self._timeout)
        return await asyncio.wait_for(self._exchange(fresh, message), self._timeout)

    async def _request(self, method: str, path: str, body: bytes | None = None) -> bytes:
        slots = self._bind()
        for attempt in range(self._retries + 1):
            headers: dict[str, str] = {}
            try:
                async with slots:
                    status, headers, data = await self._once(method, path, body)
                if 200 <= status < 300:
                    return data
                error: RewarddError = _wire.refusal(status, data, headers)
                if status not in _wire.RETRY_STATUS:
                    raise error
            except TRANSPORT as cause:
                error = _wire.unreachable(self._endpoint, cause)
            if attempt == self._retries:
                raise error
            await asyncio.sleep(_wire.backoff_s(attempt, headers))
        raise AssertionError("unreachable")

    # ---- calls ----

    async def wait_ready(self, timeout: float = 60.0) -> None:
        self._bind()
        deadline = asyncio.get_running_loop().time() + timeout
        while True:
            try:
                status, headers, data = await self._once("GET", "/readyz", None)
                if status == 200:
                    return
                error: RewarddError = _wire.refusal(status, data, headers)
            except TRANSPORT as cause:
                error = _wire.unreachable(self._endpoint, cause)
            if asyncio.get_running_loop().time() >= deadline:
                raise RewardUnavailable(error.error, error.status)
            await asyncio.sleep(0.1)

    async def models(self) -> dict[str, Any]:
        return json.loads(await self._request("GET", "/v1/models"))

    async def runs(self) -> list[dict[str, Any]]:
        return json.loads(await self._request("GET", "/v1/runs"))["data"]

    async def run(self, run_id: str) -> dict[str, Any]:
        return json.loads(await self._request("GET", _wire.run_path(run_id)))

    async def acknowledge_run(self, run_id: str) -> dict[str, Any]:
        return json.loads(await self._request("POST", _wire.run_path(run_id, "/acknowledge"), b""))

    async def score(
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
        one = _wire.one_trace(trace, steps, text)
        scores = await self.score_group(
            prompt, [one], messages=messages, reference=reference, on_error=on_error, **options
        )
        return scores[0]

    async def score_group(
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
        body = _wire.encode(_wire.group(prompt, messages, reference, traces), options)
        return _wire.accept(await self._request("POST", "/v1/rewards", body), on_error)

    async def stream(
        self,
        prompt: str | None = None,
        traces: Sequence[_wire.Trace] = (),
        *,
        messages: Sequence[Mapping[str, str]] | None = None,
        **options: Any,
    ) -> AsyncIterator[dict[str, Any]]:
        """Events (start, step, trace, done) as they are computed. Not retried: events were seen.
        The timeout is for each event, not for the whole."""
        body = _wire.stream_body(prompt, messages, traces, options)
        message = self._head("POST", "/v1/rewards", body, "application/x-ndjson") + body
        async with self._bind():
            try:
                reader, writer = await asyncio.wait_for(self._connect(), self._timeout)
            except TRANSPORT as cause:
                raise _wire.unreachable(self._endpoint, cause) from cause
            try:
                async for event in self._events(reader, writer, message):
                    yield event
            finally:
                writer.close()

    async def _events(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, message: bytes
    ) -> AsyncIterator[dict[str, Any]]:
        try:
            writer.write(message)
            await writer.drain()
            status, headers, _ = await asyncio.wait_for(_read_head(reader), self._timeout)
        except TRANSPORT as cause:
            raise _wire.unreachable(self._endpoint, cause) from cause
        if status != 200:
            length = int(headers.get("content-length", "0"))
            raise _wire.refusal(status, await reader.readexactly(length), headers)
        cause: BaseException | None = None
        lines = _lines(reader, "chunked" in headers.get("transfer-encoding", "").lower())
        try:
            while True:
                line = await asyncio.wait_for(_next(lines), self._timeout)
                if line is None:
                    break
                event = _wire.stream_event(line)
                yield event
                if event["event"] == "done":
                    return
        except (*TRANSPORT, ValueError) as broken:
            cause = broken
        raise StreamBroken(TraceError("stream_broken", "no done event"), 200) from cause

    async def score_items(
        self, items: Sequence[Mapping[str, Any]], *, on_error: str = "none", **options: Any
    ) -> Scores:
        _wire.check_on_error(on_error)
        if not items:
            return Scores()
        body = _wire.encode({"items": list(items)}, options)
        return _wire.accept(await self._request("POST", "/v1/rewards", body), on_error)

    async def score_many(
        self,
        samples: Iterable[Mapping[str, Any]],
        *,
        batch_size: int = 32,
        on_error: str = "none",
        **options: Any,
    ) -> Scores:
        _wire.check_on_error(on_error)

        async def one(number: int, batch: list[dict[str, Any]]):
            first = number * batch_size
            try:
                scores = await self.score_items(batch, on_error=on_error, **options)
            except RewardUnavailable as error:
                if on_error == "raise":
                    raise
                return _wire.failed_batch(first, len(batch), error.error), {}
            return _wire.renumber(first, scores), scores.usage

        parts = _wire.batches(map(_wire.sample_item, samples), batch_size)
        return _wire.merge(await asyncio.gather(*(one(i, b) for i, b in enumerate(parts))))
