"""The purse: answers under way together cannot pass a ceiling that none of them passes alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.runtime.price import Price
from innkeeper.runtime.spending.purse import Ceilings, Purse, Short

DAY, NEXT = "2026-01-31", "2026-02-01"


def purse(per_day: float | None = 10.0, per_client: float | None = None, **spent: float) -> Purse:
    opened = Purse(Ceilings("USD", per_day, per_client))
    opened.begin(DAY, spent)
    return opened


class TestACeiling:
    def test_leaves_room_up_to_itself(self) -> None:
        assert purse(ann=7.0).short("ben", 3.0) is None
        assert purse(ann=7.0).short("ben", 3.1) == Short("all callers together", 10.0, 7.0, 0.0)

    def test_counts_what_is_under_way(self) -> None:
        ours = purse()
        ours.put_aside(1, "ann", 6.0)

        assert ours.short("ben", 5.0) == Short("all callers together", 10.0, 0.0, 6.0)

    def test_gets_back_what_an_answer_did_not_cost(self) -> None:
        ours = purse()
        ours.put_aside(1, "ann", 9.0)
        ours.settle(1, 0.5)

        assert (ours.spent(), ours.set_aside()) == (0.5, 0.0)
        assert ours.short("ben", 9.0) is None

    def test_of_one_caller_is_not_anothers(self) -> None:
        ours = purse(per_day=None, per_client=1.0, ann=1.0)

        assert ours.short("ann", 0.1) == Short("ann", 1.0, 1.0, 0.0)
        assert ours.short("ben", 1.0) is None

    def test_does_not_stand_in_the_way_of_what_is_free(self) -> None:
        assert purse(ann=12.0).short("ann", 0.0) is None

    def test_that_is_not_set_stops_nobody(self) -> None:
        assert purse(per_day=None).short("ann", 1e6) is None

    def test_of_nothing_stops_all_that_costs(self) -> None:
        assert purse(per_day=0.0).short("ann", 1e-9) is not None


class TestANewDay:
    def test_begins_with_nothing_spent(self) -> None:
        ours = purse(ann=10.0)
        ours.begin(NEXT, {})

        assert ours.short("ann", 10.0) is None

    def test_is_not_charged_for_an_answer_of_the_day_before(self) -> None:
        ours = purse()
        ours.put_aside(1, "ann", 5.0)
        ours.begin(NEXT, {})
        ours.settle(1, 5.0)

        assert (ours.spent(), ours.set_aside()) == (0.0, 0.0)


class TestInAnyOrder:
    @given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 4), st.floats(0, 1), st.booleans()), max_size=40))
    def test_spent_and_set_aside_together_stay_below_every_ceiling(
        self, asks: list[tuple[str, float, float, bool]]
    ) -> None:
        """C75"""
        ours = purse(per_day=10.0, per_client=7.0)
        open_tickets: list[tuple[int, float]] = []
        for ticket, (client, most, share, ends_one) in enumerate(asks, start=1):
            if ours.short(client, most) is None:
                ours.put_aside(ticket, client, most)
                open_tickets.append((ticket, most * share))
            if ends_one and open_tickets:
                ours.settle(*open_tickets.pop(0))

            assert ours.spent() + ours.set_aside() <= 10.0 + 1e-9
            assert all(ours.spent(name) + ours.set_aside(name) <= 7.0 + 1e-9 for name in "ab")


def test_a_price_is_for_a_million_tokens() -> None:
    assert Price(0.5, 1.5).cost(1_000_000, 2_000_000) == 3.5
    assert Price(0.0, 0.0).cost(10, 10) == 0.0


def test_a_price_of_sound_is_for_a_minute_and_nothing_is_free_by_omission() -> None:
    assert Price(minute=0.006).of_sound(90.0) == pytest.approx(0.009)
    assert Price(minute=0.0).of_sound(None) == 0.0
    assert Price(minute=0.006).of_sound(None) is None
    assert (Price(minute=0.006).cost(1, 1), Price(1.0, 1.0).of_sound(1.0)) == (None, None)
    assert Price(minute=0.6).least == pytest.approx(0.01)
    assert (Price(1.0, 1.0, 60.0).least, Price().least) == (2e-6, 0.0)
