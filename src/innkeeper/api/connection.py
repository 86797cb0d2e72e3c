"""One connection: uvicorn's, with a limit on the headers of a request, and ways that ASGI has no words for.

uvicorn waits for ever for the first request of a connection and for the rest of a request that has begun, and keeps
whatever headers come. A handful of slow callers could hold all descriptors. Its `send` is a coroutine, which a piece
of an answer would have to wake somebody for, and makes two writes of an answer. Its `receive` has to be waited for with
a clock in hand, also for a body that came with its headers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, TypeAlias, cast

from starlette.types import Scope
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

HEADERS_LIMIT_BYTES = 64 * 1024
"""The request line and all headers together."""

_DIRECT: Final = "innkeeper.direct"
"""Where a scope carries its `Direct`."""

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
            else:
                self._expect_headers()
        elif self._is_between_requests() and self.timeout_keep_alive_task is None:
            self._expect_headers()  # the rest of a body that was answered early, or noise between requests

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_headers = True
        self._header_bytes = 0

    def on_headers_complete(self) -> None:
        self._got_headers()
        super().on_headers_complete()
        cast("dict[str, Any]", self.scope)[_DIRECT] = Direct(self.cycle)  # Any: a scope holds anything

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


class Direct:
    """The connection under one request and its answer, for what need not wait."""

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle

    def whole_body(self) -> bytes | None:
        """The body, if all of it is here already and nobody has begun to receive it; else None, and it must be."""
        cycle = self._cycle
        if cycle.more_body or cycle.waiting_for_100_continue:
            return None
        body, cycle.body = bytes(cycle.body), bytearray()
        return body

    def write_now(self, part: bytes) -> bool:
        """What `RequestResponseCycle.send` does with a part of a body without a length, before or after it waits."""
        cycle = self._cycle
        if cycle.disconnected:
            return False
        cycle.transport.write(b"%x\r\n%b\r\n" % (len(part), part))
        return not cycle.flow.write_paused

    def together(self) -> AbstractContextManager[None]:
        """What is sent in the block leaves in one write at its end, and wakes its reader once."""
        return _Held(self._cycle)


class _Held(asyncio.Transport):
    """In the place of a request's transport for the length of a block; then what was written to it is written."""

    def __init__(self, cycle: RequestResponseCycle) -> None:
        super().__init__()
        self._cycle = cycle
        self._transport = cycle.transport
        self._parts: list[bytes] = []
        self._closes = False

    def __enter__(self) -> None:
        self._cycle.transport = self

    def __exit__(self, *_: object) -> None:
        self._cycle.transport = self._transport
        if self._parts:
            self._transport.write(b"".join(self._parts))
        if self._closes:
            self._transport.close()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._parts.append(bytes(data))

    def is_closing(self) -> bool:
        return self._closes or self._transport.is_closing()

    def close(self) -> None:
        self._closes = True


def direct_of(scope: Scope) -> Direct | None:
    """What lies under the request of that scope; None where it is no connection of ours."""
    return cast("Direct | None", scope.get(_DIRECT))


def together(direct: Direct | None) -> AbstractContextManager[None]:
    """`Direct.together`, where there is one."""
    return nullcontext() if direct is None else direct.together()


def connection_type(within_s: float) -> type[Connection]:
    """A `Connection` that waits `within_s` seconds for headers; uvicorn takes a class, not an object."""
    return type("Connection", (Connection,), {"headers_within_s": within_s})
