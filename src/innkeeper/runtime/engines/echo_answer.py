"""What an echo says: a pure function from a request to documents in OpenAI's shape.

A token is a word, so that every number can be checked by eye.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from innkeeper.runtime.errors import InvalidRequest
from innkeeper.runtime.messages import Body, Kind, Request, Usage
from innkeeper.runtime.speech.transcript import Segment
from innkeeper.runtime.wire.openai.transcripts import Transcript, transcript_piece

DIMENSIONS = 16
"""Length of an echo's embeddings."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A complete answer, before it is cut into pieces."""

    model: str
    request: Request
    words: tuple[str, ...]
    """The words of a chat or a completion; empty for the other kinds."""

    prompt_tokens: int
    was_cut: bool
    """Whether `max_tokens` ended the answer."""

    @property
    def usage(self) -> Usage:
        """Words read and said."""
        return Usage(prompt_tokens=self.prompt_tokens, answer_tokens=len(self.words))


def prompt_words(request: Request) -> tuple[str, ...]:
    """Every word the request brings.

    Raises:
        InvalidRequest: The field that holds the prompt is missing or of the wrong type.
    """
    match request.kind:
        case Kind.CHAT:
            return tuple(word for message in _messages(request.body) for word in _said(message).split())
        case Kind.COMPLETION:
            return tuple(word for text in _texts(request.body, "prompt") for word in text.split())
        case Kind.EMBEDDING:
            return tuple(word for text in _texts(request.body, "input") for word in text.split())
        case Kind.RERANK:
            texts = (*_texts(request.body, "query"), *_texts(request.body, "documents"))
            return tuple(word for text in texts for word in text.split())
        case Kind.TRANSCRIPTION:
            return ()


def speak(model: str, request: Request, answer: str | None) -> Spoken:
    """The whole answer: `answer` where it is fixed, else what the caller said last.

    Raises:
        InvalidRequest: The body does not fit the kind of request.
    """
    prompt = prompt_words(request)
    words: tuple[str, ...] = ()
    was_cut = False
    if request.kind in (Kind.CHAT, Kind.COMPLETION):
        said = _said(_messages(request.body)[-1]).split() if request.kind is Kind.CHAT else list(prompt)
        words = tuple(answer.split()) if answer is not None else tuple(said)
        limit = request.body.get("max_completion_tokens", request.body.get("max_tokens"))
        if isinstance(limit, int) and 0 <= limit < len(words):
            words, was_cut = words[:limit], True
    if request.kind is Kind.TRANSCRIPTION:
        words = tuple((answer or "something was said").split())
    return Spoken(model, request, words, prompt_tokens=len(prompt), was_cut=was_cut)


def whole(spoken: Spoken) -> bytes:
    """The one document of an answer that does not stream."""
    match spoken.request.kind:
        case Kind.CHAT:
            message = {"role": "assistant", "content": " ".join(spoken.words)}
            choice = {"index": 0, "message": message, "finish_reason": _ending(spoken)}
            return _document(spoken, "chat.completion", choices=[choice], usage=_usage(spoken))
        case Kind.COMPLETION:
            choice = {"index": 0, "text": " ".join(spoken.words), "logprobs": None, "finish_reason": _ending(spoken)}
            return _document(spoken, "text_completion", choices=[choice], usage=_usage(spoken))
        case Kind.EMBEDDING:
            rows = [
                {"object": "embedding", "index": index, "embedding": list(_vector(text))}
                for index, text in enumerate(_texts(spoken.request.body, "input"))
            ]
            usage = {"prompt_tokens": spoken.prompt_tokens, "total_tokens": spoken.prompt_tokens}
            return _dump({"object": "list", "model": spoken.model, "data": rows, "usage": usage})
        case Kind.RERANK:
            usage = {"prompt_tokens": spoken.prompt_tokens, "total_tokens": spoken.prompt_tokens}
            scores = _scores(spoken.request.body)
            return _dump({"object": "list", "model": spoken.model, "results": scores, "usage": usage})
        case Kind.TRANSCRIPTION:
            return transcript_piece(_heard(spoken))


def _heard(spoken: Spoken) -> Transcript:
    """A second of sound in which all the words are said."""
    segment = Segment(" ".join(spoken.words), 0.0, 1.0, 0.0)
    body = spoken.request.body
    return Transcript(bool(body.get("translate")), body.get("language"), end_s=1.0, segments=(segment,))


def pieces(spoken: Spoken) -> Iterator[bytes]:
    """The documents of an answer that streams: a piece per word, the ending, the usage where it was asked for."""
    if spoken.request.kind not in (Kind.CHAT, Kind.COMPLETION):
        yield whole(spoken)
        return
    for index, word in enumerate(spoken.words):
        yield _piece(spoken, word if index == 0 else f" {word}", index == 0, None)
    yield _piece(spoken, "", not spoken.words, _ending(spoken))
    options = spoken.request.body.get("stream_options")
    if isinstance(options, dict) and options.get("include_usage") is True:
        name = "chat.completion.chunk" if spoken.request.kind is Kind.CHAT else "text_completion"
        yield _document(spoken, name, choices=[], usage=_usage(spoken))


def _piece(spoken: Spoken, text: str, is_first: bool, ending: str | None) -> bytes:
    if spoken.request.kind is Kind.COMPLETION:
        choice: dict[str, Any] = {"index": 0, "text": text, "logprobs": None, "finish_reason": ending}  # JSON
        return _document(spoken, "text_completion", choices=[choice])
    delta = ({"role": "assistant"} if is_first else {}) | ({"content": text} if text else {})
    choice = {"index": 0, "delta": delta, "finish_reason": ending}
    return _document(spoken, "chat.completion.chunk", choices=[choice])


def _document(spoken: Spoken, name: str, **fields: object) -> bytes:
    prefix = "chatcmpl" if spoken.request.kind is Kind.CHAT else "cmpl"
    head = {"id": f"{prefix}-{spoken.request.id}", "object": name, "created": 0, "model": spoken.model}
    return _dump(head | fields)


def _dump(document: dict[str, Any]) -> bytes:  # JSON on its way out: any value
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _ending(spoken: Spoken) -> str:
    return "length" if spoken.was_cut else "stop"


def _usage(spoken: Spoken) -> dict[str, int]:
    said = len(spoken.words)
    return {
        "prompt_tokens": spoken.prompt_tokens,
        "completion_tokens": said,
        "total_tokens": spoken.prompt_tokens + said,
    }


def _messages(body: Body) -> list[Any]:  # JSON from outside
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise InvalidRequest("`messages` must be a list with at least one message.", param="messages")
    return messages


def _said(message: object) -> str:
    content = message.get("content") if isinstance(message, dict) else None
    if content is None and isinstance(message, dict):
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    raise InvalidRequest("A message must be an object whose `content` is text or a list of parts.", param="messages")


def _texts(body: Body, field: str) -> tuple[str, ...]:
    value = body.get(field)
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise InvalidRequest(f"`{field}` must be text or a list of texts, and not empty.", param=field)
    return tuple(texts)


def _vector(text: str) -> Iterator[float]:
    """Float, `DIMENSIONS` of them, length 1: each word adds one to the place its hash names."""
    counts = [0] * DIMENSIONS
    for word in re.findall(r"\w+", text.casefold()) or [""]:
        counts[blake2b(word.encode(), digest_size=1).digest()[0] % DIMENSIONS] += 1
    length = sum(count * count for count in counts) ** 0.5
    return (count / length for count in counts)


def _scores(body: Body) -> list[dict[str, Any]]:  # JSON on its way out
    query = set(_texts(body, "query")[0].casefold().split())
    scored = [
        {"index": index, "relevance_score": len(query & set(text.casefold().split())) / max(1, len(query))}
        for index, text in enumerate(_texts(body, "documents"))
    ]
    scored.sort(key=lambda row: row["relevance_score"], reverse=True)
    top = body.get("top_n")
    return scored[:top] if isinstance(top, int) and top >= 0 else scored
