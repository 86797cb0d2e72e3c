"""The sentences that answer a question, word for word, with where and when they are said; no language model needed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from innkeeper.podcast.passages import Excerpt
from innkeeper.podcast.sentences import sentences
from innkeeper.podcast.transcript import Transcript
from innkeeper.recall.terms import coverage, terms_of, weights
from innkeeper.text.folding import folded
from innkeeper.text.stems import Stems, words_of

LONGEST_LETTERS: Final = 420
"""A quote is one sentence, or a few short ones in a row."""

_CONTEXT_SHARE: Final = 0.4
"""What words said just before count beside those in the quote: the host asks, the guest answers.  Measured."""

_ANSWER_SHARE: Final = 0.15
"""What a number counts where a number is asked for."""

_PLACE_SHARE: Final = 0.15
"""What the place of the passage in the search counts beside the words of the quote."""

_QUESTION_SHARE: Final = 0.5
"""What is left of a sentence that asks itself."""

_FAR_BEHIND: Final = 0.5
"""A quote that is worth less than this share of the best one is not shown beside it."""

_SENTENCE_COSTS: Final = 0.1
"""What each further sentence must add."""

_NUMBER_ASKED: Final = re.compile(
    r"\b(?:how (?:many|much|long|old|often|big|large|fast)|when|what (?:year|percentage|percent|number|version|date)"
    r"|ποσ(?:ο|α|οι|εσ|ουσ|η|οσ)|ποτε|ποια (?:χρονια|εκδοση)|τι ποσοστο)\b"
)
_NUMBER: Final = re.compile(
    r"\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|twelve|hundred|thousand|million|year|years|half"
    r"|δυο|τρια|τρεισ|τεσσερα|πεντε|εξι|επτα|οκτω|εννεα|δεκα|εκατο|χιλια|χιλιαδεσ|χρονια)\b"
)


@dataclass(frozen=True, slots=True)
class Found:
    """A passage that a search gave, best first, with the transcript it is a part of."""

    episode: str
    """Its id."""
    transcript: Transcript
    excerpt: Excerpt


@dataclass(frozen=True, slots=True)
class Quote:
    """Letters of a transcript, exactly."""

    number: int
    """From 1, as it is cited: [1]."""
    episode: str
    text: str
    start_at: int
    start_s: float
    end_s: float
    speaker: str | None
    score: float
    """From 0 to about 1; comparable within one question only."""
    is_estimated: bool
    """Whether the time may be off by some tens of seconds."""

    @property
    def end_at(self) -> int:
        """The place after its last letter."""
        return self.start_at + len(self.text)


@dataclass(frozen=True, slots=True)
class Extract:
    """An answer made of what was said, and of nothing else."""

    text: str
    quotes: tuple[Quote, ...]


@dataclass(frozen=True, slots=True)
class _Span:
    found: Found
    start_at: int
    end_at: int
    score: float


def quotes(question: str, found: Sequence[Found], stems: Stems, limit: int = 3) -> tuple[Quote, ...]:
    """The best spans for a question, best first, none overlapping another; only those that stand in their transcript.

    A span is one sentence of one speaker or a few short ones. What counts is how many of the question's words it holds,
    those that are rare in what was found more; those said just before it less; that it has a number where one is asked
    for; and how well its passage was found. Sentences that ask are worth half.
    """
    terms = terms_of(question, stems)
    if not terms or not found:
        return ()
    texts = [one.excerpt.text[start:end] for one in found for start, end in sentences(one.excerpt.text)]
    holding = Counter(term for text in texts for term in set(terms) & set(stems.of(text)))
    weight = weights(terms, holding, max(1, len(texts)))
    wants_number = _NUMBER_ASKED.search(folded(question)) is not None
    spans = [
        span
        for place, one in enumerate(found)
        for span in _spans(one, weight, stems, _PLACE_SHARE / (1 + place), wants_number=wants_number)
    ]
    chosen: list[_Span] = []
    for span in sorted(spans, key=lambda span: -span.score):
        if len(chosen) >= limit or (chosen and span.score < _FAR_BEHIND * chosen[0].score):
            break
        if not any(_overlap(span, other) for other in chosen):
            chosen.append(span)
    checked = [span for span in chosen if _is_there(span)]
    return tuple(_quote(number, span) for number, span in enumerate(checked, start=1))


def extract(question: str, found: Sequence[Found], stems: Stems, limit: int = 3) -> Extract | None:
    """The answer without a language model: each quote with who says it and its number; None where nothing fits."""
    best = quotes(question, found, stems, limit)
    if not best:
        return None
    said = [f"{quote.speaker}: “{quote.text}” [{quote.number}]" if quote.speaker else f"“{quote.text}” [{quote.number}]"
            for quote in best]  # fmt: skip
    return Extract("\n".join(said), best)


def _spans(
    one: Found, weight: Mapping[str, float], stems: Stems, place_share: float, *, wants_number: bool
) -> Iterator[_Span]:
    excerpt = one.excerpt
    for turn in excerpt.turns:
        text = excerpt.text[turn.start_at - excerpt.start_at : turn.end_at - excerpt.start_at]
        parts = [(turn.start_at + start, turn.start_at + end) for start, end in sentences(text)]
        for first in range(len(parts)):
            for last in range(first, min(first + 3, len(parts))):
                start, end = parts[first][0], parts[last][1]
                if last > first and end - start > LONGEST_LETTERS:
                    break
                score = _worth(one.transcript, start, end, weight, stems, wants_number=wants_number)
                if score > 0:
                    yield _Span(one, start, end, score + place_share - _SENTENCE_COSTS * (last - first))


def _worth(
    transcript: Transcript, start: int, end: int, weight: Mapping[str, float], stems: Stems, *, wants_number: bool
) -> float:
    text = transcript.text[start:end]
    own = stems.of(text)
    held = coverage(own, weight)
    around = coverage(stems.of(transcript.text[max(0, start - 300) : end]), weight)
    if held + around == 0 or len(words_of(folded(text))) < 4:
        return 0.0
    worth = held + _CONTEXT_SHARE * (around - held)
    if wants_number and _NUMBER.search(folded(text)):
        worth += _ANSWER_SHARE
    asks = text.rstrip("\"'”’»)] ").endswith(("?", ";", "\u037e"))
    return worth * _QUESTION_SHARE if asks else worth


def _overlap(one: _Span, other: _Span) -> bool:
    return one.found.episode == other.found.episode and one.start_at < other.end_at and other.start_at < one.end_at


def _is_there(span: _Span) -> bool:
    """Whether its transcript still says so: what cannot be checked is not shown."""
    excerpt = span.found.excerpt
    text = excerpt.text[span.start_at - excerpt.start_at : span.end_at - excerpt.start_at]
    return span.found.transcript.holds(text, span.start_at)


def _quote(number: int, span: _Span) -> Quote:
    transcript = span.found.transcript
    return Quote(
        number,
        span.found.episode,
        transcript.text[span.start_at : span.end_at],
        span.start_at,
        transcript.time_of(span.start_at),
        transcript.time_of(span.end_at),
        transcript.speaker_at(span.start_at),
        span.score,
        transcript.is_estimated(span.start_at),
    )
