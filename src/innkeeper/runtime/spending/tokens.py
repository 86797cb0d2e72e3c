"""Tokens that nobody has counted: how many there are at most, for ceilings, and about how many, for bills."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from innkeeper.runtime.messages import Body

TOKENS_OF_A_PICTURE: Final = 5_000
"""What a picture or a sound in a prompt counts at most; providers count 85 to 3,000 for a picture."""

TOKENS_OF_A_MESSAGE: Final = 16
"""What a provider's template may add around one message."""

_ASCII_PER_TOKEN: Final = 4.0
_OTHERS_PER_TOKEN: Final = 1.5


def most_prompt_tokens(body: Body) -> int:
    """More than the prompt can have: a token is at least one byte, in every tokenizer in use."""
    plain, others = _without_media(body)
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    messages = body.get("messages")
    count = len(messages) if isinstance(messages, list) else 1
    return len(text.encode("utf-8", "replace")) + count * TOKENS_OF_A_MESSAGE + others * TOKENS_OF_A_PICTURE


def most_answer_tokens(body: Body, otherwise: int) -> int:
    """As many as the body allows; `otherwise` for each answer where it sets no limit."""
    limits = [body[name] for name in ("max_completion_tokens", "max_tokens") if isinstance(body.get(name), int)]
    answers = max([body[name] for name in ("n", "best_of") if isinstance(body.get(name), int)], default=1)
    return max(limits, default=otherwise) * max(answers, 1)


def likely_prompt_tokens(body: Body) -> int:
    """About as many as the prompt has; off by a third either way."""
    parts = [body[name] for name in ("messages", "tools", "prompt", "input") if name in body]
    plain, others = _without_media(parts)
    return likely_tokens(" ".join(_texts(plain))) + others * TOKENS_OF_A_PICTURE // 5


def likely_tokens(text: str) -> int:
    """About as many as `text` has: a token holds some four Latin letters, or one or two of other scripts."""
    ascii_count = sum(character < "\x80" for character in text)
    return math.ceil(ascii_count / _ASCII_PER_TOKEN + (len(text) - ascii_count) / _OTHERS_PER_TOKEN)


def _without_media(value: Any) -> tuple[Any, int]:  # any JSON
    """The value without pictures and sounds, and how many there were."""
    if isinstance(value, Mapping):
        if isinstance(value.get("type"), str) and any(
            name in value for name in ("image_url", "input_audio", "file", "video_url")
        ):
            return None, 1
        pairs = {name: _without_media(inner) for name, inner in value.items()}
        return {name: inner for name, (inner, _) in pairs.items()}, sum(count for _, count in pairs.values())
    if isinstance(value, list):
        items = [_without_media(inner) for inner in value]
        return [inner for inner, _ in items], sum(count for _, count in items)
    return value, 0


def _texts(value: Any) -> list[str]:  # any JSON
    match value:
        case str():
            return [value]
        case Mapping():
            return [text for inner in value.values() for text in _texts(inner)]
        case list():
            return [text for inner in value for text in _texts(inner)]
        case int():
            return ["word"]  # one token that came as its number
        case _:
            return []
