"""A passage: a piece of text that can be recalled, and where it comes from."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Final

from innkeeper.runtime.errors import InvalidRequest

_NOT_STORABLE: Final = re.compile("[\x00\ud800-\udfff]")
"""NUL, which PostgreSQL has no room for, and half characters, which UTF-8 has not."""


def storable(text: str) -> str:
    """`text` with every character that no store can hold replaced by U+FFFD."""
    return _NOT_STORABLE.sub("\ufffd", text)


def possible(names: Iterable[str]) -> list[str]:
    """Those of the names that a passage can have. A store may refuse the others, even to find nothing."""
    return sorted(name for name in names if not _NOT_STORABLE.search(name))


@dataclass(frozen=True)
class Passage:
    """One piece of text with its source. What it says and where it stands make its key; the rest may change."""

    text: str

    source: str
    """The episode, document or session it is from."""

    collection: str = ""
    """What the source belongs to: a feed, a campaign."""

    page: int | None = None
    """Where it stands in a document, from 1."""

    start_s: float | None = None
    """Where it begins in a recording, in seconds."""

    end_s: float | None = None
    """Where it ends in a recording, in seconds."""

    speaker: str | None = None
    """Who says it."""

    audience: frozenset[str] = frozenset()
    """Who may recall it; empty is everybody."""

    at: float | None = None
    """When it was said or happened, in seconds since 1970."""

    importance: float = 0.0
    """From 0 to 1, by whatever measure its owner has."""

    def __post_init__(self) -> None:
        """Raises InvalidRequest: a field is out of range, or no store could hold its text."""
        texts = [("text", self.text), ("source", self.source), ("collection", self.collection)]
        texts += [("speaker", self.speaker or ""), *(("audience", name) for name in self.audience)]
        for name, text in texts:
            if _NOT_STORABLE.search(text):
                raise InvalidRequest(f"A passage's {name} holds NUL or half a character; use `storable`.", param=name)
        if not self.text.strip():
            raise InvalidRequest(f"A passage of {self.source!r} has no text.", param="text")
        if not 0 <= self.importance <= 1:
            raise InvalidRequest(f"A passage's importance is from 0 to 1, not {self.importance}.", param="importance")
        for name in ("start_s", "end_s", "at"):
            number = getattr(self, name)
            if number is not None and not isfinite(number):
                raise InvalidRequest(f"A passage's {name} is a number of seconds, not {number}.", param=name)
        if self.start_s is not None and self.end_s is not None and self.end_s < self.start_s:
            raise InvalidRequest(
                f"A passage ends at {self.end_s} s, before it begins at {self.start_s} s.", param="end_s"
            )

    @cached_property
    def key(self) -> str:
        """32 hexadecimal digits that the same piece of the same source always has."""
        start_s, end_s = (None if time is None else float(time) for time in (self.start_s, self.end_s))
        said = [self.collection, self.source, self.page, start_s, end_s, self.speaker, self.text]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]
