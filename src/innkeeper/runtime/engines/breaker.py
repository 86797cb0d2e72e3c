"""When a server that fails is left alone, and when it is tried again; pure.

Closed, requests pass. Open, they are refused until a pause is over. Half open, one request is let through to try; its
end closes the breaker or opens it for longer.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

FAILURES_ALLOWED: Final = 3
"""Failures in a row, of the kind that may pass by itself, before it is left alone."""

FIRST_PAUSE_S: Final = 10.0
LONGEST_PAUSE_S: Final = 300.0

FIRST_LONG_PAUSE_S: Final = 600.0
"""After a failure that somebody has to mend: a key, an account, a model that is gone."""
LONGEST_LONG_PAUSE_S: Final = 3600.0

TRIAL_S: Final = 1.0
"""When to ask again while another request tries whether it is back."""


class State(Enum):
    """Whether requests pass."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half open"


class Verdict(Enum):
    """What a failure says about the next request."""

    MAY_BE_BRIEF = "may be brief"  # a fault or a broken connection: counts, and opens after a few in a row
    IS_FULL = "is full"  # it asks to be left alone for a while: opens at once
    NEEDS_MENDING = "needs mending"  # opens at once and for long


class Breaker:
    """Stands before one server, or one model of it."""

    def __init__(self) -> None:
        self.state = State.CLOSED
        self._failures = 0
        self._pauses = 0
        """Times it has opened since it was last closed."""
        self._until_s = 0.0

    def wait_s(self, now_s: float) -> float | None:
        """Seconds for which a request would be refused; None where one may pass. Changes nothing."""
        match self.state:
            case State.CLOSED:
                return None
            case State.HALF_OPEN:
                return TRIAL_S
            case State.OPEN:
                return self._until_s - now_s if now_s < self._until_s else None

    def pass_through(self, now_s: float) -> None:
        """A request goes through; when the pause is over it is the trial, and its end must be told."""
        assert self.wait_s(now_s) is None, f"a request passed a breaker that is {self.state.value}"
        if self.state is State.OPEN:
            self.state = State.HALF_OPEN

    def succeeded(self) -> bool:
        """It answered. Returns whether it had been left alone before."""
        was_closed = self.state is State.CLOSED
        self.state, self._failures, self._pauses = State.CLOSED, 0, 0
        return not was_closed

    def failed(self, verdict: Verdict, now_s: float, at_least_s: float | None = None) -> float | None:
        """It did not. Returns the seconds for which it is left alone now; None where it is not.

        `at_least_s` is what the server itself asked for.
        """
        self._failures += 1
        is_trial = self.state is State.HALF_OPEN
        if verdict is Verdict.MAY_BE_BRIEF and not is_trial and self._failures < FAILURES_ALLOWED:
            return None
        if self.state is State.OPEN and now_s < self._until_s and verdict is not Verdict.NEEDS_MENDING:
            return None  # one of several that were under way when it opened
        needs_mending = verdict is Verdict.NEEDS_MENDING
        first_s, longest_s = (
            (FIRST_LONG_PAUSE_S, LONGEST_LONG_PAUSE_S) if needs_mending else (FIRST_PAUSE_S, LONGEST_PAUSE_S)
        )
        pause_s: float = min(longest_s, first_s * 2.0 ** min(self._pauses, 16))
        pause_s = min(max(pause_s, at_least_s or 0.0), LONGEST_LONG_PAUSE_S)
        self.state, self._until_s = State.OPEN, now_s + pause_s
        self._pauses += 1
        return pause_s

    def abandoned(self, now_s: float) -> None:
        """A request that passed ended without saying anything about the server: its caller left, or was wrong."""
        if self.state is State.HALF_OPEN:
            self.state, self._until_s = State.OPEN, now_s
