"""The tags of Podcasting 2.0, item by item: feedparser keeps only the last of several, and publishers send several.

Told by one pattern, so that broken XML costs no more here than there.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import Final

_TOKEN: Final = re.compile(
    r"<!\[CDATA\[|<!--|<(/?)(podcast:(?:transcript|chapters|person|season|episode|guid|liveItem)|item|entry)\b"
    r"([^<>]{0,8000})>"
)
_ATTRIBUTE: Final = re.compile(r"""([\w:.-]{1,40})\s{0,9}=\s{0,9}(?:"([^"]{0,4000})"|'([^']{0,4000})')""")
_TEXT: Final = re.compile(r"\s{0,200}(?:<!\[CDATA\[)?([^<\]]{0,400})")


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag: "transcript", its attributes and the text in it."""

    name: str
    attributes: dict[str, str]
    text: str


@dataclass(slots=True)
class PodcastTags:
    """All such tags of a feed."""

    show: list[Tag] = field(default_factory=list)
    items: list[list[Tag]] = field(default_factory=list)
    """In the order of the feed's items."""


def podcast_tags(text: str) -> PodcastTags:
    """The tags in a feed. Those of a broadcast under way (`liveItem`) are left away."""
    found = PodcastTags()
    now: list[Tag] | None = found.show
    at = 0
    while (token := _TOKEN.search(text, at)) is not None:
        at = token.end()
        closes, name = token[1], token[2]
        if name is None:
            closing = "]]>" if token[0].startswith("<![") else "-->"
            end = text.find(closing, at)
            at = end + 3 if end >= 0 else len(text)
        elif name in ("item", "entry"):
            if not closes:
                found.items.append([])
            now = found.show if closes else found.items[-1]
        elif name == "podcast:liveItem":
            now = found.show if closes else None
        elif not closes and now is not None:
            now.append(_tag(name, token[3], text, at))
    return found


def _tag(name: str, inside: str, text: str, at: int) -> Tag:
    attributes = {one[1].lower(): html.unescape(one[2] or one[3] or "").strip() for one in _ATTRIBUTE.finditer(inside)}
    said = "" if inside.endswith("/") else (match[1] if (match := _TEXT.match(text, at)) is not None else "")
    return Tag(name.removeprefix("podcast:"), attributes, html.unescape(said).strip())
