"""The least seconds of loading with which a list of requests can be served in its order, by one who knows the future.

Exact: a search over the sets of models in memory. At each request whose model is missing, every largest set that
may stay beside it is tried; a set is dropped when another, with the cost of loading what it lacks, is no dearer.
Requests that are served out of order, because they join a load, can come out slightly below it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from benchmarks.scheduling.workloads import Workload
from innkeeper.runtime.residency.simulator import Visit


def least_load_s(workload: Workload) -> float:
    """Seconds of loading from an empty memory on."""
    names = sorted(workload.models)
    place = {name: index for index, name in enumerate(names)}
    footprints = [workload.models[name].needs for name in names]
    sizes = [sum(needs.bytes.values()) if needs is not None else 0 for needs in footprints]
    loads_s = [workload.models[name].load_s for name in names]
    budget = sum(workload.budget.values())

    @cache
    def stays(residents: int, wanted: int) -> tuple[int, ...]:
        """The largest parts of `residents` that fit beside `wanted`."""
        room = budget - sizes[wanted]
        members = [index for index in range(len(names)) if residents >> index & 1]
        fitting: list[int] = []
        for part in range(1 << len(members)):
            chosen = sum(1 << member for bit, member in enumerate(members) if part >> bit & 1)
            if _size(chosen, sizes) <= room:
                fitting.append(chosen)
        return tuple(one for one in fitting if not any(one != other and one & other == one for other in fitting))

    costs: dict[int, float] = {0: 0.0}
    for wanted in _without_repeats(workload.visits, place):
        if all(residents >> wanted & 1 for residents in costs):
            continue
        after: dict[int, float] = {}
        for residents, cost_s in costs.items():
            if residents >> wanted & 1:
                after[residents] = min(cost_s, after.get(residents, cost_s))
                continue
            for staying in stays(residents, wanted):
                reached, reached_s = staying | 1 << wanted, cost_s + loads_s[wanted]
                after[reached] = min(reached_s, after.get(reached, reached_s))
        costs = _undominated(after, loads_s)
    return min(costs.values())


def _undominated(costs: dict[int, float], loads_s: Sequence[float]) -> dict[int, float]:
    kept: dict[int, float] = {}
    for residents, cost_s in sorted(costs.items(), key=lambda item: item[1]):
        for other, other_s in kept.items():
            if other_s + _size(residents & ~other, loads_s) <= cost_s + 1e-9:
                break
        else:
            kept[residents] = cost_s
    return kept


def _size(members: int, of: Sequence[float]) -> float:
    return sum(of[index] for index in range(members.bit_length()) if members >> index & 1)


def _without_repeats(visits: Sequence[Visit], place: dict[str, int]) -> list[int]:
    """The models in order; one asked for twice in a row is there the second time."""
    order: list[int] = []
    for visit in visits:
        if not order or order[-1] != place[visit.model]:
            order.append(place[visit.model])
    return order
