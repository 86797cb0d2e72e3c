"""JSON transcripts: Podcasting 2.0, Whisper's and whisper.cpp's. A file that was cut short gives what is there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from innkeeper.podcast.published.clock import clock_s, number_s
from innkeeper.podcast.transcript import Line

_LISTS: Final = ("segments", "transcription", "results", "cues", "monologues")
_LIST_BEGINS: Final = re.compile(rf'"(?:{"|".join(_LISTS)})"\s*:\s*\[')


def json_lines(text: str) -> Iterator[Line]:
    """A line for each segment that has words; none where it is no transcript."""
    for segment in _segments(text):
        words = segment.get("body", segment.get("text"))
        if not isinstance(words, str) or not words.strip():
            continue
        start, end = _times(segment)
        speaker = segment.get("speaker")
        yield Line(
            words.strip(),
            start,
            end,
            speaker.strip() or None if isinstance(speaker, str) else None,
            _word_starts(segment.get("words")),
        )


def _segments(text: str) -> Iterable[dict[str, Any]]:  # Any: JSON from outside
    try:
        told = json.loads(text)
    except RecursionError:
        return ()
    except ValueError:
        return _rescued(text)
    if isinstance(told, dict):
        told = next((told[name] for name in _LISTS if isinstance(told.get(name), list)), [])
    return [one for one in told if isinstance(one, dict)] if isinstance(told, list) else ()


def _rescued(text: str) -> Iterator[dict[str, Any]]:  # Any: JSON from outside
    """The whole segments of a file that is not whole."""
    begin = _LIST_BEGINS.search(text)
    at = begin.end() if begin is not None else text.find("[") + 1
    decoder = json.JSONDecoder()
    while (at := text.find("{", at)) >= 0:
        try:
            one, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return
        if isinstance(one, dict):
            yield one


def _times(segment: dict[str, Any]) -> tuple[float | None, float | None]:  # Any: JSON from outside
    offsets = segment.get("offsets")
    if isinstance(offsets, dict):  # whisper.cpp counts milliseconds
        start, end = number_s(offsets.get("from")), number_s(offsets.get("to"))
        return (start / 1000 if start is not None else None), (end / 1000 if end is not None else None)
    return _time(segment, "startTime", "start"), _time(segment, "endTime", "end")


def _time(segment: dict[str, Any], *names: str) -> float | None:  # Any: JSON from outside
    told = next((segment[name] for name in names if segment.get(name) is not None), None)
    return clock_s(told[:40]) if isinstance(told, str) else number_s(told)


def _word_starts(words: object) -> tuple[float, ...]:
    """None at all unless every word has a time."""
    if not isinstance(words, list):
        return ()
    starts = [number_s(word.get("start")) if isinstance(word, dict) else None for word in words]
    return tuple(start for start in starts if start is not None) if None not in starts else ()
