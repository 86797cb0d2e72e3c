"""Where sentences begin and end, in English and Greek, also where a recogniser wrote no full stop."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

LONGEST_LETTERS: Final = 400
"""A longer sentence is cut at a comma or between words; about half a minute of speech."""

_END: Final = re.compile(r"(?:[.!?…;·\u037e\u0387]+[\"'”’»)\]]*(?=\s)|[。！？]+|\n)")
_BREATH: Final = re.compile(r"[,:;·—–]\s")

ABBREVIATIONS: Final = frozenset(
    """
    mr mrs ms dr prof st jr sr vs e.g i.e a.k.a u.s u.k p.m a.m approx dept inc ltd co corp
    κ κα κος κυρ δρ καθ π.χ δηλ κ.λπ κλπ κ.ά κ.α τηλ μ.μ π.μ μ.χ βλ εκ δισ χλμ
    """.split()  # noqa: SIM905  easier to read and to add to than a list in quotes
)
"""In small letters, without the last full stop; what follows goes on in the same sentence."""

BEFORE_NUMBERS: Final = frozenset({"no", "vol", "fig", "αρ", "σελ"})
"""Abbreviations before a number only; elsewhere some of them are words."""


def sentences(text: str) -> list[tuple[int, int]]:
    """Start and end of each sentence, in order, without the white space between them; nothing else is left out.

    A semicolon ends a Greek sentence (it asks), not an English one. A line's end always ends a sentence. A full stop
    after an abbreviation or an initial does not, nor one before a small letter.
    """
    found: list[tuple[int, int]] = []
    start = 0
    for mark in _END.finditer(text):
        if mark.group() == "\n" or _ends(text, start, mark):
            found += _trimmed(text, start, mark.end())
            start = mark.end()
    found += _trimmed(text, start, len(text))
    return [part for sentence in found for part in _short_enough(text, *sentence)]


def _ends(text: str, start: int, mark: re.Match[str]) -> bool:
    sign = mark.group()[0]
    following = text[mark.end() :].lstrip()[:1] if mark.end() + 1 >= len(text) else text[mark.end() + 1]
    if sign in ";·":
        return _is_greek(text[start : mark.start()])
    if sign not in ".…":
        return True
    if following.islower():
        return False
    if mark.group().startswith((".", "…")) and len(mark.group().rstrip("\"'”’»)]")) > 1:
        return True
    before = text[start : mark.start()].rsplit(None, 1)
    word = before[-1].lstrip("(\"'“«").lower() if before else ""
    if following.isdigit() and word in BEFORE_NUMBERS:
        return False
    return not (word in ABBREVIATIONS or (len(word) == 1 and word.isalpha() and word != "i"))


def _is_greek(text: str) -> bool:
    greek = sum("\u0370" <= letter <= "\u03ff" or "\u1f00" <= letter <= "\u1fff" for letter in text)
    return greek > sum(letter.isascii() and letter.isalpha() for letter in text)


def _trimmed(text: str, start: int, end: int) -> list[tuple[int, int]]:
    piece = text[start:end]
    begins = start + len(piece) - len(piece.lstrip())
    ends = start + len(piece.rstrip())
    return [(begins, ends)] if ends > begins else []


def _short_enough(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while end - start > LONGEST_LETTERS:
        middle, limit = start + LONGEST_LETTERS // 2, start + LONGEST_LETTERS
        breaths = [breath.end() for breath in _BREATH.finditer(text, middle, limit)]
        space = text.rfind(" ", middle, limit)
        cut = breaths[-1] if breaths else space + 1 if space > 0 else text.find(" ", limit, end) + 1 or end
        cut = min(cut, start + 4 * LONGEST_LETTERS)  # a script without spaces, or noise
        yield from _trimmed(text, start, cut)
        start = cut
    yield from _trimmed(text, start, end)
