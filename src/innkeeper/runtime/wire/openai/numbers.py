"""The numbers of an OpenAI request and the range in which each makes sense."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from innkeeper.runtime.errors import InvalidRequest
from innkeeper.runtime.messages import Body
from innkeeper.runtime.wire.hints import PRIORITY_LIMIT
from innkeeper.runtime.wire.json_text import kind_of


@dataclass(frozen=True, slots=True)
class Span:
    """Numbers from `low` to `high`, both included."""

    low: float
    high: float
    whole: bool

    @property
    def in_words(self) -> str:
        """What a number must be, for an error message."""
        return f"a {'whole ' if self.whole else ''}number from {_shown(self.low)} to {_shown(self.high)}"


_MOST_TOKENS: Final = 2**31 - 1  # what an engine's own counter holds

NUMBERS: Final[Mapping[str, Span]] = {
    "max_tokens": Span(0, _MOST_TOKENS, whole=True),
    "max_completion_tokens": Span(0, _MOST_TOKENS, whole=True),
    "n": Span(1, 128, whole=True),
    "seed": Span(-(2**63), 2**64 - 1, whole=True),
    "top_logprobs": Span(0, 1000, whole=True),
    "dimensions": Span(1, _MOST_TOKENS, whole=True),
    "top_n": Span(1, _MOST_TOKENS, whole=True),
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
        value = body[name]
        if value is None:
            continue
        span = NUMBERS[name]
        if isinstance(value, bool) or not isinstance(value, int if span.whole else int | float):
            told = _shown(value) if isinstance(value, float) else kind_of(value)
            raise InvalidRequest(f"{name} must be {span.in_words}, not {told}.", param=name)
        if not span.low <= value <= span.high:
            raise InvalidRequest(f"{name} must be {span.in_words}, not {_shown(value)}.", param=name)


def _shown(number: float) -> str:
    digits = str(number)
    return digits if len(digits) <= 25 else f"one of {len(digits)} digits"
