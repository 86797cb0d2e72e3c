"""llama.cpp's answers, taken apart without parsing what only passes through: events, errors, tokens and times."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from innkeeper.runtime.errors import EngineFailed, InnkeeperError, InvalidRequest, NotSupported, PromptTooLong
from innkeeper.runtime.messages import Kind, Request, Shortcut, Usage

TARGETS: Final[Mapping[Kind, str]] = {
    Kind.CHAT: "/v1/chat/completions",
    Kind.COMPLETION: "/v1/completions",
    Kind.EMBEDDING: "/v1/embeddings",
    Kind.RERANK: "/v1/rerank",
}

_AS_IT_IS: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

END: Final = b"[DONE]"
"""The last event of a stream that is complete."""

_ERRORS: Final = (b'{"error"', b'{"code"')
"""What an event of failure begins with."""

# A quote inside a JSON text is escaped, so these can only be names of fields.
_USAGE: Final = re.compile(rb'"usage":\s*(\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\})')
_TIMINGS: Final = re.compile(rb'"timings":\s*(\{[^{}]*\})')


def engine_body(model: str, request: Request) -> bytes:
    """The caller's body for the engine: everything as it came, except who answers and whether it streams."""
    body = {**request.body, "model": model, "stream": request.streams}
    try:
        return _AS_IT_IS.encode(body).encode()
    except UnicodeEncodeError:  # half a character: left escaped, for the engine to refuse
        return json.dumps(body, separators=(",", ":")).encode()


class Events:
    """Cuts a stream of server-sent events into their data; fed as it comes, cut anywhere."""

    def __init__(self, shortcut: Shortcut | None = None) -> None:
        self._rest = b""
        self._shortcut = shortcut

    def take(self, part: bytes) -> bool:
        """Send a part by the shortcut if it is one event with nothing in it but words; else it must be fed."""
        return (
            self._shortcut is not None
            and not self._rest
            and part.startswith(b'data: {"')
            and part.endswith(b"\n\n")
            and part.find(b"\n") == len(part) - 2
            and not part.startswith(_ERRORS, 6)
            and b'"usage"' not in part
            and b'"timings"' not in part
            and self._shortcut(part[6:-2])
        )

    def feed(self, part: bytes) -> list[bytes]:
        """The data of each event that is complete now. Comments are dropped."""
        *whole, self._rest = (self._rest + part).replace(b"\r\n", b"\n").split(b"\n\n")
        return [data for data in map(_data, whole) if data]


def _data(event: bytes) -> bytes:
    lines = event.split(b"\n")
    for name in (b"data:", b"error:"):  # some versions put a late error into a field of its own
        found = [line[len(name) :].lstrip(b" ") for line in lines if line.startswith(name)]
        if found:
            return b"\n".join(found)
    return b""


def is_error(data: bytes) -> bool:
    """Whether an event tells of a failure in the middle of an answer."""
    return data.startswith(_ERRORS)


def has_figures(data: bytes) -> bool:
    """Whether a document carries tokens or times."""
    return b'"usage"' in data or b'"timings"' in data


def usage(data: bytes) -> Usage:
    """Tokens and times of a document that `has_figures`. Fields the engine leaves out are zero or None."""
    tokens = _object(b'"usage"', _USAGE, data)
    timings = _object(b'"timings"', _TIMINGS, data)
    cached = int(timings.get("cache_n", (tokens.get("prompt_tokens_details") or {}).get("cached_tokens", 0)))
    prompt = tokens.get("prompt_tokens", timings.get("prompt_n", 0) + cached)
    return Usage(
        prompt_tokens=int(prompt),
        answer_tokens=int(tokens.get("completion_tokens", timings.get("predicted_n", 0))),
        cached_tokens=cached,
        prompt_s=timings["prompt_ms"] / 1000 if "prompt_ms" in timings else None,
        answer_s=timings["predicted_ms"] / 1000 if "predicted_ms" in timings else None,
    )


def together(first: Usage, then: Usage) -> Usage:
    """One from two documents of a stream: times stand in the one, token counts may stand in the other."""
    return Usage(
        prompt_tokens=then.prompt_tokens or first.prompt_tokens,
        answer_tokens=then.answer_tokens or first.answer_tokens,
        cached_tokens=then.cached_tokens or first.cached_tokens,
        prompt_s=then.prompt_s if then.prompt_s is not None else first.prompt_s,
        answer_s=then.answer_s if then.answer_s is not None else first.answer_s,
    )


def refusal(model: str, status: int, body: bytes) -> InnkeeperError:
    """The error that an answer of that status is for the caller."""
    try:
        error = json.loads(body)["error"]
        message, kind = str(error["message"]), str(error.get("type", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        error, message, kind = {}, body[:200].decode("utf-8", "replace") or "nothing", ""
    needed, limit = error.get("n_prompt_tokens"), error.get("n_ctx")
    if kind == "exceed_context_size_error" and isinstance(needed, int) and isinstance(limit, int):
        return prompt_too_long(model, needed, limit)
    too_large = re.search(r"input \((\d+) tokens\) is (?:too large|larger than).*?(?:size: |size )\(?(\d+)", message)
    if too_large is not None:
        return prompt_too_long(model, int(too_large[1]), int(too_large[2]))
    if status == 501 or kind == "not_supported_error" or "input is not supported" in message:  # pictures, sound
        return NotSupported(f"{model} does not do that: {message}", param="model")
    if 400 <= status < 500:
        return InvalidRequest(message)
    return EngineFailed(f"{model}: the engine answered with an error: {message}", status=status)


def prompt_too_long(model: str, needed_tokens: int, limit_tokens: int) -> PromptTooLong:
    """The refusal with both numbers."""
    return PromptTooLong(
        f"{model}: the prompt has {needed_tokens} tokens, and a request may use {limit_tokens}, its answer included. "
        "Shorten the prompt or raise the model's `context`.",
        needed_tokens=needed_tokens,
        limit_tokens=limit_tokens,
    )


def _object(name: bytes, pattern: re.Pattern[bytes], data: bytes) -> dict[str, Any]:  # JSON from the engine
    begins = data.find(name)  # many times faster than the pattern through a long answer
    found = pattern.search(data, begins) if begins >= 0 else None
    if found is None:
        return {}
    parsed: dict[str, Any] = json.loads(found[1].decode())  # as above
    return parsed
