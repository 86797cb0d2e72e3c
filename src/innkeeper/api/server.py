"""The server on its socket, inside the event loop of whoever runs it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import math
import socket
from collections.abc import Iterator

import uvicorn

from innkeeper.api.app import Door
from innkeeper.api.connection import connection_type
from innkeeper.api.options import ApiOptions
from innkeeper.runtime.errors import BadSettings


def listen(host: str, port: int) -> socket.socket:
    """A socket that accepts connections at that address; port 0 takes a free one.

    Raises:
        BadSettings: The port is taken, is not ours to use, or the address is not this machine's.
    """
    if not 0 <= port <= 65_535:  # getaddrinfo would take the remainder
        raise BadSettings(f"{port} is no port: choose one from 1024 to 65535.", param="port")
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
    except (socket.gaierror, UnicodeError, ValueError) as error:
        raise BadSettings(f"{host}:{port} is no address to listen on: {error}.", param="host") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise BadSettings(_why_not(host, port, error), param="port", port=port) from error
    listener.settimeout(0)
    return listener


def _why_not(host: str, port: int, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"Port {port} on {host} is in use by another program. Stop it, or choose another port: "
                "`innkeeper up --port N` or INNKEEPER_PORT."
            )
        case errno.EACCES | errno.EPERM:
            return f"Port {port} needs rights this user does not have. Choose one above 1023, for example 8000."
        case errno.EADDRNOTAVAIL:
            return f"{host} is not an address of this machine. Use 127.0.0.1, or 0.0.0.0 for all of them."
        case _:
            return f"Cannot listen on {host}:{port}: {error.strerror}."


FAREWELL_S = 2.0
"""Seconds that callers have to hear the farewell before connections are cut."""


class Server:
    """Serves one application on one socket until it is told to close."""

    def __init__(self, app: Door, options: ApiOptions, listener: socket.socket) -> None:
        self._app = app
        self._shutdown_within_s = options.shutdown_within_s
        self._farewell: asyncio.TimerHandle | None = None
        self._listener = listener
        self._server = _Uvicorn(
            uvicorn.Config(
                app,
                http=connection_type(options.headers_within_s),
                interface="asgi3",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,  # anybody could claim any address
                server_header=False,
                timeout_keep_alive=math.ceil(options.keep_alive_s),
                timeout_graceful_shutdown=math.ceil(options.shutdown_within_s + FAREWELL_S),
            )
        )

    @property
    def port(self) -> int:
        """The port it listens on, also where 0 was asked for."""
        return int(self._listener.getsockname()[1])

    async def run(self) -> None:
        """Serve until `close` is called and the answers under way have ended.

        Those that take longer than they may are told that the server closes, and end with that.
        """
        try:
            await self._server.serve(sockets=[self._listener])
        finally:
            if self._farewell is not None:
                self._farewell.cancel()
            self._listener.close()

    async def has_started(self) -> None:
        """Return when connections are answered."""
        await self._server.is_up.wait()

    def close(self) -> None:
        """Take no new connections; `run` returns soon after. Safe to repeat."""
        if self._farewell is None:
            loop = asyncio.get_running_loop()
            self._farewell = loop.call_later(self._shutdown_within_s, self._app.farewell)
        self._server.exit_soon()


class _Uvicorn(uvicorn.Server):
    """uvicorn without hands on our signals, and with events where it has flags that it looks at."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()
        self._exits = asyncio.Event()

    def exit_soon(self) -> None:
        self.should_exit = True
        self._exits.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # whoever owns the event loop owns the signals

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.is_up.set()

    async def main_loop(self) -> None:
        while not await self.on_tick(0):  # tick 0 of uvicorn's ten a second is the one that sets the Date header
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._exits.wait()
