"""A question's words, and the order in which they are tried: all of them, the rarest, any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Final

from innkeeper.text.folding import folded
from innkeeper.text.stems import Stems, words_of
from innkeeper.text.stop_words import STOP_WORDS

MOST_TERMS: Final = 48
"""A longer question is searched by its rarest words."""


@dataclass(frozen=True, slots=True)
class Step:
    """One attempt: a passage must hold one word of every group; `scored` are the words that count."""

    groups: tuple[tuple[str, ...], ...]
    scored: tuple[str, ...]


def terms_of(text: str, stems: Stems) -> tuple[str, ...]:
    """The stems a question is searched by, each once; without words that say nothing, unless there are no others."""
    telling = " ".join(word for word in words_of(folded(text)) if word not in STOP_WORDS)
    return tuple(dict.fromkeys(stems.of(telling) or stems.of(text)))


def steps(terms: Sequence[str], holding: Mapping[str, int], passages: int, affordable: int) -> tuple[Step, ...]:
    """What to try in turn, until enough is found; each finds all that the one before it found, and more.

    `holding` says how many of the `passages` hold each term. The rarest terms are those held by no more than
    `affordable` passages together; words beyond them no longer choose passages, but still count.
    """
    known = sorted((term for term in terms if holding.get(term)), key=lambda term: (holding[term], term))[:MOST_TERMS]
    if not known:
        return ()
    scored = tuple(term for term in known if 2 * holding[term] <= passages) or tuple(known[:1])
    every = Step(tuple((term,) for term in known), scored)
    rarest, cost = [known[0]], holding[known[0]]
    for term in known[1:]:
        cost += holding[term]
        if cost > affordable:
            break
        rarest.append(term)
    tried = [every, Step((tuple(rarest),), scored), Step((tuple(dict.fromkeys((*rarest, *scored))),), scored)]
    return tuple(dict.fromkeys(tried if len(known) > 1 else tried[:1]))


def weights(terms: Sequence[str], holding: Mapping[str, int], passages: int) -> dict[str, float]:
    """How much each term says: rare ones more. A term that no passage holds says most."""
    return {term: log(1 + (passages - n + 0.5) / (n + 0.5)) for term in terms for n in [holding.get(term, 0)]}


def coverage(stems: Sequence[str], weight: Mapping[str, float]) -> float:
    """The share of a question's weight that a text with these stems holds, from 0 to 1."""
    whole = sum(weight.values())
    here = set(stems)
    return sum(one for term, one in weight.items() if term in here) / whole if whole else 0.0
