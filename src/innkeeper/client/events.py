"""A streamed answer of our server, read as it arrives: who answers, then piece by piece, then the end."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any, Final

from innkeeper.client.answers import error_of
from innkeeper.client.heads import began_of, began_told
from innkeeper.runtime.errors import ServerAbsent
from innkeeper.runtime.messages import Began, Chunk, Done, Piece

LONGEST_LINE_BYTES: Final = 64 * 2**20
"""A line is one piece; a longer one is not from our server."""

_LATE_HEAD: Final = b": x-innkeeper-"


async def chunks_of(arriving: AsyncIterator[bytes], headers: Mapping[str, str]) -> AsyncGenerator[Chunk, None]:
    """The answer that these bytes and headers bring. Where a heartbeat came first, a comment brings the headers.

    Raises:
        InnkeeperError: The server ended the answer with it.
        ServerAbsent: The bytes ended before the answer did.
    """
    began = began_of(headers) if "x-innkeeper-model" in headers else None
    has_begun = False
    async for line in _lines(arriving):
        if line.startswith(_LATE_HEAD):
            began = began_told(line[2:].decode("utf-8", errors="replace"))
        elif line == b"data: [DONE]":
            if not has_begun:
                yield began or _nobody()
            yield Done()
            return
        elif line.startswith(b"data: "):
            piece = _piece(line[6:])
            if not has_begun:
                has_begun = True
                yield began or _nobody()
            if piece is not None:
                yield piece
    raise ServerAbsent("The answer broke off in the middle: the server or the connection went away.")


def _piece(document: bytes) -> Piece | None:
    """A piece as the engine made it; None for an event that brings nothing new."""
    try:
        said: dict[str, Any] = json.loads(document)  # Any: JSON
    except ValueError as error:
        shown = document[:200].decode("utf-8", errors="replace")
        raise ServerAbsent(f"This is no answer of our server: {shown}") from error
    if "error" in said:
        raise error_of(500, document)
    if str(said.get("type", "")).startswith("transcript."):
        return Piece(json.dumps(said["window"]).encode()) if "window" in said else None
    return Piece(document)


def _nobody() -> Began:
    """For a server in between that took our headers away."""
    return began_of({})


async def _lines(arriving: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = bytearray()
    async for part in arriving:
        rest += part
        *whole, last = rest.split(b"\n")
        rest = bytearray(last)
        if len(rest) > LONGEST_LINE_BYTES:
            raise ServerAbsent(f"A line of more than {LONGEST_LINE_BYTES} bytes came: this is no server of ours.")
        for line in whole:
            yield bytes(line.rstrip(b"\r"))
