"""Words cut to their stems, so that "meetings" finds "meeting" and "σπαθιά" finds "σπαθί"."""

from __future__ import annotations

import re
from typing import Final

import snowballstemmer

from innkeeper.text.folding import folded

STEMS_VERSION: Final = 1
"""Raised whenever the same text would give other stems; stored texts must then be indexed anew."""

_WORD: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_RUN: Final = re.compile("[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]{2,}")
"""Scripts that are written without spaces: Chinese, Japanese, Thai."""
_GROUPED: Final = re.compile(r"(?<=\d),(?=\d{3}\b)")
_LONGEST_WORD: Final = 64
_WORDS_REMEMBERED: Final = 30_000


def words_of(folded_text: str) -> list[str]:
    """The words in order: letters and digits, with apostrophes inside; 1,000 is one word."""
    return _WORD.findall(_GROUPED.sub("", folded_text))


class Stems:
    """Cuts texts into stems. Not for two threads at the same time."""

    def __init__(self) -> None:
        self._english = snowballstemmer.stemmer("english")
        self._greek = snowballstemmer.stemmer("greek")
        self._known: dict[str, str] = {}

    def of(self, text: str) -> list[str]:
        """The stems in the order of the words; a word met twice is there twice.

        Greek words are cut by Snowball's Greek stemmer, words in plain Latin letters by its English one (Porter 2),
        others are left whole. Text without spaces between words gives its pairs of neighbouring characters. Every stem
        is made of letters and digits only.
        """
        return [stem for word in words_of(folded(text)) for stem in self._stems(word)]

    def _stems(self, word: str) -> list[str]:
        if not word.isascii() and _RUN.search(word):
            return [word[at : at + 2] for at in range(max(1, len(word) - 1))]
        stem = self._known.get(word)
        if stem is None:
            if len(self._known) >= _WORDS_REMEMBERED:
                self._known.clear()
            stem = self._known[word] = self._cut(word[:_LONGEST_WORD])
        return [stem]

    def _cut(self, word: str) -> str:
        if word.isascii():
            word = self._english.stemWord(word)
        elif "\u0370" <= word[0] <= "\u03ff":
            word = self._greek.stemWord(word)
        return word.replace("'", "")
