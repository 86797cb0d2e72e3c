"""What was heard, with its times, and what recognisers say when they have lost the thread."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

LONGEST_PHRASE_WORDS: Final = 12
"""A longer phrase that is said again is a chorus, not a loop."""

SAID_OFTEN: Final = 4
"""Times in a row that a phrase of several words is said before it is a loop; single words need twice as many."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word and when it was said, in seconds from the beginning of the whole."""

    text: str
    start_s: float
    end_s: float
    probability: float


@dataclass(frozen=True, slots=True)
class Segment:
    """Some words that belong together, about a sentence."""

    text: str
    start_s: float
    end_s: float
    log_probability: float
    """Mean over its tokens, natural logarithm; nearer to 0 is surer."""

    words: tuple[Word, ...] = ()
    """Empty where times of words were not asked for."""


def without_loops(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """The same without what a recogniser repeats because it has lost the thread: once is left of it.

    A segment that only says again what the one before it said goes when it is the third in a row; inside a segment,
    a phrase that follows itself `SAID_OFTEN` times is cut to one. Times of what is left do not change.
    """
    kept: list[Segment] = []
    times = 0
    for segment in segments:
        plain = _plain(segment.text)
        times = times + 1 if kept and plain and plain == _plain(kept[-1].text) else 1
        if times <= 2:
            kept.append(_shortened(segment))
    return tuple(segment for segment in kept if segment.text.strip())


def _shortened(segment: Segment) -> Segment:
    words = segment.text.split()
    kept = _without_repetition(words)
    if kept == list(range(len(words))):
        return segment
    text = " ".join(words[index] for index in kept)
    timed = tuple(segment.words[index] for index in kept) if len(segment.words) == len(words) else segment.words
    return replace(segment, text=f" {text}" if segment.text.startswith(" ") else text, words=timed)


def _without_repetition(words: list[str]) -> list[int]:
    """Places of the words that are left."""
    plain = [_plain(word) for word in words]
    kept: list[int] = []
    at = 0
    while at < len(words):
        length, times = _loop_at(plain, at)
        kept.extend(range(at, at + length))
        at += length * times
    return kept


def _loop_at(plain: list[str], at: int) -> tuple[int, int]:
    """Words of the phrase that loops from there on, and how often it is said; one word once where none does."""
    for length in range(1, LONGEST_PHRASE_WORDS + 1):
        phrase = plain[at : at + length]
        times = 1
        while plain[at + times * length : at + (times + 1) * length] == phrase:
            times += 1
        if times >= (SAID_OFTEN if length > 1 else 2 * SAID_OFTEN):
            return length, times
    return 1, 1


def _plain(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum() or letter.isspace()).strip()
