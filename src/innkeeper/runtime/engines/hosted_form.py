"""The form that goes to a provider beside the sound, what a model does not take of it, and what comes back; pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from innkeeper.runtime.engines.hosted_drift import Change
from innkeeper.runtime.messages import Request
from innkeeper.runtime.speech.containers import Container
from innkeeper.runtime.wire.openai.transcripts import Transcript, transcript_of

Fields: TypeAlias = tuple[tuple[str, str], ...]
"""Names with their texts; a name may come more than once."""

TAKEN: Final[Mapping[Container, tuple[str, str]]] = {
    Container.WAV: ("sound.wav", "audio/wav"),
    Container.MP3: ("sound.mp3", "audio/mpeg"),
    Container.FLAC: ("sound.flac", "audio/flac"),
    Container.OGG_VORBIS: ("sound.ogg", "audio/ogg"),
    Container.OGG_OPUS: ("sound.ogg", "audio/ogg"),
    Container.MP4: ("sound.m4a", "audio/mp4"),
    Container.MATROSKA: ("sound.webm", "audio/webm"),
}
"""What such APIs read, with the name and the type to send it under: they go by the name. The caller's stays here."""

TIMES: Final = "timestamp_granularities[]"

_MEANT: Final = frozenset({"model", "file"})
_IN_WORDS: Final = (
    ("response_format", re.compile(r"verbose_json|response[_ ]format", re.IGNORECASE)),
    (TIMES, re.compile(r"timestamp_granularities", re.IGNORECASE)),
)


class FormDrift:
    """What one model was found not to take. Without `response_format` it tells words and no times."""

    def __init__(self) -> None:
        self._left_out: set[str] = set()

    def fields(self, request: Request, source: str) -> Fields:
        """What is sent beside the file, under the model's name there."""
        body = request.body
        wanted: list[tuple[str, str]] = [("model", source), ("response_format", "verbose_json")]
        if body.get("prompt"):
            wanted.append(("prompt", str(body["prompt"])))
        if body.get("temperature"):
            wanted.append(("temperature", f"{body['temperature']:g}"))
        if not body.get("translate"):  # which is always into English, and has no times of words
            if body.get("language"):
                wanted.append(("language", str(body["language"])))
            if "word" in (body.get("timestamp_granularities") or ()):
                wanted += [(TIMES, "word"), (TIMES, "segment")]
        left_out = self._left_out | ({TIMES} if "response_format" in self._left_out else set())
        return tuple((name, text) for name, text in wanted if name not in left_out)

    def adapt(self, parameter: str, sent: Fields) -> Change | None:
        """What is done from now on about a `parameter` of what was sent; None where nothing is left to try."""
        name = f"{parameter}[]" if parameter == TIMES.removesuffix("[]") else parameter
        if name in _MEANT or not any(name == one for one, _ in sent):
            return None
        self._left_out.add(name)
        return Change(name, None)


def path_of(request: Request) -> str:
    """Where its form goes."""
    return "/audio/translations" if request.body.get("translate") else "/audio/transcriptions"


def refused_in(message: str) -> str | None:
    """The field that a refusal speaks of in words of its own; None where it speaks of none."""
    return next((name for name, words in _IN_WORDS if words.search(message)), None)


def transcript_in(document: Mapping[str, Any], length_s: float | None, *, translates: bool) -> Transcript:  # JSON
    """What was heard in a sound of that length. Without times, all words are from its beginning to its end.

    Raises:
        ValueError: It is no transcript.
    """
    usage = document.get("usage")
    billed_s = usage.get("seconds") if isinstance(usage, Mapping) else None
    length_s = length_s or document.get("duration") or billed_s or 0.0
    task = "translate" if translates else "transcribe"
    heard = {**document, "task": task, "duration": length_s, "start": 0.0, "resume": None}
    return transcript_of(json.dumps(heard).encode())
