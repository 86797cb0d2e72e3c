"""How many words a recogniser got wrong: the word error rate, after both texts are written the same way."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

FILLERS: Final = frozenset({"ah", "eh", "er", "hm", "hmm", "huh", "mhm", "mm", "uh", "um"})
"""Sounds that some write down and others do not."""


@dataclass(frozen=True, slots=True)
class WordErrors:
    """Words said, and how many must be changed, put in or taken out to get from what was heard to what was said."""

    said: int
    errors: int

    @property
    def rate(self) -> float:
        """Errors for each word said; over 1 where more was made up than said."""
        return self.errors / self.said if self.said else float(self.errors > 0)

    def __add__(self, other: WordErrors) -> WordErrors:
        return WordErrors(self.said + other.said, self.errors + other.errors)


def word_errors(said: str, heard: str) -> WordErrors:
    """Levenshtein's distance in words."""
    reference, hypothesis = words(said), words(heard)
    known: dict[str, int] = {}
    numbers = np.array([known.setdefault(word, len(known)) for word in hypothesis], dtype=np.int64)
    places = np.arange(len(hypothesis) + 1)
    row = places.copy()
    for word in reference:
        kept = row[:-1] + (numbers != known.get(word, -1))
        best = np.concatenate([[row[0] + 1], np.minimum(kept, row[1:] + 1)])
        row = np.minimum.accumulate(best - places) + places  # a word put in costs one, and so does the next
    return WordErrors(len(reference), int(row[-1]))


def words(text: str) -> list[str]:
    """The words of a text, without case, accents, punctuation and fillers; 20-20 is 2020, twenty-one two words."""
    folded = unicodedata.normalize("NFD", text.casefold())
    plain = "".join(letter for letter in folded if not unicodedata.combining(letter))
    plain = re.sub(r"(?<=\d)[-,](?=\d)", "", plain)
    plain = re.sub(r"['\u2019]", "", plain)  # the typographic apostrophe
    return [word for word in re.findall(r"\w+", plain) if word not in FILLERS]


def nlp_text(file: Path) -> str:
    """The words of one of Earnings-21's files: a table, a word a line, the word first."""
    _, *lines = file.read_text(encoding="utf-8").splitlines()
    return " ".join(line.partition("|")[0] for line in lines)
