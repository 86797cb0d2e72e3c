"""Who waits, and in which order they are served.

The order: whoever has waited beyond its patience first, the longest overdue first; then by priority; then
clients in turn; then by arrival.

Clients in turn: a client's second caller has a later turn than its first, and a client who comes newly has the
turn that is being served now. So one who sends a hundred requests makes itself wait, and nobody else. For the
same reason patience counts from the last time that the same client got the same model at the same priority:
those behind it in its own line are not forgotten, it is their turn that has not come.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

Line: TypeAlias = tuple[str, str, int]
"""Callers who differ in nothing but their arrival: client, model, priority."""


@dataclass(frozen=True, slots=True)
class Waiter:
    """A caller who has asked and not been answered."""

    ticket: int
    model: str
    client: str
    priority: int
    since_s: float
    patience_s: float
    """Seconds until holds and busy models do not stand in its way any more, and nobody overtakes it."""
    refuse_at_s: float
    expires_s: float | None
    """Length of the lease it wants; None for as long as it takes."""

    @property
    def line(self) -> Line:
        return (self.client, self.model, self.priority)


class Queue:
    """The callers who wait."""

    def __init__(self) -> None:
        self._waiting: dict[int, Waiter] = {}  # by ticket, so by arrival: tickets count up
        self._by_model: dict[str, dict[int, Waiter]] = {}
        self._turns: dict[int, int] = {}
        self._served_turn: dict[str, int] = {}  # by client, the turn it was last served in
        self._served_s: dict[Line, float] = {}  # when a line that still waits was last served

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Waiter]:
        return iter(tuple(self._waiting.values()))

    def __contains__(self, ticket: object) -> bool:
        return ticket in self._waiting

    def add(self, waiter: Waiter) -> None:
        """Let the caller wait; its turn is settled now."""
        assert waiter.ticket not in self._waiting, f"ticket {waiter.ticket} waits already"
        self._turns[waiter.ticket] = self._turn_of_a_new_caller(waiter.client)
        self._waiting[waiter.ticket] = waiter
        self._by_model.setdefault(waiter.model, {})[waiter.ticket] = waiter

    def remove(self, ticket: int) -> Waiter | None:
        """Take the caller out; None when it does not wait."""
        waiter = self._waiting.pop(ticket, None)
        if waiter is None:
            return None
        del self._turns[ticket]
        same_model = self._by_model[waiter.model]
        del same_model[ticket]
        if not same_model:
            del self._by_model[waiter.model]
        if self._served_s and not any(other.line == waiter.line for other in same_model.values()):
            self._served_s.pop(waiter.line, None)
        return waiter

    def serve(self, ticket: int, now_s: float) -> Waiter:
        """Take the caller out because it is served: those in its line begin to be patient anew."""
        turn = self._turns[ticket]
        waiter = self.remove(ticket)
        assert waiter is not None, f"ticket {ticket} does not wait"
        self._served_turn[waiter.client] = max(turn, self._served_turn.get(waiter.client, 0))
        if any(other.line == waiter.line for other in self.waiting_for(waiter.model)):
            self._served_s[waiter.line] = now_s
        return waiter

    def wants(self, model: str) -> bool:
        """Whether anybody waits for `model`."""
        return model in self._by_model

    def waiting_for(self, model: str) -> tuple[Waiter, ...]:
        """Those who wait for `model`, by arrival."""
        return tuple(self._by_model.get(model, {}).values())

    def overdue_at_s(self, waiter: Waiter) -> float:
        """When its patience ends."""
        return max(waiter.since_s, self._served_s.get(waiter.line, waiter.since_s)) + waiter.patience_s

    def is_overdue(self, waiter: Waiter, now_s: float) -> bool:
        return now_s >= self.overdue_at_s(waiter)

    def in_order(self, now_s: float) -> list[Waiter]:
        """Everybody who waits, in the order of service."""

        def place(waiter: Waiter) -> tuple[float, ...]:
            overdue_at_s = self.overdue_at_s(waiter)
            if now_s >= overdue_at_s:
                return (0, overdue_at_s, waiter.ticket)
            return (1, -waiter.priority, self._turns[waiter.ticket], waiter.ticket)

        waiting = list(self._waiting.values())
        return waiting if len(waiting) == 1 else sorted(waiting, key=place)

    def _turn_of_a_new_caller(self, client: str) -> int:
        if not self._waiting:
            self._served_turn.clear()  # nobody waits, so nobody is owed anything
            return 0
        being_served = min(self._turns.values())
        own = [self._turns[one.ticket] for one in self._waiting.values() if one.client == client]
        return max(being_served, self._served_turn.get(client, -1) + 1, max(own, default=-1) + 1)
