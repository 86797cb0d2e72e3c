"""About how many tokens a prompt has, cheaply: good enough to expect a time, not to bill by."""

from __future__ import annotations

from typing import Any, Final

from innkeeper.runtime.messages import Kind, Request

BYTES_PER_TOKEN: Final = 4
"""Bytes of UTF-8: four letters of English, two of Greek."""


def prompt_tokens(request: Request) -> int:
    """Of all the text that the engine has to read; counts letters and does not look at them."""
    body = request.body
    match request.kind:
        case Kind.CHAT:
            messages = body.get("messages")
            texts = [_size(one.get("content")) for one in messages or () if isinstance(one, dict)]
            return (sum(texts) + _size(body.get("tools"))) // BYTES_PER_TOKEN
        case Kind.COMPLETION:
            return _size(body.get("prompt")) // BYTES_PER_TOKEN
        case Kind.EMBEDDING:
            return _size(body.get("input")) // BYTES_PER_TOKEN
        case Kind.RERANK:
            return (_size(body.get("query")) + _size(body.get("documents"))) // BYTES_PER_TOKEN
        case Kind.TRANSCRIPTION:
            return 0  # sound is not read in tokens


def _size(value: Any) -> int:  # JSON from outside
    """Bytes of the texts in it; a number counts as the token it may be."""
    match value:
        case str():
            return len(value) if value.isascii() else len(value.encode("utf-8", "replace"))
        case list():
            return sum(map(_size, value))
        case dict():
            return sum(map(_size, value.values()))
        case int():
            return BYTES_PER_TOKEN
        case _:
            return 0
