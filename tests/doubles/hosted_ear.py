"""The ear of a provider's double: forms with sound in, words that tell where in the sound they were.

Each second of sound is one word, `s0 s1 s2 …`, so that a test can tell what was sent from what comes back. Its refusals
are those of OpenAI, word for word.
"""

from __future__ import annotations

import io
import wave
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from aiohttp import BodyPartReader, web

from innkeeper.runtime.speech.decoders import SAMPLES_PER_S

LIMIT_BYTES = 26_214_400

Json = dict[str, Any]  # as it is sent


@dataclass(frozen=True)
class SoundForm:
    """What was sent."""

    fields: Json  # texts; lists of them for names that end in []
    file_name: str
    sound: bytes
    whole_bytes: int

    @property
    def sound_bytes(self) -> int:
        return len(self.sound)

    def samples(self) -> Any:  # an array of numbers
        """The sound of a WAV file."""
        with wave.open(io.BytesIO(self.sound)) as opened:
            assert (opened.getframerate(), opened.getnchannels(), opened.getsampwidth()) == (SAMPLES_PER_S, 1, 2)
            return np.frombuffer(opened.readframes(opened.getnframes()), dtype="<i2")


async def read_form(http: web.Request) -> SoundForm:
    """The form, whole."""
    fields: Json = {}
    file_name, sound = "", b""
    async for part in await http.multipart():
        assert isinstance(part, BodyPartReader)
        name = part.name or ""
        if part.filename is not None:
            file_name, sound = part.filename, bytes(await part.read())
        elif name.endswith("[]"):
            fields.setdefault(name, []).append(await part.text())
        else:
            assert name not in fields, f"{name} was sent twice"
            fields[name] = await part.text()
    return SoundForm(fields, file_name, sound, http.content_length or 0)


@dataclass
class Ear:
    """How it hears."""

    tells_times: bool = True
    """Otherwise it takes no `verbose_json`, as OpenAI's newer models."""
    limit_bytes: int = LIMIT_BYTES
    heard: list[SoundForm] = field(default_factory=list)
    """What was answered."""
    words: str | None = None
    """What it hears, whatever it is; None counts seconds."""
    length_s: float = 2.0
    """Of what is no WAV file."""

    def refusal(self, path: str, form: SoundForm) -> web.Response | None:
        """What OpenAI says to forms that it does not take."""
        if form.whole_bytes > self.limit_bytes:
            message = f"Maximum content size limit ({self.limit_bytes}) exceeded ({form.whole_bytes} bytes read)"
            return error_answer(413, {"message": message, "type": "server_error", "param": None, "code": None})
        if not form.sound or "." not in form.file_name or "model" not in form.fields:
            return error_answer(400, {"message": "Unrecognized file format.", "type": "invalid_request_error"})
        if path.endswith("translations") and form.fields.keys() & {"language", "timestamp_granularities[]"}:
            return error_answer(400, {"message": "Unrecognized request argument supplied: language"})
        is_verbose = form.fields.get("response_format") == "verbose_json"
        if is_verbose and not self.tells_times:
            message = (
                "response_format 'verbose_json' is not compatible with model 'gpt-4o-transcribe'. "
                "Use 'json' or 'text' instead."
            )
            error = {"message": message, "type": "invalid_request_error", "param": "response_format"}
            return error_answer(400, error | {"code": "unsupported_value"})
        if "timestamp_granularities[]" in form.fields and not is_verbose:
            return error_answer(400, {"message": "timestamp_granularities need response_format verbose_json"})
        return None

    def answer(self, path: str, form: SoundForm) -> web.Response:
        """The words of it."""
        self.heard.append(form)
        length_s = len(form.samples()) / SAMPLES_PER_S if form.file_name.endswith(".wav") else self.length_s
        segments = [
            {"id": number, "start": float(number), "end": number + 1.0, "text": f" s{number}", "avg_logprob": -0.1}
            for number in range(int(np.ceil(length_s)))  # the last one ends behind the sound, as they do
        ]
        text = "".join(str(segment["text"]) for segment in segments) if self.words is None else self.words
        if form.fields.get("response_format") != "verbose_json":
            return web.json_response({"text": text, "usage": {"type": "duration", "seconds": round(length_s)}})
        document: Json = {
            "task": "translate" if path.endswith("translations") else "transcribe",
            "language": "english",
            "duration": length_s,
            "text": text,
            "segments": segments if self.words is None else [],
        }
        if "word" in form.fields.get("timestamp_granularities[]", ()):
            document["words"] = [
                {"word": str(one["text"]).strip(), "start": one["start"], "end": one["end"]} for one in segments
            ]
        return web.json_response(document)


def error_answer(status: int, error: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> web.Response:
    """An error as OpenAI sends it."""
    return web.json_response({"error": dict(error)}, status=status, headers=headers)
