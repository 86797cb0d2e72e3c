"""Times and speakers as transcripts write them in front of a line."""

from __future__ import annotations

import re
from math import isfinite
from typing import Final

_CLOCK: Final = re.compile(r"(?:(\d{1,4}):)?(\d{1,4}):(\d{1,2})(?:[.,](\d{1,9}))?")
_NAME: Final = re.compile(r"\s*((?:[^\W\d_][\w.'’&-]*)(?: [^\W\d_][\w.'’&-]*| \d{1,2}){0,4}) ?:(?=\s|$)\s*")
_SMALL: Final = frozenset({"de", "van", "von", "der", "den", "la", "le", "du", "da", "di", "bin", "al", "and", "of"})


def clock_s(text: str) -> float | None:
    """Seconds of "1:02:03.5", "02:03" or "123.5"; None where it is no time."""
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        return number_s(text)
    hours, minutes, seconds, fraction = match.groups()
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{fraction or 0}")


def number_s(value: object) -> float | None:
    """A time that is a number or is written as one; None for anything else, and for what is no time of a recording."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if isfinite(seconds) and 0 <= seconds < 1_000_000 else None


def named(text: str) -> tuple[str | None, str]:
    """The speaker in front of a line, "Ann Lee: so", and the rest. A name is up to five words with capitals."""
    match = _NAME.match(text)
    if match is None:
        return None, text
    name = match[1]
    capital = all(word[0].isupper() or word.isdecimal() or word in _SMALL for word in name.split())
    return (name, text[match.end() :]) if capital and name[0].isupper() else (None, text)
