"""Budgets, and ceilings that follow other programs."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.runtime.errors import BadSettings
from innkeeper.runtime.memory.pools import SETTLES_IN_S, Ceiling, PoolReading, budget_bytes

GB = 10**9
SIZES = st.integers(0, 64 * GB)


class TestAReading:
    def test_says_what_others_hold(self) -> None:
        assert PoolReading(total_bytes=10 * GB, free_bytes=3 * GB, ours_bytes=2 * GB).others_bytes == 5 * GB

    @given(total=SIZES, free=SIZES, ours=SIZES)
    def test_never_wraps_around_below_nothing(self, total: int, free: int, ours: int) -> None:
        """C44"""
        reading = PoolReading(total, free, ours)
        assert reading.others_bytes >= 0
        assert 0 <= reading.left_bytes <= total


class TestABudget:
    READING = PoolReading(total_bytes=16 * GB, free_bytes=10 * GB, ours_bytes=1 * GB)

    def test_is_all_but_the_reserve_when_nothing_is_wanted(self) -> None:
        assert budget_bytes("ram", self.READING, None, 2 * GB) == 14 * GB

    def test_is_nothing_when_the_reserve_is_more_than_there_is(self) -> None:
        """C44"""
        assert budget_bytes("ram", self.READING, None, 99 * GB) == 0

    @pytest.mark.parametrize(("wanted", "size"), [(12 * GB, 12 * GB), (Fraction(1, 2), 8 * GB), (Fraction(1), 16 * GB)])
    def test_is_as_wanted_in_bytes_or_as_a_part_of_the_whole(self, wanted: int | Fraction, size: int) -> None:
        assert budget_bytes("ram", self.READING, wanted, 2 * GB) == size

    def test_larger_than_the_pool_is_refused_with_both_numbers(self) -> None:
        with pytest.raises(BadSettings, match="for gpu0 is more than") as refused:
            budget_bytes("gpu0", self.READING, 17 * GB, 0)
        assert refused.value.numbers == {"wanted_bytes": 17 * GB, "total_bytes": 16 * GB}


def left(size: int) -> PoolReading:
    """A pool of 16 GB of which others leave so much."""
    return PoolReading(total_bytes=16 * GB, free_bytes=size)


class TestACeiling:
    def test_is_the_budget_while_others_leave_enough(self) -> None:
        """C36"""
        assert Ceiling(8 * GB, 0).hear(left(16 * GB), 0.0, None) == 8 * GB

    def test_comes_down_with_what_others_take_and_goes_back_to_the_budget_and_no_higher(self) -> None:
        """C36"""
        ceiling = Ceiling(8 * GB, 1 * GB)
        said = [ceiling.hear(left(size), now, None) for now, size in enumerate([6 * GB, 7 * GB, 16 * GB])]
        assert said == [5 * GB, 6 * GB, 8 * GB]

    def test_is_nothing_when_others_took_all(self) -> None:
        """C44"""
        assert Ceiling(8 * GB, 1 * GB).hear(left(0), 0.0, None) == 0

    def test_of_a_server_that_was_killed_and_started_again_rises_when_its_dead_children_are_gone(self) -> None:
        """C36"""
        first = left(4 * GB)  # of 16, because the dying hold 10
        ceiling = Ceiling(budget_bytes("ram", first, None, 1 * GB), 1 * GB)
        said = [ceiling.hear(left(size), now, None) for now, size in enumerate([4 * GB, 14 * GB, 14 * GB])]
        assert said == [3 * GB, 13 * GB, 13 * GB]

    def test_does_not_follow_the_breathing_of_the_system(self) -> None:
        ceiling = Ceiling(8 * GB, 0)
        ceiling.hear(left(6 * GB), 0.0, None)
        assert ceiling.hear(left(6 * GB - 16 * GB // 200), 1.0, None) == 6 * GB

    def test_is_not_lowered_by_a_reading_just_after_an_engine_left(self) -> None:
        """C37"""
        ceiling = Ceiling(8 * GB, 0)
        assert ceiling.hear(left(5 * GB), now_s=10.1, moved_at_s=10.0) == 8 * GB
        assert ceiling.hear(left(16 * GB), now_s=11.0, moved_at_s=10.0) == 8 * GB

    def test_is_lowered_once_the_memory_had_time_to_settle(self) -> None:
        """C37"""
        ceiling = Ceiling(8 * GB, 0)
        assert ceiling.hear(left(5 * GB), now_s=10.0 + SETTLES_IN_S, moved_at_s=10.0) == 5 * GB

    def test_is_lowered_when_readings_say_so_all_the_time_though_engines_come_and_go(self) -> None:
        """C37: the limit is honoured; constant swapping is no excuse."""
        ceiling = Ceiling(8 * GB, 0)
        said = [ceiling.hear(left(5 * GB), float(now), moved_at_s=now - 0.5) for now in range(7)]
        assert said == [8 * GB] * 5 + [5 * GB] * 2

    def test_doubts_anew_after_a_reading_that_was_well(self) -> None:
        """C37"""
        ceiling = Ceiling(8 * GB, 0)
        sizes = [5 * GB] * 4 + [16 * GB] + [5 * GB] * 4
        said = [ceiling.hear(left(size), float(now), moved_at_s=now - 0.5) for now, size in enumerate(sizes)]
        assert said == [8 * GB] * 9

    @given(budget=SIZES, readings=st.lists(st.tuples(SIZES, st.booleans()), max_size=20))
    def test_is_never_above_the_budget_nor_below_nothing(self, budget: int, readings: list[tuple[int, bool]]) -> None:
        """C36, C44"""
        ceiling = Ceiling(budget, GB)
        for now, (size, moves) in enumerate(readings):
            assert 0 <= ceiling.hear(left(size), float(now), float(now) if moves else None) <= budget
