"""An episode cut into passages of about 45 seconds, whole sentences each, that overlap a little."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from innkeeper.podcast.adverts import adverts, is_named_advert
from innkeeper.podcast.sentences import sentences
from innkeeper.podcast.transcript import Transcript, Turn
from innkeeper.recall.passage import Passage, storable


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long passages are."""

    enough_s: float = 45.0
    """No sentence is added to one that has lasted as long."""
    longest_s: float = 60.0
    """No sentence is added that would make it longer; one sentence alone may be."""
    overlap_s: float = 12.0
    """At most as much of the end of one is the beginning of the next, so that no thought is cut in two."""
    most_letters: int = 1_600
    """Where times are wrong, letters bound a passage; a fast minute has 1,200."""


LENGTHS: Final = Lengths()


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of an episode as its publisher names it."""

    start_s: float
    title: str


@dataclass(frozen=True, slots=True)
class Episode:
    """What is known of a recording beside what is said in it; helps to find a passage, and is never quoted."""

    show: str = ""
    title: str = ""
    date: str = ""
    """As it is written for people: 2016-05-12."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A passage of an episode: letters `start_at` to `end_at` of its transcript, exactly."""

    text: str
    start_at: int
    end_at: int
    start_s: float
    end_s: float
    turns: tuple[Turn, ...]
    """Who says which part; places are those of the transcript."""
    chapter: str | None = None
    is_advert: bool = False
    context: str = ""
    """One line about the episode, the speakers and the chapter: searched, not quoted."""

    @property
    def speaker(self) -> str | None:
        """Who says most of it."""
        letters = Counter[str]()
        for turn in self.turns:
            if turn.speaker is not None:
                letters[turn.speaker] += turn.end_at - turn.start_at
        return max(letters, key=lambda name: letters[name]) if letters else None

    def searched(self, collection: str, source: str, at: float | None = None) -> Passage:
        """What a store of passages keeps of it: the context in the first line, then the text.

        `at` is when the episode appeared, in seconds since 1970.
        """
        text = f"{self.context}\n{self.text}"
        return Passage(text, source, collection, start_s=self.start_s, end_s=self.end_s, speaker=self.speaker, at=at)


def text_of(passage: Passage) -> str:
    """What is said in a passage that `Excerpt.searched` made, without the context."""
    return passage.text.partition("\n")[2]


@dataclass(frozen=True, slots=True)
class _Sentence:
    start_at: int
    end_at: int
    start_s: float
    end_s: float
    chapter: int | None
    is_advert: bool


def excerpts(
    transcript: Transcript, episode: Episode, chapters: Sequence[Chapter] = (), lengths: Lengths = LENGTHS
) -> tuple[Excerpt, ...]:
    """The passages in order: starts and ends never fall, and every word is in one of them.

    None crosses from one chapter into another, or from what is said into an advertisement. Advertisements are marked;
    whoever answers questions leaves them out unless asked otherwise.
    """
    ordered = sorted(chapters, key=lambda chapter: chapter.start_s)
    found: list[Excerpt] = []
    for _, together in groupby(_sentences(transcript, ordered), key=lambda one: (one.chapter, one.is_advert)):
        group = list(together)
        found += [_excerpt(transcript, episode, group[first:last], ordered) for first, last in _windows(group, lengths)]
    return tuple(found)


def _sentences(transcript: Transcript, chapters: Sequence[Chapter]) -> list[_Sentence]:
    spans = sentences(transcript.text)
    texts = [transcript.text[start:end] for start, end in spans]
    starts_s = [transcript.time_of(start) for start, _ in spans]
    sound_like_adverts = adverts(texts, starts_s)
    result = []
    for (start, end), start_s, sounds_so in zip(spans, starts_s, sound_like_adverts, strict=True):
        place = bisect_right(chapters, start_s, key=lambda chapter: chapter.start_s) - 1
        chapter = place if place >= 0 else None
        names = (chapters[place].title if chapter is not None else "", transcript.speaker_at(start) or "")
        is_advert = sounds_so or any(is_named_advert(name) for name in names)
        result.append(_Sentence(start, end, start_s, transcript.time_of(end), chapter, is_advert))
    return result


def _windows(group: Sequence[_Sentence], lengths: Lengths) -> list[tuple[int, int]]:
    """First sentence of each passage, and the one after its last."""
    windows = []
    first = 0
    while True:
        last = first + 1
        while last < len(group) and _may_join(group[first], group[last - 1], group[last], lengths):
            last += 1
        windows.append((first, last))
        if last == len(group):
            return windows
        again = first + 1
        while again < last and not (
            group[last - 1].end_s - group[again].start_s <= lengths.overlap_s
            and _fits(group[again], group[last], lengths)
            and 4 * (group[last - 1].end_at - group[again].start_at) <= lengths.most_letters
        ):
            again += 1
        first = again


def _may_join(first: _Sentence, last: _Sentence, joining: _Sentence, lengths: Lengths) -> bool:
    return last.end_s - first.start_s < lengths.enough_s and _fits(first, joining, lengths)


def _fits(first: _Sentence, last: _Sentence, lengths: Lengths) -> bool:
    return last.end_s - first.start_s <= lengths.longest_s and last.end_at - first.start_at <= lengths.most_letters


def _excerpt(
    transcript: Transcript, episode: Episode, said: Sequence[_Sentence], chapters: Sequence[Chapter]
) -> Excerpt:
    start, end = said[0].start_at, said[-1].end_at
    first = bisect_right(transcript.turns, start, key=lambda turn: turn.start_at) - 1
    turns = tuple(
        Turn(max(turn.start_at, start), min(turn.end_at, end), turn.speaker)
        for turn in transcript.turns[first : bisect_right(transcript.turns, end - 1, key=lambda turn: turn.start_at)]
    )
    chapter = chapters[said[0].chapter].title if said[0].chapter is not None else None
    speakers = ", ".join(dict.fromkeys(turn.speaker for turn in turns if turn.speaker))
    context = " · ".join(
        " ".join(storable(part).split())
        for part in (episode.show, episode.title, episode.date, chapter or "", speakers)
        if part.strip()
    )
    return Excerpt(
        transcript.text[start:end],
        start,
        end,
        said[0].start_s,
        said[-1].end_s,
        turns,
        chapter,
        said[0].is_advert,
        context,
    )
