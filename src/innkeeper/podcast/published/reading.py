"""A transcript file of any kind becomes lines; what is broken in it costs no more than itself."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from itertools import islice
from typing import Final

from innkeeper.podcast.published.json_transcripts import json_lines
from innkeeper.podcast.published.pages import page_lines
from innkeeper.podcast.published.plain import plain_lines
from innkeeper.podcast.published.subtitles import subtitle_lines
from innkeeper.podcast.transcript import Line

MOST_LINES: Final = 200_000
"""Of one file; more is read by nobody. A day of speech has about 30,000."""

MOST_LETTERS: Final = 16_000_000
"""Of one file."""


class Form(Enum):
    """How a transcript is written, the one that tells most first: the order in which a publisher's are tried."""

    JSON = "json"
    VTT = "vtt"
    SRT = "srt"
    HTML = "html"
    TEXT = "text"


_BY_TYPE: Final = {
    "application/json": Form.JSON,
    "text/json": Form.JSON,
    "text/vtt": Form.VTT,
    "application/srt": Form.SRT,
    "application/x-subrip": Form.SRT,
    "text/srt": Form.SRT,
    "text/html": Form.HTML,
    "application/xhtml+xml": Form.HTML,
    "text/plain": Form.TEXT,
    "text/markdown": Form.TEXT,
}
_BY_ENDING: Final = {
    "json": Form.JSON, "vtt": Form.VTT, "srt": Form.SRT, "html": Form.HTML, "htm": Form.HTML, "txt": Form.TEXT,
    "md": Form.TEXT,
}  # fmt: skip


def form_of(media_type: str | None, name: str) -> Form | None:
    """What a link promises, by its type and else by the ending of its address; None where neither says it."""
    told = _BY_TYPE.get((media_type or "").partition(";")[0].strip().lower())
    ending = name.partition("?")[0].partition("#")[0].rpartition(".")[2].lower()
    return told if told not in (None, Form.TEXT) else _BY_ENDING.get(ending, told)


def lines_of(document: bytes, promised: Form | None = None) -> tuple[Line, ...]:
    """The lines of a file. Its own beginning is believed before what was promised; empty where nothing is said."""
    text = _decoded(document)
    return tuple(islice(_lines(text, _form(text, promised)), MOST_LINES))


def _lines(text: str, form: Form) -> Iterable[Line]:
    match form:
        case Form.JSON:
            return json_lines(text)
        case Form.VTT | Form.SRT:
            return subtitle_lines(text)
        case Form.HTML:
            return page_lines(text)
        case Form.TEXT:
            return plain_lines(text)


def _form(text: str, promised: Form | None) -> Form:
    head = text[:4000].lstrip()
    if head.startswith("WEBVTT"):
        return Form.VTT
    if head.startswith("{") or head[:40].replace(" ", "").replace("\n", "").startswith("[{"):
        return Form.JSON
    if " --> " in head:
        return Form.SRT
    if head[:1] == "<":
        return Form.HTML
    return promised if promised in (Form.HTML, Form.JSON) else Form.TEXT


def _decoded(document: bytes) -> str:
    encoding = "utf-16" if document[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = document.decode(encoding)
    except UnicodeDecodeError:
        text = document.decode(encoding, "replace")
        if encoding == "utf-8-sig" and text.count("\ufffd") * 50 > len(text):  # an older code page, not a slip
            text = document.decode("cp1252", "replace")
    return text[:MOST_LETTERS].replace("\x00", "")
