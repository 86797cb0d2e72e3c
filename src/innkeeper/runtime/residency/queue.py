"""Who waits, and in which order they are served.

The order: whoever has waited beyond its patience first, oldest first; then by priority; then the client that
has least in service and ahead of it; then by arrival.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Waiter:
    """A caller who has asked and not been answered."""

    ticket: int
    model: str
    client: str
    priority: int
    since_s: float
    overdue_at_s: float
    """From then on holds and busy models do not stand in its way, and nobody overtakes it."""
    refuse_at_s: float
    expires_s: float | None
    """Length of the lease it wants; None for as long as it takes."""

    def is_overdue(self, now_s: float) -> bool:
        return now_s >= self.overdue_at_s


class Queue:
    """The callers who wait, by ticket."""

    def __init__(self) -> None:
        self._waiting: dict[int, Waiter] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Waiter]:
        return iter(tuple(self._waiting.values()))

    def __contains__(self, ticket: object) -> bool:
        return ticket in self._waiting

    def add(self, waiter: Waiter) -> None:
        assert waiter.ticket not in self._waiting, f"ticket {waiter.ticket} waits already"
        self._waiting[waiter.ticket] = waiter

    def remove(self, ticket: int) -> Waiter | None:
        """Take the caller out; None when it does not wait."""
        return self._waiting.pop(ticket, None)

    def wants(self, model: str) -> bool:
        """Whether anybody waits for `model`."""
        return any(waiter.model == model for waiter in self._waiting.values())

    def waiting_for(self, model: str) -> tuple[Waiter, ...]:
        """Those who wait for `model`, by arrival."""
        return tuple(waiter for waiter in self._waiting.values() if waiter.model == model)

    def in_order(self, now_s: float, in_service: Mapping[str, int]) -> list[Waiter]:
        """Everybody who waits, in the order of service. `in_service` counts each client's leases."""
        ahead = dict(in_service)
        keyed: list[tuple[tuple[float, ...], Waiter]] = []
        for waiter in self._waiting.values():  # by arrival: tickets count up
            if waiter.is_overdue(now_s):
                keyed.append(((0, waiter.overdue_at_s, waiter.ticket), waiter))
                continue
            rank = ahead.get(waiter.client, 0)
            ahead[waiter.client] = rank + 1
            keyed.append(((1, -waiter.priority, rank, waiter.ticket), waiter))
        keyed.sort(key=lambda pair: pair[0])
        return [waiter for _, waiter in keyed]
