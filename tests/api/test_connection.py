"""One connection without a socket: what comes in, and in how many writes it goes out."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import ServerState

from innkeeper.api.answers import send_json
from innkeeper.api.body import read_body
from innkeeper.api.connection import connection_type, direct_of, together
from innkeeper.runtime.errors import BodyTooLarge

HEADERS = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n"


class Peer(asyncio.Transport):
    """Remembers what was written to it, write by write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def pause_reading(self) -> None:
        """There is nothing more to read."""

    def resume_reading(self) -> None:
        """There is nothing more to read."""


class Caller:
    """Sends words to an application that answers with the body it read."""

    def __init__(self, limit_bytes: int = 100) -> None:
        self._limit_bytes = limit_bytes
        self.receives = 0
        self.errors: list[Exception] = []
        self.peer = Peer()
        self._state = ServerState()
        kind = connection_type(15.0)
        config = Config(self._app, http=kind, interface="asgi3", lifespan="off", log_config=None, access_log=False)
        config.load()
        self._connection = kind(config, self._state, {})
        self._connection.connection_made(self.peer)

    async def says(self, words: bytes) -> list[bytes]:
        """What has been written when nothing goes on any more but a wait for the caller."""
        self._connection.data_received(words)
        for _ in range(10):
            await asyncio.sleep(0)
        return self.peer.writes

    async def leaves(self) -> None:
        self._connection.connection_lost(None)
        if self._state.tasks:
            await asyncio.wait(self._state.tasks)

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted() -> object:
            self.receives += 1
            return await receive()

        direct = direct_of(scope)
        try:
            body = await read_body(counted, {}, limit_bytes=self._limit_bytes, within_s=15.0, direct=direct)  # type: ignore[arg-type]  # a message is a mapping
        except BodyTooLarge as error:
            self.errors.append(error)
            body = b""
        with together(direct):
            await send_json(send, 200, body)


@pytest.fixture
async def caller() -> Caller:
    return Caller()


class TestABody:
    async def test_that_came_with_its_headers_is_there_without_waiting(self, caller: Caller) -> None:
        writes = await caller.says(HEADERS + b"\r\n1234")
        assert writes[-1].endswith(b"\r\n\r\n1234")
        assert caller.receives == 0
        await caller.leaves()

    async def test_that_comes_later_is_waited_for(self, caller: Caller) -> None:
        assert await caller.says(HEADERS + b"\r\n12") == []
        assert (await caller.says(b"34"))[-1].endswith(b"\r\n\r\n1234")
        await caller.leaves()

    async def test_is_still_announced_to_a_caller_who_waits_for_that(self, caller: Caller) -> None:
        writes = await caller.says(HEADERS + b"Expect: 100-continue\r\n\r\n1234")
        assert writes[0] == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert writes[-1].endswith(b"1234")
        await caller.leaves()

    async def test_over_the_limit_is_refused_also_when_it_is_there(self) -> None:
        caller = Caller(limit_bytes=3)
        await caller.says(HEADERS + b"\r\n1234")
        assert [error.numbers["limit_bytes"] for error in caller.errors if isinstance(error, BodyTooLarge)] == [3]
        await caller.leaves()


class TestAnAnswer:
    async def test_leaves_in_one_write(self, caller: Caller) -> None:
        assert len(await caller.says(HEADERS + b"\r\n1234")) == 1
        await caller.leaves()

    async def test_follows_the_one_before_it(self, caller: Caller) -> None:
        await caller.says(HEADERS + b"\r\n1234")
        writes = await caller.says(HEADERS + b"\r\n5678")
        assert [write[-4:] for write in writes] == [b"1234", b"5678"]
        await caller.leaves()

    async def test_closes_the_connection_of_a_caller_who_wants_no_more(self, caller: Caller) -> None:
        writes = await caller.says(HEADERS + b"Connection: close\r\n\r\n1234")
        assert writes[-1].endswith(b"1234")
        assert caller.peer.is_closed
        await caller.leaves()
