"""What a document in OpenAI's shape says: one piece of a stream or a whole answer, of a chat or a completion."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool, or a part of one: what comes later under the same index goes behind it."""

    index: int
    id: str
    name: str
    arguments: str
    """JSON text, or a part of it."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one document adds to an answer. Of several choices only the first is looked at."""

    text: str = ""
    thinking: str = ""
    calls: tuple[Call, ...] = ()
    ending: str | None = None
    """"stop", "length", "tool_calls", …, or None while it goes on."""


def said(document: bytes) -> Said:
    """What an engine's document says."""
    choices = json.loads(document).get("choices")
    if not choices:
        return Said()
    choice = choices[0]
    part = choice.get("delta") or choice.get("message") or {}
    return Said(
        text=_text(part.get("content")) or _text(choice.get("text")),
        thinking=_text(part.get("reasoning_content")) or _text(part.get("reasoning")),
        calls=tuple(_calls(part.get("tool_calls") or ())),
        ending=choice.get("finish_reason"),
    )


class Calls:
    """The calls of one answer, put together from their parts."""

    def __init__(self) -> None:
        self._calls: dict[int, Call] = {}

    def __iter__(self) -> Iterator[Call]:
        return iter(self._calls.values())

    def add(self, part: Call) -> bool:
        """Put one part behind what there is of its call; returns whether the call is new."""
        before = self._calls.get(part.index)
        if before is None:
            self._calls[part.index] = part
            return True
        self._calls[part.index] = Call(
            part.index, before.id or part.id, before.name or part.name, before.arguments + part.arguments
        )
        return False


def arguments_of(call: Call) -> dict[str, Any]:  # Any: a model made them up
    """The arguments of a call that is complete, as an object; under "arguments" what is none."""
    try:
        found = json.loads(call.arguments or "{}")
    except ValueError:
        return {"arguments": call.arguments}
    return found if isinstance(found, dict) else {"arguments": found}


def _calls(parts: list[Any] | tuple[()]) -> Iterator[Call]:  # Any: JSON from an engine
    for place, part in enumerate(parts):
        function = part.get("function") or {}
        arguments = function.get("arguments")
        yield Call(
            index=part.get("index", place),
            id=_text(part.get("id")),
            name=_text(function.get("name")),
            arguments=json.dumps(arguments) if isinstance(arguments, dict) else _text(arguments),
        )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
