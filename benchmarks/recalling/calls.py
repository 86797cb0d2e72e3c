"""Earnings calls as people and as recognisers wrote them, cut at the same moments."""

from __future__ import annotations

import random
from difflib import Match, SequenceMatcher
from functools import cache
from typing import Final

from benchmarks.recalling.corpora import DATA, Corpus, Question
from innkeeper.recall.passage import Passage
from innkeeper.text.folding import folded

CALLS: Final = ("4320211", "4330115", "4341191", "4344338")
VENDORS: Final = ("amazon", "google", "microsoft", "speechmatics")
_PASSAGE_WORDS: Final = 150
_ASKED_WORDS: Final = 8


def call(number: str, vendor: str) -> Corpus:
    """One call in the words of one vendor, and questions in the words of the reference."""
    reference, heard = words(number, "reference"), words(number, vendor)
    cuts = range(0, len(reference), _PASSAGE_WORDS)
    at = _places(number, vendor)
    chance = random.Random(number)
    passages, questions = [], []
    for place, start in enumerate(cuts):
        end = min(start + _PASSAGE_WORDS, len(reference))
        text = " ".join(heard[at[start] : at[end]])
        if not text.strip() or end - start < 2 * _ASKED_WORDS:
            continue
        passage = Passage(text, number, "earnings", page=place)
        first = chance.randrange(start, end - _ASKED_WORDS)
        asked = " ".join(reference[first : first + _ASKED_WORDS])
        passages.append(passage)
        questions.append(Question(asked, frozenset({passage.key}), number))
    return Corpus(tuple(passages), tuple(questions))


def wer(number: str, vendor: str) -> float:
    """Words wrong, missing or too many ÷ words of the reference, by a plain matcher."""
    reference, heard = words(number, "reference"), words(number, vendor)
    same = sum(block.size for block in _blocks(number, vendor))
    return (max(len(reference), len(heard)) - same) / len(reference)


@cache
def words(number: str, vendor: str) -> tuple[str, ...]:
    """The words of one text, without their times."""
    lines = (DATA / "asr" / number / f"{vendor}.nlp").read_text(encoding="utf-8").splitlines()[1:]
    return tuple(line.split("|", 1)[0] for line in lines if line.split("|", 1)[0])


@cache
def _blocks(number: str, vendor: str) -> tuple[Match, ...]:
    ours, theirs = ([folded(word) for word in words(number, name)] for name in ("reference", vendor))
    return tuple(SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks())


def _places(number: str, vendor: str) -> list[int]:
    """For each word of the reference, and its end, where the vendor's text stands then."""
    places: list[int] = []
    after = 0
    for block in _blocks(number, vendor):
        while len(places) < block.a:
            places.append(after)
        places += range(block.b, block.b + block.size)
        after = block.b + block.size
    return [*places, after]
