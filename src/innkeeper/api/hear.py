"""Routes that take sound: the upload lies on the disk as long as it is heard, and not a moment longer."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from innkeeper.api.answers import Header, send_whole
from innkeeper.api.ask import Ask, House
from innkeeper.api.gate import Caller
from innkeeper.api.upload import read_upload
from innkeeper.runtime.wire.format import Answer
from innkeeper.runtime.wire.openai.transcriptions import TranscriptionFormat

_UPLOAD: Final = "innkeeper.upload"


def hearing_routes(house: House) -> list[Route]:
    """OpenAI's two ways to ask for words of sound."""
    return [
        Route("/v1/audio/transcriptions", Hear(TranscriptionFormat(translates=False), house), methods=["POST"]),
        Route("/v1/audio/translations", Hear(TranscriptionFormat(translates=True), house), methods=["POST"]),
    ]


class Hear(Ask):
    """One such route."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            _remove(scope.get(_UPLOAD))

    async def _read(self, scope: Scope, caller: Caller, receive: Receive) -> bytes:
        options = self._house.options
        scope[_UPLOAD], form = await read_upload(
            receive,
            caller.headers,
            options.uploads,
            limit_bytes=options.audio_limit_bytes,
            silence_s=options.body_within_s,
        )
        return form

    async def _send(self, send: Send, answer: Answer, document: bytes, headers: list[Header]) -> None:
        await send_whole(send, 200, document, answer.media_type, headers)


def _remove(upload: Path | None) -> None:
    if upload is not None:
        upload.unlink(missing_ok=True)
