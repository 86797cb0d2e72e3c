"""The text a request is judged by: its caller's last words, a bounded part of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from innkeeper.runtime.messages import Body, Kind, Request

END_CHARACTERS: Final = 600
"""Characters that are read of each end of a text: what is wanted is said first or last, the material lies between."""

_MOST_PARTS: Final = 16
"""Parts of a text in pieces that are read of each end."""


def asked_text(request: Request) -> str:
    """The last message of the user, the prompt, the input or the query; of a long one both ends. Empty where the
    request has no text, as one of tokens."""
    match request.kind:
        case Kind.CHAT:
            return _ends(_texts(_last_of_the_user(request.body)))
        case Kind.COMPLETION:
            return _ends(_texts(request.body.get("prompt")))
        case Kind.EMBEDDING:
            return _ends(_texts(request.body.get("input")))
        case Kind.RERANK:
            return _ends(_texts(request.body.get("query")))
        case Kind.TRANSCRIPTION:
            return ""  # nobody has heard it yet


def is_in_tool_loop(request: Request) -> bool:
    """Whether the model waits for nothing but the result of a tool it called, and the result is here."""
    messages = request.body.get("messages")
    if request.kind is not Kind.CHAT or not isinstance(messages, list) or not messages:
        return False
    last = messages[-1]
    return isinstance(last, dict) and last.get("role") in ("tool", "function")


def _last_of_the_user(body: Body) -> Any:  # JSON from outside
    messages = body.get("messages")
    if not isinstance(messages, list):
        return None
    said = (one.get("content") for one in reversed(messages) if isinstance(one, dict) and one.get("role") == "user")
    return next(said, None)


def _texts(content: Any) -> list[str]:  # JSON from outside
    """The texts of a string, of a list of strings or of a list of parts; the outer ones of many."""
    if isinstance(content, str):
        return [content]
    if not isinstance(content, list):
        return []
    outer = content if len(content) <= 2 * _MOST_PARTS else [*content[:_MOST_PARTS], *content[-_MOST_PARTS:]]
    return list(_parts(outer))


def _parts(content: Iterable[Any]) -> Iterator[str]:  # JSON from outside
    for part in content:
        text = part.get("text") if isinstance(part, dict) else part
        if isinstance(text, str):
            yield text


def _ends(texts: list[str]) -> str:
    """All texts when they are short, else the beginning and the end, without the words that are cut in two."""
    if sum(map(len, texts)) <= 2 * END_CHARACTERS:
        return "\n".join(texts)
    beginning = "\n".join(text[:END_CHARACTERS] for text in texts)[:END_CHARACTERS]
    end = "\n".join(text[-END_CHARACTERS:] for text in texts)[-END_CHARACTERS:]
    first, _, _ = beginning.rpartition(" ")
    _, _, last = end.partition(" ")
    return f"{first or beginning}\n{last or end}"
