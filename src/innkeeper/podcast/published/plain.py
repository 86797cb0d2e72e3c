"""Markdown and plain text: a paragraph is a line, a bold or plain name in front is its speaker."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from innkeeper.podcast.published.clock import clock_s, named
from innkeeper.podcast.transcript import Line

_TIME: Final = re.compile(r"\s*\\?[\[(]?\\?(\d{1,3}:\d{2}(?::\d{2})?(?:[.,]\d{1,3})?)\\?[\])]?(?=[\s:–—-]|$)[\s–—-]*")
_BOLD_NAME: Final = re.compile(r"\s*(?:\*\*|__)([^*_\n]{1,80}?)\s*(?::\s*(?:\*\*|__)|(?:\*\*|__)\s*:)\s*")
_BOLD_ALONE: Final = re.compile(r"\s*(?:\*\*|__)([^*_\n]{1,80}?)(?:\*\*|__)\s*(?=[\[(]?\d{1,3}:\d{2})")
_LINK: Final = re.compile(r"!?\[([^\[\]\n]{0,500})\]\([^()\s]{0,2000}\)")
_ESCAPE: Final = re.compile(r"\\([\\`*_{}\[\]()#+.!~<>|-])")
_MARKS: Final = re.compile(r"\*\*|__|(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)|`")
_HEADING: Final = re.compile(r"\s{0,3}#{1,6}\s")


def plain_lines(text: str) -> Iterator[Line]:
    """A line for each paragraph. One without a name goes on in the voice before it; headings are passed over."""
    speaker: str | None = None
    start_s: float | None = None
    for paragraph in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n")):
        for raw in _turns(paragraph):
            if _HEADING.match(raw):
                continue
            time_s, rest = _timed(raw)
            name, rest = _bold(rest)
            if name is None:
                name, rest = named(rest)
            later_s, rest = _timed(rest)
            start_s = next((one for one in (time_s, later_s, start_s) if one is not None), None)
            speaker = name or speaker
            words = " ".join(_plain(rest).split()).lstrip(": ")
            if words:
                yield Line(words, start_s, None, speaker)
                start_s = None


def _turns(paragraph: str) -> list[str]:
    """A paragraph whose lines each begin with a name or a time is as many turns."""
    rows = [row for row in paragraph.split("\n") if row.strip()]
    if len(rows) > 1 and all(_TIME.match(row) or _BOLD_NAME.match(row) or named(row)[0] for row in rows):
        return rows
    return ["\n".join(rows)] if rows else []


def _timed(text: str) -> tuple[float | None, str]:
    match = _TIME.match(text)
    return (clock_s(match[1]), text[match.end() :]) if match is not None else (None, text)


def _bold(text: str) -> tuple[str | None, str]:
    match = _BOLD_NAME.match(text) or _BOLD_ALONE.match(text)
    return (_plain(match[1]).strip(" :"), text[match.end() :]) if match is not None else (None, text)


def _plain(text: str) -> str:
    kept = _LINK.sub(r"\1", text)
    escaped = _ESCAPE.sub(lambda match: f"\x00{ord(match[1])}\x00", kept)
    return re.sub(r"\x00(\d+)\x00", lambda match: chr(int(match[1])), _MARKS.sub("", escaped))
