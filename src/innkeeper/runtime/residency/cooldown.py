"""Pauses after failed loads: they grow with each failure and end with the first success."""

from __future__ import annotations

from typing import Final

from innkeeper.runtime.errors import CoolingDown, InnkeeperError

FIRST_PAUSE_S: Final = 2.0
LONGEST_PAUSE_S: Final = 120.0


class Cooldown:
    """Which models failed to load a moment ago, and until when they are left alone."""

    def __init__(self) -> None:
        self._failures: dict[str, tuple[int, float, InnkeeperError]] = {}  # how many, until when, the last reason

    def failed(self, model: str, error: InnkeeperError, now_s: float) -> float:
        """Another failure; returns the seconds of the pause that begins."""
        count = self._failures[model][0] + 1 if model in self._failures else 1
        pause_s: float = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(count - 1, 16))
        self._failures[model] = (count, now_s + pause_s, error)
        return pause_s

    def succeeded(self, model: str) -> None:
        """The model became ready: past failures are forgotten."""
        self._failures.pop(model, None)

    def refusal(self, model: str, now_s: float) -> InnkeeperError | None:
        """The error for a caller who asks during the pause; None when a load may be tried."""
        if model not in self._failures:
            return None
        count, until_s, error = self._failures[model]
        left_s = until_s - now_s
        if left_s <= 0:
            return None
        times = "once" if count == 1 else f"{count} times in a row"
        return CoolingDown(
            f"{model} failed to load {times} and is tried again in {left_s:.1f} s. The last reason: {error.message}",
            retry_after_s=left_s,
            failures=count,
        )
