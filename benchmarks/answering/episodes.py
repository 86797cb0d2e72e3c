"""Go Time: 24 real transcripts cut into passages, and the questions that were written about them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.recalling.corpora import DATA
from innkeeper.podcast.passages import Episode, Excerpt, excerpts
from innkeeper.podcast.quotes import Found
from innkeeper.podcast.transcript import Line, Transcript, transcript_of

QUESTIONS = Path(__file__).resolve().parents[2] / "tests" / "data" / "podcast_questions.jsonl"
FOLDER = DATA / "transcripts" / "go-time"
_STAMP = re.compile(r"\\?\[[\\\s]*((?:\d+:)?\d+:\d+(?:\.\d+)?)[\\\s]*\\?\]\s*")
_SPEAKER = re.compile(r"\*\*(.+?):\*\*\s*")


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of the set."""

    text: str
    kind: str
    """"answerable", "near miss" or "uncovered"."""
    language: str
    episode: str | None
    quote: str | None
    """Letters of the transcript that hold the answer."""


def asked() -> tuple[Asked, ...]:
    """All of the set."""
    lines: list[dict[str, Any]] = [json.loads(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]
    return tuple(
        Asked(one["question"], one["kind"], one["language"], one.get("episode"), one.get("quote")) for one in lines
    )


def episodes() -> dict[str, Transcript]:
    """By their names; a time stands about every fourth minute."""
    return {file.stem: transcript_of(_lines(file.read_text(encoding="utf-8"))) for file in sorted(FOLDER.glob("*.md"))}


def passages(transcripts: dict[str, Transcript]) -> dict[str, Found]:
    """Every passage that is no advertisement, by the key it has in a store."""
    return {
        kept.searched("go-time", name).key: Found(name, transcript, kept)
        for name, transcript in transcripts.items()
        for kept in _kept(name, transcript)
    }


def _kept(name: str, transcript: Transcript) -> list[Excerpt]:
    episode = Episode("Go Time", name.replace("go-time-", "episode "))
    return [one for one in excerpts(transcript, episode) if not one.is_advert]


def _lines(text: str) -> list[Line]:
    lines = []
    speaker = None
    for paragraph in text.split("\n\n"):
        said = paragraph.strip()
        if spoken := _SPEAKER.match(said):
            speaker, said = spoken.group(1), said[spoken.end() :]
        start_s = None
        if stamp := _STAMP.match(said):
            start_s, said = _seconds(stamp.group(1)), said[stamp.end() :]
        lines.append(Line(said.replace("\\", ""), start_s, None, speaker))
    return lines


def _seconds(clock: str) -> float:
    seconds = 0.0
    for part in clock.split(":"):
        seconds = 60 * seconds + float(part)
    return seconds
