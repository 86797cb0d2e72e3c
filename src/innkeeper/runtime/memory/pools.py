"""How much of each pool others leave to models: budgets and ceilings, from readings; pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from innkeeper.runtime.errors import BadSettings
from innkeeper.runtime.sizes import told

SETTLES_IN_S: Final = 5.0
"""Seconds after an engine came or went in which a reading may still show the memory as it was before."""

WORTH_MOVING: Final = Fraction(1, 100)
"""A ceiling follows changes from this part of the pool on; smaller ones are the breathing of the system."""


@dataclass(frozen=True, slots=True)
class PoolReading:
    """One pool of the host at one moment."""

    total_bytes: int
    """What the machine, or the container we run in, has."""
    free_bytes: int
    """What could be taken now; page cache that the kernel would give back counts as free."""
    ours_bytes: int = 0
    """What our own process and its children hold there and could not give back by the kernel's own decision:
    mapped files are in `free_bytes` already."""

    @property
    def others_bytes(self) -> int:
        """What other programs hold; never below zero, whatever the counters say at that moment."""
        return max(0, self.total_bytes - self.free_bytes - self.ours_bytes)

    def crediting(self, size_bytes: int) -> PoolReading:
        """The same where `size_bytes` of what others were seen to hold is ours, in a server that is not."""
        return replace(self, ours_bytes=self.ours_bytes + min(size_bytes, self.others_bytes))

    @property
    def left_bytes(self) -> int:
        """What others leave to us, our present use included."""
        return max(0, self.total_bytes - self.others_bytes)


def budget_bytes(pool: str, reading: PoolReading, wanted: int | Fraction | None, reserve_bytes: int) -> int:
    """Bytes models may hold in a pool at most: as wanted, or all of it less the reserve.

    What others hold of it at the moment is not the budget's affair but the ceiling's, which rises again when they go.

    Raises:
        BadSettings: More is wanted than the pool has.
    """
    if wanted is None:
        return max(0, reading.total_bytes - reserve_bytes)
    size = wanted if isinstance(wanted, int) else int(reading.total_bytes * wanted)
    if size > reading.total_bytes:
        raise BadSettings(
            f"The budget of {told(size)} for {pool} is more than the {told(reading.total_bytes)} there are. "
            "Lower `budget`, or leave it out to use what is free.",
            param="budget",
            wanted_bytes=size,
            total_bytes=reading.total_bytes,
        )
    return size


def ceiling_bytes(reading: PoolReading, budget: int, reserve_bytes: int) -> int:
    """Bytes of the budget that others leave to models by this reading."""
    return min(budget, max(0, reading.left_bytes - reserve_bytes))


class Ceiling:
    """What models may hold in one pool while other programs come and go. It tightens the budget, never loosens it."""

    def __init__(self, budget: int, reserve_bytes: int) -> None:
        self._budget_bytes = budget
        self._reserve_bytes = reserve_bytes
        self._now_bytes = budget
        self._doubted_since_s: float | None = None

    def hear(self, reading: PoolReading, now_s: float, moved_at_s: float | None) -> int:
        """The ceiling after this reading. `moved_at_s` is when an engine last came or went; None if none did.

        A lower one is believed only when the memory had time to settle, or when readings have said so all
        that time: just after an unload the system still shows it as used.
        """
        wanted = ceiling_bytes(reading, self._budget_bytes, self._reserve_bytes)
        step = int(reading.total_bytes * WORTH_MOVING)
        if wanted >= self._now_bytes or self._now_bytes - wanted < step:
            self._doubted_since_s = None
            if wanted - self._now_bytes >= step or wanted == self._budget_bytes:
                self._now_bytes = wanted
            return self._now_bytes
        if self._doubted_since_s is None:
            self._doubted_since_s = now_s
        has_settled = moved_at_s is None or now_s - moved_at_s >= SETTLES_IN_S
        if has_settled or now_s - self._doubted_since_s >= SETTLES_IN_S:
            self._now_bytes = wanted
        return self._now_bytes
