"""Answers as Anthropic's clients expect them: a message of blocks, whole or as named events.

Source: Anthropic's API reference, "Streaming messages". Tokens of the prompt are known to engines only at the end, so
`message_start` says none and `message_delta` says all.
"""

from __future__ import annotations

import json
from typing import Any, Final

from innkeeper.runtime.errors import InnkeeperError
from innkeeper.runtime.messages import Began, Usage
from innkeeper.runtime.wire import sse
from innkeeper.runtime.wire.anthropic.errors import error_document
from innkeeper.runtime.wire.format import error_body
from innkeeper.runtime.wire.openai.said import Call, Said, arguments_of, said

_PING: Final = sse.named_event("ping", b'{"type": "ping"}')

JsonObject = dict[str, Any]  # Any: JSON on its way out


class MessageAnswer:
    """One message. A block ends when one of another sort begins; calls of tools end together, at the end."""

    media_type: Final = sse.MEDIA_TYPE

    def __init__(self, request_id: str, *, shows_thinking: bool) -> None:
        self._id = f"msg_{request_id}"
        self._shows_thinking = shows_thinking
        self._model = ""
        self._has_started = False
        self._blocks = 0
        self._open: str | None = None
        """The sort of block that text goes into now: "text" or "thinking"."""
        self._calls: dict[int, int] = {}
        """By the engine's number of a call: its block."""
        self._ending: str | None = None

    def began(self, began: Began) -> None:
        """Who answers."""
        self._model = began.model

    def note(self, text: str, *, is_heartbeat: bool) -> bytes:
        """A comment; for a heartbeat also the event that clients know."""
        return sse.comment(text) + (_PING if is_heartbeat else b"")

    def whole(self, document: bytes, usage: Usage) -> bytes:
        """The message."""
        heard = said(document)
        content: list[JsonObject] = []
        if heard.thinking and self._shows_thinking:
            content.append({"type": "thinking", "thinking": heard.thinking, "signature": ""})
        if heard.text:
            content.append({"type": "text", "text": heard.text})
        content += [
            {"type": "tool_use", "id": self._call_id(call), "name": call.name, "input": arguments_of(call)}
            for call in heard.calls
        ]
        message = self._message() | {"content": content, "stop_reason": _reason(heard.ending), "usage": _usage(usage)}
        return _dump(message)

    def piece(self, document: bytes) -> bytes:
        """The events of one piece; the first brings the start of the message with it."""
        heard = said(document)
        self._ending = heard.ending or self._ending
        events = b"".join(self._tell(heard))
        return self._start() + events if events else b""

    def done(self, usage: Usage) -> bytes:
        """The ends of all blocks and of the message."""
        delta = {"stop_reason": _reason(self._ending), "stop_sequence": None}
        return b"".join(
            [
                self._start(),
                self._close(),
                *(_event("content_block_stop", index=block) for block in self._calls.values()),
                _event("message_delta", delta=delta, usage=_usage(usage)),
                _event("message_stop"),
            ]
        )

    def failed(self, error: InnkeeperError) -> bytes:
        """An event that says so."""
        return sse.named_event("error", error_body(error, error_document))

    def _tell(self, heard: Said) -> list[bytes]:
        events: list[bytes] = []
        if heard.thinking and self._shows_thinking:
            events.append(self._words("thinking", heard.thinking))
        if heard.text:
            events.append(self._words("text", heard.text))
        for call in heard.calls:
            if call.index not in self._calls:
                events += [self._close(), self._call(call)]
            if call.arguments:
                delta = {"type": "input_json_delta", "partial_json": call.arguments}
                events.append(_event("content_block_delta", index=self._calls[call.index], delta=delta))
        return events

    def _words(self, sort: str, words: str) -> bytes:
        before = b""
        if self._open != sort:
            block = {"type": "text", "text": ""} if sort == "text" else _NO_THOUGHT
            before = self._close() + _event("content_block_start", index=self._blocks, content_block=block)
            self._open = sort
            self._blocks += 1
        delta = {"type": f"{sort}_delta", sort: words}
        return before + _event("content_block_delta", index=self._blocks - 1, delta=delta)

    def _call(self, call: Call) -> bytes:
        block = self._calls[call.index] = self._blocks
        self._blocks += 1
        told = {"type": "tool_use", "id": self._call_id(call), "name": call.name, "input": {}}
        return _event("content_block_start", index=block, content_block=told)

    def _call_id(self, call: Call) -> str:
        return call.id or f"toolu_{self._id}_{call.index}"

    def _close(self) -> bytes:
        """The end of the block of words that is open; nothing where none is."""
        sort, self._open = self._open, None
        if sort is None:
            return b""
        index = self._blocks - 1
        signed = {"type": "signature_delta", "signature": ""}
        signature = _event("content_block_delta", index=index, delta=signed) if sort == "thinking" else b""
        return signature + _event("content_block_stop", index=index)

    def _start(self) -> bytes:
        if self._has_started:
            return b""
        self._has_started = True
        return _event("message_start", message=self._message())

    def _message(self) -> JsonObject:
        return {
            "id": self._id,
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": _usage(Usage()),
        }


_NO_THOUGHT: Final = {"type": "thinking", "thinking": "", "signature": ""}


def _reason(ending: str | None) -> str:
    match ending:
        case "length":
            return "max_tokens"
        case "tool_calls" | "function_call":
            return "tool_use"
        case "content_filter":
            return "refusal"
        case _:
            return "end_turn"


def _usage(usage: Usage) -> dict[str, int]:
    """Anthropic counts what was found in a cache apart from the rest of the prompt."""
    return {
        "input_tokens": max(0, usage.prompt_tokens - usage.cached_tokens),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.answer_tokens,
    }


def _event(name: str, **fields: object) -> bytes:
    return sse.named_event(name, _dump({"type": name, **fields}))


def _dump(document: JsonObject) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
