"""HTML transcripts: `cite` names the speaker, `time` says when, what stands in paragraphs is said.

Tags are told by one pattern and not by a parser: the standard library's takes quadratic time for files that want it to.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Final

from innkeeper.podcast.published.clock import clock_s, named
from innkeeper.podcast.transcript import Line

_TAG: Final = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,20})(?:[\s/][^<>]{0,2000})?>|<!--")
_SILENT: Final = frozenset({"script", "style", "head", "title", "nav", "header", "footer", "template"})
_BREAKS: Final = frozenset({"p", "div", "li", "br", "section", "article", "blockquote", "h1", "h2", "h3", "tr", "body"})


class _Page:
    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._said: list[str] = []
        self._field: str | None = None
        self._speaker: str | None = None
        self._start_s: float | None = None

    def tag(self, name: str, *, closes: bool) -> None:
        """Take in one tag."""
        if name in ("cite", "time"):
            if closes:
                self._keep_field(name)
            else:
                self.finish()
                self._field = name
        elif name in _BREAKS:
            self.finish()

    def text(self, text: str) -> None:
        """Take in what stands between two tags."""
        self._said.append(text)

    def finish(self) -> None:
        """End the line that is being said."""
        self._field = None
        text = self._words()
        name, words = named(text) if self._speaker is None else (None, text)
        if words:
            self.lines.append(Line(words, self._start_s, None, name or self._speaker))
            self._start_s = None

    def _keep_field(self, name: str) -> None:
        if self._field != name:
            return
        self._field, text = None, self._words()
        if name == "cite":
            self._speaker = text.rstrip(":").strip() or None
        else:
            self._start_s = clock_s(text[:40])

    def _words(self) -> str:
        text, self._said = html.unescape("".join(self._said)), []
        return " ".join(text.split())


def page_lines(text: str) -> list[Line]:
    """A line for each paragraph, with the last speaker and the time in front of it."""
    page = _Page()
    silent = ""
    for between, name, closes in _tokens(text):
        if not silent:
            page.text(between)
        if silent and name == silent and closes:
            silent = ""
        elif not silent and name in _SILENT and not closes:
            silent = name
        elif not silent and name:
            page.tag(name, closes=closes)
    page.finish()
    return page.lines


def _tokens(text: str) -> Iterator[tuple[str, str, bool]]:
    """Text, and the tag behind it with whether it closes; the last has no tag."""
    at = 0
    while (tag := _TAG.search(text, at)) is not None:
        between, at = text[at : tag.start()], tag.end()
        if tag[2] is None:
            end = text.find("-->", at)
            at = end + 3 if end >= 0 else len(text)
            yield between, "", False
        else:
            yield between, tag[2].lower(), bool(tag[1])
    yield text[at:], "", False
