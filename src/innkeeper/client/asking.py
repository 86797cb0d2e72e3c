"""An application's questions, put to whatever serves requests: the runtime in this process, or a server."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from innkeeper.client.documents import answer_of, text_of, vectors_of
from innkeeper.client.inn import Answer, AnsweredBy, Message, ModelCard, Stream, Vectors
from innkeeper.runtime.errors import BadAudio, EngineFailed, InvalidRequest
from innkeeper.runtime.messages import Began, Chunk, Kind, Piece, Request
from innkeeper.runtime.wire.format import Arrival
from innkeeper.runtime.wire.hints import NO_HINTS, Hints
from innkeeper.runtime.wire.openai.requests import read_request
from innkeeper.runtime.wire.openai.transcriptions import TranscriptionFormat
from innkeeper.runtime.wire.openai.transcripts import Transcript, transcript_of


class Serving(Protocol):
    """What an application's questions are put to."""

    def serve(self, request: Request, /) -> AsyncGenerator[Chunk, None]:
        """`Began` just before the first `Piece`, then pieces, then `Done`. Closing it stops the work."""
        ...

    async def preload(self, models: tuple[str, ...], because: str, /) -> None:
        """See `Inn.preload`."""

    async def models(self) -> tuple[ModelCard, ...]:
        """See `Inn.models`."""
        ...


class Asking:
    """Fills `Inn` over one way to be served."""

    def __init__(self, serving: Serving, *, client: str, new_id: Callable[[], str]) -> None:
        """`client`: the name of the application, for fairness and in the journal. `new_id` names each request."""
        self._serving = serving
        self._client = client
        self._new_id = new_id

    async def chat(
        self, messages: Sequence[Message], *, model: str | None = None, hints: Hints = NO_HINTS, **options: Any
    ) -> Answer:
        """See `Inn.chat`."""
        document, by = await self._whole(self._chat(messages, model, hints, options, streams=False))
        return answer_of(document, by)

    @asynccontextmanager
    async def stream(
        self, messages: Sequence[Message], *, model: str | None = None, hints: Hints = NO_HINTS, **options: Any
    ) -> AsyncIterator[Stream[str]]:
        """See `Inn.stream`."""
        request = self._chat(messages, model, hints, options, streams=True)
        async with aclosing(self._serving.serve(request)) as chunks:
            by = await self._begun(request, chunks)
            yield Stream(by, _texts(chunks, by.model))

    async def embed(self, texts: Sequence[str], *, model: str | None = None, hints: Hints = NO_HINTS) -> Vectors:
        """See `Inn.embed`."""
        body = {"input": list(texts)} | ({"model": model} if model is not None else {})
        request = read_request(Kind.EMBEDDING, body, request_id=self._new_id(), client=self._client, hints=hints)
        document, by = await self._whole(request)
        return vectors_of(document, by, len(texts))

    @asynccontextmanager
    async def transcribe(
        self,
        file: Path,
        *,
        model: str | None = None,
        language: str | None = None,
        prompt: str | None = None,
        from_s: float = 0.0,
        with_words: bool = False,
        hints: Hints = NO_HINTS,
    ) -> AsyncIterator[Stream[Transcript]]:
        """See `Inn.transcribe`."""
        _check_sound(file)
        told = {"model": model, "language": language, "prompt": prompt, "from_s": repr(from_s) if from_s else None}
        fields: Mapping[str, list[str]] = {
            "file": [str(file), file.name],
            **{name: [value] for name, value in told.items() if value is not None},
            "timestamp_granularities": ["segment", "word"] if with_words else ["segment"],
            "response_format": ["verbose_json"],
            "stream": ["true"],
        }
        arrival = Arrival(self._new_id(), self._client, hints)
        question = TranscriptionFormat(translates=False).parse(json.dumps(fields).encode(), arrival)
        async with aclosing(self._serving.serve(question.request)) as chunks:
            by = await self._begun(question.request, chunks)
            yield Stream(by, _windows(chunks, by.model))

    async def preload(self, models: Sequence[str], because: str) -> None:
        """See `Inn.preload`."""
        if models:
            await self._serving.preload(tuple(models), because)

    async def models(self) -> tuple[ModelCard, ...]:
        """See `Inn.models`."""
        return await self._serving.models()

    def _chat(
        self, messages: Sequence[Message], model: str | None, hints: Hints, options: Mapping[str, Any], *, streams: bool
    ) -> Request:
        for name in ("messages", "stream", "n"):
            if name in options:
                raise InvalidRequest(f"{name} is not an option here; leave it out.", param=name)
        body: dict[str, Any] = {
            **options,
            "messages": [{"role": message.role.value, "content": message.text} for message in messages],
            "stream": streams,
        }
        if model is not None:
            body["model"] = model
        return read_request(Kind.CHAT, body, request_id=self._new_id(), client=self._client, hints=hints)

    async def _whole(self, request: Request) -> tuple[bytes, AnsweredBy]:
        async with aclosing(self._serving.serve(request)) as chunks:
            by = await self._begun(request, chunks)
            document = b""
            async for chunk in chunks:
                if isinstance(chunk, Piece):
                    document = chunk.data
        return document, by

    async def _begun(self, request: Request, chunks: AsyncIterator[Chunk]) -> AnsweredBy:
        first = await anext(chunks)
        assert isinstance(first, Began), f"an answer began with {type(first).__name__}"
        return AnsweredBy.of(request.id, first)


def _check_sound(file: Path) -> None:
    """
    Raises:
        BadAudio: There is no such file.
    """
    if not file.is_file():
        raise BadAudio(f"{file} is no file.", param="file")


async def _texts(chunks: AsyncIterator[Chunk], model: str) -> AsyncIterator[str]:
    async for chunk in chunks:
        if isinstance(chunk, Piece) and (text := text_of(chunk.data, model)):
            yield text


async def _windows(chunks: AsyncIterator[Chunk], model: str) -> AsyncIterator[Transcript]:
    async for chunk in chunks:
        if isinstance(chunk, Piece):
            try:
                window = transcript_of(chunk.data)
            except ValueError as error:
                raise EngineFailed(f"{model} answered what is no transcript: {error}.") from error
            yield window
