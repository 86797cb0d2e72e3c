"""The input of OpenAI's responses: a text or a list of items, as the messages of a chat."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from innkeeper.runtime.errors import InvalidRequest, NotSupported
from innkeeper.runtime.wire.fields import Fields
from innkeeper.runtime.wire.json_text import kind_of

Message = dict[str, Any]  # Any: JSON on its way to an engine

_ROLES = {"user": "user", "assistant": "assistant", "system": "system", "developer": "system"}
"""Templates of local models know no developer."""


def read_input(fields: Fields) -> list[Message]:
    """The instructions and the input.

    Raises:
        InvalidRequest: An item is not what it must be.
        NotSupported: An item is of a sort that only OpenAI's own servers know.
    """
    messages: list[Message] = []
    if instructions := fields.text("instructions"):
        messages.append({"role": "system", "content": instructions})
    given = fields.given("input")
    if isinstance(given, str):
        return [*messages, {"role": "user", "content": given}]
    if not isinstance(given, list) or not given:
        raise fields.wrong("input", "a string or a list of items, and not empty")
    for item in fields.objects("input"):
        _add(messages, item)
    return messages


def _add(messages: list[Message], item: Fields) -> None:
    match item.text("type") or "message":
        case "message":
            role = item.needed_text("role")
            if role not in _ROLES:
                param = item.param("role")
                raise InvalidRequest(f"{param} must be user, assistant, system or developer.", param=param)
            messages.append({"role": _ROLES[role], "content": _content(item, "content")})
        case "function_call":
            function = {"name": item.needed_text("name"), "arguments": item.text("arguments") or "{}"}
            call = {"id": item.needed_text("call_id"), "type": "function", "function": function}
            if messages and messages[-1]["role"] == "assistant":
                messages[-1].setdefault("tool_calls", []).append(call)
            else:
                messages.append({"role": "assistant", "content": "", "tool_calls": [call]})
        case "function_call_output":
            call_id = item.needed_text("call_id")
            messages.append({"role": "tool", "tool_call_id": call_id, "content": _content(item, "output")})
        case "reasoning":
            pass  # thoughts of an earlier turn, which models are not shown again
        case kind:
            raise _foreign(item, kind)


def _content(item: Fields, name: str) -> str | list[dict[str, Any]]:
    given = item.given(name)
    if isinstance(given, str):
        return given
    if not isinstance(given, list):
        raise item.wrong(name, "a string or a list of parts")
    parts = list(_parts(item, name))
    if all(part["type"] == "text" for part in parts):
        return "\n\n".join(part["text"] for part in parts)
    return parts


def _parts(item: Fields, name: str) -> Iterator[dict[str, Any]]:
    for part in item.objects(name):
        match part.needed_text("type"):
            case "input_text" | "output_text" | "text":
                text = part.given("text")
                if not isinstance(text, str):
                    param = part.param("text")
                    raise InvalidRequest(f"{param} must be a string, not {kind_of(text)}.", param=param)
                yield {"type": "text", "text": text}
            case "refusal":
                yield {"type": "text", "text": part.needed_text("refusal")}
            case "input_image":
                yield {"type": "image_url", "image_url": {"url": part.needed_text("image_url")}}
            case kind:
                raise _foreign(part, kind)


def _foreign(fields: Fields, kind: str) -> NotSupported:
    param = fields.param("type")
    return NotSupported(f"{param} {kind[:40]!r} is not supported here.", param=param)
