"""`keep_alive`: how long a model stays after an answer, as Ollama's clients write it."""

from __future__ import annotations

import re
from math import inf
from typing import Final

from innkeeper.runtime.wire.fields import Fields

_UNITS_S: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PART: Final = re.compile(r"(\d+\.?\d*|\.\d+)(h|ms|m|s|us|µs|ns)")
_NUMBER: Final = re.compile(r"\d+\.?\d*|\.\d+")


def parse_keep_alive(fields: Fields) -> float | None:
    """Seconds; infinity for a negative one, None where it is not given.

    A number counts seconds, with or without quotes; otherwise it is one of Go's durations, such as 1h30m.

    Raises:
        InvalidRequest: It is neither.
    """
    value = fields.given("keep_alive")
    match value:
        case None | "":
            return None
        case bool():
            pass
        case int() | float():
            return inf if value < 0 or value > _LONGEST_S else float(value)
        case str():
            seconds = _seconds(value.removeprefix("-").removeprefix("+"))
            if seconds is not None:
                return inf if value.startswith("-") else seconds
    raise fields.wrong("keep_alive", 'a number of seconds, or a duration such as "5m"; -1 keeps the model')


_LONGEST_S: Final = 1e15  # beyond it a number of seconds means for ever


def _seconds(text: str) -> float | None:
    if len(text) > 60:
        return None
    if _NUMBER.fullmatch(text):
        return float(text)
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _UNITS_S[unit] for number, unit in parts)
