"""Money of one day: what was spent, what is set aside for answers under way, and whether more may be; pure.

What an answer may cost at most is set aside before it is asked for, so that answers under way together cannot pass a
ceiling that none of them passes alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ceilings:
    """How much may be spent in a day. None is no ceiling."""

    currency: str = "USD"
    per_day: float | None = None
    """For all callers together."""
    per_client_per_day: float | None = None

    @property
    def are_set(self) -> bool:
        """Whether there is one at all."""
        return self.per_day is not None or self.per_client_per_day is not None


@dataclass(frozen=True, slots=True)
class Short:
    """Why an amount cannot be set aside."""

    whose: str
    """"all callers together", or the caller's name."""
    ceiling: float
    spent: float
    set_aside: float


class Purse:
    """Spent and set aside today, by caller."""

    def __init__(self, ceilings: Ceilings) -> None:
        self.ceilings = ceilings
        self._day: str | None = None
        self._spent: defaultdict[str, float] = defaultdict(float)
        self._aside: dict[int, tuple[str, str, float]] = {}
        """By ticket: the day, the caller and the amount."""

    @property
    def day(self) -> str | None:
        """The day that is counted, as "2026-01-31"; None before the first."""
        return self._day

    def begin(self, day: str, spent: Mapping[str, float]) -> None:
        """A day begins, with what was spent on it before by each caller. What is under way stays the day's it was."""
        self._day = day
        self._spent.clear()
        self._spent.update(spent)

    def short(self, client: str, amount: float) -> Short | None:
        """What stands against setting `amount` aside for that caller; None where nothing does."""
        for whose, name, ceiling in (
            ("all callers together", None, self.ceilings.per_day),
            (client or "callers without a name", client, self.ceilings.per_client_per_day),
        ):
            spent, aside = self.spent(name), self.set_aside(name)
            if ceiling is not None and amount > 0 and spent + aside + amount > ceiling:
                return Short(whose, ceiling, spent, aside)
        return None

    def put_aside(self, ticket: int, client: str, amount: float) -> None:
        """Keep `amount` for the answer of that ticket until it is settled."""
        assert self._day is not None, "money before the first day"
        assert ticket not in self._aside, f"ticket {ticket} has money set aside already"
        self._aside[ticket] = (self._day, client, amount)

    def raise_aside(self, ticket: int, amount: float) -> bool:
        """Keep `amount` for the answer of that ticket from now on, if the ceilings leave room; whether they do."""
        day, client, before = self._aside[ticket]
        if day == self._day and self.short(client, amount - before) is not None:
            return False
        self._aside[ticket] = (day, client, max(amount, before))
        return True

    def settle(self, ticket: int, cost: float) -> None:
        """The answer of that ticket is over and cost so much."""
        day, client, _ = self._aside.pop(ticket)
        if day == self._day:
            self._spent[client] += cost

    def spent(self, client: str | None = None) -> float:
        """By that caller today; None is all together."""
        return sum(self._spent.values()) if client is None else self._spent.get(client, 0.0)

    def set_aside(self, client: str | None = None) -> float:
        """For answers under way; None is all callers together."""
        return sum(
            amount for day, whose, amount in self._aside.values() if day == self._day and client in (None, whose)
        )
