"""OpenAI's `/v1/audio/transcriptions` and `/translations`: a form comes in, a transcript goes out as it was wanted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from innkeeper.runtime.errors import InnkeeperError, InvalidRequest
from innkeeper.runtime.messages import Began, Kind, Usage
from innkeeper.runtime.wire import sse
from innkeeper.runtime.wire.format import Arrival, ErrorDocument, Question, error_body
from innkeeper.runtime.wire.hints import seconds_told
from innkeeper.runtime.wire.openai.errors import error_document
from innkeeper.runtime.wire.openai.requests import parse_request
from innkeeper.runtime.wire.openai.transcripts import (
    Form,
    Transcript,
    delta,
    in_form,
    timed_delta,
    transcript_of,
    whole,
)

GRANULARITIES: Final = frozenset({"segment", "word"})

_TRUE: Final = frozenset({"true", "1"})
_FALSE: Final = frozenset({"false", "0", ""})
_PASSED_OVER: Final = {
    "include[]": "log probabilities of tokens are not told",
    "chunking_strategy": "sound is always cut at pauses",
}


class TranscriptionAnswer:
    """One transcript in the form its caller wants, whole or as it is heard."""

    def __init__(self, form: Form, *, streams: bool) -> None:
        self.media_type: Final = sse.MEDIA_TYPE if streams else form.media_type.encode()
        self._form = form
        self._so_far = Transcript()

    def began(self, began: Began) -> None:
        """A transcript does not say who heard it; the headers do."""

    def whole(self, document: bytes, usage: Usage) -> bytes:  # noqa: ARG002  # it is in the document
        """The whole transcript."""
        return in_form(transcript_of(document), self._form)

    def piece(self, document: bytes) -> bytes:
        """The words of one window; nothing where there are none, unless times are wanted: those of silence too."""
        heard = transcript_of(document)
        is_first = not self._so_far.segments
        first_id = len(self._so_far.segments)
        self._so_far = self._so_far.joined(heard)
        if self._form is Form.VERBOSE_JSON:
            return sse.event(timed_delta(heard, is_first=is_first, first_id=first_id))
        return sse.event(delta(heard, is_first=is_first)) if heard.segments else b""

    def done(self, usage: Usage) -> bytes:
        """All the words once more, as OpenAI ends such a stream."""
        ended = self._so_far if usage.audio_s is None else self._so_far.lasting(usage.audio_s)
        return sse.event(whole(ended)) + sse.DONE

    def failed(self, error: InnkeeperError) -> bytes:
        """The error, and the mark of the end."""
        return sse.event(error_body(error, error_document)) + sse.DONE

    def note(self, text: str, *, is_heartbeat: bool) -> bytes:  # noqa: ARG002  # a comment is both
        """A comment."""
        return sse.comment(text)


@dataclass(frozen=True, slots=True)
class TranscriptionFormat:
    """A form with a sound file, as `api.upload` gives it: JSON, each field with its texts in a list."""

    translates: bool

    @property
    def error_document(self) -> ErrorDocument:
        """OpenAI's errors."""
        return error_document

    def parse(self, raw: bytes, arrival: Arrival) -> Question:
        """
        Raises:
            InvalidRequest: A field makes no sense; `param` names it.
        """
        fields: dict[str, list[str]] = json.loads(raw)
        body: dict[str, Any] = {"file": fields["file"][0]}  # Any: JSON
        for name in ("model", "language", "prompt"):
            if name in fields:
                body[name] = _one(fields, name)
        body["language"] = _language(body.get("language"))
        body["translate"] = self.translates
        body["stream"] = _flag(fields, "stream")
        if fields.get("temperature", [""]) != [""]:
            body["temperature"] = _number(fields, "temperature")
        if fields.get("from_s", [""]) != [""]:
            body["from_s"] = seconds_told(_one(fields, "from_s"), "from_s")
        body["timestamp_granularities"] = _granularities(fields)
        form = _form(fields)
        if body["timestamp_granularities"] != ["segment"] and form is not Form.VERBOSE_JSON:
            raise InvalidRequest(
                "timestamp_granularities need response_format verbose_json.", param="timestamp_granularities"
            )
        request = parse_request(
            Kind.TRANSCRIPTION,
            json.dumps(body).encode(),
            request_id=arrival.request_id,
            client=arrival.client,
            hints=arrival.hints,
        )
        notes = tuple(f"{name}: {why}" for name, why in _PASSED_OVER.items() if name in fields)
        return Question(replace(request, body=body), TranscriptionAnswer(form, streams=request.streams), notes)


def _one(fields: Mapping[str, list[str]], name: str) -> str:
    values = fields[name]
    if len(values) != 1:
        raise InvalidRequest(f"{name} is given {len(values)} times; give it once.", param=name)
    return values[0]


def _language(told: str | None) -> str | None:
    """`el` or `el-GR`; nothing lets the model tell it."""
    if not told:
        return None
    code = told.partition("-")[0].lower()
    if not code.isascii() or not code.isalpha() or len(code) not in (2, 3):
        raise InvalidRequest(f"language must be a code such as el or en, not {told[:40]!r}.", param="language")
    return code


def _flag(fields: Mapping[str, list[str]], name: str) -> bool:
    text = _one(fields, name).lower() if name in fields else ""
    if text not in _TRUE | _FALSE:
        raise InvalidRequest(f"{name} must be true or false, not {text[:40]!r}.", param=name)
    return text in _TRUE


def _number(fields: Mapping[str, list[str]], name: str) -> float:
    text = _one(fields, name)
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0.0 <= number <= 1.0:
        raise InvalidRequest(f"{name} must be a number from 0 to 1, not {text[:40]!r}.", param=name)
    return number


def _granularities(fields: Mapping[str, list[str]]) -> list[str]:
    wanted = [*fields.get("timestamp_granularities[]", []), *fields.get("timestamp_granularities", [])]
    for one in wanted:
        if one not in GRANULARITIES:
            raise InvalidRequest(
                f"timestamp_granularities must be segment or word, not {one[:40]!r}.", param="timestamp_granularities"
            )
    return wanted or ["segment"]


def _form(fields: Mapping[str, list[str]]) -> Form:
    text = _one(fields, "response_format") if "response_format" in fields else Form.JSON.value
    try:
        return Form(text)
    except ValueError:
        known = ", ".join(form.value for form in Form)
        raise InvalidRequest(
            f"response_format must be one of {known}, not {text[:40]!r}.", param="response_format"
        ) from None
