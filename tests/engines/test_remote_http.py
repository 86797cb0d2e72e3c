"""HTTP to a server that is not ours: whole answers, lines as they come, and failures that say what to do."""

from __future__ import annotations

import asyncio
import socket
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

import pytest

from innkeeper.runtime.engines import remote_http
from innkeeper.runtime.engines.remote_http import RemoteHttp
from innkeeper.runtime.errors import EngineError, EngineFailed, EngineTimedOut, EngineUnreachable

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

SECRET = "sk-very-secret"
FIX = "Start it, or set `x.url`."
LONG_S = 20.0
SHORT_S = 0.05


@asynccontextmanager
async def serving(script: Script) -> AsyncIterator[str]:
    """A server that does to each connection what `script` says; gives its URL."""
    async with AsyncExitStack() as stack:

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await script(reader, writer)
            finally:
                writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        stack.callback(server.close)
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def client(url: str) -> AsyncIterator[RemoteHttp]:
    remote = RemoteHttp("Acme", url, fix=FIX, headers={"Authorization": f"Bearer {SECRET}"})
    try:
        yield remote
    finally:
        await remote.close()


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    return head + await reader.readexactly(length)


def answering(*parts: bytes, then: Script | None = None) -> Script:
    """Reads one request, writes the parts one after the other, then goes on with `then` or closes."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _request(reader)
        for part in parts:
            writer.write(part)
            await writer.drain()
        if then is not None:
            await then(reader, writer)

    return script


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until the other end closes."""
    await reader.read()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


async def lines_of(remote: RemoteHttp, silence_s: float = LONG_S) -> list[bytes]:
    async with remote.stream("POST", "/v1/x", {}, silence_s=silence_s) as stream, aclosing(stream.lines()) as lines:
        return [line async for line in lines]


class TestAsking:
    async def test_gives_status_headers_and_data_whatever_the_status(self) -> None:
        whole = b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nno"
        async with serving(answering(whole)) as url, client(url) as remote:
            answer = await remote.ask("GET", "/v1/models", within_s=LONG_S)

        assert (answer.status, answer.headers["retry-after"], answer.data) == (429, "7", b"no")

    async def test_sends_its_headers_and_the_body_as_json(self) -> None:
        seen = []

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            seen.append(await _request(reader))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        async with serving(script) as url, client(url + "/api/") as remote:
            await remote.ask("POST", "/v1/x", {"a": "é"}, within_s=LONG_S)

        assert seen[0].startswith(b"POST /api/v1/x HTTP/1.1\r\n")
        assert f"Authorization: Bearer {SECRET}".encode() in seen[0]
        assert seen[0].endswith(b'{"a":"\\u00e9"}')

    async def test_follows_no_redirect(self) -> None:
        """A key goes to the server that was set and to no other."""
        moved = b"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
        async with serving(answering(moved)) as url, client(url) as remote:
            assert (await remote.ask("POST", "/x", {}, within_s=LONG_S)).status == 307

    async def test_keeps_its_connection(self) -> None:
        connections = []

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connections.append(writer)
            for _ in range(2):
                await _request(reader)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        async with serving(script) as url, client(url) as remote:
            for _ in range(2):
                await remote.ask("GET", "/", within_s=LONG_S)

        assert len(connections) == 1


class TestStreaming:
    async def test_lines_are_whole_however_they_are_cut(self) -> None:
        parts = [HEAD, *(chunk(part) for part in (b"da", b"ta: 1\r\n\r\nda", b"ta: 2\n", b"rest")), END]
        async with serving(answering(*parts)) as url, client(url) as remote:
            assert await lines_of(remote) == [b"data: 1", b"", b"data: 2", b"rest"]

    async def test_a_line_without_end_is_not_collected_for_ever(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(remote_http, "LONGEST_LINE_BYTES", 1000)
        async with serving(answering(HEAD, *[chunk(b"x" * 600)] * 4, then=silence)) as url, client(url) as remote:
            with pytest.raises(EngineFailed, match="1000 bytes"):
                await lines_of(remote)

    async def test_leaving_early_closes_the_connection(self) -> None:
        left = asyncio.Event()

        async def until_left(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            left.set()

        script = answering(HEAD, chunk(b"data: 1\n"), then=until_left)
        async with serving(script) as url, client(url) as remote:
            async with remote.stream("POST", "/", {}, silence_s=LONG_S) as stream, aclosing(stream.lines()) as lines:
                await anext(lines)
            async with asyncio.timeout(LONG_S):
                await left.wait()


class TestFailing:
    async def test_nobody_there(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
            url = f"http://127.0.0.1:{taken.getsockname()[1]}"
            async with client(url) as remote:
                with pytest.raises(EngineUnreachable) as raised:
                    await remote.ask("GET", "/", within_s=LONG_S)

        assert raised.value.message == f"Acme at {url} cannot be reached: connection refused. {FIX}"

    async def test_no_such_host(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def unknown(*_: object, **__: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
        async with client("http://nobody.invalid") as remote:
            with pytest.raises(EngineUnreachable, match=r"there is no host nobody\.invalid"):
                await remote.ask("GET", "/", within_s=LONG_S)

    async def test_tls_spoken_to_a_server_that_does_not(self) -> None:
        async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await reader.read(1)

        async with serving(plain) as url, client(url.replace("http:", "https:")) as remote:
            with pytest.raises(EngineUnreachable, match="TLS"):
                await remote.ask("GET", "/", within_s=LONG_S)

    async def test_closed_before_an_answer(self) -> None:
        async with serving(answering()) as url, client(url) as remote:
            with pytest.raises(EngineUnreachable, match="closed the connection"):
                await remote.ask("POST", "/", {}, within_s=LONG_S)

    async def test_something_else_than_http(self) -> None:
        async with serving(answering(b"220 smtp ready\r\n")) as url, client(url) as remote:
            with pytest.raises(EngineUnreachable, match="not HTTP"):
                await remote.ask("POST", "/", {}, within_s=LONG_S)

    async def test_an_answer_that_never_begins(self) -> None:
        async with serving(silence) as url, client(url) as remote:
            with pytest.raises(EngineTimedOut, match=r"within 0\.05 s"):
                await remote.ask("GET", "/", within_s=SHORT_S)
            with pytest.raises(EngineTimedOut, match=r"within 0\.05 s"):
                await lines_of(remote, silence_s=SHORT_S)

    async def test_an_answer_that_stops_in_the_middle(self) -> None:
        async with serving(answering(HEAD, chunk(b"data: 1\n"), then=silence)) as url, client(url) as remote:
            with pytest.raises(EngineTimedOut, match="stopped in the middle"):
                await lines_of(remote, silence_s=SHORT_S)

    async def test_an_answer_that_is_cut_off(self) -> None:
        async with serving(answering(HEAD, chunk(b"data: 1\n"))) as url, client(url) as remote:
            with pytest.raises(EngineFailed, match="broke off"):
                await lines_of(remote)

    @pytest.mark.parametrize("script", [answering(), answering(b"garbage\r\n"), answering(HEAD, chunk(b"x"))])
    async def test_no_error_holds_a_header(self, script: Script) -> None:
        async with serving(script) as url, client(url) as remote:
            with pytest.raises(EngineError) as raised:
                await lines_of(remote)

        assert SECRET not in "".join(traceback.format_exception(raised.value))
