"""Who leaves when room is needed: pure functions from (who may leave, bytes needed) to who does.

The default keeps the set of models that is worth most, chosen as a set and not one by one: with two to a
dozen residents the exact answer is cheap, and a greedy one packs badly (it sends two small models away to
fit one, or the reverse).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from innkeeper.runtime.catalog import Bytes

EXACT_UP_TO: Final = 12
"""Residents for which the best set is searched exactly, as two halves of at most 2^6 sets each."""

A_MOMENT_S: Final = 1e-9
"""What a model is worth at the very least: so none leaves needlessly, and among equals the longest unused does."""


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


class _Leaving(NamedTuple):
    """A set of models that could leave."""

    cost_s: float
    freed: tuple[int, ...]  # in the pools that are needed, and in their order
    members: tuple[Occupant, ...]


def keep_the_most_valuable_set(occupants: Sequence[Occupant], needed: Bytes) -> tuple[Occupant, ...] | None:
    """The cheapest set that frees enough, by the sum of expected reload seconds; exact up to `EXACT_UP_TO`."""
    needs = _needs(needed)
    singles = _singles(occupants, needs)
    if not _are_enough(singles, needs):
        return None
    if len(singles) > EXACT_UP_TO:
        return _without_the_needless(sorted(singles, key=_cost_per_byte), needs)
    wanted = tuple(needs.values())
    middle = len(singles) // 2
    others = _worthwhile_sets(singles[middle:], wanted)
    best: _Leaving | None = None
    for one in _worthwhile_sets(singles[:middle], wanted):
        if best is not None and one.cost_s >= best.cost_s:
            break
        # In one pool the dearer set always frees more, so the first that frees enough is found at once.
        first = bisect_left(others, wanted[0] - one.freed[0], key=lambda each: each.freed[0]) if len(wanted) == 1 else 0
        for other in others[first:]:
            if best is not None and one.cost_s + other.cost_s >= best.cost_s:
                break
            if all(map(_is_enough, one.freed, other.freed, wanted)):
                best = _both(one, other, wanted)
                break
    assert best is not None, "all together were enough, so some set is"
    return best.members


def least_recently_used(occupants: Sequence[Occupant], needed: Bytes) -> tuple[Occupant, ...] | None:
    """The longest unused first, until enough bytes are free: what most servers do. Here for comparison."""
    needs = _needs(needed)
    singles = _singles(occupants, needs)
    if not _are_enough(singles, needs):
        return None
    return _without_the_needless(sorted(singles, key=lambda one: one.members[0].used_s), needs)


def _needs(needed: Bytes) -> dict[str, int]:
    return {pool: size for pool, size in needed.items() if size > 0}


def _singles(occupants: Sequence[Occupant], needs: Bytes) -> list[_Leaving]:
    """Each model that holds something of what is needed, longest unused first."""
    useful = [one for one in occupants if any(one.holds.get(pool, 0) for pool in needs)]
    useful.sort(key=lambda one: one.used_s)
    return [
        _Leaving(one.value_s + A_MOMENT_S * place, tuple(one.holds.get(pool, 0) for pool in needs), (one,))
        for place, one in enumerate(useful, start=1)
    ]


def _worthwhile_sets(singles: Sequence[_Leaving], wanted: tuple[int, ...]) -> list[_Leaving]:
    """Sets of these, cheapest first, without any that frees no more than a cheaper one."""
    sets = [_Leaving(0.0, (0,) * len(wanted), ())]
    for single in singles:
        sets += [_both(one, single, wanted) for one in sets]
    sets.sort(key=lambda one: one.cost_s)
    front: list[_Leaving] = []
    for one in sets:
        if len(wanted) == 1:
            if front and front[-1].freed >= one.freed:
                continue
        elif any(all(map(int.__ge__, cheaper.freed, one.freed)) for cheaper in front):
            continue
        front.append(one)
    return front


def _both(one: _Leaving, other: _Leaving, wanted: tuple[int, ...]) -> _Leaving:
    """Bytes beyond what is wanted are worth nothing, so they are not counted."""
    freed = tuple(map(min, map(int.__add__, one.freed, other.freed), wanted))
    return _Leaving(one.cost_s + other.cost_s, freed, one.members + other.members)


def _is_enough(freed: int, more: int, wanted: int) -> bool:
    return freed + more >= wanted


def _without_the_needless(ordered: Sequence[_Leaving], needs: Bytes) -> tuple[Occupant, ...]:
    chosen: list[_Leaving] = []
    for one in ordered:
        if _are_enough(chosen, needs):
            break
        chosen.append(one)
    for one in reversed(chosen[:-1]):  # an early small one is needless when a later large one covers it all
        if _are_enough([other for other in chosen if other is not one], needs):
            chosen.remove(one)
    return tuple(one.members[0] for one in chosen)


def _cost_per_byte(one: _Leaving) -> float:
    return one.cost_s / sum(one.freed)


def _are_enough(sets: Sequence[_Leaving], needs: Bytes) -> bool:
    return all(sum(one.freed[place] for one in sets) >= size for place, size in enumerate(needs.values()))
