"""Answers of a provider, read and made ours: what is said in them, what was counted, and the model's own id; pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from innkeeper.runtime.messages import Kind, Usage

TARGETS: Final[Mapping[Kind, str]] = {
    Kind.CHAT: "/chat/completions",
    Kind.COMPLETION: "/completions",
    Kind.EMBEDDING: "/embeddings",
}

END: Final = b"[DONE]"
"""The last event of a stream."""

_SAYS: Final = ("content", "refusal", "reasoning", "reasoning_content")
_HOLDS: Final = ("tool_calls", "function_call", "audio", "reasoning_details", "images")

Document = dict[str, Any]  # JSON from the provider


@dataclass(frozen=True, slots=True)
class Counted:
    """What a provider counted."""

    usage: Usage
    cost: float | None
    """Money, where it says so."""


def read(data: bytes) -> Document | None:
    """A document; None where it is none."""
    try:
        document = json.loads(data)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def event_data(line: bytes) -> bytes | None:
    """What a line of a stream carries; None for comments, empty lines and other fields."""
    return line[5:].lstrip(b" ") if line.startswith(b"data:") else None


def error_of(document: Document) -> Mapping[str, Any] | None:  # JSON
    """The error an answer with status 200 tells of, as a whole or in a choice; None where it tells of none."""
    candidates = [document, *_choices(document)]
    for holder in candidates:
        error = holder.get("error")
        if isinstance(error, Mapping):
            return error
        if isinstance(error, str) and error:
            return {"message": error}
    return None


def says_something(document: Document) -> bool:
    """Whether there is anything of an answer in it: words, thoughts, a call of a tool, a refusal, vectors."""
    if document.get("data"):
        return True
    for choice in _choices(document):
        part = _part(choice)
        if choice.get("text") or any(part.get(name) for name in (*_SAYS, *_HOLDS)):
            return True
    return False


def text_of(document: Document) -> str:
    """All words in it that a provider charges for."""
    words: list[str] = []
    for choice in _choices(document):
        part = _part(choice)
        words += [text for name in _SAYS if isinstance(text := part.get(name), str)]
        words += [text for text in (choice.get("text"),) if isinstance(text, str)]
        words += [json.dumps(part[name]) for name in ("tool_calls", "function_call") if part.get(name)]
    return "".join(words)


def why_it_ended(document: Document) -> str | None:
    """The `finish_reason` of its first choice that has one."""
    reasons = [choice.get("finish_reason") for choice in _choices(document)]
    return next((str(reason) for reason in reasons if reason), None)


def only_counts(document: Document) -> bool:
    """Whether it is the event that carries nothing but the usage."""
    return "usage" in document and not document.get("choices") and "data" not in document


def counted(document: Document) -> Counted | None:
    """Tokens and cost; None where the provider says nothing of them."""
    usage = document.get("usage")
    if not isinstance(usage, Mapping):
        return None
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, Mapping) else None
    cost = usage.get("cost")
    told = float(cost) if isinstance(cost, int | float) and not isinstance(cost, bool) and 0 <= cost < 1e6 else None
    return Counted(
        Usage(
            prompt_tokens=_count(usage.get("prompt_tokens")),
            answer_tokens=_count(usage.get("completion_tokens")),
            cached_tokens=_count(cached),
        ),
        told,
    )


def ours(document: Document, model: str) -> bytes:
    """The document for our caller: under the model's id here, everything else as it came."""
    return json.dumps({**document, "model": model}, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "replace"
    )


def with_usage(document: Document, usage: Usage) -> Document:
    """The document with our estimate where the provider counted nothing."""
    estimate = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.answer_tokens,
        "total_tokens": usage.prompt_tokens + usage.answer_tokens,
        "is_estimated": True,
    }
    return {**document, "usage": estimate}


def vectors_together(parts: Sequence[Document]) -> Document:
    """One list of vectors from those of several requests, in order."""
    vectors = [
        {**vector, "index": number}
        for number, vector in enumerate(
            vector for part in parts for vector in sorted(part.get("data") or [], key=_index)
        )
    ]
    usages = [found.usage for part in parts if (found := counted(part)) is not None]
    tokens = sum(usage.prompt_tokens for usage in usages)
    return {**parts[0], "data": vectors, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}


def _index(vector: Mapping[str, Any]) -> int:  # JSON
    return _count(vector.get("index"))


def _choices(document: Document) -> list[Mapping[str, Any]]:  # JSON
    choices = document.get("choices")
    return [choice for choice in choices if isinstance(choice, Mapping)] if isinstance(choices, list) else []


def _part(choice: Mapping[str, Any]) -> Mapping[str, Any]:  # JSON
    part = choice.get("delta") or choice.get("message")
    return part if isinstance(part, Mapping) else {}


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0
