"""Ollama's ways to ask a model: chat, generate, embed and the older embeddings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from innkeeper.runtime.catalog import Catalog, Model
from innkeeper.runtime.errors import InvalidRequest, NotSupported
from innkeeper.runtime.messages import Kind
from innkeeper.runtime.wire.fields import Fields
from innkeeper.runtime.wire.format import Arrival, ErrorDocument, Question, Stay
from innkeeper.runtime.wire.json_text import parse_object
from innkeeper.runtime.wire.ollama.answers import Clocks, EmbedAnswer, OllamaAnswer, Shape
from innkeeper.runtime.wire.ollama.errors import error_document
from innkeeper.runtime.wire.ollama.keep_alive import parse_keep_alive
from innkeeper.runtime.wire.ollama.messages import content_of, read_messages
from innkeeper.runtime.wire.ollama.names import known_as
from innkeeper.runtime.wire.ollama.options import read_options
from innkeeper.runtime.wire.openai.requests import read_request

_STREAM: Final = {"stream_options": {"include_usage": True}}
"""Ollama's clients are always told the tokens."""

JsonObject = dict[str, Any]  # Any: JSON on its way to an engine


class OllamaFormat:
    """What all of them share."""

    def __init__(self, catalog: Callable[[], Catalog], clocks: Clocks) -> None:
        self._catalog = catalog
        self._clocks = clocks

    @property
    def error_document(self) -> ErrorDocument:
        """Ollama's errors."""
        return error_document

    def _named(self, fields: Fields) -> tuple[str, str, Model | None]:
        """The model's name as asked, and as known; and the model, where there is one."""
        asked = fields.text("model") or ""
        catalog = self._catalog()
        known = known_as(asked, catalog)
        return asked, known, catalog.get(known) if known in catalog else None

    def _question(
        self,
        kind: Kind,
        body: JsonObject,
        fields: Fields,
        arrival: Arrival,
        answer: OllamaAnswer | EmbedAnswer,
        notes: tuple[str, ...],
    ) -> Question:
        request = read_request(kind, body, request_id=arrival.request_id, client=arrival.client, hints=arrival.hints)
        return Question(replace(request, keep_for_s=parse_keep_alive(fields)), answer, notes)

    def _stay(self, fields: Fields, known: str, document: bytes) -> Stay:
        model = known or self._catalog().default
        if model is None:
            raise fields.wrong("model", "the name of a model")
        return Stay(model, parse_keep_alive(fields), document)


class ChatFormat(OllamaFormat):
    """`/api/chat`. Without messages it loads the model or, with a `keep_alive` of 0, lets it go."""

    def parse(self, raw: bytes, arrival: Arrival) -> Question | Stay:
        """See `Format.parse`."""
        fields = Fields(parse_object(raw))
        asked, known, model = self._named(fields)
        answer = OllamaAnswer(Shape.CHAT, asked, known, self._clocks)
        messages = read_messages(fields)
        if not messages:
            return self._stay(fields, known, answer.stays(leaves=parse_keep_alive(fields) == 0))
        told, notes = _told(fields, known, model)
        told["messages"] = messages
        if tools := fields.items("tools"):
            told["tools"] = tools
        told |= _format(fields) | _thinking(fields)
        return self._question(Kind.CHAT, told, fields, arrival, answer, notes)


class GenerateFormat(OllamaFormat):
    """`/api/generate`: one prompt, which the model's template makes a chat of, unless it is `raw`."""

    def parse(self, raw: bytes, arrival: Arrival) -> Question | Stay:
        """See `Format.parse`."""
        fields = Fields(parse_object(raw))
        asked, known, model = self._named(fields)
        answer = OllamaAnswer(Shape.GENERATE, asked, known, self._clocks)
        prompt = fields.text("prompt") or ""
        self._refuse_foreign(fields)
        if not prompt and not fields.given("images"):
            return self._stay(fields, known, answer.stays(leaves=parse_keep_alive(fields) == 0))
        told, notes = _told(fields, known, model)
        system = fields.text("system")
        is_raw = fields.flag("raw")
        has_no_template = model is not None and Kind.CHAT not in model.kinds and Kind.COMPLETION in model.kinds
        if is_raw or has_no_template:
            if fields.given("format") or fields.given("images"):
                why = "raw is true" if is_raw else f"{known} has no chat template"
                raise NotSupported(f"format and images need a chat template, and {why}.", param="format")
            told["prompt"] = f"{system}\n\n{prompt}" if system and not is_raw else prompt
            return self._question(Kind.COMPLETION, told, fields, arrival, answer, notes)
        told["messages"] = [
            *([{"role": "system", "content": system}] if system else []),
            {"role": "user", "content": content_of(prompt, fields)},
        ]
        told |= _format(fields) | _thinking(fields)
        return self._question(Kind.CHAT, told, fields, arrival, answer, notes)

    def _refuse_foreign(self, fields: Fields) -> None:
        for name, instead in _NOT_DONE.items():
            if fields.given(name):
                raise NotSupported(f"{name} is not supported. {instead}", param=name)


class EmbedFormat(OllamaFormat):
    """`/api/embed`: a text or a list of them. Without any it loads the model or lets it go."""

    _is_older = False

    def parse(self, raw: bytes, arrival: Arrival) -> Question | Stay:
        """See `Format.parse`."""
        fields = Fields(parse_object(raw))
        asked, known, model = self._named(fields)
        answer = EmbedAnswer(asked, known, self._clocks, is_older=self._is_older)
        texts = self._texts(fields)
        if not texts:
            return self._stay(fields, known, answer.nothing())
        _, notes = read_options(fields, model)
        told: JsonObject = {"input": texts, "encoding_format": "float"}
        if known:
            told["model"] = known
        if (dimensions := fields.given("dimensions")) is not None:
            told["dimensions"] = dimensions
        return self._question(Kind.EMBEDDING, told, fields, arrival, answer, notes)

    def _texts(self, fields: Fields) -> str | list[str] | None:
        given = fields.given("input")
        return given if isinstance(given, str) else fields.texts("input")


class OlderEmbedFormat(EmbedFormat):
    """`/api/embeddings`: one text."""

    _is_older = True

    def _texts(self, fields: Fields) -> str | None:
        return fields.text("prompt")


_NOT_DONE: Final[Mapping[str, str]] = {
    "suffix": "Write the beginning of the answer into the prompt, with raw set to true.",
    "template": "The model's own template is used; with raw set to true none is.",
    "context": "Send the conversation as messages to /api/chat.",
}


def _told(fields: Fields, known: str, model: Model | None) -> tuple[JsonObject, tuple[str, ...]]:
    """What chat and generate have in common."""
    if fields.given("logprobs") or fields.given("top_logprobs"):
        raise NotSupported("logprobs are not given in Ollama's format; /v1/completions has them.", param="logprobs")
    told, notes = read_options(fields, model)
    streams = fields.flag("stream", otherwise=True)
    told["stream"] = streams
    if known:
        told["model"] = known
    return told | (_STREAM if streams else {}), notes


def _format(fields: Fields) -> JsonObject:
    wanted = fields.given("format")
    match wanted:
        case None | "":
            return {}
        case "json":
            return {"response_format": {"type": "json_object"}}
        case dict():
            schema = {"name": "answer", "schema": wanted, "strict": True}
            return {"response_format": {"type": "json_schema", "json_schema": schema}}
        case _:
            raise InvalidRequest('format must be "json" or a JSON schema.', param="format")


def _thinking(fields: Fields) -> JsonObject:
    match fields.given("think"):
        case None:
            return {}
        case bool() as thinks:
            return {"chat_template_kwargs": {"enable_thinking": thinks}}
        case "low" | "medium" | "high" | "max" as effort:
            return {"reasoning_effort": effort}
        case _:
            raise InvalidRequest("think must be true, false, low, medium or high.", param="think")
