"""HTTP to one server that is not ours: answers as values, streams as lines, and every failure as an error of ours.

Importing this brings `aiohttp` along, so it is imported when the first such server is spoken to. It follows no
redirects and keeps no cookies, so what is sent goes to the one server that was set. No message holds a header.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Final

import aiohttp

from innkeeper.runtime.engines.form import Form
from innkeeper.runtime.errors import EngineFailed, EngineTimedOut, EngineUnreachable

CONNECT_WITHIN_S: Final = 10.0
"""Seconds a server may take to accept a connection, its name's look-up and TLS included."""

LONGEST_LINE_BYTES: Final = 32 * 1024**2
"""A longer line of a stream is no answer: a picture in one event takes a few megabytes."""

LARGEST_ANSWER_BYTES: Final = 256 * 1024**2
"""A larger answer is not read: some thousands of vectors as text take a tenth of it."""


@dataclass(frozen=True, slots=True)
class RemoteAnswer:
    """What a server answered, whatever its status."""

    status: int
    headers: Mapping[str, str]
    """By name in lower case."""
    data: bytes


class RemoteStream:
    """An answer that is still arriving; its status and headers are known."""

    def __init__(self, server: str, response: aiohttp.ClientResponse) -> None:
        self._server = server
        self._response = response
        self.status = response.status
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}
        """By name in lower case."""

    async def lines(self) -> AsyncGenerator[bytes, None]:
        """Each line as it is complete, without its end; the last one also where no line break follows it.

        Raises:
            EngineFailed: The connection broke before the answer was complete, or a line is far too long.
            EngineTimedOut: Nothing arrived for as long as the stream may be silent.
        """
        rest = bytearray()
        while part := await self._part():
            rest += part
            if b"\n" in part:
                *whole, last = bytes(rest).split(b"\n")
                rest = bytearray(last)
                for line in whole:
                    yield line.removesuffix(b"\r")
            if len(rest) > LONGEST_LINE_BYTES:
                raise EngineFailed(
                    f"{self._server} sent a line of more than {LONGEST_LINE_BYTES} bytes, which is no answer.",
                    limit_bytes=LONGEST_LINE_BYTES,
                )
        if rest:
            yield bytes(rest).removesuffix(b"\r")

    async def data(self) -> bytes:
        """The whole rest.

        Raises:
            EngineFailed: As `lines` does, or it is far too large.
            EngineTimedOut: As `lines` does.
        """
        parts, size = [], 0
        while part := await self._part():
            parts.append(part)
            size += len(part)
            if size > LARGEST_ANSWER_BYTES:
                raise EngineFailed(
                    f"{self._server} sent more than {LARGEST_ANSWER_BYTES} bytes in one answer.",
                    limit_bytes=LARGEST_ANSWER_BYTES,
                )
        return b"".join(parts)

    async def _part(self) -> bytes:
        """What has arrived; empty at the end."""
        try:
            return await self._response.content.readany()
        except TimeoutError:
            raise EngineTimedOut(f"{self._server} stopped in the middle of its answer and said no more.") from None
        except (aiohttp.ClientError, OSError) as error:
            raise EngineFailed(f"{self._server} broke off in the middle of its answer: {_why(error)}.") from None


class RemoteHttp:
    """One server. Connections are kept between requests and closed by `close`; it may be used again afterwards."""

    def __init__(self, server: str, url: str, *, fix: str, headers: Mapping[str, str] | None = None) -> None:
        """
        `server` is what messages call it: "Ollama". `url` is where every path begins. `fix` is the sentence that says
        what to do when nobody answers there. `headers` go with every request.
        """
        self.server = f"{server} at {url}"
        self._url = url.rstrip("/")
        self._fix = fix
        self._headers = dict(headers or {})
        self._session: aiohttp.ClientSession | None = None

    async def ask(self, method: str, path: str, body: object = None, *, within_s: float) -> RemoteAnswer:
        """The whole answer to one request; `body` is sent as JSON where it is neither None nor a `Form`.

        Raises:
            OSError: The file of a form cannot be opened.
            EngineUnreachable: No connection, or it broke before the answer began.
            EngineTimedOut: The answer is not complete after `within_s`.
            EngineFailed: It broke off, or is far too large.
        """
        try:
            async with asyncio.timeout(within_s), self.stream(method, path, body, silence_s=within_s) as stream:
                return RemoteAnswer(stream.status, stream.headers, await stream.data())
        except TimeoutError:
            raise EngineTimedOut(f"{self.server} did not answer within {within_s:g} s.", limit_s=within_s) from None

    @asynccontextmanager
    async def stream(
        self, method: str, path: str, body: object = None, *, silence_s: float
    ) -> AsyncIterator[RemoteStream]:
        """The answer to one request as it arrives; leaving the block early tells the server that nobody listens.

        `silence_s` is how long it may say nothing: before its status, and between two parts of its answer.

        Raises:
            OSError: The file of a form cannot be opened.
            EngineUnreachable: No connection, or it broke before the answer began.
            EngineTimedOut: Nothing came for `silence_s`.
        """
        limits = aiohttp.ClientTimeout(total=None, connect=CONNECT_WITHIN_S, sock_read=silence_s)
        with ExitStack() as opened:
            data: aiohttp.FormData | bytes | None = None
            headers = self._headers
            if isinstance(body, Form):
                data = _multipart(body, opened.enter_context(body.file.open("rb")))
            elif body is not None:
                data = json.dumps(body, separators=(",", ":")).encode("ascii")
                headers = {**headers, "Content-Type": "application/json"}
            with self._failing_as_ours(silence_s):
                response = await self._opened().request(
                    method, self._url + path, data=data, headers=headers, timeout=limits, allow_redirects=False
                )
            try:
                yield RemoteStream(self.server, response)
            finally:
                response.close()  # keeps the connection where the answer was read to its end

    async def close(self) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session

    @contextmanager
    def _failing_as_ours(self, silence_s: float) -> Iterator[None]:
        # `from None`: what aiohttp raises may carry the request with its headers, and a key is among them
        try:
            yield
        except aiohttp.ConnectionTimeoutError:
            raise self._unreachable(f"no connection within {CONNECT_WITHIN_S:g} s") from None
        except TimeoutError:
            raise EngineTimedOut(f"{self.server} did not answer within {silence_s:g} s.", limit_s=silence_s) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._unreachable(_why(error)) from None

    def _unreachable(self, why: str) -> EngineUnreachable:
        return EngineUnreachable(f"{self.server} cannot be reached: {why}. {self._fix}")


def _multipart(form: Form, file: BinaryIO) -> aiohttp.FormData:
    data = aiohttp.FormData()
    for name, text in form.fields:
        data.add_field(name, text)
    data.add_field("file", file, filename=form.file_name, content_type=form.media_type)
    return data


def _why(error: Exception) -> str:
    """A failure in a few words, with neither headers nor addresses of memory in them."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return f"there is no host {error.host}"
        case aiohttp.ClientConnectorCertificateError():
            return f"its certificate is not trusted: {error.certificate_error}"
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return "it does not speak TLS as it should; is it http, not https?"
        case ConnectionRefusedError():
            return "connection refused"
        case aiohttp.ClientConnectorError():
            refused = isinstance(error.os_error, ConnectionRefusedError)
            return "connection refused" if refused else (error.os_error.strerror or "no connection")
        case aiohttp.ServerDisconnectedError() | ConnectionResetError():
            return "it closed the connection"
        case aiohttp.ClientPayloadError():
            return "the connection closed before the answer was complete"
        case aiohttp.ClientResponseError():
            return "what it sends is not HTTP"
        case aiohttp.InvalidURL():
            return "that is no URL"
        case _:
            return type(error).__name__
