"""One connection: uvicorn's, with a limit on the headers of a request, and a way to write without waking a task.

uvicorn waits for ever for the first request of a connection and for the rest of a request that has begun, and keeps
whatever headers come. A handful of slow callers could hold all descriptors. And its `send` is a coroutine, which a
piece of an answer would have to wake somebody for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeAlias, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

HEADERS_LIMIT_BYTES = 64 * 1024
"""The request line and all headers together."""

WRITE_NOW: Final = "innkeeper.write_now"
"""Where a scope carries its `WriteNow`."""

WriteNow: TypeAlias = Callable[[bytes], bool]
"""Sends a part of a body whose headers are out; whether the next may follow at once, or has to wait in `send`."""


class Connection(HttpToolsProtocol):
    """Closes itself when the headers of a request do not come, or do not end."""

    headers_within_s = 15.0

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],  # Any: uvicorn's own signature
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._deadline: asyncio.TimerHandle | None = None
        self._is_in_headers = False
        self._header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it too
        super().connection_made(transport)
        self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._got_headers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._is_in_headers:
            self._header_bytes += len(data)
            if self._header_bytes > HEADERS_LIMIT_BYTES:
                self.send_400_response(f"The headers are larger than {HEADERS_LIMIT_BYTES} bytes.")
        elif self._is_between_requests() and self.timeout_keep_alive_task is None:
            self._expect_headers()  # the rest of a body that was answered early, or noise between requests

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_headers = True
        self._header_bytes = 0
        self._expect_headers()

    def on_headers_complete(self) -> None:
        self._got_headers()
        super().on_headers_complete()
        cast("dict[str, Any]", self.scope)[WRITE_NOW] = partial(_write_now, self.cycle)  # Any: a scope holds anything

    def _is_between_requests(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request; uvicorn's type does not say so
        return cycle is not None and cycle.response_complete

    def _expect_headers(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.headers_within_s, self.timeout_keep_alive_handler)

    def _got_headers(self) -> None:
        self._is_in_headers = False
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _write_now(cycle: RequestResponseCycle, part: bytes) -> bool:
    """What `RequestResponseCycle.send` does with a part of a body without a length, before or after it waits."""
    if cycle.disconnected:
        return False
    cycle.transport.write(b"%x\r\n%b\r\n" % (len(part), part))
    return not cycle.flow.write_paused


def connection_type(within_s: float) -> type[Connection]:
    """A `Connection` that waits `within_s` seconds for headers; uvicorn takes a class, not an object."""
    return type("Connection", (Connection,), {"headers_within_s": within_s})
