"""Ollama's messages, tools and pictures in OpenAI's fields."""

from __future__ import annotations

import json
from typing import Any, Final

from innkeeper.runtime.errors import InvalidRequest
from innkeeper.runtime.wire.fields import Fields

_PICTURES: Final = {"iVBOR": "png", "/9j/": "jpeg", "R0lG": "gif", "UklG": "webp", "Qk": "bmp"}
"""How a picture of a kind begins in base64."""

Message = dict[str, Any]  # Any: JSON on its way to an engine


def read_messages(fields: Fields) -> list[Message]:
    """The messages of a chat.

    Raises:
        InvalidRequest: One is not what it must be.
    """
    messages: list[Message] = []
    open_calls: list[tuple[str, str]] = []
    for one in fields.objects("messages"):
        role = one.needed_text("role")
        message: Message = {"role": role, "content": content_of(one.text("content") or "", one)}
        if thinking := one.text("thinking"):
            message["reasoning_content"] = thinking
        if one.given("tool_calls"):
            message["tool_calls"] = calls = [
                _call(each, f"call_{len(messages)}_{place}") for place, each in enumerate(one.objects("tool_calls"))
            ]
            open_calls = [(call["id"], call["function"]["name"]) for call in calls]
        if role == "tool":
            message["tool_call_id"] = one.text("tool_call_id") or _answered(open_calls, one.text("tool_name"))
        messages.append(message)
    return messages


def content_of(text: str, fields: Fields) -> str | list[dict[str, Any]]:  # Any: JSON on its way to an engine
    """A text with the pictures that stand beside it.

    Raises:
        InvalidRequest: A picture is none.
    """
    pictures = fields.texts("images")
    if not pictures:
        return text
    parts: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
    for place, picture in enumerate(pictures):
        kind = next((kind for beginning, kind in _PICTURES.items() if picture.startswith(beginning)), None)
        if kind is None:
            where = f"{fields.param('images')}[{place}]"
            raise InvalidRequest(f"{where} must be a PNG, JPEG, GIF, WebP or BMP picture in base64.", param=where)
        parts.append({"type": "image_url", "image_url": {"url": f"data:image/{kind};base64,{picture}"}})
    return parts


def _call(fields: Fields, call_id: str) -> dict[str, Any]:
    function = fields.needed_object("function")
    arguments = function.object("arguments")
    told = {
        "name": function.needed_text("name"),
        "arguments": json.dumps(arguments.body if arguments else {}, ensure_ascii=False),
    }
    return {"id": fields.text("id") or call_id, "type": "function", "function": told}


def _answered(open_calls: list[tuple[str, str]], name: str | None) -> str:
    """The call that a result belongs to: the first open one of that name, else the first open one."""
    for place, (call_id, called) in enumerate(open_calls):
        if name is None or name == called:
            del open_calls[place]
            return call_id
    return open_calls.pop(0)[0] if open_calls else "call_0"
