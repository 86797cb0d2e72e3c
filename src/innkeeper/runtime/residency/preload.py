"""Models loaded before anybody asks: wishes, and what was learned from granting them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

WISH_LASTS_S: Final = 60.0
"""A wish that cannot be granted within a minute is out of date."""

REGRET_WITHIN_S: Final = 60.0
"""A model sent away for a preload and asked for within this time was the wrong one to send."""

SOON_S: Final = 20.0
"""How far ahead a preload looks."""

LIKELY: Final = 0.5
"""Chance of being asked for soon, from which a preload without a wish is considered: likelier than not. Simulated, a
tenth cost an evening of players 4 % more load time than LRU and brought one answer in a thousand in time."""

SETTLED_LOADS: Final = 2.0
"""A model is left in peace for this many of its own load times before a preload may displace it."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody expects this model to be needed."""

    model: str
    because: str
    until_s: float
    chance: float
    """How likely it is to be needed soon, as far as the wisher can be trusted."""
    may_displace: bool
    """Whether less valuable idle models may leave for it; otherwise it takes only what is free."""
    is_guess: bool = True
    """Whether it may prove wrong, and something is learned from that; a pinned model's own place is no guess."""


class Preloads:
    """Open wishes, trust in wishers, and the margin by which a preload must pay.

    The margin grows with each regret and shrinks with each preload that was used; simulation showed a fixed one
    to cost up to 94 % more load time, depending on the work.
    """

    def __init__(self) -> None:
        self.wishes: dict[str, Wish] = {}
        self.margin = 0.3
        """Share of its own load time that a preload must gain beyond what it displaces."""
        self._kept = 1.0
        self._given = 2.0
        self._displaced: dict[str, float] = {}

    @property
    def trust(self) -> float:
        """Share of wishes that proved right: a half before anything is known."""
        return self._kept / self._given

    def wish(self, wish: Wish) -> None:
        """Take in a wish; a newer one for the same model replaces the older."""
        self.wishes[wish.model] = wish

    def drop(self, model: str) -> Wish | None:
        """The wish is granted, withdrawn or out of date."""
        return self.wishes.pop(model, None)

    def outdated(self, now_s: float) -> list[Wish]:
        """Wishes that could not be granted in time."""
        return [wish for wish in self.wishes.values() if now_s >= wish.until_s]

    def started(self) -> None:
        """A preload began."""
        self._given += 1.0

    def used(self) -> None:
        """A preloaded model was asked for."""
        self.margin = max(0.05, 0.95 * self.margin)
        self._kept += 1.0

    def cancelled(self) -> None:
        """A preload had to give way before it was of use: a small loss, which alone never ends preloading."""
        self.margin = max(self.margin, min(0.5, 1.05 * self.margin))

    def displaced(self, model: str, now_s: float) -> None:
        """`model` was sent away for a preload."""
        self._displaced[model] = now_s + REGRET_WITHIN_S

    def was_regretted(self, model: str, now_s: float) -> bool:
        """Whether a request for `model` shows that a preload wrongly sent it away. Asked once per request."""
        until_s = self._displaced.pop(model, None)
        if until_s is None or now_s >= until_s:
            return False
        self.margin = min(1.0, 1.15 * self.margin)
        return True
