"""Server-sent events: the framing of a streamed answer. Source: WHATWG HTML, section 9.2."""

from __future__ import annotations

from typing import Final

MEDIA_TYPE: Final = b"text/event-stream; charset=utf-8"

DONE: Final = b"data: [DONE]\n\n"
"""OpenAI's mark of a stream that has ended."""


def event(document: bytes) -> bytes:
    """One JSON document as one event. A line break would end the event early; between JSON's words it is a space."""
    if b"\n" in document or b"\r" in document:
        document = document.replace(b"\n", b" ").replace(b"\r", b" ")
    return b"data: %b\n\n" % document


def named_event(name: str, document: bytes) -> bytes:
    """One JSON document as an event that bears a name."""
    return b"event: %b\n%b" % (name.encode("ascii"), event(document))


def comment(text: str) -> bytes:
    """A line that every client's parser skips; it keeps the connection alive and tells a person why it is quiet."""
    return b": %b\n\n" % " ".join(text.split()).encode("utf-8")
