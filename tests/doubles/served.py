"""A double that really listens: an aiohttp server on a free port of this machine, which a test can also kill."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web


class Served:
    """A web application on a port, what it was asked, and how to hurt it."""

    def __init__(self) -> None:
        self.app = web.Application(client_max_size=64 * 1024**2, middlewares=[self._remember])
        self.asked: list[tuple[str, Any]] = []  # JSON as the caller sent it
        """Path and body of every request so far."""
        self._was_asked = asyncio.Event()
        self.port = 0
        self.is_dumb = False
        """While true, requests are taken in and never answered."""
        self._runner: web.AppRunner | None = None
        self._site: web.SockSite | None = None

    @property
    def url(self) -> str:
        """Where it listens, or listened."""
        return f"http://127.0.0.1:{self.port}"

    def bodies(self, path: str) -> list[Any]:  # as above
        """The bodies that were sent to `path`, oldest first."""
        return [body for asked, body in self.asked if asked == path]

    async def until_asked(self, path: str, times: int = 1) -> None:
        """Return when `path` was asked so often; the test's own time limit ends a wait in vain."""
        while len(self.bodies(path)) < times:
            self._was_asked.clear()
            await self._was_asked.wait()

    def note(self, path: str, body: Any) -> None:  # as above
        """`path` was asked."""
        self.asked.append((path, body))
        self._was_asked.set()

    async def listen(self) -> None:
        """Start listening: on a free port the first time, on the same one after that."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        self._runner = web.AppRunner(self.app, shutdown_timeout=0, handler_cancellation=True)
        await self._runner.setup()
        self._site = web.SockSite(self._runner, listener)
        await self._site.start()

    def die(self) -> None:
        """Stop at once, as if the process had been killed: nobody listens, and every connection is reset."""
        server = self._site._server if self._site is not None else None
        if isinstance(server, asyncio.Server):
            server.close()
        connections = self._runner.server.connections if self._runner is not None and self._runner.server else []
        for connection in connections:
            if connection.transport is not None:
                connection.transport.abort()

    async def close(self) -> None:
        """Stop, and leave no socket and no task behind."""
        self.die()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = self._site = None

    @web.middleware
    async def _remember(self, request: web.Request, handler: Any) -> web.StreamResponse:  # aiohttp's handlers vary
        if request.content_type != "multipart/form-data":  # a form is its handler's to read
            body = await request.text()
            self.note(request.path, json.loads(body) if body else None)
        if self.is_dumb:
            await asyncio.Event().wait()
        answer = await handler(request)
        assert isinstance(answer, web.StreamResponse)
        return answer


@asynccontextmanager
async def serving(double: Served) -> AsyncIterator[None]:
    """The double listens for the length of the block."""
    await double.listen()
    try:
        yield
    finally:
        await double.close()
