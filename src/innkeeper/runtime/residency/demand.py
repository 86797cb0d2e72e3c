"""How likely a model is wanted soon, and what its absence would cost."""

from __future__ import annotations

from math import exp
from typing import Final

MEMORY_S: Final = 1800.0
"""Requests of the last half hour weigh most; one an hour ago counts an eighth."""

HORIZON_S: Final = 180.0
"""How far ahead a model's stay is judged. Simulated: 90 to 600 s give the same result."""

FRESH: Final = 0.3
"""Weight of the newest load time against the older ones."""


class Demand:
    """Rate of requests and seconds of a load for each model, both learned."""

    def __init__(self) -> None:
        self._asked: dict[str, tuple[float, float]] = {}  # weight, and when it was true
        self._load_s: dict[str, float] = {}

    def asked(self, model: str, now_s: float) -> None:
        """A request for `model` arrived."""
        self._asked[model] = (self._weight(model, now_s) + 1.0, now_s)

    def loaded(self, model: str, took_s: float) -> None:
        """A load of `model` took so many seconds."""
        before = self._load_s.get(model)
        self._load_s[model] = took_s if before is None else before + FRESH * (took_s - before)

    def load_s(self, model: str, expected_s: float) -> float:
        """Seconds a load takes: as measured, else as expected."""
        return self._load_s.get(model, expected_s)

    def chance(self, model: str, now_s: float, within_s: float = HORIZON_S) -> float:
        """Probability that `model` is asked for within so many seconds."""
        return 1.0 - exp(-self._weight(model, now_s) / MEMORY_S * within_s)

    def forget(self, model: str) -> None:
        """The model is not in the catalogue any more."""
        self._asked.pop(model, None)
        self._load_s.pop(model, None)

    def _weight(self, model: str, now_s: float) -> float:
        weight, then_s = self._asked.get(model, (0.0, now_s))
        return weight * exp(-(now_s - then_s) / MEMORY_S)
