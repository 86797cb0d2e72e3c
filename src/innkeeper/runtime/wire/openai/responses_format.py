"""The body of OpenAI's `/v1/responses`. Nothing is kept between two of them: each brings its whole conversation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from innkeeper.runtime.errors import InvalidRequest, NotSupported
from innkeeper.runtime.messages import Kind
from innkeeper.runtime.wire.fields import Fields
from innkeeper.runtime.wire.format import Arrival, ErrorDocument, Question
from innkeeper.runtime.wire.json_text import parse_object
from innkeeper.runtime.wire.openai.errors import error_document
from innkeeper.runtime.wire.openai.numbers import MOST_TOKENS, NUMBERS
from innkeeper.runtime.wire.openai.requests import read_request
from innkeeper.runtime.wire.openai.responses_answer import ResponseAnswer
from innkeeper.runtime.wire.openai.responses_input import read_input
from innkeeper.runtime.wire.spans import Span

_KEEPS_NOTHING: Final = "Nothing is kept between requests here: send the whole conversation as input."
_NOT_DONE: Final[Mapping[str, str]] = {
    "previous_response_id": _KEEPS_NOTHING,
    "conversation": _KEEPS_NOTHING,
    "background": _KEEPS_NOTHING,
    "prompt": "Send the text itself as instructions and input.",
}
_PASSED: Final = ("user", "parallel_tool_calls", "metadata", "priority", "seed", "stop", "wait")
"""Fields that are the same in a chat, some of them ours."""

JsonObject = dict[str, Any]  # Any: JSON on its way to an engine


class ResponsesFormat:
    """What `/v1/responses` takes."""

    def __init__(self, unix_s: Callable[[], float]) -> None:
        self._unix_s = unix_s

    @property
    def error_document(self) -> ErrorDocument:
        """OpenAI's errors."""
        return error_document

    def parse(self, raw: bytes, arrival: Arrival) -> Question:
        """See `Format.parse`."""
        fields = Fields(parse_object(raw))
        for name, instead in _NOT_DONE.items():
            if fields.given(name):
                raise NotSupported(f"{name} is not supported. {instead}", param=name)
        body: JsonObject = {"messages": read_input(fields), **_settings(fields), **_tools(fields), **_text(fields)}
        if fields.given("model") is not None:
            body["model"] = fields.needed_text("model")
        if fields.flag("stream"):
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        request = read_request(
            Kind.CHAT, body, request_id=arrival.request_id, client=arrival.client, hints=arrival.hints
        )
        answer = ResponseAnswer(arrival.request_id, fields.body, self._unix_s)
        notes = ("store: nothing is kept here",) if fields.flag("store") else ()
        return Question(request, answer, notes)


def _settings(fields: Fields) -> JsonObject:
    told: JsonObject = {name: fields.given(name) for name in _PASSED if fields.given(name) is not None}
    for name in ("temperature", "top_p", "top_logprobs"):
        if (value := fields.number(name, NUMBERS[name])) is not None:
            told[name] = value
    if told.pop("top_logprobs", None):
        raise NotSupported("top_logprobs is not supported; /v1/chat/completions has it.", param="top_logprobs")
    limit = fields.number("max_output_tokens", Span(1, MOST_TOKENS, whole=True))
    if limit is not None:
        told["max_tokens"] = limit
    reasoning = fields.object("reasoning")
    if reasoning is not None and (effort := reasoning.text("effort")):
        told["reasoning_effort"] = effort
    return told


def _tools(fields: Fields) -> JsonObject:
    tools: list[JsonObject] = []
    for tool in fields.objects("tools"):
        if (kind := tool.needed_text("type")) != "function":
            param = tool.param("type")
            raise NotSupported(f"{param} {kind[:40]!r} runs on OpenAI's servers only; send functions.", param=param)
        function: JsonObject = {"name": tool.needed_text("name")}
        function |= {name: tool.given(name) for name in ("description", "strict") if tool.given(name) is not None}
        if (parameters := tool.object("parameters")) is not None:
            function["parameters"] = dict(parameters.body)
        tools.append({"type": "function", "function": function})
    told: JsonObject = {"tools": tools} if tools else {}
    choice = fields.given("tool_choice")
    if isinstance(choice, dict):
        named = fields.needed_object("tool_choice")
        if named.needed_text("type") != "function":
            raise NotSupported(f"{named.param('type')} must be function.", param=named.param("type"))
        choice = {"type": "function", "function": {"name": named.needed_text("name")}}
    elif choice not in (None, "auto", "none", "required"):
        raise InvalidRequest("tool_choice must be auto, none, required or a function.", param="tool_choice")
    return told | ({"tool_choice": choice} if choice is not None else {})


def _text(fields: Fields) -> JsonObject:
    text = fields.object("text")
    form = text.object("format") if text is not None else None
    if form is None:
        return {}
    match form.needed_text("type"):
        case "text":
            return {}
        case "json_object":
            return {"response_format": {"type": "json_object"}}
        case "json_schema":
            schema = {"name": form.text("name") or "answer", "schema": dict(form.needed_object("schema").body)}
            return {"response_format": {"type": "json_schema", "json_schema": schema | {"strict": True}}}
        case kind:
            param = form.param("type")
            raise InvalidRequest(f"{param} must be text, json_object or json_schema, not {kind[:40]!r}.", param=param)
