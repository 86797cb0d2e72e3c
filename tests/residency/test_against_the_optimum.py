"""How much is loaded, against the least that anybody who knew the future could load."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from benchmarks.policies import WAYS, row
from benchmarks.scheduling.optimum import least_load_s
from benchmarks.scheduling.workloads import Workload, party, podcast, rpg
from innkeeper.runtime.residency.simulator import Visit
from tests.residency.inn import model

VALUABLE, PRELOADING, RECENT, _, ONE = WAYS


def tiny(sizes: dict[str, float], order: str) -> Workload:
    models = {name: model(gib, load_s=1 + gib) for name, gib in sizes.items()}
    return Workload("tiny", {"ram": 10 * 2**30}, models, tuple(Visit(at, name, 0.1) for at, name in enumerate(order)))


def least_by_trying(workload: Workload) -> float:
    """Every choice of who stays at every request, one after another."""
    sizes = {name: terms.needs.bytes["ram"] for name, terms in workload.models.items() if terms.needs is not None}

    def rest(residents: frozenset[str], place: int) -> float:
        if place == len(workload.visits):
            return 0.0
        wanted = workload.visits[place].model
        if wanted in residents:
            return rest(residents, place + 1)
        choices = [
            residents - {one for bit, one in enumerate(sorted(residents)) if part >> bit & 1} | {wanted}
            for part in range(2 ** len(residents))
        ]
        fitting = [one for one in choices if sum(sizes[name] for name in one) <= 10 * 2**30]
        return workload.models[wanted].load_s + min(rest(one, place + 1) for one in fitting)

    return rest(frozenset(), 0)


class TestTheOptimum:
    def test_keeping_what_is_needed_next_is_known_to_be_best(self) -> None:
        assert least_load_s(tiny({"a": 6, "b": 4, "c": 4}, "abcab")) == 7 + 5 + 5 + 5

    @pytest.mark.parametrize("seed", range(15))
    def test_it_is_what_trying_everything_finds(self, seed: int) -> None:
        dice = Random(seed)
        workload = tiny({name: dice.uniform(1, 9) for name in "abcd"}, "".join(dice.choice("abcd") for _ in range(8)))
        assert least_load_s(workload) == pytest.approx(least_by_trying(workload))


class TestTheDefault:
    """Nobody leaves in vain, nothing is promised beyond the budget, nobody waits beyond the bound, little is loaded."""

    @pytest.mark.parametrize(("make", "most"), [(rpg, 1.05), (podcast, 1.15), (party, 1.20)])
    def test_it_loads_little_more_than_the_least_there_is(self, make: Callable[[int], Workload], most: float) -> None:
        """C31, C35."""
        workload = make(1)
        optimum_s = least_load_s(workload)
        default = row(workload, VALUABLE, optimum_s)
        assert (default.in_vain, default.overrun_bytes, default.beyond_bound) == (0, 0, 0)
        assert 1 <= default.ratio <= most
        assert default.ratio <= row(workload, RECENT, optimum_s).ratio

    def test_preloads_by_rate_cost_little_load_time(self) -> None:
        """C78."""
        workload = party(1)
        optimum_s = least_load_s(workload)
        assert row(workload, PRELOADING, optimum_s).ratio <= 1.15 * row(workload, VALUABLE, optimum_s).ratio

    def test_one_model_at_a_time_is_far_worse(self) -> None:
        workload = podcast(1)
        optimum_s = least_load_s(workload)
        assert row(workload, ONE, optimum_s).ratio > 2 * row(workload, VALUABLE, optimum_s).ratio
