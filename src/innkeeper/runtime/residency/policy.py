"""Who leaves when room is needed: pure functions from (who may leave, bytes needed) to who does.

The default keeps the set of models that is worth most, chosen as a set and not one by one: with two to a
dozen residents the exact answer is cheap, and a greedy one packs badly (it sends two small models away to
fit one, or the reverse).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from innkeeper.runtime.catalog import Bytes
from innkeeper.runtime.residency.ledger import add, covers

EXACT_UP_TO: Final = 14
"""Residents for which the best set is searched exactly: 2^14 subsets, pruned, stay below a millisecond or two."""


@dataclass(frozen=True, slots=True)
class Occupant:
    """A model that may be told to leave."""

    model: str
    holds: Bytes
    value_s: float
    """Expected seconds of reloading that its leaving costs: chance of being asked for × seconds of a load."""
    used_s: float
    """When it was last used."""


Policy: TypeAlias = Callable[[Sequence[Occupant], Bytes], tuple[Occupant, ...] | None]
"""Who leaves so that `needed` bytes become free in each pool; None when even all of them are not enough.

Called on every decision that lacks room, with only those who may leave. Never returns one more than needed.
"""


def keep_the_most_valuable_set(occupants: Sequence[Occupant], needed: Bytes) -> tuple[Occupant, ...] | None:
    """The cheapest set that frees enough, by the sum of expected reload seconds; exact up to `EXACT_UP_TO`."""
    useful = [one for one in occupants if any(one.holds.get(pool, 0) for pool in needed)]
    if not covers(_sum(useful), needed):
        return None
    if len(useful) > EXACT_UP_TO:
        return _without_the_needless(sorted(useful, key=lambda one: _value_per_byte(one, needed)), needed)
    # Cheap ones first, so that the first sets tried are good and the bound cuts early; older ones first among equals.
    useful.sort(key=lambda one: (one.value_s, one.used_s))
    left = [_sum(useful[index:]) for index in range(len(useful) + 1)]
    best: tuple[float, int, tuple[Occupant, ...]] | None = None
    stack: list[tuple[int, float, dict[str, int], tuple[Occupant, ...]]] = [(0, 0.0, {}, ())]
    while stack:
        index, cost, freed, chosen = stack.pop()
        if best is not None and (cost, len(chosen)) >= best[:2]:
            continue
        if covers(freed, needed):
            best = (cost, len(chosen), chosen)
            continue
        if index == len(useful) or not covers(add(freed, left[index]), needed):
            continue
        one = useful[index]
        stack.append((index + 1, cost, freed, chosen))
        stack.append((index + 1, cost + one.value_s, add(freed, one.holds), (*chosen, one)))
    assert best is not None, "all together were enough, so some set is"
    return best[2]


def least_recently_used(occupants: Sequence[Occupant], needed: Bytes) -> tuple[Occupant, ...] | None:
    """The longest unused first, until enough bytes are free: what most servers do. Here for comparison."""
    useful = [one for one in occupants if any(one.holds.get(pool, 0) for pool in needed)]
    if not covers(_sum(useful), needed):
        return None
    return _without_the_needless(sorted(useful, key=lambda one: one.used_s), needed)


def _without_the_needless(ordered: Sequence[Occupant], needed: Bytes) -> tuple[Occupant, ...]:
    chosen: list[Occupant] = []
    for one in ordered:
        if covers(_sum(chosen), needed):
            break
        chosen.append(one)
    for one in reversed(chosen[:-1]):  # an early small one is needless when a later large one covers it all
        if covers(_sum([other for other in chosen if other is not one]), needed):
            chosen.remove(one)
    return tuple(chosen)


def _value_per_byte(one: Occupant, needed: Bytes) -> float:
    return one.value_s / max(1, sum(one.holds.get(pool, 0) for pool in needed))


def _sum(occupants: Sequence[Occupant]) -> dict[str, int]:
    total: dict[str, int] = {}
    for one in occupants:
        total = add(total, one.holds)
    return total
