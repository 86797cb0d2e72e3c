"""An answer as OpenAI's responses: an object of items, whole or as numbered events that build it up."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from innkeeper.runtime.errors import InnkeeperError
from innkeeper.runtime.messages import Began, Body, Usage
from innkeeper.runtime.wire import sse
from innkeeper.runtime.wire.format import error_body
from innkeeper.runtime.wire.openai.errors import error_document
from innkeeper.runtime.wire.openai.said import Call, Calls, Said, said

JsonObject = dict[str, Any]  # Any: JSON on its way out


class ResponseAnswer:
    """One response: a message of text and calls of functions, which all end together. Thoughts are not shown."""

    media_type: Final = sse.MEDIA_TYPE

    def __init__(self, request_id: str, asked: Body, unix_s: Callable[[], float]) -> None:
        """`asked` is the caller's body: a response repeats its settings."""
        self._id = request_id
        self._asked = asked
        self._created_s = int(unix_s())
        self._model = ""
        self._events = 0
        self._text: str | None = None
        """What was said; None before the first words."""
        self._message_at = 0
        self._calls = Calls()
        self._places: dict[int, int] = {}
        """By the engine's number of a call: its place among the items."""
        self._ending: str | None = None

    def began(self, began: Began) -> None:
        """Who answers."""
        self._model = began.model

    def note(self, text: str, *, is_heartbeat: bool) -> bytes:  # noqa: ARG002  # a comment is both
        """A comment."""
        return sse.comment(text)

    def whole(self, document: bytes, usage: Usage) -> bytes:
        """The response."""
        heard = said(document)
        self._hear(heard)
        return _dump(self._response(self._status(), usage))

    def piece(self, document: bytes) -> bytes:
        """The events of one piece; the first brings the beginning with it."""
        heard = said(document)
        if not heard.text and not heard.calls:
            self._ending = heard.ending or self._ending
            return b""
        events = [self._start()]
        if heard.text:
            if self._text is None:
                events.append(self._open_message())
            events.append(self._message_event("output_text.delta", delta=heard.text, logprobs=[]))
        for call in heard.calls:
            if call.index not in self._places:
                events.append(self._open_call(call))
            if call.arguments:
                events.append(self._call_event(call, "delta", delta=call.arguments))
        self._hear(heard)
        return b"".join(events)

    def done(self, usage: Usage) -> bytes:
        """The ends of all items and of the response."""
        events = [self._start(), self._close_message()]
        for call in self._calls:
            events.append(self._call_event(call, "done", arguments=call.arguments))
            item = self._call_item(call)
            events.append(self._event("response.output_item.done", output_index=self._places[call.index], item=item))
        status = self._status()
        events.append(self._event(f"response.{status}", response=self._response(status, usage)))
        return b"".join(events)

    def failed(self, error: InnkeeperError) -> bytes:
        """An event that says so: with the fields of OpenAI's, and as the object that its clients raise."""
        told = json.loads(error_body(error, error_document))["error"]
        return self._event("error", code=error.code, message=error.message, param=error.param, error=told)

    def _hear(self, heard: Said) -> None:
        if heard.text:
            self._text = (self._text or "") + heard.text
        for call in heard.calls:
            if self._calls.add(call) and call.index not in self._places:
                self._places[call.index] = self._next_place()
        self._ending = heard.ending or self._ending

    def _next_place(self) -> int:
        return len(self._places) + (0 if self._text is None else 1)

    def _start(self) -> bytes:
        if self._events:
            return b""
        response = self._response("in_progress", None)
        return self._event("response.created", response=response) + self._event(
            "response.in_progress", response=response
        )

    def _open_message(self) -> bytes:
        self._message_at = len(self._places)
        item = self._message("in_progress") | {"content": []}
        return self._event(
            "response.output_item.added", output_index=self._message_at, item=item
        ) + self._message_event("content_part.added", part=_part(""))

    def _close_message(self) -> bytes:
        if self._text is None:
            return b""
        text = self._text
        return b"".join(
            [
                self._message_event("output_text.done", text=text, logprobs=[]),
                self._message_event("content_part.done", part=_part(text)),
                self._event(
                    "response.output_item.done", output_index=self._message_at, item=self._message("completed")
                ),
            ]
        )

    def _open_call(self, call: Call) -> bytes:
        place = self._places[call.index] = self._next_place()
        item = self._call_item(call) | {"status": "in_progress", "arguments": ""}
        return self._event("response.output_item.added", output_index=place, item=item)

    def _message_event(self, name: str, **fields: object) -> bytes:
        return self._event(
            f"response.{name}", item_id=f"msg_{self._id}", output_index=self._message_at, content_index=0, **fields
        )

    def _call_event(self, call: Call, what: str, **fields: object) -> bytes:
        return self._event(
            f"response.function_call_arguments.{what}",
            item_id=self._call_item_id(call),
            output_index=self._places[call.index],
            **fields,
        )

    def _event(self, name: str, /, **fields: object) -> bytes:
        number = self._events
        self._events += 1
        return sse.named_event(name, _dump({"type": name, "sequence_number": number, **fields}))

    def _message(self, status: str) -> JsonObject:
        return {
            "id": f"msg_{self._id}",
            "type": "message",
            "role": "assistant",
            "status": status,
            "content": [_part(self._text or "")],
        }

    def _call_item(self, call: Call) -> JsonObject:
        return {
            "id": self._call_item_id(call),
            "type": "function_call",
            "call_id": call.id or self._call_item_id(call),
            "name": call.name,
            "arguments": call.arguments,
            "status": "completed",
        }

    def _call_item_id(self, call: Call) -> str:
        return f"fc_{self._id}_{call.index}"

    def _status(self) -> str:
        return "incomplete" if self._ending in {"length", "content_filter"} else "completed"

    def _response(self, status: str, usage: Usage | None) -> JsonObject:
        items = {self._places[call.index]: self._call_item(call) for call in self._calls}
        if self._text is not None:
            items[self._message_at] = self._message("completed")
        reason = "content_filter" if self._ending == "content_filter" else "max_output_tokens"
        asked = self._asked
        return {
            "id": f"resp_{self._id}",
            "object": "response",
            "created_at": self._created_s,
            "status": status,
            "error": None,
            "incomplete_details": {"reason": reason} if status == "incomplete" else None,
            "instructions": asked.get("instructions"),
            "max_output_tokens": asked.get("max_output_tokens"),
            "metadata": asked.get("metadata") or {},
            "model": self._model,
            "output": [items[place] for place in sorted(items)] if usage is not None else [],
            "parallel_tool_calls": asked.get("parallel_tool_calls") is not False,
            "previous_response_id": None,
            "reasoning": asked.get("reasoning") or {"effort": None, "summary": None},
            "store": False,
            "temperature": asked.get("temperature"),
            "text": asked.get("text") or {"format": {"type": "text"}},
            "tool_choice": asked.get("tool_choice") or "auto",
            "tools": asked.get("tools") or [],
            "top_p": asked.get("top_p"),
            "truncation": "disabled",
            "usage": None if usage is None else _usage(usage),
            "user": asked.get("user"),
        }


def _part(text: str) -> JsonObject:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _usage(usage: Usage) -> JsonObject:
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.answer_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.prompt_tokens + usage.answer_tokens,
    }


def _dump(document: JsonObject) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
