"""The ledger: what is promised, what is free, and that nothing is promised twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.runtime.residency.ledger import Ledger, add, covers, shortfall

SIZES = st.dictionaries(st.sampled_from(["ram", "gpu0", "gpu1"]), st.integers(0, 20))


@pytest.fixture
def ledger() -> Ledger:
    return Ledger({"ram": 100, "gpu0": 50})


class TestPromises:
    def test_what_is_held_is_not_free(self, ledger: Ledger) -> None:
        ledger.hold("a", {"ram": 60})
        assert ledger.free() == {"ram": 40, "gpu0": 50}

    def test_more_than_is_free_is_never_promised(self, ledger: Ledger) -> None:
        """C40."""
        ledger.hold("a", {"ram": 60})
        with pytest.raises(AssertionError, match="bytes too many"):
            ledger.hold("b", {"ram": 41})

    def test_nobody_holds_twice(self, ledger: Ledger) -> None:
        ledger.hold("a", {"ram": 1})
        with pytest.raises(AssertionError, match="already holds"):
            ledger.hold("a", {"ram": 1})

    def test_what_is_given_back_is_free_and_twice_is_once(self, ledger: Ledger) -> None:
        """C49."""
        ledger.hold("a", {"ram": 60})
        ledger.give_back("a")
        ledger.give_back("a")
        assert ledger.free()["ram"] == 100

    def test_a_pool_this_machine_does_not_have_has_no_room(self, ledger: Ledger) -> None:
        assert ledger.allowed("gpu9") == 0
        assert not covers(ledger.free(), {"gpu9": 1})

    def test_promises_beyond_what_is_there_leave_nothing_free_and_never_less(self, ledger: Ledger) -> None:
        """C44: no wrap-around."""
        ledger.hold("a", {"ram": 60})
        ledger.correct("a", {"ram": 130})
        assert ledger.free()["ram"] == 0
        assert ledger.overdrawn() == {"ram": 30}

    @given(st.integers(-10, 200), st.integers(-10, 200))
    def test_a_ceiling_tightens_and_never_loosens(self, ceiling: int, overhead: int) -> None:
        """C36."""
        ledger = Ledger({"ram": 100})
        ledger.set_ceiling("ram", ceiling)
        ledger.set_overhead("ram", overhead)
        assert 0 <= ledger.attainable("ram") <= ledger.allowed("ram") <= 100

    @given(st.lists(st.tuples(st.sampled_from("abc"), SIZES), max_size=20))
    def test_whatever_is_held_and_given_back_the_sum_is_the_budget(
        self, moves: list[tuple[str, dict[str, int]]]
    ) -> None:
        """C31."""
        ledger = Ledger({"ram": 30, "gpu0": 30, "gpu1": 30})
        for name, size in moves:
            if name in ledger.snapshot():
                ledger.give_back(name)
            elif covers(ledger.free(), size):
                ledger.hold(name, size)
            assert all(ledger.free()[pool] + ledger.held_in(pool) == 30 for pool in ledger.pools)
        ledger.check(ledger.snapshot())


class TestArithmetic:
    @given(SIZES, SIZES)
    def test_what_one_has_and_what_is_missing_cover_what_is_needed(
        self, have: dict[str, int], need: dict[str, int]
    ) -> None:
        missing = shortfall(need, have)
        assert covers(add(have, missing), need)
        assert (not missing) == covers(have, need)
        assert all(size > 0 for size in missing.values())
