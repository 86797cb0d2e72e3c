"""The body of an OpenAI request, parsed. Strict about what we read; everything else goes to the engine untouched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from innkeeper.runtime.errors import InvalidRequest
from innkeeper.runtime.messages import Body, Kind, Request
from innkeeper.runtime.wire.hints import (
    NO_HINTS,
    Hints,
    context_named,
    conversation_named,
    money_told,
    seconds_told,
    substitute_told,
    task_named,
)
from innkeeper.runtime.wire.json_text import kind_of, parse_object
from innkeeper.runtime.wire.openai.numbers import check_numbers

Read = TypeVar("Read")


def parse_request(kind: Kind, raw: bytes, *, request_id: str, client: str = "", hints: Hints | None = None) -> Request:
    """The request that a body and its headers make together; a header wins over the body.

    Raises:
        InvalidRequest: The body cannot be understood; `param` names the field.
    """
    return read_request(kind, parse_object(raw), request_id=request_id, client=client, hints=hints)


def read_request(kind: Kind, body: Body, *, request_id: str, client: str = "", hints: Hints | None = None) -> Request:
    """The same from a body that is parsed already: OpenAI's, or one that was translated into its fields."""
    hints = hints or NO_HINTS
    model = _optional_text(body, "model")
    if model == "":
        raise InvalidRequest("model is empty. Name a model, or leave the field out for the default.", param="model")
    streams = _flag(body, "stream")
    check_numbers(body)
    _CONTENT[kind](body)
    _shapes(body)
    priority = hints.priority if hints.priority is not None else body.get("priority")
    waits = _flag(body, "wait", otherwise=True)
    if "wait" in body:  # ours: an engine need not know it, and an API elsewhere may refuse it
        body = {name: value for name, value in body.items() if name != "wait"}
    return Request(
        id=request_id,
        kind=kind,
        body=body,
        model=model,
        streams=streams and kind in _STREAMED,
        client=client,
        task=hints.task if hints.task is not None else _metadata(body, "task", task_named),
        conversation=(
            hints.conversation
            if hints.conversation is not None
            else _metadata(body, "conversation", conversation_named)
        ),
        context=hints.context if hints.context is not None else _metadata(body, "context", context_named),
        priority=priority or 0,
        patience_s=hints.patience_s,
        wait_at_most_s=hints.wait_at_most_s,
        deadline_s=hints.deadline_s
        if hints.deadline_s is not None
        else _metadata(body, "deadline_s", seconds_told, may_be_number=True),
        waits=hints.wait if hints.wait is not None else waits,
        allows_substitute=(
            hints.substitute if hints.substitute is not None else bool(_metadata(body, "substitute", substitute_told))
        ),
        max_cost=hints.max_cost
        if hints.max_cost is not None
        else _metadata(body, "max_cost", money_told, may_be_number=True),
        hold_s=hints.hold_s,
    )


_STREAMED: Final = frozenset({Kind.CHAT, Kind.COMPLETION, Kind.TRANSCRIPTION})


def _chat(body: Body) -> None:
    messages = _list(body, "messages")
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if not isinstance(message, dict):
            raise InvalidRequest(f"{where} must be an object, not {kind_of(message)}.", param=where)
        role = message.get("role")
        if not isinstance(role, str) or not role:
            raise InvalidRequest(f"{where}.role must be a string such as user.", param=f"{where}.role")
        _content(message.get("content"), f"{where}.content")
        if message.get("tool_calls") is not None:
            _objects(message["tool_calls"], f"{where}.tool_calls")


def _content(content: object, where: str) -> None:
    match content:
        case None | str():
            return
        case list():
            for index, part in enumerate(content):
                _part(part, f"{where}[{index}]")
        case _:
            raise InvalidRequest(f"{where} must be a string or a list of parts, not {kind_of(content)}.", param=where)


def _part(part: object, where: str) -> None:
    if not isinstance(part, dict) or not isinstance(part.get("type"), str):
        raise InvalidRequest(f"{where} must be an object with a type.", param=where)
    if part["type"] == "text" and not isinstance(part.get("text"), str):
        raise InvalidRequest(f"{where}.text must be a string.", param=f"{where}.text")


def _completion(body: Body) -> None:
    _texts_or_tokens(body, "prompt")


def _embedding(body: Body) -> None:
    _texts_or_tokens(body, "input")


def _rerank(body: Body) -> None:
    if not isinstance(_needed(body, "query"), str):
        raise InvalidRequest(f"query must be a string, not {kind_of(body['query'])}.", param="query")
    for index, document in enumerate(_list(body, "documents")):
        text = document.get("text") if isinstance(document, dict) else document
        if not isinstance(text, str):
            where = f"documents[{index}]"
            raise InvalidRequest(f"{where} must be a string, or an object with a text.", param=where)


def _transcription(body: Body) -> None:
    """The door has put the sound where the body says."""
    assert isinstance(body.get("file"), str), "a transcription without a file"


_CONTENT: Final[Mapping[Kind, Callable[[Body], None]]] = {
    Kind.CHAT: _chat,
    Kind.COMPLETION: _completion,
    Kind.EMBEDDING: _embedding,
    Kind.RERANK: _rerank,
    Kind.TRANSCRIPTION: _transcription,
}


def _shapes(body: Body) -> None:
    """What engines look into; what they only pass on may be anything."""
    for name in ("stream_options", "response_format"):
        _object(body.get(name), name)
    if body.get("tools") is not None:
        _objects(body["tools"], "tools")
    stop = body.get("stop")
    if not isinstance(stop, str | list | None) or not all(isinstance(each, str) for each in stop or ()):
        raise InvalidRequest("stop must be a string or a list of strings.", param="stop")


def _object(value: object, where: str) -> None:
    if not isinstance(value, dict | None):
        raise InvalidRequest(f"{where} must be an object, not {kind_of(value)}.", param=where)


def _objects(value: object, where: str) -> None:
    if not isinstance(value, list):
        raise InvalidRequest(f"{where} must be a list, not {kind_of(value)}.", param=where)
    for index, item in enumerate(value):
        if not isinstance(item, dict):
            param = f"{where}[{index}]"
            raise InvalidRequest(f"{param} must be an object, not {kind_of(item)}.", param=param)


def _texts_or_tokens(body: Body, name: str) -> None:
    """A string, a list of strings, a list of token numbers, or a list of such lists."""
    value = _needed(body, name)
    if isinstance(value, str):
        return
    for index, item in enumerate(_list(body, name)):
        where = f"{name}[{index}]"
        if isinstance(item, list):
            if not item or not all(_is_token(token) for token in item):
                raise InvalidRequest(f"{where} must be a list of token numbers.", param=where)
        elif not isinstance(item, str) and not _is_token(item):
            raise InvalidRequest(
                f"{where} must be a string, a token number or a list of them, not {kind_of(item)}.", param=where
            )


def _is_token(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**31  # not isinstance: true and false are no tokens


def _needed(body: Body, name: str) -> Any:  # Any: JSON, looked at by the caller
    value = body.get(name)
    if value is None:
        raise InvalidRequest(f"{name} is missing.", param=name)
    return value


def _list(body: Body, name: str) -> list[Any]:  # Any: JSON, looked at by the caller
    value = _needed(body, name)
    if not isinstance(value, list):
        raise InvalidRequest(f"{name} must be a list, not {kind_of(value)}.", param=name)
    if not value:
        raise InvalidRequest(f"{name} is empty.", param=name)
    return value


def _optional_text(body: Body, name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidRequest(f"{name} must be a string, not {kind_of(value)}.", param=name)
    return value


def _flag(body: Body, name: str, *, otherwise: bool = False) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise InvalidRequest(f"{name} must be true or false, not {kind_of(value)}.", param=name)
    return otherwise if value is None else value


def _metadata(body: Body, name: str, read: Callable[[str, str], Read], *, may_be_number: bool = False) -> Read | None:
    """What `metadata` says under that name, if it can be one of that sort.

    OpenAI's metadata holds texts only; where a number is meant, it may also stand there as one.
    """
    metadata = body.get("metadata")
    if metadata is None:
        return None
    if not isinstance(metadata, dict):
        raise InvalidRequest(f"metadata must be an object, not {kind_of(metadata)}.", param="metadata")
    text = metadata.get(name)
    if text is None:
        return None
    if may_be_number and isinstance(text, int | float) and not isinstance(text, bool):
        text = str(text)
    if not isinstance(text, str):
        raise InvalidRequest(f"metadata.{name} must be a string, not {kind_of(text)}.", param=f"metadata.{name}")
    return read(text, f"metadata.{name}")
