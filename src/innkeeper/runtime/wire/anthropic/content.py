"""Anthropic's messages and their blocks in OpenAI's fields."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from innkeeper.runtime.errors import InvalidRequest, NotSupported
from innkeeper.runtime.wire.fields import Fields

Message = dict[str, Any]  # Any: JSON on its way to an engine


def read_system(fields: Fields) -> list[Message]:
    """The system prompt, a text or blocks of it; none where it is not given."""
    given = fields.given("system")
    text = given if isinstance(given, str) else "\n\n".join(_texts(fields, "system"))
    return [{"role": "system", "content": text}] if text else []


def read_messages(fields: Fields) -> list[Message]:
    """The messages. One of Anthropic's can be several of OpenAI's: each result of a tool stands alone there.

    Raises:
        InvalidRequest: A message or a block is not what it must be.
        NotSupported: A block is of a sort that no engine here takes.
    """
    if not fields.items("messages"):
        raise fields.wrong("messages", "a list with at least one message")
    messages: list[Message] = []
    for one in fields.objects("messages"):
        role = one.needed_text("role")
        content = one.given("content")
        if content is None:
            raise one.wrong("content", "a string or a list of blocks")
        match role:
            case "system" | "user" | "assistant" if isinstance(content, str):
                messages.append({"role": role, "content": content})
            case "user":
                messages += _said_by_user(one)
            case "assistant":
                messages.append(_said_by_assistant(one))
            case "system":
                messages.append({"role": role, "content": "\n\n".join(_texts(one, "content"))})
            case _:
                param = one.param("role")
                raise InvalidRequest(f"{param} must be user, assistant or system, not {role[:40]!r}.", param=param)
    return messages


def _said_by_user(message: Fields) -> Iterator[Message]:
    parts: list[dict[str, Any]] = []
    for block in _blocks(message, "content"):
        match block.needed_text("type"):
            case "text":
                parts.append({"type": "text", "text": _text(block)})
            case "image":
                parts.append(_picture(block.needed_object("source")))
            case "tool_result":
                yield {
                    "role": "tool",
                    "tool_call_id": block.needed_text("tool_use_id"),
                    "content": _result(block),
                }
            case kind:
                raise _foreign(block, kind)
    if parts:
        is_text = all(part["type"] == "text" for part in parts)
        yield {"role": "user", "content": "\n\n".join(part["text"] for part in parts) if is_text else parts}


def _said_by_assistant(message: Fields) -> Message:
    said: list[str] = []
    thought: list[str] = []
    calls: list[dict[str, Any]] = []
    for block in _blocks(message, "content"):
        match block.needed_text("type"):
            case "text":
                said.append(_text(block))
            case "thinking":
                thought.append(block.text("thinking") or "")
            case "redacted_thinking":
                pass  # nobody here could read it
            case "tool_use":
                arguments = json.dumps(block.needed_object("input").body, ensure_ascii=False)
                function = {"name": block.needed_text("name"), "arguments": arguments}
                calls.append({"id": block.needed_text("id"), "type": "function", "function": function})
            case kind:
                raise _foreign(block, kind)
    told: Message = {"role": "assistant", "content": "\n\n".join(said)}
    if thought:
        told["reasoning_content"] = "\n\n".join(thought)
    if calls:
        told["tool_calls"] = calls
    return told


def _result(block: Fields) -> str:
    """What a tool gave, as text. OpenAI has no mark for failure, so that it failed is said in words."""
    given = block.given("content")
    text = given if isinstance(given, str) else "\n\n".join(_texts(block, "content"))
    return f"Error: {text}" if block.flag("is_error") else text


def _picture(source: Fields) -> dict[str, Any]:
    match source.needed_text("type"):
        case "base64":
            url = f"data:{source.needed_text('media_type')};base64,{source.needed_text('data')}"
        case "url":
            url = source.needed_text("url")
        case kind:
            raise _foreign(source, kind)
    return {"type": "image_url", "image_url": {"url": url}}


def _texts(fields: Fields, name: str) -> Iterator[str]:
    for block in _blocks(fields, name):
        kind = block.needed_text("type")
        if kind != "text":
            raise _foreign(block, kind)
        yield _text(block)


def _blocks(fields: Fields, name: str) -> Iterator[Fields]:
    """The blocks of a field that may be a string as well, which it is not here; none where it is not given."""
    if not isinstance(fields.given(name), list | None):
        raise fields.wrong(name, "a string or a list of blocks")
    return fields.objects(name)


def _text(block: Fields) -> str:
    text = block.text("text")
    if text is None:
        raise block.wrong("text", "a string")
    return text


def _foreign(block: Fields, kind: str) -> NotSupported:
    param = block.param("type")
    return NotSupported(f"{param} {kind[:40]!r} is not supported here: send text, images or tool results.", param=param)
