"""A question's words, and the order in which they are tried: all of them, the rarest, any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import log
from typing import Final

from innkeeper.text.folding import folded
from innkeeper.text.stems import Stems, words_of
from innkeeper.text.stop_words import STOP_WORDS

MOST_TERMS: Final = 48
"""A longer question is searched by its rarest words."""

_FEW: Final = 200
"""Passages among which even the commonest word may choose."""

_COUNTED: Final = 4
"""Counting how many passages hold a word takes about a quarter of the time of scoring them.  Measured with FTS5."""


@dataclass(frozen=True, slots=True)
class Step:
    """One attempt: a passage must hold one word of every group; `scored` are the words that count."""

    groups: tuple[tuple[str, ...], ...]
    scored: tuple[str, ...]
    at_most: int
    """No more passages than this can match."""


def terms_of(text: str, stems: Stems) -> tuple[str, ...]:
    """The stems a question is searched by, each once; without words that say nothing, unless there are no others."""
    telling = " ".join(word for word in words_of(folded(text)) if word not in STOP_WORDS)
    return tuple(dict.fromkeys(stems.of(telling) or stems.of(text)))


def steps(terms: Sequence[str], holding: Mapping[str, int], passages: int, affordable: int) -> tuple[Step, ...]:
    """What to try in turn, until enough is found; each finds all that the one before it found, and more.

    `holding` says how many of the `passages` hold each term. The rarest terms are those held by no more than
    `affordable` passages together; words beyond them choose no passages before the last step. In a large store a word
    in every second passage counts for nothing, and neither do those that would take too long to count.
    """
    known = sorted((term for term in terms if holding.get(term)), key=lambda term: (holding[term], term))[:MOST_TERMS]
    if not known:
        return ()
    telling = [term for term in known if holding[term] <= max(passages // 2, _FEW)] or known[:1]
    scored = _together(telling, holding, _COUNTED * affordable)
    rarest = _together(telling, holding, affordable)
    tried = (tuple((term,) for term in scored), (rarest,), (scored,))
    return tuple(
        Step(groups, scored, min(sum(holding[term] for term in group) for group in groups))
        for groups in dict.fromkeys(tried)
    )


def _together(terms: Sequence[str], holding: Mapping[str, int], at_most: int) -> tuple[str, ...]:
    """The first of these, and those after it while no more than `at_most` passages hold them together."""
    sums = accumulate(holding[term] for term in terms)
    return tuple(
        term for place, (term, here) in enumerate(zip(terms, sums, strict=True)) if not place or here <= at_most
    )


def weights(terms: Sequence[str], holding: Mapping[str, int], passages: int) -> dict[str, float]:
    """How much each term says: rare ones more. A term that no passage holds says most."""
    return {term: log(1 + (passages - n + 0.5) / (n + 0.5)) for term in terms for n in [holding.get(term, 0)]}


def coverage(stems: Sequence[str], weight: Mapping[str, float]) -> float:
    """The share of a question's weight that a text with these stems holds, from 0 to 1."""
    whole = sum(weight.values())
    here = set(stems)
    return sum(one for term, one in weight.items() if term in here) / whole if whole else 0.0
