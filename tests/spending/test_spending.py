"""Spending: refused before anything is sent, set aside while under way, written down afterwards."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.errors import EngineFailed, SpendingCeiling, StateUnusable
from innkeeper.runtime.facts import Fact, Spent
from innkeeper.runtime.messages import Kind, Request, Usage
from innkeeper.runtime.price import Price
from innkeeper.runtime.spending.bill import Bill
from innkeeper.runtime.spending.book import SpendBook
from innkeeper.runtime.spending.purse import Ceilings
from innkeeper.runtime.spending.spending import Spending

NOON_S = datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp()
DAY_S = 86_400.0
MILLION = 1_000_000
CLOUD = Model("cloud", "hosted", frozenset({Kind.CHAT}), price=Price(0.0, 1.0))
"""What it reads is free; what it writes costs 1 for a million tokens."""


def question(client: str = "ann", max_tokens: int = MILLION) -> Request:
    return Request("r-1", Kind.CHAT, {"max_tokens": max_tokens, "messages": []}, client=client)


def by_model(file: Path, since_day: str) -> Mapping[str, float]:
    with closing(SpendBook(file)) as book:
        return book.by_model(since_day)


@dataclass
class Till:
    """A `Spending` with its clock and its facts."""

    file: Path
    now_s: float = NOON_S
    facts: list[Fact] = field(default_factory=list)
    spending: Spending = field(init=False)

    def open(self, per_day: float | None = 10.0, per_client: float | None = None) -> Spending:
        ceilings = Ceilings("USD", per_day, per_client)
        self.spending = Spending(ceilings, SpendBook(self.file), clock=lambda: self.now_s, note=self.facts.append)
        return self.spending

    def spend(self, amount: float, client: str = "ann") -> None:
        with self.spending.bill(question(client, int(amount * MILLION)), CLOUD, 1) as bill:
            bill.counted(Usage(answer_tokens=int(amount * MILLION)))


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    opened = Till(tmp_path / "spend.sqlite")
    opened.open()
    yield opened
    opened.spending.close()


class TestACeiling:
    def test_refuses_what_could_pass_it_and_says_the_numbers(self, till: Till) -> None:
        """C75"""
        till.spend(9.5)

        with pytest.raises(SpendingCeiling) as raised, till.spending.bill(question(), CLOUD, 1):
            pass

        assert raised.value.message == (
            "cloud is not asked: it may cost 1.00 USD, and of the 10.00 a day for all callers together 9.50 are spent. "
            "The day ends at midnight UTC, in 12.0 hours; models that run here still answer."
        )
        assert raised.value.retry_after_s == DAY_S / 2
        assert raised.value.try_next

    def test_holds_for_many_at_once(self, till: Till) -> None:
        """C75: fifty that begin together, of which ten can be paid."""
        bills = [till.spending.bill(question(), CLOUD, 1) for _ in range(50)]
        begun = []
        for bill in bills:
            try:
                begun.append((bill, bill.__enter__()))
            except SpendingCeiling:
                continue
        for bill, open_bill in begun:
            open_bill.counted(Usage(answer_tokens=MILLION))
            bill.__exit__(None, None, None)

        assert len(begun) == 10
        assert till.spending.view().spent == pytest.approx(10.0)

    def test_of_one_request_is_the_callers_own(self, till: Till) -> None:
        """C74: one cost ceiling, whatever the day's ceilings leave; a model without a price is above it."""
        cheap = replace(question(), max_cost=0.5)
        with pytest.raises(SpendingCeiling, match=r"may cost 1\.00 USD, and this request may cost 0\.50 more"):
            till.spending.bill(cheap, CLOUD, 1).__enter__()
        with pytest.raises(SpendingCeiling, match="has no price"):
            till.spending.bill(cheap, replace(CLOUD, price=None), 1).__enter__()

        with till.spending.bill(replace(question(), max_cost=1.0), CLOUD, 1):
            pass

    def test_is_told_what_a_failed_attempt_cost(self, till: Till) -> None:
        """C74: so that the next candidate of the chain has the less to spend."""

        def breaks_off() -> None:
            with till.spending.bill(question(), CLOUD, 1) as bill:
                bill.asked()
                bill.counted(Usage(answer_tokens=MILLION // 2))
                raise EngineFailed("broken off")

        with pytest.raises(EngineFailed) as raised:
            breaks_off()

        assert raised.value.numbers["cost"] == pytest.approx(0.5)

    def test_of_a_caller_leaves_others_alone(self, till: Till) -> None:
        till.open(per_day=None, per_client=1.0)
        till.spend(1.0, "ann")

        with pytest.raises(SpendingCeiling, match="a day for ann"):
            till.spend(0.5, "ann")
        till.spend(0.5, "ben")

    def test_begins_anew_at_midnight_utc(self, till: Till) -> None:
        till.spend(10.0)
        till.now_s += DAY_S / 2

        till.spend(10.0)

        assert till.spending.view().day == "2026-02-01"

    def test_of_the_caller_for_one_request_counts_too(self, till: Till) -> None:
        """C74"""
        cheap = replace(question(), max_cost=0.5)
        with pytest.raises(SpendingCeiling, match=r"this request may cost 0\.50"), till.spending.bill(cheap, CLOUD, 1):
            pass

    def test_outlives_the_server(self, till: Till) -> None:
        till.spend(9.5)
        till.spending.close()
        till.open()

        with pytest.raises(SpendingCeiling):
            till.spend(1.0)

    def test_counts_the_most_for_an_answer_that_a_kill_cut_off(self, till: Till) -> None:
        killed = till.spending.bill(question(), CLOUD, 1)
        killed.__enter__()
        till.spending.close()  # and nothing settles it
        till.open()

        assert till.spending.view().spent == 1.0
        till.open(per_day=None)
        killed.__exit__(None, None, None)

    def test_refuses_a_model_without_a_price(self, till: Till) -> None:
        unknown = Model("cloud", "hosted", frozenset({Kind.CHAT}))
        with pytest.raises(SpendingCeiling, match="where it is free, 0"), till.spending.bill(question(), unknown, 1):
            pass

    def test_lets_what_is_free_through_when_all_is_spent(self, till: Till) -> None:
        till.spend(10.0)
        free = Model("free", "hosted", frozenset({Kind.CHAT}), price=Price(0.0, 0.0))

        with till.spending.bill(question(), free, 1) as bill:
            assert bill.usage.cost == 0.0

    def test_assumes_the_providers_limit_where_a_request_has_none(self, till: Till) -> None:
        request = Request("r-1", Kind.CHAT, {"messages": []})

        assert till.spending.most(request, CLOUD, 2 * MILLION) == 2.0


class TestABill:
    @pytest.fixture
    def bill(self, till: Till) -> Callable[[], Usage]:
        def usage() -> Usage:
            with till.spending.bill(question(), CLOUD, 1) as bill:
                return bill.usage

        return usage

    def test_is_nothing_before_anything_is_sent(self, bill: Callable[[], Usage]) -> None:
        assert bill() == Usage(cost=0.0)

    def test_is_nothing_when_the_provider_refuses(self, till: Till) -> None:
        with till.spending.bill(question(), CLOUD, 1) as bill:
            bill.asked()
            bill.refused()

        assert till.spending.view().spent == 0.0
        assert till.facts == []

    def test_is_estimated_from_the_texts_where_nobody_counts(self, till: Till) -> None:
        with till.spending.bill(question(), CLOUD, 1) as bill:
            bill.asked()
            bill.said("word" * 1000)

        assert till.spending.view().spent == pytest.approx(0.001)
        assert till.facts == [Spent("r-1", "cloud", "ann", 0.001, "USD", is_estimated=True)]

    def test_is_what_the_provider_says_it_is(self, till: Till) -> None:
        with till.spending.bill(question(), CLOUD, 1) as bill:
            bill.asked()
            bill.said("something")
            bill.counted(Usage(10, 20), reported=0.25)

        assert till.facts == [Spent("r-1", "cloud", "ann", 0.25, "USD", is_estimated=False)]

    def test_adds_up_over_several_batches(self, till: Till) -> None:
        with till.spending.bill(question(), CLOUD, 1) as bill:
            bill.counted(Usage(1, 10))
            bill.counted(Usage(1, 20))

        assert bill.usage.answer_tokens == 30

    def test_is_settled_also_when_the_answer_fails(self, till: Till) -> None:
        def break_off(bill: Bill) -> None:
            bill.asked()
            bill.said("word")
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError), till.spending.bill(question(), CLOUD, 1) as bill:
            break_off(bill)

        assert till.spending.view().set_aside == 0.0
        assert till.spending.view().spent > 0.0


class TestTheBook:
    def test_knows_what_each_model_cost(self, till: Till) -> None:
        till.spend(1.0)
        till.spend(2.0)

        assert by_model(till.file, "2026-01-31") == {"cloud": 3.0}
        assert by_model(till.file, "2026-02-01") == {}

    def test_that_cannot_be_written_stops_hosted_models_where_there_is_a_ceiling(self, tmp_path: Path) -> None:
        till = Till(tmp_path / "folder")
        till.file.mkdir()
        till.open()

        with pytest.raises(SpendingCeiling, match="cannot be written down"):
            till.spend(1.0)
        assert till.spending.trouble is not None
        assert till.spending.view().spent == 0.0

    def test_that_cannot_be_written_stops_nobody_where_there_is_none(self, tmp_path: Path) -> None:
        till = Till(tmp_path / "folder")
        till.file.mkdir()
        till.open(per_day=None)
        till.spend(1.0)

        assert till.spending.view().spent == 1.0

    def test_of_a_newer_version_is_left_alone(self, till: Till) -> None:
        till.spend(1.0)
        till.spending.close()
        with sqlite3.connect(till.file) as database:
            database.execute("PRAGMA user_version = 99")
        database.close()

        with pytest.raises(StateUnusable, match="newer Innkeeper"):
            by_model(till.file, "2026-01-31")

    def test_forgets_after_a_year_and_a_month(self, till: Till) -> None:
        till.spend(1.0)
        till.now_s += 401 * DAY_S
        till.spend(2.0)

        assert by_model(till.file, "2000-01-01") == {"cloud": 2.0}
