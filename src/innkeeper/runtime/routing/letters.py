"""Letters and words of a text, made comparable: case, accents and final sigma folded, scripts told apart."""

from __future__ import annotations

import re
import unicodedata
from enum import Enum
from typing import Final


class Script(Enum):
    """A family of letters."""

    LATIN = "Latin"
    GREEK = "Greek"
    CYRILLIC = "Cyrillic"
    HEBREW = "Hebrew"
    ARABIC = "Arabic"
    DEVANAGARI = "Devanagari"
    KANA = "kana"
    HAN = "Han"
    HANGUL = "Hangul"
    OTHER = "other"


_RANGES: Final = (
    (0x0041, 0x024F, Script.LATIN),
    (0x0370, 0x03FF, Script.GREEK),
    (0x0400, 0x052F, Script.CYRILLIC),
    (0x0590, 0x05FF, Script.HEBREW),
    (0x0600, 0x077F, Script.ARABIC),
    (0x0900, 0x097F, Script.DEVANAGARI),
    (0x1100, 0x11FF, Script.HANGUL),
    (0x1E00, 0x1EFF, Script.LATIN),
    (0x1F00, 0x1FFF, Script.GREEK),
    (0x3040, 0x30FF, Script.KANA),
    (0x3400, 0x9FFF, Script.HAN),
    (0xAC00, 0xD7AF, Script.HANGUL),
)
"""First and last code point of the letters of each script; source: the block names of Unicode."""

_WORD: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def lowered(text: str) -> str:
    """`text` in small letters, composed, with one kind of apostrophe; accents stay."""
    return unicodedata.normalize("NFC", text).casefold().replace("’", "'")


def words_of(text: str) -> list[str]:
    """The words in order: letters and digits, with apostrophes inside."""
    return _WORD.findall(text)


def script_of(letter: str) -> Script | None:
    """The script of one character; None where it is no letter."""
    if not letter.isalpha():
        return None
    if letter.isascii():
        return Script.LATIN  # most letters by far
    point = ord(letter)
    return next((script for first, last, script in _RANGES if first <= point <= last), Script.OTHER)
