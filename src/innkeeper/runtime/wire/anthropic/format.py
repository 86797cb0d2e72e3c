"""Anthropic's way to ask a model: `/v1/messages`."""

from __future__ import annotations

from typing import Any, Final

from innkeeper.runtime.errors import InvalidRequest, NotSupported
from innkeeper.runtime.messages import Kind, Request
from innkeeper.runtime.wire.anthropic.answers import MessageAnswer
from innkeeper.runtime.wire.anthropic.content import read_messages, read_system
from innkeeper.runtime.wire.anthropic.errors import error_document
from innkeeper.runtime.wire.anthropic.tools import read_tools
from innkeeper.runtime.wire.fields import Fields
from innkeeper.runtime.wire.format import Arrival, ErrorDocument, Question
from innkeeper.runtime.wire.json_text import parse_object
from innkeeper.runtime.wire.openai.numbers import MOST_TOKENS, NUMBERS
from innkeeper.runtime.wire.openai.requests import read_request
from innkeeper.runtime.wire.spans import Span

_TOP_K: Final = Span(0, MOST_TOKENS, whole=True)
_NOT_DONE: Final = ("mcp_servers", "container")

JsonObject = dict[str, Any]  # Any: JSON on its way to an engine


class MessagesFormat:
    """The body of `/v1/messages`."""

    @property
    def error_document(self) -> ErrorDocument:
        """Anthropic's errors."""
        return error_document

    def parse(self, raw: bytes, arrival: Arrival) -> Question:
        """See `Format.parse`."""
        fields = Fields(parse_object(raw))
        for name in _NOT_DONE:
            if fields.given(name):
                raise NotSupported(f"{name} is not supported: it belongs to Anthropic's own servers.", param=name)
        limit = fields.number("max_tokens", Span(1, MOST_TOKENS, whole=True))
        if limit is None:
            raise fields.wrong("max_tokens", "a whole number of tokens")
        thinking, shows_thinking = _thinking(fields)
        body: JsonObject = {
            **_prompt(fields),
            **thinking,
            **_sampling(fields),
            **_output(fields),
            "max_tokens": limit,
        }
        if fields.flag("stream"):
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        request = read_request(
            Kind.CHAT, body, request_id=arrival.request_id, client=arrival.client, hints=arrival.hints
        )
        return Question(request, MessageAnswer(arrival.request_id, shows_thinking=shows_thinking))


def parse_prompt(raw: bytes, arrival: Arrival) -> Request:
    """The body of `/v1/messages/count_tokens`: a prompt that nobody is to answer.

    Raises:
        InnkeeperError: As `Format.parse`.
    """
    body = _prompt(Fields(parse_object(raw)))
    return read_request(Kind.CHAT, body, request_id=arrival.request_id, client=arrival.client, hints=arrival.hints)


def _prompt(fields: Fields) -> JsonObject:
    """All that the model reads: messages, system prompt and tools; and who is to read it."""
    body: JsonObject = {"messages": [*read_system(fields), *read_messages(fields)], **read_tools(fields)}
    if fields.given("model") is not None:
        body["model"] = fields.needed_text("model")
    return body


def _sampling(fields: Fields) -> JsonObject:
    told: JsonObject = {}
    for name, span in (("temperature", NUMBERS["temperature"]), ("top_p", NUMBERS["top_p"]), ("top_k", _TOP_K)):
        if (value := fields.number(name, span)) is not None:
            told[name] = value
    if stops := fields.texts("stop_sequences"):
        told["stop"] = stops
    metadata = fields.object("metadata")
    if metadata is not None and (user := metadata.text("user_id")):
        told["user"] = user
    return told


def _thinking(fields: Fields) -> tuple[JsonObject, bool]:
    """What the engine is told, and whether the caller gets to see the thoughts."""
    thinking = fields.object("thinking")
    if thinking is None:
        return {}, False
    match thinking.needed_text("type"):
        case "enabled" | "adaptive":
            return {"chat_template_kwargs": {"enable_thinking": True}}, True
        case "disabled":
            return {"chat_template_kwargs": {"enable_thinking": False}}, False
        case kind:
            param = thinking.param("type")
            raise InvalidRequest(f"{param} must be enabled, adaptive or disabled, not {kind[:40]!r}.", param=param)


def _output(fields: Fields) -> JsonObject:
    config = fields.object("output_config")
    form = config.object("format") if config is not None else None
    if form is None:
        return {}
    if form.needed_text("type") != "json_schema":
        raise InvalidRequest(f"{form.param('type')} must be json_schema.", param=form.param("type"))
    schema = {"name": "answer", "schema": dict(form.needed_object("schema").body), "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}
