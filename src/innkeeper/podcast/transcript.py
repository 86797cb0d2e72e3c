"""A transcript as it is stored: one text, who says which part of it, and when each of its letters was said."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import Final

from innkeeper.recall.passage import storable

LETTERS_A_SECOND: Final = 15.0
"""How fast people talk where no time says it; English and Greek podcasts, spaces counted."""

CLOSELY_S: Final = 60.0
"""Between two known times that are further apart, a time is an estimate."""


@dataclass(frozen=True, slots=True)
class Line:
    """What one speaker says without a break, as a publisher wrote it or a recogniser heard it."""

    text: str
    start_s: float | None = None
    end_s: float | None = None
    speaker: str | None = None
    word_starts_s: tuple[float, ...] = ()
    """When each word was said; taken only where there is one time for each word between spaces."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A part of the text that one speaker says."""

    start_at: int
    end_at: int
    speaker: str | None


@dataclass(frozen=True, slots=True)
class Moment:
    """A letter whose time is known."""

    at: int
    time_s: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """Places (`…_at`) count letters of `text` from 0. Turns are parted by a line's end, and by nothing else is one."""

    text: str
    turns: tuple[Turn, ...]
    moments: tuple[Moment, ...]
    """Places grow, times never fall; the first is at the first letter, the last after the last one."""

    def time_of(self, at: int) -> float:
        """When the letter at this place was said, in seconds; between known times by the letters between them."""
        before, after = self._around(at)
        if after.at == before.at:
            return before.time_s
        share = min(1.0, max(0.0, (at - before.at) / (after.at - before.at)))
        between = before.time_s + share * (after.time_s - before.time_s)
        return min(after.time_s, between)  # rounding must not make a time fall

    def is_estimated(self, at: int) -> bool:
        """Whether the nearest known times are more than `CLOSELY_S` apart."""
        before, after = self._around(at)
        return after.time_s - before.time_s > CLOSELY_S

    def speaker_at(self, at: int) -> str | None:
        """Who says the letter at this place."""
        turn = bisect_right(self.turns, at, key=lambda one: one.start_at) - 1
        return self.turns[turn].speaker if turn >= 0 else None

    def holds(self, quote: str, start_at: int) -> bool:
        """Whether exactly these letters stand there."""
        return bool(quote) and start_at >= 0 and self.text.startswith(quote, start_at)

    def _around(self, at: int) -> tuple[Moment, Moment]:
        after = bisect_left(self.moments, at + 1, key=lambda moment: moment.at)
        return self.moments[max(0, after - 1)], self.moments[min(after, len(self.moments) - 1)]


def transcript_of(lines: Sequence[Line], duration_s: float | None = None) -> Transcript:
    """The lines as one text. Runs of white space become one space; lines of one speaker follow each other in one turn.

    Starts are believed and ends are not: a line ends at the latest where the next begins, and a line whose end is not
    after its start lasts until then. Starts that leap out of the order are passed over. `duration_s` is the length of
    the recording.
    """
    written: list[str] = []
    turns: list[Turn] = []
    placed: list[tuple[int, int, Line]] = []
    length = 0
    for line in lines:
        text = " ".join(storable(line.text).split())
        if not text:
            continue
        goes_on = bool(turns) and turns[-1].speaker == line.speaker
        if written:
            written.append(" " if goes_on else "\n")
            length += 1
        end = length + len(text)
        placed.append((length, end, line))
        turns[-1:] = (
            [Turn(turns[-1].start_at, end, line.speaker)] if goes_on else [*turns[-1:], _turn(length, end, line)]
        )
        written.append(text)
        length = end
    text = "".join(written)
    return Transcript(text, tuple(turns), _moments(text, placed, duration_s))


def _turn(start_at: int, end_at: int, line: Line) -> Turn:
    return Turn(start_at, end_at, line.speaker)


def _moments(text: str, placed: Sequence[tuple[int, int, Line]], duration_s: float | None) -> tuple[Moment, ...]:
    starts: list[Moment] = []
    for start, end, line in placed:
        times: tuple[float | None, ...] = line.word_starts_s
        words = _word_places(text, start, end)
        if len(times) != len(words):
            words, times = [start], (line.start_s,)
        starts += [
            Moment(at, time) for at, time in zip(words, times, strict=True) if time is not None and _is_a_time(time)
        ]
    starts = _in_order(starts)
    ends = {end: line.end_s for _, end, line in placed if line.end_s is not None and _is_a_time(line.end_s)}
    last = len(text)
    known = [] if starts and starts[0].at == 0 else [Moment(0, 0.0)]
    known += starts
    end_s = float("inf") if duration_s is None else max(duration_s, known[-1].time_s)
    bounded = []
    for moment, following in pairwise([*known, Moment(last + 1, end_s)]):
        bounded.append(moment)
        bounded += [
            Moment(end, min(time, following.time_s))
            for end, time in sorted(ends.items())
            if moment.at < end < following.at and moment.time_s < time and moment.time_s < following.time_s
        ][-1:]
    if bounded[-1].at < last:
        spoken_s = (last - bounded[-1].at) / LETTERS_A_SECOND
        at_the_end = bounded[-1].time_s + spoken_s if duration_s is None else max(duration_s, bounded[-1].time_s)
        bounded.append(Moment(last, at_the_end))
    return tuple(bounded)


def _is_a_time(time_s: float) -> bool:
    return isfinite(time_s) and time_s >= 0


def _word_places(text: str, start: int, end: int) -> list[int]:
    return [start, *(at + 1 for at in range(start, end) if text[at] == " ")] if end > start else []


def _in_order(moments: Sequence[Moment]) -> list[Moment]:
    """The longest part of these, in their order, whose times never fall: one wrong time costs itself only."""
    tails: list[float] = []
    ends: list[int] = []
    before: list[int | None] = []
    for number, moment in enumerate(moments):
        length = bisect_right(tails, moment.time_s)
        before.append(ends[length - 1] if length else None)
        tails[length : length + 1] = [moment.time_s]
        ends[length : length + 1] = [number]
    kept = []
    at = ends[-1] if ends else None
    while at is not None:
        kept.append(moments[at])
        at = before[at]
    return kept[::-1]
