"""Questions to an engine, and what came back, in as few words as a test can bear."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from innkeeper.runtime.engine import Engine
from innkeeper.runtime.messages import Chunk, Done, Kind, Piece, Request


def chat(text: str, *, streams: bool = False, **fields: object) -> Request:
    """A chat of one message, answered with what is likeliest."""
    body = {"temperature": 0, "messages": [{"role": "user", "content": text}], **fields}
    return Request("request-1", Kind.CHAT, body, streams=streams)


def completion(prompt: object, *, streams: bool = False, **fields: object) -> Request:
    """A text to be continued with what is likeliest."""
    return Request("request-1", Kind.COMPLETION, {"temperature": 0, "prompt": prompt, **fields}, streams=streams)


def embedding(texts: object, **fields: object) -> Request:
    """Texts to be turned into vectors."""
    return Request("request-1", Kind.EMBEDDING, {"input": texts, **fields})


def rerank(query: str, documents: Sequence[str], **fields: object) -> Request:
    """Documents to be put in order."""
    return Request("request-1", Kind.RERANK, {"query": query, "documents": list(documents), **fields})


async def ask(engine: Engine, request: Request) -> list[Chunk]:
    """Every chunk of the answer."""
    async with aclosing(engine.run(request)) as chunks:
        return [chunk async for chunk in chunks]


async def rest(chunks: AsyncGenerator[Chunk, None]) -> list[Chunk]:
    """Every chunk that is still to come."""
    return [chunk async for chunk in chunks]


def documents(chunks: Sequence[Chunk]) -> list[dict[str, Any]]:
    """The pieces, parsed."""
    return [json.loads(chunk.data) for chunk in chunks if isinstance(chunk, Piece)]


def said(chunks: Sequence[Chunk]) -> str:
    """The text of an answer, streamed or not, chat or completion."""
    words = []
    for document in documents(chunks):
        for choice in document["choices"]:
            part = choice.get("text") or (choice.get("delta") or choice.get("message") or {}).get("content")
            words.append(part or "")
    return "".join(words)


def done(chunks: Sequence[Chunk]) -> Done:
    """The ending, which must be the last chunk and the only one of its kind."""
    endings = [chunk for chunk in chunks if isinstance(chunk, Done)]
    assert endings == [chunks[-1]], f"{len(endings)} endings among {len(chunks)} chunks"
    return endings[0]
