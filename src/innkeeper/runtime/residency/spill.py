"""Notices a model that answers far below its own usual rate: it has been pushed out of fast memory."""

from __future__ import annotations

from collections import deque
from statistics import median
from typing import Final

ANSWERS_TO_KNOW: Final = 5
"""Answers before a usual rate is known."""

ANSWERS_TO_BELIEVE: Final = 3
"""Slow answers in a row before it is called a spill: one may be a busy moment."""


class SpillWatch:
    """Token rates of each model against its own history. Memory once spilled stays slow until a reload."""

    def __init__(self) -> None:
        self._usual: dict[str, deque[float]] = {}
        self._slow: dict[str, int] = {}

    def usual_tokens_per_s(self, model: str) -> float | None:
        """Median rate of past answers that were not slow; None before there are enough."""
        rates = self._usual.get(model, ())
        return median(rates) if len(rates) >= ANSWERS_TO_KNOW else None

    def answered(self, model: str, tokens_per_s: float) -> bool:
        """Take in a finished answer; True when it makes a spill believable. Slow answers do not become usual."""
        usual = self.usual_tokens_per_s(model)
        if usual is not None and tokens_per_s < usual / 2:
            self._slow[model] = self._slow.get(model, 0) + 1
            return self._slow[model] == ANSWERS_TO_BELIEVE
        self._slow[model] = 0
        self._usual.setdefault(model, deque(maxlen=64)).append(tokens_per_s)
        return False

    def forget(self, model: str) -> None:
        """Its past says nothing about it any more."""
        self._slow.pop(model, None)
        self._usual.pop(model, None)

    def reloaded(self, model: str) -> None:
        """A fresh load: slowness starts from nothing, the usual rate is kept."""
        self._slow.pop(model, None)
