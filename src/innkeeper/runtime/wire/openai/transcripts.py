"""Transcripts in the forms of OpenAI's API: text, json, verbose_json, SubRip and WebVTT."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from innkeeper.runtime.speech.transcript import Segment, Word


class Form(Enum):
    """What a caller may ask for in `response_format`."""

    JSON = "json"
    TEXT = "text"
    SRT = "srt"
    VTT = "vtt"
    VERBOSE_JSON = "verbose_json"

    @property
    def media_type(self) -> str:
        """The content type of such an answer."""
        return _MEDIA_TYPES.get(self, "application/json")


_MEDIA_TYPES = {
    Form.TEXT: "text/plain; charset=utf-8",
    Form.SRT: "application/x-subrip; charset=utf-8",
    Form.VTT: "text/vtt; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was heard between two moments, or in the whole."""

    translates: bool = False
    language: str | None = None
    """ISO 639-1; None where nothing was heard that tells it."""

    start_s: float = 0.0
    end_s: float = 0.0
    resume_s: float | None = None
    """Where hearing can be taken up again after this, with the same result; None for a whole."""

    segments: tuple[Segment, ...] = ()

    @property
    def text(self) -> str:
        """All its words."""
        return " ".join(segment.text.strip() for segment in self.segments)

    def joined(self, later: Transcript) -> Transcript:
        """This and what was heard after it."""
        return replace(
            self,
            language=later.language or self.language,
            end_s=later.end_s,
            segments=self.segments + later.segments,
        )

    def lasting(self, seconds: float) -> Transcript:
        """The same, of a whole that lasts so long."""
        return replace(self, end_s=seconds)

    def within(self, start_s: float, end_s: float) -> Transcript:
        """The same as a part of something longer, where its sound lies between these moments: no time is outside."""

        def of_the_whole(moment_s: float) -> float:
            return min(max(start_s, start_s + moment_s), end_s)

        segments = tuple(
            replace(
                segment,
                start_s=of_the_whole(segment.start_s),
                end_s=of_the_whole(segment.end_s),
                words=tuple(
                    replace(word, start_s=of_the_whole(word.start_s), end_s=of_the_whole(word.end_s))
                    for word in segment.words
                ),
            )
            for segment in self.segments
        )
        return replace(self, start_s=start_s, end_s=end_s, segments=segments)


def transcript_piece(transcript: Transcript, *, first_id: int = 0) -> bytes:
    """The transcript as OpenAI's `verbose_json`; `duration` is where it ends. Segments are numbered from `first_id`."""
    return json.dumps(_verbose(transcript, first_id), ensure_ascii=False, separators=(",", ":")).encode()


def transcript_of(piece: bytes) -> Transcript:
    """What `transcript_piece`, or another server's `verbose_json`, says.

    Raises:
        ValueError: It is no such document.
    """
    try:
        said = json.loads(piece)
        words = [_word(word) for word in said.get("words") or ()]
        segments = tuple(_segment(segment, words) for segment in said.get("segments") or ())
        end_s = float(said.get("duration") or 0.0)
        if not segments and said["text"].strip():  # a server that keeps times to itself
            segments = (Segment(said["text"], 0.0, end_s, 0.0, tuple(words)),)
        return Transcript(
            translates=said.get("task") == "translate",
            language=said.get("language"),
            start_s=float(said.get("start") or 0.0),
            end_s=end_s,
            resume_s=said.get("resume"),
            segments=segments,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no transcript: {error}") from error


def in_form(transcript: Transcript, form: Form) -> bytes:
    """The body of an answer."""
    match form:
        case Form.JSON:
            said = {"text": transcript.text, "usage": usage(transcript)}
            return json.dumps(said, ensure_ascii=False).encode()
        case Form.VERBOSE_JSON:
            said = _verbose(transcript, 0) | {"usage": usage(transcript)}
            return json.dumps(said, ensure_ascii=False).encode()
        case Form.TEXT:
            return f"{transcript.text}\n".encode()
        case Form.SRT:
            return _subtitles(transcript.segments, comma=True)
        case Form.VTT:
            return b"WEBVTT\n\n" + _subtitles(transcript.segments, comma=False)


def delta(transcript: Transcript, *, is_first: bool) -> bytes:
    """The event of a stream that brings some more words."""
    text = transcript.text if is_first else f" {transcript.text}"
    return json.dumps({"type": "transcript.text.delta", "delta": text}, ensure_ascii=False).encode()


def timed_delta(transcript: Transcript, *, is_first: bool, first_id: int) -> bytes:
    """The same with the window's own times under `window`, for who asked for `verbose_json`; `delta` may be empty."""
    separator = "" if is_first or not transcript.segments else " "
    said = {"type": "transcript.text.delta", "delta": f"{separator}{transcript.text}"}
    return json.dumps(said | {"window": _verbose(transcript, first_id)}, ensure_ascii=False).encode()


def whole(transcript: Transcript) -> bytes:
    """The last event of a stream."""
    said = {"type": "transcript.text.done", "text": transcript.text, "usage": usage(transcript)}
    return json.dumps(said, ensure_ascii=False).encode()


def usage(transcript: Transcript) -> dict[str, Any]:
    """What was used, as OpenAI counts it for models that are paid by the minute."""
    return {"type": "duration", "seconds": round(transcript.end_s, 3)}


def _verbose(transcript: Transcript, first_id: int) -> dict[str, Any]:
    said: dict[str, Any] = {
        "task": "translate" if transcript.translates else "transcribe",
        "language": transcript.language,
        "duration": round(transcript.end_s, 3),
        "text": transcript.text,
        "segments": [
            {
                "id": number,
                "seek": round(segment.start_s * 100),
                "start": round(segment.start_s, 3),
                "end": round(segment.end_s, 3),
                "text": segment.text,
                "tokens": [],
                "temperature": 0.0,
                "avg_logprob": round(segment.log_probability, 4),
                "compression_ratio": _compression(segment.text),
                "no_speech_prob": 0.0,
            }
            for number, segment in enumerate(transcript.segments, start=first_id)
        ],
    }
    if transcript.resume_s is not None:
        said |= {"start": round(transcript.start_s, 3), "resume": transcript.resume_s}
    words = [word for segment in transcript.segments for word in segment.words]
    if words:
        said["words"] = [
            {
                "word": word.text.strip(),
                "start": round(word.start_s, 3),
                "end": round(word.end_s, 3),
                "probability": round(word.probability, 4),
            }
            for word in words
        ]
    return said


def _compression(text: str) -> float:
    """How much shorter it can be said: what goes round and round is over 2.4, as OpenAI reckons."""
    raw = text.encode()
    return round(len(raw) / len(zlib.compress(raw)), 4) if raw else 0.0


def _word(said: dict[str, Any]) -> Word:
    return Word(said["word"], float(said["start"]), float(said["end"]), float(said.get("probability") or 0.0))


def _segment(said: dict[str, Any], words: list[Word]) -> Segment:
    start_s, end_s = float(said["start"]), float(said["end"])
    own = tuple(word for word in words if start_s <= word.start_s < end_s)
    return Segment(said["text"], start_s, end_s, float(said.get("avg_logprob") or 0.0), own)


def _subtitles(segments: Iterable[Segment], *, comma: bool) -> bytes:
    cues = []
    for number, segment in enumerate(segments, start=1):
        times = f"{_clock(segment.start_s, comma=comma)} --> {_clock(segment.end_s, comma=comma)}"
        text = segment.text.strip().replace("-->", "→")  # the one thing that would end the text of a cue
        cues.append(f"{number}\n{times}\n{text}\n" if comma else f"{times}\n{text}\n")
    return "\n".join(cues).encode()


def _clock(seconds: float, *, comma: bool) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    mark = "," if comma else "."
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}{mark}{rest % 1000:03}"
