"""UnixHttp: one HTTP exchange after another over a socket, also when the other end misbehaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.runtime.engines.unix_http import KEPT_CONNECTIONS, ConnectionLost, Exchange, UnixHttp

LIMIT_S = 20.0
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Answers each request on each connection with what the test says, and counts."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.requests: list[bytes] = []
        self.connections = 0
        self.asked = asyncio.Event()
        self.left = asyncio.Event()
        """Set when a caller has closed a connection."""

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self.requests.append(head.split(b"\r\n")[0] + b" " + await reader.readexactly(length))
                self.asked.set()
                answer = self.answers.pop(0) if self.answers else OK
                writer.write(answer)
                if b"Connection: close" in answer or b"CUT" in answer:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            self.left.set()
        finally:
            writer.close()


class Wire(asyncio.Transport):
    """A transport that takes everything and leads nowhere."""

    def write(self, data: object) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


@asynccontextmanager
async def serving(folder: Path, server: Server) -> AsyncIterator[UnixHttp]:
    listening = await asyncio.start_unix_server(server.talk, folder / "s.sock")
    http = UnixHttp(folder / "s.sock")
    try:
        async with asyncio.timeout(LIMIT_S):
            yield http
    finally:
        http.close()
        listening.close()


def chunked(*parts: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)


END = b"0\r\n\r\n"


class TestExchanges:
    async def test_a_request_arrives_as_it_was_made(self, short_path: Path) -> None:
        server = Server()
        async with serving(short_path, server) as http:
            assert await http.post("/v1/x", b'{"a":1}') == (200, b"ok")

        assert server.requests == [b'POST /v1/x HTTP/1.1 {"a":1}']

    async def test_one_connection_serves_many_requests(self, short_path: Path) -> None:
        server = Server()
        async with serving(short_path, server) as http:
            for _ in range(5):
                await http.get("/")

        assert server.connections == 1

    async def test_several_at_once_have_a_connection_each_and_few_are_kept(self, short_path: Path) -> None:
        server = Server()
        async with serving(short_path, server) as http:
            await asyncio.gather(*(http.get("/") for _ in range(KEPT_CONNECTIONS + 3)))
            opened = server.connections
            await asyncio.gather(*(http.get("/") for _ in range(KEPT_CONNECTIONS)))

        assert (opened, server.connections) == (KEPT_CONNECTIONS + 3, KEPT_CONNECTIONS + 3)

    async def test_an_answer_comes_in_parts(self, short_path: Path) -> None:
        server = Server(chunked(b"one", b"two") + END)
        async with serving(short_path, server) as http:
            exchange = await http.ask("/", b"")
            parts = []
            while (part := await exchange.part()) is not None:
                parts.append(part)
            http.release(exchange)

        assert (exchange.is_event_stream, parts) == (True, [b"one", b"two"])

    async def test_a_connection_that_the_server_closes_is_not_used_again(self, short_path: Path) -> None:
        server = Server(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        async with serving(short_path, server) as http:
            await http.get("/")

            assert await http.get("/") == (200, b"ok")
        assert server.connections == 2

    async def test_a_large_answer_to_a_slow_reader_waits_in_the_engine(self, short_path: Path) -> None:
        body = b"x" * 20_000_000
        server = Server(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        async with serving(short_path, server) as http:
            exchange = await http.ask("/", b"")
            for _ in range(50):
                await asyncio.sleep(0)
            waiting = exchange.unread_bytes
            received = len(await exchange.body())
            http.release(exchange)

        assert waiting < 2_000_000
        assert received == len(body)


class Taker:
    """Takes all it is offered, or nothing."""

    def __init__(self, *, takes: bool) -> None:
        self._takes = takes
        self.offered: list[bytes] = []

    def __call__(self, part: bytes) -> bool:
        self.offered.append(part)
        return self._takes


class TestChunksThatAreTaken:
    """While a part is waited for, chunks go to whoever takes them, and nothing is lost, doubled or out of order."""

    @given(
        parts=st.lists(st.binary(min_size=1, max_size=40), max_size=8),
        cuts=st.lists(st.integers(min_value=0, max_value=600), max_size=8),
        whims=st.lists(st.booleans(), max_size=12),
    )
    def test_and_those_that_are_not_make_the_whole(
        self, parts: list[bytes], cuts: list[int], whims: list[bool]
    ) -> None:
        stream = chunked(*parts) + END
        places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]

        heard = asyncio.run(_heard([stream[start:end] for start, end in pairwise(places) if start < end], whims))

        assert b"".join(heard) == b"".join(parts)

    async def test_wake_nobody(self) -> None:
        exchange, taker = _asked(), Taker(takes=True)
        waiting = asyncio.create_task(exchange.part(taker), name="reader")
        await asyncio.sleep(0)

        for word in (b"one", b"two", b"three"):
            exchange.data_received(b"%x\r\n%b\r\n" % (len(word), word))
            await asyncio.sleep(0)

        assert (taker.offered, waiting.done()) == ([b"one", b"two", b"three"], False)
        exchange.data_received(END)
        assert await waiting is None
        assert exchange.can_be_used_again

    async def test_are_only_offered_while_somebody_waits(self) -> None:
        exchange, taker = _asked(), Taker(takes=False)
        waiting = asyncio.create_task(exchange.part(taker), name="reader")
        await asyncio.sleep(0)

        exchange.data_received(b"3\r\none\r\n")
        exchange.data_received(b"3\r\ntwo\r\n")

        assert taker.offered == [b"one"]
        assert [await waiting, await exchange.part()] == [b"one", b"two"]

    async def test_may_carry_what_http_allows(self) -> None:
        exchange = _asked()
        waiting = asyncio.create_task(exchange.part(lambda _: True), name="reader")
        await asyncio.sleep(0)

        exchange.data_received(b"3;speed=fast\r\none\r\n")

        assert await waiting == b"one"


def _asked() -> Exchange:
    """An exchange whose answer has begun with its first chunk, which was read."""
    exchange = Exchange()
    exchange.connection_made(Wire())
    exchange.send(b"", b"")
    exchange.data_received(chunked(b"first"))
    reading = exchange.part()
    with pytest.raises(StopIteration, match="first"):  # it is there: nothing is awaited
        reading.send(None)
    return exchange


async def _heard(arrivals: list[bytes], whims: list[bool]) -> list[bytes]:
    """What a reader and a moody taker heard together, in the order in which they heard it."""
    heard: list[bytes] = []
    moods = iter(whims)

    def takes(part: bytes) -> bool:
        if next(moods, True):
            heard.append(part)
            return True
        return False

    async def read() -> None:
        while (part := await exchange.part(takes)) is not None:
            heard.append(part)

    exchange = Exchange()
    exchange.connection_made(Wire())
    exchange.send(b"", b"")
    async with asyncio.timeout(LIMIT_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(read(), name="reader")
        for arrival in arrivals:
            await asyncio.sleep(0)
            exchange.data_received(arrival)
    return heard


class TestBadEnds:
    async def test_nobody_listens(self, short_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            await UnixHttp(short_path / "nobody.sock").get("/")

    @pytest.mark.parametrize(
        "answer",
        [
            b"CUT",
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nCUT",
            chunked(b"CUT"),
            b"this is no HTTP CUT\r\n\r\n",
        ],
        ids=["no headers", "half a body", "no last chunk", "no HTTP"],
    )
    async def test_an_answer_that_is_cut_short_is_an_error(self, short_path: Path, answer: bytes) -> None:
        async with serving(short_path, Server(answer)) as http:
            with pytest.raises(ConnectionLost):
                await http.get("/")

    async def test_a_kept_connection_that_died_meanwhile_is_replaced_without_a_word(self, short_path: Path) -> None:
        server = Server(OK, b"CUT")
        async with serving(short_path, server) as http:
            await http.get("/")

            assert await http.get("/") == (200, b"ok")
        assert server.connections == 2

    async def test_who_leaves_in_the_middle_closes_the_connection(self, short_path: Path) -> None:
        server = Server(chunked(b"one"))
        async with serving(short_path, server) as http:
            exchange = await http.ask("/", b"")
            await exchange.part()

            http.release(exchange)

            await server.left.wait()

    async def test_a_connection_with_a_rest_that_nobody_read_is_not_used_again(self) -> None:
        exchange = Exchange()
        exchange.connection_made(Wire())
        exchange.send(b"", b"")
        exchange.data_received(chunked(b"x" * 300_000) + END)

        before = exchange.can_be_used_again
        await exchange.body()

        assert (before, exchange.can_be_used_again) == (False, True)

    async def test_who_leaves_before_the_first_byte_closes_the_connection(self, short_path: Path) -> None:
        server = Server(b"HTTP/1.1 ")
        async with serving(short_path, server) as http:
            asking = asyncio.create_task(http.ask("/", b""), name="ask")
            await server.asked.wait()

            asking.cancel()

            await server.left.wait()
