"""SubRip and WebVTT: cues with their times, and speakers by voice tags or by names in front."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from innkeeper.podcast.published.clock import clock_s, named
from innkeeper.podcast.transcript import Line

_TIMES: Final = re.compile(r"\s*([\d:.,]{4,20})\s*-{1,2}>\s*([\d:.,]{4,20})(?:\s.*)?")
_VOICE: Final = re.compile(r"<v(?:\.[^\s>]{1,80})?\s([^<>]{1,200})>")
_TAG: Final = re.compile(r"<[^<>]{0,200}>|\{\\[^{}]{0,40}\}")
_ASIDE: Final = ("NOTE", "STYLE", "REGION")


@dataclass(slots=True)
class _Cue:
    start_s: float
    end_s: float | None
    texts: list[str] = field(default_factory=list)


def subtitle_lines(text: str) -> Iterator[Line]:
    """A line for each cue that has words, in the order of the file.

    A voice tag names the speaker of its cue, "Ann:" in front that of all cues until the next name. What stands outside
    of cues is passed over, a broken time costs its cue.
    """
    speaker: str | None = None
    for cue in _cues(text):
        voiced = False
        for voice, raw in _voices("\n".join(cue.texts)):
            words = " ".join(html.unescape(_TAG.sub("", raw)).split())
            if voice is None:
                name, words = named(words)
                speaker = name or (None if voiced else speaker)
            else:
                voiced, speaker = True, " ".join(html.unescape(voice).split())
            if words:
                yield Line(words, cue.start_s, cue.end_s, speaker)
        if voiced:
            speaker = None


def _voices(raw: str) -> Iterator[tuple[str | None, str]]:
    """The parts of a cue by who says them."""
    before, *rest = _VOICE.split(raw)
    if before.strip() or not rest:
        yield None, before
    yield from zip(rest[::2], rest[1::2], strict=True)


def _cues(text: str) -> Iterator[_Cue]:
    lines = text.splitlines()
    cue: _Cue | None = None
    is_aside = False
    for number, line in enumerate(lines):
        match = _TIMES.fullmatch(line[:200]) if "->" in line else None
        if match is not None:
            if cue is not None:
                yield cue
            start_s, end_s = clock_s(match[1]), clock_s(match[2])
            cue = _Cue(start_s, end_s) if start_s is not None else None
            is_aside = False
        elif not line.strip():
            is_aside = False
        elif line.startswith(_ASIDE) and (number == 0 or not lines[number - 1].strip()):
            is_aside = True
        elif cue is not None and not is_aside and not _is_label(lines, number):
            cue.texts.append(line)
    if cue is not None:
        yield cue


def _is_label(lines: list[str], number: int) -> bool:
    """Whether a line is the number or the name of the cue that follows."""
    following = lines[number + 1] if number + 1 < len(lines) else ""
    follows_a_gap = number == 0 or not lines[number - 1].strip()
    return "->" in following and (follows_a_gap or lines[number].strip().isdecimal())
