"""Answers as Ollama's clients expect them: lines of JSON, whole tool calls, times in nanoseconds."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

from innkeeper.runtime.errors import InnkeeperError
from innkeeper.runtime.messages import Began, Usage
from innkeeper.runtime.wire.format import error_body
from innkeeper.runtime.wire.ollama.errors import error_document
from innkeeper.runtime.wire.openai.said import Calls, Said, arguments_of, said


@dataclass(frozen=True, slots=True)
class Clocks:
    """The time, for formats that tell it."""

    now_s: Callable[[], float]
    """A clock that never goes back."""
    unix_s: Callable[[], float]


class Shape(Enum):
    """Where the words of an answer stand."""

    CHAT = "chat"  # {"message": {"role": "assistant", "content": …}}
    GENERATE = "generate"  # {"response": …}


class _Timed:
    """What all answers share: who is asked, when, and how long it took."""

    media_type: Final = b"application/x-ndjson"

    def __init__(self, asked: str, known: str, clocks: Clocks) -> None:
        """`asked` is the model's name as the caller wrote it, `known` as the catalogue does; empty for none."""
        self._asked = asked
        self._known = known
        self._clocks = clocks
        self._arrived_s = clocks.now_s()
        self._began_at_s = self._arrived_s
        self._began = Began(known, "", 0.0, 0.0)

    def began(self, began: Began) -> None:
        """The prompt is read: the first words come now."""
        self._began = began
        self._began_at_s = self._clocks.now_s()

    def failed(self, error: InnkeeperError) -> bytes:
        """A line with the error."""
        return error_body(error, error_document) + b"\n"

    def note(self, text: str, *, is_heartbeat: bool) -> None:  # the format has no comments
        """Nothing: clients parse every line, an empty one too."""

    @property
    def model(self) -> str:
        """Who answers; under the name that the caller used, where that is who was asked."""
        return self._asked if self._began.model == self._known else self._began.model

    def figures(self, usage: Usage, *, streams: bool) -> dict[str, int]:
        """Tokens and nanoseconds. Where an engine does not say its times they are taken from outside."""
        now_s = self._clocks.now_s()
        prompt_s, answer_s = usage.prompt_s, usage.answer_s
        if prompt_s is None and streams:
            prompt_s = self._began_at_s - self._arrived_s - self._began.waited_s
        if answer_s is None:
            answer_s = now_s - (self._began_at_s if streams else self._arrived_s + self._began.waited_s)
        told = {
            "total_duration": _ns(now_s - self._arrived_s),
            "load_duration": _ns(self._began.load_s),
            "prompt_eval_count": usage.prompt_tokens,
        }
        if prompt_s is not None:
            told["prompt_eval_duration"] = _ns(prompt_s)
        return told | {"eval_count": usage.answer_tokens, "eval_duration": _ns(answer_s)}


class OllamaAnswer(_Timed):
    """An answer in words."""

    def __init__(self, shape: Shape, asked: str, known: str, clocks: Clocks) -> None:
        super().__init__(asked, known, clocks)
        self._shape = shape
        self._calls = Calls()
        self._ending: str | None = None

    def whole(self, document: bytes, usage: Usage) -> bytes:
        """All of it, with its figures."""
        heard = said(document)
        self._hear(heard)
        return _dump(self._words(heard, self._called()) | self._end(usage, streams=False))

    def piece(self, document: bytes) -> bytes:
        """A line of its own for each few words."""
        heard = said(document)
        self._hear(heard)
        if not heard.text and not heard.thinking:
            return b""
        return _dump(self._words(heard, []) | {"done": False}) + b"\n"

    def done(self, usage: Usage) -> bytes:
        """The calls, if there are any, and the line with the figures."""
        calls = self._called()
        lines = [self._words(Said(), calls) | {"done": False}] if calls else []
        lines.append(self._words(Said(), []) | self._end(usage, streams=True))
        return b"".join(_dump(line) + b"\n" for line in lines)

    def stays(self, *, leaves: bool) -> bytes:
        """What is said when nothing was asked: the model was loaded, or let go."""
        return _dump(self._words(Said(), []) | {"done": True, "done_reason": "unload" if leaves else "load"})

    def _hear(self, heard: Said) -> None:
        for part in heard.calls:
            self._calls.add(part)
        self._ending = heard.ending or self._ending

    def _called(self) -> list[dict[str, Any]]:  # Any: JSON on its way out
        return [
            {"id": call.id, "function": {"index": call.index, "name": call.name, "arguments": arguments_of(call)}}
            for call in self._calls
        ]

    def _words(self, heard: Said, calls: list[dict[str, Any]]) -> dict[str, Any]:
        told: dict[str, Any] = {"model": self.model, "created_at": timestamp(self._clocks.unix_s())}
        thinking = {"thinking": heard.thinking} if heard.thinking else {}
        if self._shape is Shape.GENERATE:
            return told | {"response": heard.text} | thinking
        message: dict[str, Any] = {"role": "assistant", "content": heard.text} | thinking
        if calls:
            message["tool_calls"] = calls
        return told | {"message": message}

    def _end(self, usage: Usage, *, streams: bool) -> dict[str, Any]:
        reason = "length" if self._ending == "length" else "stop"
        return {"done": True, "done_reason": reason} | self.figures(usage, streams=streams)


class EmbedAnswer(_Timed):
    """Vectors: all of them, or for the older address the only one."""

    def __init__(self, asked: str, known: str, clocks: Clocks, *, is_older: bool) -> None:
        super().__init__(asked, known, clocks)
        self._is_older = is_older

    def whole(self, document: bytes, usage: Usage) -> bytes:
        """In the order of the inputs."""
        rows = sorted(json.loads(document)["data"], key=lambda row: row["index"])
        vectors = [row["embedding"] for row in rows]
        if self._is_older:
            return _dump({"embedding": vectors[0]})
        figures = self.figures(usage, streams=False)
        kept = ("total_duration", "load_duration", "prompt_eval_count")
        return _dump({"model": self.model, "embeddings": vectors} | {name: figures[name] for name in kept})

    def piece(self, document: bytes) -> bytes:
        """Vectors come whole."""
        raise AssertionError(f"embeddings do not stream: {document[:80]!r}")

    def done(self, usage: Usage) -> bytes:
        """As above."""
        raise AssertionError(f"embeddings do not stream: {usage}")

    def nothing(self) -> bytes:
        """What is said when there was no text."""
        return _dump({"embedding": []} if self._is_older else {"model": self.model, "embeddings": []})


def timestamp(unix_s: float) -> str:
    """A date as Go writes it: RFC 3339 in UTC."""
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _ns(seconds: float) -> int:
    return max(0, round(seconds * 1e9))


def _dump(document: dict[str, Any]) -> bytes:  # Any: JSON on its way out
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
