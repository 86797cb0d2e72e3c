"""The least there is to load: exact for few models, a bound for many."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from innkeeper.runtime.catalog import Catalog
from innkeeper.simulation import optimum
from innkeeper.simulation.optimum import least_load
from innkeeper.simulation.workload import Pace, Workload
from tests.simulation.small import GIB, in_order, model, pace


def drawn(seed: int, names: str = "abcd", length: int = 8) -> Workload:
    dice = Random(seed)
    return in_order({name: pace(dice.uniform(1, 9)) for name in names}, "".join(dice.choices(names, k=length)))


def least_by_trying(workload: Workload) -> float:
    """Every choice of who stays at every request, one after another."""

    def rest(residents: frozenset[str], place: int) -> float:
        if place == len(workload.arrivals):
            return 0.0
        wanted = workload.arrivals[place].model
        if wanted in residents:
            return rest(residents, place + 1)
        choices = [
            residents - {one for bit, one in enumerate(sorted(residents)) if part >> bit & 1} | {wanted}
            for part in range(2 ** len(residents))
        ]
        fitting = [
            one for one in choices if sum(workload.paces[name].needs["ram"] for name in one) <= workload.budget["ram"]
        ]
        return workload.paces[wanted].load_s + min(rest(one, place + 1) for one in fitting)

    return rest(frozenset(), 0)


class TestFewModels:
    def test_keeping_what_is_needed_next_is_known_to_be_best(self) -> None:
        least = least_load(in_order({"a": pace(6), "b": pace(4), "c": pace(4)}, "abcab"))
        assert (least.load_s, least.is_exact) == (7 + 5 + 5 + 5, True)

    @settings(max_examples=40, deadline=None)
    @given(seed=st.integers(0, 10**6))
    def test_it_is_what_trying_everything_finds(self, seed: int) -> None:
        workload = drawn(seed)
        assert least_load(workload).load_s == pytest.approx(least_by_trying(workload))

    def test_of_two_memories_both_must_hold_what_stays(self) -> None:
        both = {
            "a": Pace({"ram": 1, "gpu0": 6}, 5, 1, 1),
            "b": Pace({"ram": 6, "gpu0": 1}, 5, 1, 1),
            "c": Pace({"ram": 1, "gpu0": 4}, 5, 1, 1),
        }
        workload = replace(in_order(both, "abcab"), budget={"ram": 7, "gpu0": 10})
        assert least_load(workload).load_s == 5 + 5 + 5 + 5

    def test_a_pinned_model_loads_once_and_takes_its_room(self) -> None:
        workload = in_order({"a": pace(6), "b": pace(3), "c": pace(3)}, "bcbc")
        pinned = Catalog((model("a", pinned=True), model("b"), model("c")))
        assert least_load(replace(workload, catalog=pinned)).load_s == 7 + 4 * 4

    def test_what_fits_in_no_way_is_left_out(self) -> None:
        assert least_load(in_order({"a": pace(6), "huge": pace(11)}, "a")).load_s == 7
        assert least_load(in_order({"h": pace(11)}, "hh")).load_s == 0

    def test_what_is_hosted_costs_no_load(self) -> None:
        workload = in_order({"a": pace(6)}, "a")
        cloud = Catalog((model("a", provider="cloud"),))
        assert least_load(replace(workload, catalog=cloud)).load_s == 0


class TestManyModels:
    @settings(max_examples=30, deadline=None)
    @given(seed=st.integers(0, 10**6), together=st.integers(1, 4))
    def test_the_bound_is_never_above_the_exact_one(self, seed: int, together: int) -> None:
        workload = drawn(seed, "abcdef", 12)
        exact = least_load(workload)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(optimum, "EXACT_UP_TO", together)
            bound = least_load(workload)
        assert bound.load_s <= exact.load_s + 1e-9
        assert exact.is_exact

    def test_it_says_that_it_is_a_bound(self) -> None:
        names = [f"m{number}" for number in range(20)]
        workload = in_order(dict.fromkeys(names, pace(1)), "")
        asked = in_order({"m": pace(1)}, "m").arrivals[0]
        least = least_load(replace(workload, arrivals=tuple(replace(asked, model=name) for name in names)))
        assert (least.load_s, least.is_exact) == (40, False)
        assert workload.budget == {"ram": 10 * GIB}
