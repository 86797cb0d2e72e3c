"""What a text is for, by whole words and by dice; never by a part of a word."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Final

from innkeeper.runtime.routing.letters import words_of
from innkeeper.runtime.routing.names import Task
from innkeeper.runtime.routing.vocabulary import STRONG, Vocabulary
from innkeeper.text.folding import folded

DICE_POINTS: Final = 4
"""Dice written out, as in 2d6+3, outweigh the words around them."""

DOUBT: Final = 0.5
"""Points that always speak against: one strong word is not certainty."""

WORDS_PER_POINT: Final = 80
"""A long text holds some word of every task by chance: for so many words beyond the first, one point more is asked."""

_DICE: Final = re.compile(r"(?<!\w)(?:\d{1,3}d\d{1,3}|d(?:4|6|8|10|12|20|100))(?!\w)")


@dataclass(frozen=True, slots=True)
class Meant:
    """The task a text speaks of."""

    task: Task

    confidence: float
    """From 0 to 1: its share of the points that speak for it, for the second best, and half a one of doubt."""

    words: tuple[str, ...]
    """The words that said so, in their order, at most three."""


def task_of(text: str, vocabulary: Vocabulary) -> Meant | None:
    """The task `text` speaks of, or None where its words speak for none."""
    plain = folded(text)
    words = words_of(plain)
    points: Counter[Task] = Counter()
    heard: dict[tuple[str, Task], None] = {}
    for dice in _DICE.findall(plain):
        if (dice, Task.MECHANICS) not in heard:
            heard[dice, Task.MECHANICS] = None
            points[Task.MECHANICS] += DICE_POINTS
    counted_to: Counter[Task] = Counter()
    for place, word in enumerate(words):
        standing = [phrase for phrase in vocabulary.phrases.get(word, ()) if phrase.stands_at(place, words)]
        standing += [phrase for phrase in vocabulary.stems if phrase.stands_at(place, words)]
        for phrase in sorted(standing, key=lambda phrase: -len(phrase.words)):
            if place < counted_to[phrase.task]:
                continue  # a word speaks once: "I attack" and "attack the" are one attack
            counted_to[phrase.task] = place + len(phrase.words)
            said = " ".join(words[place : place + len(phrase.words)])
            if (said, phrase.task) not in heard:
                heard[said, phrase.task] = None
                points[phrase.task] += phrase.points
    needed = STRONG + max(0, len(words) - WORDS_PER_POINT) // WORDS_PER_POINT
    ranked = sorted(points, key=lambda task: (-points[task], _ORDER[task]))
    if not ranked or points[ranked[0]] < needed:
        return None
    best = ranked[0]
    second = points[ranked[1]] if len(ranked) > 1 else 0
    said_so = tuple(said for said, task in heard if task is best)
    return Meant(best, points[best] / (points[best] + second + DOUBT), said_so[:3])


_ORDER: Final = {task: place for place, task in enumerate(Task)}
