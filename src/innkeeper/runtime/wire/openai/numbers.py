"""The numbers of an OpenAI request and the range in which each makes sense."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from innkeeper.runtime.messages import Body
from innkeeper.runtime.wire.hints import PRIORITY_LIMIT
from innkeeper.runtime.wire.spans import Span, check_span

MOST_TOKENS: Final = 2**31 - 1  # what an engine's own counter holds

NUMBERS: Final[Mapping[str, Span]] = {
    "max_tokens": Span(0, MOST_TOKENS, whole=True),
    "max_completion_tokens": Span(0, MOST_TOKENS, whole=True),
    "n": Span(1, 128, whole=True),
    "seed": Span(-(2**63), 2**64 - 1, whole=True),
    "top_logprobs": Span(0, 1000, whole=True),
    "dimensions": Span(1, MOST_TOKENS, whole=True),
    "top_n": Span(1, MOST_TOKENS, whole=True),
    "temperature": Span(0.0, 100.0, whole=False),
    "top_p": Span(0.0, 1.0, whole=False),
    "presence_penalty": Span(-100.0, 100.0, whole=False),
    "frequency_penalty": Span(-100.0, 100.0, whole=False),
    "priority": Span(-PRIORITY_LIMIT, PRIORITY_LIMIT, whole=True),
}
"""Wider than OpenAI's own limits where local engines take more; null always means "not given"."""


def check_numbers(body: Body) -> None:
    """Look at every number we know by name.

    Raises:
        InvalidRequest: One is no number, no whole one where it must be, or absurd.
    """
    for name in NUMBERS.keys() & body.keys():
        if body[name] is not None:
            check_span(body[name], NUMBERS[name], name)
