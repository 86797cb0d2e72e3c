"""The least seconds of loading with which requests can be served in their order, by one who knows the future.

Exact for up to `EXACT_UP_TO` models: a search over the sets of models in memory. At each request whose model is
missing, every largest set that may stay beside it is tried; a set is dropped when another, with the cost of loading
what it lacks, is no dearer. For more models, a bound from below: the models are dealt out into groups, and each
group is served exactly as if it had all the memory for itself.

Requests that are served out of order, because they join a load, can come out slightly below it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from innkeeper.runtime.catalog import Bytes
from innkeeper.simulation.workload import Pace, Workload

EXACT_UP_TO: Final = 14
"""Models for which the search is exact: seconds for a few thousand requests."""


@dataclass(frozen=True, slots=True)
class Least:
    """The least there is to load."""

    load_s: float
    is_exact: bool
    """Otherwise no policy can do with less, and perhaps none with this little."""


def least_load(workload: Workload) -> Least:
    """Seconds of loading from an empty memory on. What is larger than the budget is left out: nobody can load it."""
    wanted = {arrival.model for arrival in workload.arrivals}
    pinned = {model.id for model in workload.local() if model.pinned}
    budget = _left_by(pinned, workload)
    movable = {
        model.id: workload.paces[model.id]
        for model in workload.local()
        if model.id in wanted - pinned and _fits(workload.paces[model.id].needs, budget)
    }
    order = [arrival.model for arrival in workload.arrivals if arrival.model in movable]
    groups = _groups(movable)
    load_s = sum(workload.paces[model].load_s for model in pinned)
    for group in groups:
        search = _Search(budget, {model: movable[model] for model in group})
        load_s += search.least_s([model for model in order if model in group])
    return Least(load_s, is_exact=len(groups) <= 1)


def _left_by(pinned: Iterable[str], workload: Workload) -> dict[str, int]:
    left = dict(workload.budget)
    for model in pinned:
        for pool, size in workload.paces[model].needs.items():
            left[pool] = left.get(pool, 0) - size
    return left


def _fits(needs: Bytes, budget: Bytes) -> bool:
    return all(size <= budget.get(pool, 0) for pool, size in needs.items())


def _groups(models: Mapping[str, Pace]) -> list[frozenset[str]]:
    """The largest together: they stand in each other's way, so the bound loses least."""
    by_size = sorted(models, key=lambda name: (-sum(models[name].needs.values()), name))
    return [frozenset(by_size[first : first + EXACT_UP_TO]) for first in range(0, len(by_size), EXACT_UP_TO)]


class _Search:
    """The exact search over sets of models, each set a number whose bits are its members."""

    def __init__(self, budget: Bytes, models: Mapping[str, Pace]) -> None:
        names = sorted(models)
        self._place = {name: index for index, name in enumerate(names)}
        self._loads_s = [models[name].load_s for name in names]
        self._needs = [models[name].needs for name in names]
        self._budget = budget
        self._stays = cache(self._largest_that_stay)

    def least_s(self, order: Sequence[str]) -> float:
        """Seconds of loading for these, one after another."""
        costs: dict[int, float] = {0: 0.0}
        for wanted in self._without_repeats(order):
            if all(residents >> wanted & 1 for residents in costs):
                continue
            after: dict[int, float] = {}
            for residents, cost_s in costs.items():
                if residents >> wanted & 1:
                    after[residents] = min(cost_s, after.get(residents, cost_s))
                    continue
                for staying in self._stays(residents, wanted):
                    reached, reached_s = staying | 1 << wanted, cost_s + self._loads_s[wanted]
                    after[reached] = min(reached_s, after.get(reached, reached_s))
            costs = self._undominated(after)
        return min(costs.values())

    def _largest_that_stay(self, residents: int, wanted: int) -> tuple[int, ...]:
        """The largest parts of `residents` that fit beside `wanted`."""
        members = [index for index in range(len(self._needs)) if residents >> index & 1]
        fitting = [
            chosen
            for part in range(1 << len(members))
            if self._fits(chosen := sum(1 << member for bit, member in enumerate(members) if part >> bit & 1), wanted)
        ]
        return tuple(one for one in fitting if not any(one != other and one & other == one for other in fitting))

    def _fits(self, members: int, wanted: int) -> bool:
        together = [wanted, *(index for index in range(members.bit_length()) if members >> index & 1)]
        return all(
            sum(self._needs[index].get(pool, 0) for index in together) <= size for pool, size in self._budget.items()
        )

    def _undominated(self, costs: dict[int, float]) -> dict[int, float]:
        kept: dict[int, float] = {}
        for residents, cost_s in sorted(costs.items(), key=lambda item: item[1]):
            for other, other_s in kept.items():
                if other_s + self._reload_s(residents & ~other) <= cost_s + 1e-9:
                    break
            else:
                kept[residents] = cost_s
        return kept

    def _reload_s(self, members: int) -> float:
        return sum(self._loads_s[index] for index in range(members.bit_length()) if members >> index & 1)

    def _without_repeats(self, order: Sequence[str]) -> list[int]:
        """The models in order; one asked for twice in a row is there the second time."""
        places: list[int] = []
        for name in order:
            if not places or places[-1] != self._place[name]:
                places.append(self._place[name])
        return places
