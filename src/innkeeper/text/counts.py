"""How many texts of a corpus hold a word: what makes a rare word weigh more than a common one."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Iterable
from math import log
from typing import Any, Final
from zlib import crc32

from innkeeper.text.stems import STEMS_VERSION, Stems

_BUCKETS: Final = 1 << 16
"""Stems share counters where their hashes meet; a corpus of 100,000 passages has about as many stems."""


class WordCounts:
    """Immutable. Learned once from a corpus, and the same for every text that is compared with it."""

    def __init__(self, texts: int, counters: array[int]) -> None:
        assert len(counters) == _BUCKETS, f"{len(counters)} counters instead of {_BUCKETS}"
        self.texts = texts
        """How many texts were read."""
        self._counters = counters

    @classmethod
    def learned_from(cls, texts: Iterable[str]) -> WordCounts:
        """Counts of these texts; about 0.1 ms each."""
        stems, counters, read = Stems(), array("L", bytes(_BUCKETS * array("L").itemsize)), 0
        for text in texts:
            read += 1
            for place in {_place(stem) for stem in stems.of(text)}:
                counters[place] += 1
        return cls(read, counters)

    @classmethod
    def from_json(cls, written: str) -> WordCounts:
        """What `to_json` wrote.

        Raises:
            ValueError: It is something else, or was learned with other stems.
        """
        try:
            told: dict[str, Any] = json.loads(written)  # JSON from a file: checked below
            texts, counts, version = told["texts"], told["counts"], told["stems_version"]
            counters = array("L", bytes(_BUCKETS * array("L").itemsize))
            for place, count in counts.items():
                counters[int(place)] = count
        except (KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
            raise ValueError(f"these are no counts of words ({error})") from error
        if version != STEMS_VERSION:
            raise ValueError(f"they were learned with stems of version {version}, and this is {STEMS_VERSION}")
        return cls(int(texts), counters)

    def to_json(self) -> str:
        """For a file."""
        counts = {place: count for place, count in enumerate(self._counters) if count}
        return json.dumps({"stems_version": STEMS_VERSION, "texts": self.texts, "counts": counts})

    @property
    def identity(self) -> str:
        """16 hexadecimal digits; other counts have others."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:16]

    def weight(self, stem: str) -> float:
        """About 1 for a word in one of ten texts, 0 for one in every text."""
        count = self._counters[_place(stem)]
        return max(0.0, log((self.texts + 1) / (count + 1))) / _TEN


_TEN: Final = log(10)


def _place(stem: str) -> int:
    return crc32(stem.encode()) % _BUCKETS
