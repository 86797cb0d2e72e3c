"""What a Whisper worker is told and what it says, line by line.

Stands on the standard library alone, because the worker imports it too. After each window the worker waits to be
told to go on: a slow listener is never overrun, and whoever needs the machine more can be let through.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Ear:
    """One load of one model: the first line to the worker."""

    file: str
    name: str
    """The model's id."""

    threads: int
    voice_file: str | None
    """Weights of the voice detector; None judges by loudness."""

    def to_json(self) -> bytes:
        """One line."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_json(cls, line: bytes) -> Ear:
        """What `to_json` made."""
        return cls(**json.loads(line))


@dataclass(frozen=True, slots=True)
class Job:
    """One sound file to hear."""

    number: int
    """Every word about this job carries it."""

    file: str
    language: str | None
    """ISO 639-1; None lets the model tell it from the first window."""

    translates: bool
    """Whether what is said in another language is written in English."""

    prompt: str
    """Names and spellings to expect."""

    temperature: float
    times_words: bool
    from_s: float = 0.0
    """Seconds of the sound to pass over: what was heard before."""

    def to_json(self) -> bytes:
        """One line."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_json(cls, line: bytes) -> Job:
        """What `to_json` made."""
        return cls(**json.loads(line))


GO_ON: Final = b'"go on"\n'
STOP: Final = b'"stop"\n'


def message(what: str, **said: Any) -> bytes:  # Any: JSON
    """One line of the worker."""
    return json.dumps({"is": what} | said, ensure_ascii=False).encode() + b"\n"
