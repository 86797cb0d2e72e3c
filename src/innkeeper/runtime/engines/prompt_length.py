"""How many tokens a prompt has, asked of the engine itself before the work is given to it.

The engine refuses a prompt that is too long too, but only when a slot is free; here the caller learns it at once.
Most requests pay nothing: a token is at least one byte, so a short body cannot be a long prompt, and of many texts
in one body only the long ones are counted. Where counting does not work (a picture in the prompt, an old engine) the
engine's own refusal stands.
"""

from __future__ import annotations

import json
from typing import Any, Final

from innkeeper.runtime.engines.unix_http import UnixHttp
from innkeeper.runtime.messages import Body, Kind, Request

TEMPLATE_TOKENS: Final = 64
"""Tokens that a template may add to a prompt, roughly; the engine's own check covers what this misses."""


def may_be_too_long(body: bytes, limit_tokens: int) -> bool:
    """Whether a request of these bytes could have more tokens than the limit."""
    return len(body) + TEMPLATE_TOKENS > limit_tokens


async def prompt_tokens(http: UnixHttp, request: Request, body: bytes, limit_tokens: int) -> int | None:
    """Tokens of the longest prompt in the request; None where none can be over the limit, or they cannot be counted.

    Raises:
        OSError: The engine is gone.
    """
    surely_short_bytes = limit_tokens - TEMPLATE_TOKENS
    match request.kind:
        case Kind.CHAT:
            status, answer = await http.post("/apply-template", body)
            if status != 200:
                return None
            return await _tokens(http, json.loads(answer)["prompt"])
        case Kind.COMPLETION:
            return await _longest(http, _inputs(request.body, "prompt"), surely_short_bytes)
        case Kind.EMBEDDING:
            return await _longest(http, _inputs(request.body, "input"), surely_short_bytes)
        case Kind.RERANK:
            query = request.body.get("query")
            if not isinstance(query, str):
                return None
            documents = _inputs(request.body, "documents")
            document = await _longest(http, documents, surely_short_bytes - _bytes(query))
            asked = await _tokens(http, query) if document is not None else None
            return None if asked is None or document is None else asked + document
        case Kind.TRANSCRIPTION:
            return None  # sound is heard in windows; there is no longest one


async def _longest(http: UnixHttp, prompts: list[Any], surely_short_bytes: int) -> int | None:  # JSON from outside
    counts = []
    for prompt in prompts:
        if isinstance(prompt, str):
            if _bytes(prompt) > surely_short_bytes:
                counts.append(await _tokens(http, prompt))
        elif isinstance(prompt, list) and all(isinstance(token, int) for token in prompt):
            counts.append(len(prompt))
    known = [count for count in counts if count is not None]
    return max(known, default=None)


def _inputs(body: Body, field: str) -> list[Any]:  # JSON from outside
    """The prompts of a field that holds one, or a list of them, as text or as tokens."""
    value = body.get(field)
    if isinstance(value, list) and not all(isinstance(item, int) for item in value):
        return value
    return [value]


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


async def _tokens(http: UnixHttp, text: str) -> int | None:
    asked = {"content": text, "add_special": True, "parse_special": True}
    try:
        body = json.dumps(asked, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half a character: for the engine to refuse
        return None
    status, answer = await http.post("/tokenize", body)
    return len(json.loads(answer)["tokens"]) if status == 200 else None
