"""A running server, as an application's questions find it: the same chunks as in process, over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp

from innkeeper.client.answers import error_of
from innkeeper.client.events import chunks_of
from innkeeper.client.heads import began_of, request_headers
from innkeeper.client.inn import ModelCard
from innkeeper.runtime.errors import ServerAbsent
from innkeeper.runtime.messages import Body, Chunk, Done, Kind, Piece, Request

CONNECT_S: Final = 5.0
"""Seconds within which a server takes a connection."""

SILENCE_S: Final = 900.0
"""Seconds without a byte after which the server is given up. Loading a large model from a slow disk is silent."""

_PATHS: Final[Mapping[Kind, str]] = {
    Kind.CHAT: "/v1/chat/completions",
    Kind.EMBEDDING: "/v1/embeddings",
    Kind.TRANSCRIPTION: "/v1/audio/transcriptions",
}

_Sent = bytes | aiohttp.FormData | None


class Remote:
    """Fills `Serving` over the server at one address. `opened` makes one."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url.rstrip("/")

    @classmethod
    @asynccontextmanager
    async def opened(cls, url: str, key: str | None = None) -> AsyncIterator[Remote]:
        """For the length of a block; no server is asked yet. `key`: the API key, for a server that wants one."""
        session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {key}"} if key is not None else None,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=SILENCE_S),
            connector=aiohttp.TCPConnector(limit=0),  # the server says how many it takes
            trust_env=False,
        )
        async with session:
            yield cls(session, url)

    async def serve(self, request: Request, /) -> AsyncGenerator[Chunk, None]:
        """See `Serving.serve`.

        Raises:
            ServerAbsent: No server answers there, or it went away in the middle of an answer.
            InnkeeperError: Whatever the server said.
        """
        headers = request_headers(request)
        with _payload(request, headers) as sent:
            async with self._answer("POST", _PATHS[request.kind], sent, headers) as answer:
                if request.streams:
                    async for chunk in chunks_of(answer.content.iter_any(), answer.headers):
                        yield chunk
                else:
                    document = await answer.read()
                    yield began_of(answer.headers)
                    yield Piece(document)
                    yield Done()

    async def preload(self, models: tuple[str, ...], because: str, /) -> None:
        """See `Inn.preload`."""
        wanted = json.dumps({"models": models, "because": because}).encode()
        async with self._answer("POST", "/models/preload", wanted, {"Content-Type": "application/json"}):
            pass

    async def models(self) -> tuple[ModelCard, ...]:
        """See `Inn.models`."""
        async with self._answer("GET", "/v1/models", None, {}) as answer:
            told = json.loads(await answer.read())["data"]
        return tuple(_card(one) for one in told)

    @asynccontextmanager
    async def _answer(
        self, method: str, path: str, sent: _Sent, headers: Mapping[str, str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        try:
            async with self._session.request(method, self._url + path, data=sent, headers=headers) as answer:
                if answer.status >= 400:
                    error = error_of(answer.status, await answer.read())
                    error.retry_after_s = _seconds(answer.headers.get("Retry-After"))
                    raise error
                yield answer
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._absent(error) from error

    def _absent(self, error: Exception) -> ServerAbsent:
        if isinstance(error, aiohttp.ClientConnectorError):
            return ServerAbsent(f"No server answers at {self._url}. Start one with `innkeeper up`.")
        why = str(error) or type(error).__name__
        return ServerAbsent(f"The server at {self._url} cannot be reached or went away: {why}.")


@contextmanager
def _payload(request: Request, headers: dict[str, str]) -> Iterator[_Sent]:
    """The body as it is sent, for the length of the block; a sound file is read while it is."""
    if request.kind is not Kind.TRANSCRIPTION:
        headers["Content-Type"] = "application/json"
        yield json.dumps(request.body).encode()
        return
    with Path(request.body["file"]).open("rb") as sound:
        form = aiohttp.FormData(_fields(request.body))
        form.add_field("file", sound, filename=Path(request.body["file"]).name)
        yield form


def _fields(body: Body) -> list[tuple[str, str]]:
    """The fields of the form for a body that `TranscriptionFormat` has made."""
    told: dict[str, Any] = {name: body.get(name) for name in ("model", "language", "prompt", "from_s")}  # Any: JSON
    fields = [(name, str(value)) for name, value in told.items() if value]
    fields += [("timestamp_granularities[]", one) for one in body["timestamp_granularities"]]
    return [*fields, ("response_format", "verbose_json"), ("stream", "true")]


def _card(said: Mapping[str, Any]) -> ModelCard:  # Any: JSON
    known = {kind.value for kind in Kind}
    kinds = frozenset(Kind(kind) for kind in said["kinds"] if kind in known)
    return ModelCard(said["id"], said["engine"], kinds, said["context"])


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isdecimal() else None
