"""A question that leans on the one before it, made to stand alone, by rules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from innkeeper.text.folding import folded
from innkeeper.text.stems import words_of
from innkeeper.text.stop_words import STOP_WORDS

MOST_TAKEN: Final = 8
"""Words taken over from before; more would drown the question."""

_POINTING: Final = frozenset(
    """
    it its that this those these they them their he him his she her hers there then one ones same else another
    αυτο αυτοσ αυτη αυτοι αυτεσ αυτα αυτου αυτησ αυτων αυτον αυτην αυτουσ εκεινο εκεινοσ εκεινη εκεινα εκει τοτε ιδιο
    """.split()  # noqa: SIM905  easier to read and to add to than a list in quotes
)
"""Words that point at something said before. Folded."""

_FOLLOWING: Final = re.compile(
    r"^(?:and|but|so|also|or|what about|how about|tell me more|why|since when|κι|και|αλλα|οποτε|ή|τι γινεται με"
    r"|πεσ μου περισσοτερα|γιατι|απο ποτε)\b"
)
"""How a question begins that goes on from another. Folded."""

_QUESTION_WORDS: Final = frozenset(
    """
    say says said tell told talk talked talking speak speaks mean means think thinks thought explain happen happened
    know much many long often more about happens did πει λεει ειπε ειπαν λενε μιλαει μιλησε σημαινει νομιζει πεσ
    περισσοτερα γινεται συμβαινει εγινε
    """.split()  # noqa: SIM905  as above
)
"""Words of asking, not of what is asked about. Folded."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question of a conversation, as it stood alone, and what was answered."""

    question: str
    speakers: tuple[str, ...] = ()
    """Who was quoted."""


@dataclass(frozen=True, slots=True)
class Standalone:
    """What to search for."""

    text: str
    taken: tuple[str, ...] = ()
    """Words from before; empty where the question stood alone."""


def standalone(question: str, before: Sequence[Exchange]) -> Standalone:
    """The question with what it is about, taken from the last exchange; unchanged where it needs nothing.

    It leans on the last one where it points ("that", "αυτό"), or where it goes on ("and …", "γιατί;") or names at most
    one thing, and shares no word with what was asked. "He" and "she" also take the name of who was quoted last.
    """
    if not before:
        return Standalone(question)
    last = before[-1]
    words = words_of(folded(question))
    own = [word for word in words if _tells(word)]
    points = any(word in _POINTING for word in words)
    goes_on = _FOLLOWING.match(folded(question).strip()) is not None
    short = len(own) <= 1 and len(words) <= 5
    if not (points or goes_on or short):
        return Standalone(question)
    if len(own) >= 4 and not points:
        return Standalone(question)
    topics = [word for word in _as_written(last.question) if _tells(folded(word)) and folded(word) not in own]
    if {"he", "she", "him", "his", "her"} & set(words):
        topics = [*topics, *(name for name in last.speakers[:1] if folded(name) not in folded(question))]
    taken = tuple(dict.fromkeys(topics))[-MOST_TAKEN:]
    return Standalone(" ".join([question.strip(), *taken]), taken) if taken else Standalone(question)


def _tells(word: str) -> bool:
    return word not in STOP_WORDS and word not in _QUESTION_WORDS and word not in _POINTING


def _as_written(text: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:['’.-][^\W_]+)*", text)
