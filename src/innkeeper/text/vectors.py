"""Vectors without a model: every word, pair of words and piece of a word has a place and a sign, by its hash.

Texts that share words are near each other, and so are texts with other forms or misspellings of the same words. What
means the same in other words is not.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from math import log, sqrt
from typing import Final
from zlib import crc32

from innkeeper.text.counts import WordCounts
from innkeeper.text.folding import folded
from innkeeper.text.stems import STEMS_VERSION, Stems, words_of
from innkeeper.text.stop_words import STOP_WORDS

DIMENSION: Final = 1024

_SCHEME: Final = 1
"""Raised whenever the numbers below change."""
_PIECES: Final = (3, 4)
"""Letters of a piece of a word, its ends included."""
_PIECE_WEIGHT: Final = 0.5
"""Of all pieces of a word together, against the word itself."""
_PAIR_WEIGHT: Final = 0.5
_STOP_WEIGHT: Final = 0.05
_WORDS_REMEMBERED: Final = 4_000

_Places = tuple[tuple[int, float], ...]
"""Where a feature is added, and how much of it."""


class LexicalVectors:
    """Makes vectors of one dimension, weighed by one set of counts. Not for two threads at the same time."""

    def __init__(self, dimension: int = DIMENSION, counts: WordCounts | None = None) -> None:
        """Without `counts` every word weighs the same but those that say nothing."""
        assert dimension > 0, f"a vector of {dimension} numbers"
        self.dimension = dimension
        self._counts = counts
        self._stems = Stems()
        self._known: dict[str, tuple[str, float, _Places]] = {}

    @property
    def version(self) -> str:
        """Another one means other vectors for the same text."""
        learned = f"-{self._counts.identity}" if self._counts is not None else ""
        return f"{_SCHEME}.{STEMS_VERSION}{learned}"

    def of(self, text: str) -> list[float]:
        """`dimension` numbers of length 1 together; all zero where the text has no word."""
        words = [self._word(word) for word in words_of(folded(text))]
        vector = [0.0] * self.dimension
        for (_, weight, places), times in Counter(words).items():
            often = weight * (1 + log(times))
            for place, share in places:
                vector[place] += often * share
        for (one, weight, _), (other, other_weight, _) in dict.fromkeys(pairwise(words)):
            place, sign = self._place(f"{one} {other}")
            vector[place] += sign * _PAIR_WEIGHT * sqrt(weight * other_weight)
        length = sqrt(sum(number * number for number in vector))
        return [number / length for number in vector] if length else vector

    def _word(self, word: str) -> tuple[str, float, _Places]:
        """A word's stem, its weight, and the places of the stem and its pieces."""
        known = self._known.get(word)
        if known is None:
            if len(self._known) >= _WORDS_REMEMBERED:
                self._known.clear()
            stem = " ".join(self._stems.of(word))
            pieces = _pieces(word)
            share = _PIECE_WEIGHT / sqrt(len(pieces))
            places = (self._place(stem), *((place, sign * share) for place, sign in map(self._place, pieces)))
            known = self._known[word] = stem, self._weight(word, stem), places
        return known

    def _weight(self, word: str, stem: str) -> float:
        if self._counts is not None:
            return self._counts.weight(stem)
        return _STOP_WEIGHT if word in STOP_WORDS else 1.0

    def _place(self, feature: str) -> tuple[int, float]:
        number = crc32(feature.encode())
        return (number >> 1) % self.dimension, 1.0 if number & 1 else -1.0


def _pieces(word: str) -> list[str]:
    whole = f"<{word[:64]}>"
    return [whole[at : at + length] for length in _PIECES for at in range(max(1, len(whole) - length + 1))]
