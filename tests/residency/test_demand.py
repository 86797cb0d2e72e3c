"""What is learned of models: how often they are asked for, how long they load, what their absence costs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.runtime.residency.demand import MEMORY_S, Demand


class TestDemand:
    def test_a_model_nobody_asked_for_is_not_expected(self) -> None:
        assert Demand().chance("a", now_s=100) == 0

    def test_each_request_makes_it_likelier_and_time_makes_it_less_likely(self) -> None:
        demand = Demand()
        demand.asked("a", 0)
        once = demand.chance("a", 0)
        demand.asked("a", 0)
        assert demand.chance("a", 0) > once > demand.chance("a", 3 * MEMORY_S)

    def test_a_steady_rate_is_learned(self) -> None:
        """One request in ten seconds, over hours: a chance of 1 - 1/e within ten seconds."""
        demand = Demand()
        for index in range(2000):
            demand.asked("a", 10.0 * index)
        assert demand.chance("a", 20_000, within_s=10) == pytest.approx(0.632, abs=0.01)

    @given(st.lists(st.floats(0, 1e6), max_size=20), st.floats(0, 1e4))
    def test_it_is_always_a_probability(self, at_s: list[float], within_s: float) -> None:
        demand = Demand()
        for moment_s in sorted(at_s):
            demand.asked("a", moment_s)
        assert 0 <= demand.chance("a", 1e6, within_s) <= 1

    def test_a_load_takes_what_was_expected_until_it_was_measured(self) -> None:
        demand = Demand()
        assert demand.load_s("a", expected_s=4) == 4
        demand.loaded("a", 2)
        assert demand.load_s("a", expected_s=4) == 2

    def test_later_loads_move_it_but_one_slow_load_does_not_decide(self) -> None:
        demand = Demand()
        for took_s in (2, 2, 2, 12):
            demand.loaded("a", took_s)
        assert demand.load_s("a", expected_s=4) == pytest.approx(5)

    def test_a_model_that_is_taken_out_is_forgotten(self) -> None:
        demand = Demand()
        demand.asked("a", 0)
        demand.loaded("a", 9)
        demand.forget("a")
        assert (demand.chance("a", 0), demand.load_s("a", 1)) == (0, 1)
