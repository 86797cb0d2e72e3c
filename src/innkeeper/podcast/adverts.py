"""Which sentences of an episode are an advertisement: they open like one and they make an offer, close together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from innkeeper.podcast.advert_words import CHAPTERS, OFFERS, OPENINGS
from innkeeper.text.folding import folded

SOUGHT_WITHIN_S: Final = 90.0
"""Two signs further apart than this belong to different stretches."""

ENOUGH_POINTS: Final = 4
"""Fewer are a mention, not an advertisement."""


def _any_of(phrases: Sequence[str]) -> re.Pattern[str]:
    longest_first = sorted(phrases, key=len, reverse=True)
    return re.compile(r"(?<!\w)(?:" + "|".join(re.escape(folded(phrase)) for phrase in longest_first) + r")(?!\w)")


_OPENINGS: Final = _any_of(OPENINGS)
_OFFERS: Final = _any_of(OFFERS)
_CHAPTERS: Final = _any_of(CHAPTERS)
_ADDRESS: Final = re.compile(r"(?<![\w/.-])[a-z0-9-]+\.(?:ai|app|co|com|dev|eu|fm|gr|io|net|org)/[a-z0-9]")


def is_named_advert(name: str) -> bool:
    """Whether a chapter or a speaker of this name is an advertisement."""
    return _CHAPTERS.search(folded(name)) is not None


def adverts(sentences: Sequence[str], starts_s: Sequence[float]) -> list[bool]:
    """For each sentence, with the second it begins at: whether it stands in an advertisement.

    A stretch goes from the first sign to the last, with whatever is between them. It must open like one, make an offer,
    and have `ENOUGH_POINTS` in all; the sponsors named at the end of a show are none.
    """
    points = [_points(folded(sentence)) for sentence in sentences]
    marked = [False] * len(sentences)
    signs = [number for number, (opening, offer) in enumerate(points) if opening or offer]
    while signs:
        length = 1
        while length < len(signs) and starts_s[signs[length]] - starts_s[signs[length - 1]] <= SOUGHT_WITHIN_S:
            length += 1
        stretch, signs = signs[:length], signs[length:]
        stretch = stretch[next((at for at, sign in enumerate(stretch) if points[sign][0]), length) :]
        openings, offers = (sum(points[sign][kind] for sign in stretch) for kind in (0, 1))
        if openings and offers and openings + offers >= ENOUGH_POINTS:
            marked[stretch[0] : stretch[-1] + 1] = [True] * (stretch[-1] - stretch[0] + 1)
    return marked


def _points(sentence: str) -> tuple[int, int]:
    """For opening like an advertisement, and for making an offer."""
    offers = len(_OFFERS.findall(sentence)) + len(_ADDRESS.findall(sentence))
    return 2 * len(_OPENINGS.findall(sentence)), offers
