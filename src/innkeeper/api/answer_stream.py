"""A streamed answer: every piece leaves at once, silence is filled with comments, an error comes last.

The stream starts with its first piece, so that an error before it still has its own status. If nothing comes for
a while the stream starts without it, in formats that have comments: one tells why, and clients and proxies keep the
connection. No task lives per piece: one timer looks now and then whether something was sent. An engine that can sends
the pieces after the first by the `shortcut`, and then no task even wakes for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Self

from starlette.types import Message, Send

from innkeeper.api.answers import Header, began_headers
from innkeeper.api.connection import Direct, WriteNow, together
from innkeeper.runtime.errors import InnkeeperError
from innkeeper.runtime.messages import Began, Usage
from innkeeper.runtime.wire.format import Answer

_HEADERS: tuple[Header, ...] = (
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),  # nginx would otherwise hold the pieces back
)


LOOKS = 4
"""How often within a heartbeat somebody looks: a comment comes that much early or late at most."""


class AnswerStream:
    """One answer on its way out. Use it as a context manager around everything it is told."""

    def __init__(
        self,
        answer: Answer,
        send: Send,
        direct: Direct | None,
        *,
        headers: Iterable[Header],
        name: str,
        heartbeat_s: float,
        why_quiet: Callable[[], str],
    ) -> None:
        """`direct`: the connection's ways for shortcuts; None where it has none. `name` is for its task."""
        self._answer = answer
        self._tell = answer.piece
        self._send = send
        self._direct = direct
        self._shortcut: WriteNow | None = None
        """The way for pieces while it is open: after the first piece, with no comment and no caller to wait for."""
        self._headers = tuple(headers)
        self._name = name
        self._heartbeat_s = heartbeat_s
        self._why_quiet = why_quiet
        self._loop = asyncio.get_running_loop()
        self._began: Began | None = None
        self._sent_at_s = self._loop.time()
        self._is_sending = False
        self._has_sent = False
        """Whether a piece left since the timer looked last: cheaper than a clock for each."""
        self._timer: asyncio.TimerHandle | None = None
        self._heartbeat: asyncio.Task[None] | None = None
        self.has_started = False
        """Whether the headers are out, so that an error can only be an event."""

    async def __aenter__(self) -> Self:
        self._timer = self._loop.call_later(self._heartbeat_s / LOOKS, self._look)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._close()
        if self._heartbeat is not None:
            self._heartbeat.cancel()
            await asyncio.wait({self._heartbeat})

    async def began(self, began: Began) -> None:
        """Who answers: as headers, or as a comment when those have left already."""
        if self._heartbeat is not None:
            await self._end_heartbeat()
        self._began = began
        self._answer.began(began)
        if self.has_started:
            told = b" ".join(name + b"=" + value for name, value in began_headers(began))
            await self._write(self._answer.note(told.decode("ascii"), is_heartbeat=False) or b"")

    async def piece(self, document: bytes) -> None:
        """Relay one piece now."""
        if self._heartbeat is not None:
            await self._end_heartbeat()
        told = self._tell(document)
        if not told:
            return
        await self._write(told)
        self._shortcut = self._direct.write_now if self._direct is not None else None

    def shortcut(self, document: bytes) -> bool:
        """Relay one piece now if nothing has to be waited for; whether it was. See `Request.shortcut`."""
        if self._shortcut is None:
            return False
        told = self._tell(document)
        if told:
            self._has_sent = True
            if not self._shortcut(told):
                self._shortcut = None  # the next piece goes the long way, and waits there for the caller
        return True

    async def done(self, usage: Usage) -> None:
        """The answer is complete."""
        await self._end(self._answer.done(usage))

    async def fail(self, error: InnkeeperError) -> None:
        """The answer ends with an error; the headers are out, so it comes last. The stream itself ends well."""
        await self._end(self._answer.failed(error))

    async def _end(self, last: bytes) -> None:
        self._close()
        if self._heartbeat is not None:
            await self._end_heartbeat()
        await self._write(last, more=False)

    async def _write(self, text: bytes, *, more: bool = True) -> None:
        """A part of the body. The headers leave with the first."""
        part: Message = {"type": "http.response.body", "body": text, "more_body": more}
        self._is_sending = True
        try:
            if self.has_started:
                await self._send(part)
            else:
                self.has_started = True
                with together(self._direct):
                    await self._send(self._head())
                    await self._send(part)
        finally:
            self._is_sending = False
            self._sent_at_s = self._loop.time()

    def _head(self) -> Message:
        headers = [(b"content-type", self._answer.media_type), *_HEADERS, *self._headers]
        if self._began is not None:
            headers += began_headers(self._began)
        return {"type": "http.response.start", "status": 200, "headers": headers}

    def _close(self) -> None:
        assert self._timer is not None, "used outside its block"
        self._timer.cancel()
        self._shortcut = None

    def _look(self) -> None:
        if self._has_sent:
            self._has_sent = False
            self._sent_at_s = self._loop.time()
        quiet_s = self._loop.time() - self._sent_at_s
        if quiet_s >= self._heartbeat_s * (1 - 1 / LOOKS):
            is_beating = self._heartbeat is not None and not self._heartbeat.done()
            if not self._is_sending and not is_beating:  # a caller who reads slowly is not a silence of ours
                self._shortcut = None
                self._heartbeat = self._loop.create_task(self._beat(), name=f"heartbeat of {self._name}")
        self._timer = self._loop.call_later(self._heartbeat_s / LOOKS, self._look)

    async def _beat(self) -> None:
        note = self._answer.note(self._why_quiet(), is_heartbeat=True)
        if note is None:
            return
        await self._write(note)

    async def _end_heartbeat(self) -> None:
        """Wait until the comment is out: two senders at a time could put a piece before the headers."""
        heartbeat, self._heartbeat = self._heartbeat, None
        if heartbeat is not None:
            await heartbeat
