"""The policies: who leaves when room is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.runtime.residency import policy
from innkeeper.runtime.residency.policy import Occupant, keep_the_most_valuable_set, least_recently_used
from innkeeper.runtime.residency.signals import Tick
from tests.residency.inn import Inn

POLICIES = [keep_the_most_valuable_set, least_recently_used]


@st.composite
def houses(draw: st.DrawFn, at_most: int = 7) -> tuple[list[Occupant], dict[str, int]]:
    pools = draw(st.sampled_from([("ram",), ("ram", "gpu0"), ("ram", "gpu0", "gpu1")]))
    sizes = st.fixed_dictionaries({pool: st.integers(0, 9) for pool in pools})
    values = st.sampled_from([0.0, 0.5, 1.0, 1.5, 7.25])
    occupants = [
        Occupant(f"m{index}", draw(sizes), draw(values), draw(st.integers(0, 5)))
        for index in range(draw(st.integers(0, at_most)))
    ]
    return occupants, draw(st.dictionaries(st.sampled_from(pools), st.integers(1, 30), min_size=1))


def frees_enough(leaving: tuple[Occupant, ...], needed: dict[str, int]) -> bool:
    return all(sum(one.holds.get(pool, 0) for one in leaving) >= size for pool, size in needed.items())


class TestEveryPolicy:
    @pytest.mark.parametrize("choose", POLICIES)
    @given(house=houses(at_most=16))
    def test_it_frees_enough_with_not_one_more_than_needed_or_says_that_it_cannot_be_done(
        self, choose: Callable[..., tuple[Occupant, ...] | None], house: tuple[list[Occupant], dict[str, int]]
    ) -> None:
        """C33, C35."""
        occupants, needed = house
        chosen = choose(occupants, needed)
        if chosen is None:
            assert not frees_enough(tuple(occupants), needed)
            return
        assert frees_enough(chosen, needed)
        assert len({one.model for one in chosen}) == len(chosen)
        for needless in chosen:
            assert not frees_enough(tuple(one for one in chosen if one is not needless), needed)


class TestKeepingTheMostValuableSet:
    @given(house=houses())
    def test_no_other_set_costs_less(self, house: tuple[list[Occupant], dict[str, int]]) -> None:
        """C33: against trying every set."""
        occupants, needed = house
        chosen = keep_the_most_valuable_set(occupants, needed)
        costs = [
            sum(one.value_s for one in some)
            for count in range(len(occupants) + 1)
            for some in combinations(occupants, count)
            if frees_enough(some, needed)
        ]
        if chosen is None:
            assert costs == []
        else:
            assert sum(one.value_s for one in chosen) == pytest.approx(min(costs))

    def test_among_equals_the_longest_unused_leaves(self) -> None:
        occupants = [Occupant(name, {"ram": 4}, 1.0, used_s) for name, used_s in (("a", 3), ("b", 1), ("c", 2))]
        assert keep_the_most_valuable_set(occupants, {"ram": 3}) == (occupants[1],)

    def test_two_cheap_ones_leave_rather_than_a_dear_one(self) -> None:
        dear, cheap, cheaper = (
            Occupant("dear", {"ram": 4}, 9.0, 0),
            Occupant("cheap", {"ram": 2}, 1.0, 5),
            Occupant("cheaper", {"ram": 2}, 0.5, 6),
        )
        assert keep_the_most_valuable_set([dear, cheap, cheaper], {"ram": 4}) == (cheap, cheaper)

    def test_a_greedy_choice_by_value_per_byte_would_be_worse(self) -> None:
        """The reason for choosing a set: greedy sends `poor` first and then needs `rich` as well."""
        poor, rich = Occupant("poor", {"ram": 2}, 0.1, 0), Occupant("rich", {"ram": 6}, 1.0, 0)
        assert keep_the_most_valuable_set([poor, rich], {"ram": 6}) == (rich,)

    def test_a_decision_asks_at_most_twice_for_each_model_however_many_wait(self) -> None:
        asked = 0

        def counting(occupants: Sequence[Occupant], needed: Mapping[str, int]) -> tuple[Occupant, ...] | None:
            nonlocal asked
            asked += 1
            return keep_the_most_valuable_set(occupants, needed)

        inn = Inn({f"m{index}": 4 for index in range(16)}, policy=counting)
        for name in ("m0", "m1"):
            inn.busy(name)
        for index in range(240):
            inn.ask(f"m{index % 16}", patience_s=1)
        inn.wait(0.5)
        asked = 0
        inn.hear(Tick())
        assert asked <= 16
        inn.wait(1)
        asked = 0
        inn.hear(Tick())
        assert asked <= 2 * 16

    def test_the_search_stays_small_at_the_size_up_to_which_it_is_exact(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Counted, not timed: every model worth its bytes is the hardest case, for no set is cheaper than it looks."""
        steps = 0
        both = policy._both

        def counting(*of: policy._Leaving | tuple[int, ...]) -> policy._Leaving:
            nonlocal steps
            steps += 1
            return both(*of)  # type: ignore[arg-type]  # handed through

        monkeypatch.setattr(policy, "_both", counting)
        occupants = [Occupant(f"m{size}", {"ram": 1000 + 37 * size}, 1000.0 + 37 * size, 0) for size in range(12)]
        assert keep_the_most_valuable_set(occupants, {"ram": 7000}) is not None
        assert steps <= 2 * 2**6 + 2**6
