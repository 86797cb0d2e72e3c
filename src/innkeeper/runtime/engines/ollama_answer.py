"""From Ollama's answers to documents in OpenAI's shape, and from its errors to ours."""

from __future__ import annotations

import base64
import json
import re
import struct
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from innkeeper.runtime.errors import EngineFailed, InnkeeperError, InvalidRequest, NotSupported, PromptTooLong
from innkeeper.runtime.messages import Kind, Request, Usage

NANOSECONDS: Final = 1_000_000_000
"""Ollama's unit of time, per second."""

_TOO_LONG: Final = re.compile(r"(longer than|exceeds) (the |maximum )*context (length|size)")
_NO_MEMORY: Final = re.compile(
    r"out of memory|more (system|gpu|vram) ?memory|unable to allocate|insufficient memory", re.IGNORECASE
)


class Rendering:
    """One answer on its way to the caller."""

    def __init__(self, model: str, request: Request) -> None:
        """`model` is what the answer calls itself: our id, not Ollama's name."""
        self._model = model
        self._request = request
        self._is_chat = request.kind is Kind.CHAT
        self._has_begun = False
        self._calls = 0

    def whole(self, said: dict[str, Any]) -> bytes:  # JSON from Ollama
        """The one document of an answer that does not stream."""
        if self._request.kind is Kind.EMBEDDING:
            return self._vectors(said)
        if self._is_chat:
            message = self._message(said)
            choice = {"index": 0, "message": message, "finish_reason": self._ending(said), **_odds(said)}
            return self._document("chat.completion", said, choices=[choice], usage=_figures(said))
        choice = {"index": 0, "text": said.get("response", ""), "finish_reason": self._ending(said), **_odds(said)}
        return self._document("text_completion", said, choices=[choice], usage=_figures(said))

    def pieces(self, said: dict[str, Any]) -> Iterator[bytes]:  # as above
        """The documents that one line of a stream becomes."""
        part = self._delta(said) if self._is_chat else {"text": said.get("response", "")}
        has_words = bool(part.get("text")) if not self._is_chat else bool(part["delta"])
        is_last = bool(said.get("done"))
        if has_words:
            yield self._piece(said, part, None)
        if is_last:
            empty: dict[str, Any] = {"delta": {}} if self._is_chat else {"text": ""}
            yield self._piece(said, empty, self._ending(said))
            options = self._request.body.get("stream_options")
            if isinstance(options, dict) and options.get("include_usage") is True:
                name = "chat.completion.chunk" if self._is_chat else "text_completion"
                yield self._document(name, said, choices=[], usage=_figures(said))

    def _piece(self, said: dict[str, Any], part: dict[str, Any], ending: str | None) -> bytes:
        name = "chat.completion.chunk" if self._is_chat else "text_completion"
        odds = _odds(said) if ending is None else {}
        return self._document(name, said, choices=[{"index": 0, **part, "finish_reason": ending, **odds}])

    def _delta(self, said: dict[str, Any]) -> dict[str, Any]:
        message = self._message(said)
        delta = {name: message[name] for name in ("content", "reasoning_content", "tool_calls") if message.get(name)}
        if delta and not self._has_begun:
            self._has_begun = True
            delta = {"role": "assistant", **delta}
        return {"delta": delta}

    def _message(self, said: dict[str, Any]) -> dict[str, Any]:
        given = said.get("message") or {}
        message: dict[str, Any] = {"role": "assistant", "content": given.get("content", "")}
        if given.get("thinking"):
            message["reasoning_content"] = given["thinking"]
        if given.get("tool_calls"):
            message["tool_calls"] = [self._call(call.get("function") or {}) for call in given["tool_calls"]]
        return message

    def _call(self, function: dict[str, Any]) -> dict[str, Any]:
        place, self._calls = self._calls, self._calls + 1
        arguments = json.dumps(function.get("arguments") or {}, ensure_ascii=False, separators=(",", ":"))
        called = {"name": function.get("name", ""), "arguments": arguments}
        return {"index": place, "id": f"call_{self._request.id}_{place}", "type": "function", "function": called}

    def _ending(self, said: dict[str, Any]) -> str:
        if self._calls:
            return "tool_calls"
        return "length" if said.get("done_reason") == "length" else "stop"

    def _document(self, name: str, said: dict[str, Any], **fields: object) -> bytes:
        prefix = "chatcmpl" if self._is_chat else "cmpl"
        head = {"id": f"{prefix}-{self._request.id}", "object": name, "created": _created(said), "model": self._model}
        return _dump(head | fields)

    def _vectors(self, said: dict[str, Any]) -> bytes:
        packs = self._request.body.get("encoding_format") == "base64"
        rows = [
            {"object": "embedding", "index": place, "embedding": _packed(row) if packs else row}
            for place, row in enumerate(said.get("embeddings") or [])
        ]
        tokens = said.get("prompt_eval_count") or 0
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return _dump({"object": "list", "model": self._model, "data": rows, "usage": usage})


def usage(said: dict[str, Any]) -> Usage:  # JSON from Ollama
    """Tokens and times of an answer's last document. What a version leaves out is zero or None."""
    return Usage(
        prompt_tokens=said.get("prompt_eval_count") or 0,
        answer_tokens=said.get("eval_count") or 0,
        cached_tokens=said.get("prompt_eval_cached_count") or 0,
        prompt_s=said["prompt_eval_duration"] / NANOSECONDS if "prompt_eval_duration" in said else None,
        answer_s=said["eval_duration"] / NANOSECONDS if "eval_duration" in said else None,
    )


def error_text(data: bytes) -> str:
    """What an error document says, or the beginning of what is none."""
    try:
        error = json.loads(data)["error"]
    except (ValueError, KeyError, TypeError):
        return data[:200].decode("utf-8", "replace") or "nothing"
    return str(error.get("message", error)) if isinstance(error, dict) else str(error)


def tells_of_no_memory(message: str) -> bool:
    """Whether lack of memory is what an error speaks of."""
    return _NO_MEMORY.search(message) is not None


def refusal(model: str, status: int, data: bytes, *, least_tokens: int, limit_tokens: int) -> InnkeeperError:
    """The error that an answer of that status is for the caller. The prompt has at least `least_tokens`."""
    message = error_text(data)
    if _TOO_LONG.search(message) is not None:
        return too_long(model, max(least_tokens, limit_tokens + 1), limit_tokens)
    if "does not support" in message:
        return NotSupported(f"{model} does not do that: {message}.", param="model")
    if status in (400, 422):
        return InvalidRequest(message)
    return EngineFailed(f"{model}: Ollama answered with an error: {message}", status=status)


def too_long(model: str, least_tokens: int, limit_tokens: int) -> PromptTooLong:
    """The refusal with both numbers."""
    return PromptTooLong(
        f"{model}: the prompt has {least_tokens} tokens or more, and a request may use {limit_tokens}, its answer "
        "included. Shorten the prompt or raise the model's `context`.",
        needed_tokens=least_tokens,
        limit_tokens=limit_tokens,
    )


def _figures(said: dict[str, Any]) -> dict[str, Any]:
    counted = usage(said)
    return {
        "prompt_tokens": counted.prompt_tokens,
        "completion_tokens": counted.answer_tokens,
        "total_tokens": counted.prompt_tokens + counted.answer_tokens,
        "prompt_tokens_details": {"cached_tokens": counted.cached_tokens},
    }


def _odds(said: dict[str, Any]) -> dict[str, Any]:
    return {"logprobs": {"content": said["logprobs"]}} if said.get("logprobs") else {}


def _created(said: dict[str, Any]) -> int:
    try:
        return int(datetime.fromisoformat(str(said.get("created_at"))).timestamp())
    except ValueError:
        return 0


def _packed(row: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(row)}f", *row)).decode("ascii")


def _dump(document: dict[str, Any]) -> bytes:  # JSON on its way out: any value
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
