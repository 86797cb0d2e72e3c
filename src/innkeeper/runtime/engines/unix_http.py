"""A small HTTP/1.1 client for one Unix socket, with kept connections: the hot path between us and an engine.

A bare protocol over `httptools`, because it is on the path of every piece of every answer: it costs about a
third of a general client's time per request (docs/engines.md). It follows no redirects and keeps no cookies.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

import httptools

KEPT_CONNECTIONS: Final = 4
"""Idle connections kept open; each occupies a thread of the engine's server while it is kept."""

KEEP_FOR_S: Final = 3.0
"""Seconds an idle connection is used again; llama.cpp's server closes one after 5."""

_PAUSE_AT_BYTES: Final = 1 << 18  # unread answer at which the engine is made to wait for a slow reader


class ConnectionLost(ConnectionError):
    """The engine's end closed before the answer was complete."""


class Exchange(asyncio.Protocol):
    """One connection and the answer that is under way on it."""

    def __init__(self) -> None:
        self.status = 0
        self.is_event_stream = False
        self.idle_since_s = 0.0
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._parts: deque[bytes] = deque()
        self.unread_bytes = 0
        """Of the answer, what has arrived and was not taken yet."""
        self._has_headers = False
        self._is_complete = False
        self._is_between_chunks = False
        """Whether the next byte to arrive begins a chunk."""
        self._is_lost = False
        self._is_paused = False
        self._may_be_kept = False
        self._news: asyncio.Future[None] | None = None
        self._takes: Callable[[bytes], bool] | None = None
        """Who is offered each chunk that arrives while the next part is waited for."""

    # What the client calls

    def send(self, head: bytes, body: bytes) -> None:
        """Begin a request; the answer before it must be complete."""
        self.status, self.is_event_stream = 0, False
        self._parts.clear()
        self.unread_bytes = 0
        self._has_headers = self._is_complete = self._may_be_kept = self._is_between_chunks = False
        self._parser = httptools.HttpResponseParser(self)
        assert self._transport is not None, "a request before the connection was made"
        self._transport.write(head + body)

    async def headers(self) -> None:
        """Return when the status is known.

        Raises:
            ConnectionLost: The engine's end closed first.
        """
        while not self._has_headers:
            await self._next_news()

    async def part(self, takes: Callable[[bytes], bool] | None = None) -> bytes | None:
        """The next part of the body, cut anywhere; None at its end.

        While it is waited for, each chunk that arrives by itself is offered to `takes`, and what that took is not
        returned: whoever waits here is not woken for it, but for the first part that is not taken.

        Raises:
            ConnectionLost: It ended early.
        """
        while not self._parts:
            if self._is_complete:
                return None
            self._takes = takes
            try:
                await self._next_news()
            finally:
                self._takes = None
        part = self._parts.popleft()
        self.unread_bytes -= len(part)
        if self._is_paused and self.unread_bytes < _PAUSE_AT_BYTES // 2 and self._transport is not None:
            self._is_paused = False
            self._transport.resume_reading()
        return part

    async def body(self) -> bytes:
        """The whole body.

        Raises:
            ConnectionLost: It ended early.
        """
        parts = []
        while (part := await self.part()) is not None:
            parts.append(part)
        return b"".join(parts)

    @property
    def can_be_used_again(self) -> bool:
        """Whether the answer was read to its end and both ends keep the connection.

        With a rest that nobody read, reading may be paused, and the next answer would never arrive.
        """
        return self._is_complete and not self._parts and self._may_be_kept and not self._is_lost

    @property
    def is_lost(self) -> bool:
        """Whether the connection is closed."""
        return self._is_lost

    def abort(self) -> None:
        """Close at once, which tells the engine that nobody listens any more."""
        if self._transport is not None:
            self._transport.abort()

    def _next_news(self) -> asyncio.Future[None]:
        if self._is_lost:
            raise ConnectionLost("the engine closed the connection before its answer was complete")
        news = self._news = asyncio.get_running_loop().create_future()
        return news

    def _tell(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        # A stream socket gives a transport that writes. uvloop's is one without being a subclass, so no isinstance.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._parser is None:  # words nobody asked for
            self.abort()
            return
        if self._takes is not None and self._is_between_chunks and not self._parts:
            chunk = _only_chunk(data)
            if chunk and self._takes(chunk):
                return  # the parser never hears of it: for it, too, a chunk begins here
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.abort()
            return
        self._is_between_chunks = self._is_between_chunks and data.endswith(b"\r\n")
        self._tell()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """See `asyncio.Protocol`."""
        self._is_lost = True
        self._tell()

    # What the parser calls

    def on_header(self, name: bytes, value: bytes) -> None:
        """See `httptools`."""
        if name.lower() == b"content-type":
            self.is_event_stream = value.startswith(b"text/event-stream")

    def on_headers_complete(self) -> None:
        """See `httptools`."""
        assert self._parser is not None, "headers without a parser"
        self.status = self._parser.get_status_code()
        self._may_be_kept = self._parser.should_keep_alive()
        self._has_headers = True

    def on_body(self, body: bytes) -> None:
        """See `httptools`."""
        self._parts.append(body)
        self.unread_bytes += len(body)
        if self.unread_bytes > _PAUSE_AT_BYTES and not self._is_paused and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()

    def on_chunk_header(self) -> None:
        """See `httptools`."""
        self._is_between_chunks = False

    def on_chunk_complete(self) -> None:
        """See `httptools`."""
        self._is_between_chunks = True

    def on_message_complete(self) -> None:
        """See `httptools`."""
        self._is_complete = True


def _only_chunk(data: bytes) -> bytes:
    """What the one chunk holds that `data` is, as it mostly is; empty for anything else. See RFC 9112 §7.1."""
    end = data.find(b"\r\n")
    try:
        size_bytes = int(data[:end], 16)
    except ValueError:  # with an extension, or not a beginning at all
        return b""
    return data[end + 2 : -2] if len(data) == end + size_bytes + 4 else b""


class UnixHttp:
    """Requests to the server behind one socket."""

    def __init__(self, socket: Path) -> None:
        self._socket = str(socket)
        self._idle: list[Exchange] = []

    async def get(self, target: str) -> tuple[int, bytes]:
        """Status and body of a GET.

        Raises:
            OSError: Nobody listens, or the connection broke.
        """
        return await self._whole(await self._ask(b"GET", target, b""))

    async def post(self, target: str, body: bytes) -> tuple[int, bytes]:
        """Status and body of a POST of JSON.

        Raises:
            OSError: Nobody listens, or the connection broke.
        """
        return await self._whole(await self.ask(target, body))

    async def ask(self, target: str, body: bytes) -> Exchange:
        """POST JSON and return when the status of the answer is known. Whoever asks must `release`.

        Raises:
            OSError: Nobody listens, or the connection broke.
        """
        return await self._ask(b"POST", target, body)

    def release(self, exchange: Exchange) -> None:
        """Keep the connection where its answer was read to the end; else close it, which stops the engine's work."""
        if exchange.can_be_used_again and len(self._idle) < KEPT_CONNECTIONS:
            exchange.idle_since_s = asyncio.get_running_loop().time()
            self._idle.append(exchange)
        else:
            exchange.abort()

    def close(self) -> None:
        """Close every kept connection."""
        while self._idle:
            self._idle.pop().abort()

    async def _whole(self, exchange: Exchange) -> tuple[int, bytes]:
        try:
            body = await exchange.body()
            return exchange.status, body
        finally:
            self.release(exchange)

    async def _ask(self, method: bytes, target: str, body: bytes) -> Exchange:
        head = (b"%s %s HTTP/1.1\r\nHost: engine\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n") % (
            method,
            target.encode("ascii"),
            len(body),
        )
        kept = self._kept()
        if kept is not None:
            try:
                return await self._begun(kept, head, body)
            except ConnectionLost:
                pass  # the server closed it as we wrote: it has not read the request
        fresh = await self._connect()
        return await self._begun(fresh, head, body)

    async def _begun(self, exchange: Exchange, head: bytes, body: bytes) -> Exchange:
        try:
            exchange.send(head, body)
            await exchange.headers()
        except BaseException:
            exchange.abort()
            raise
        return exchange

    async def _connect(self) -> Exchange:
        _, exchange = await asyncio.get_running_loop().create_unix_connection(Exchange, self._socket)
        return exchange

    def _kept(self) -> Exchange | None:
        now_s = asyncio.get_running_loop().time()
        while self._idle:
            exchange = self._idle.pop()
            if not exchange.is_lost and now_s - exchange.idle_since_s < KEEP_FOR_S:
                return exchange
            exchange.abort()
        return None
