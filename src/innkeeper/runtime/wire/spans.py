"""The range in which a number of a request makes sense, and what is said of one outside."""

from __future__ import annotations

from dataclasses import dataclass

from innkeeper.runtime.errors import InvalidRequest
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


def check_span(value: object, span: Span, param: str) -> None:
    """Look at one number.

    Raises:
        InvalidRequest: It is no number, no whole one where it must be, or absurd; `param` names the field.
    """
    if isinstance(value, bool) or not isinstance(value, int if span.whole else int | float):
        told = _shown(value) if isinstance(value, float) else kind_of(value)
        raise InvalidRequest(f"{param} must be {span.in_words}, not {told}.", param=param)
    if not span.low <= value <= span.high:
        raise InvalidRequest(f"{param} must be {span.in_words}, not {_shown(value)}.", param=param)


def _shown(number: float) -> str:
    digits = str(number)
    return digits if len(digits) <= 25 else f"one of {len(digits)} digits"
