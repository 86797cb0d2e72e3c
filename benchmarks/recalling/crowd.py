"""As many passages as one likes: real sentences shuffled, rare words between them, and vectors between real ones."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.recalling.corpora import CHUNK_LETTERS
from innkeeper.recall.passage import Passage
from innkeeper.recall.provenance import Vectors, unit_rows

_SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
_RARE_WORDS = 300_000
_RARE_SHARE = 0.12
"""Of the sentences, those that name something found in few other passages."""

SOURCES = 2_000


def crowd(texts: Sequence[str], count: int, seed: int = 1) -> Iterator[Passage]:
    """`count` passages of the length of the real ones, spread over `SOURCES` sources."""
    chance = random.Random(seed)
    sentences = [sentence for text in texts for sentence in re.split(r"(?<=[.?!])\s+", text) if len(sentence) > 20]
    for number in range(count):
        said: list[str] = []
        while sum(map(len, said)) < CHUNK_LETTERS:
            said.append(chance.choice(sentences))
            if chance.random() < _RARE_SHARE:
                said.append(rare_word(int(_RARE_WORDS * chance.random() ** 3)))
        yield Passage(
            " ".join(said), f"source {number % SOURCES}", f"feed {number % 20}", at=float(number), page=number
        )


def rare_word(number: int) -> str:
    """An invented word; the same number gives the same word."""
    word = ""
    while number or len(word) < 6:
        number, place = divmod(number, len(_SYLLABLES))
        word += _SYLLABLES[place]
    return word


def crowd_of_vectors(real: Vectors, count: int, seed: int = 1) -> Vectors:
    """`count` vectors between pairs of real ones with some noise, so that they lie in the same cloud."""
    chance = np.random.default_rng(seed)
    one, other = (real[chance.integers(len(real), size=count)] for _ in range(2))
    noise = unit_rows(chance.standard_normal((count, real.shape[1]), dtype=np.float32))
    return unit_rows(one + np.float32(0.5) * other + np.float32(0.5) * noise)
