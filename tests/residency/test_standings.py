"""The standing of a model: what it would take for it to answer."""

from __future__ import annotations

from innkeeper.runtime.errors import DoesNotFit
from innkeeper.runtime.standing import Presence, Standing
from tests.residency.inn import GIB, Inn, model


def standing(inn: Inn, name: str) -> Standing:
    return inn.machine.standing(name, inn.now_s)


class TestAStanding:
    def test_of_a_cold_model_is_its_load_alone_where_there_is_room(self) -> None:
        inn = Inn({"a": model(4, load_s=3.0)})

        assert standing(inn, "a") == Standing("a", Presence.COLD, holds={"ram": 4 * GIB}, load_s=3.0)

    def test_of_a_load_under_way_counts_down_but_never_to_nothing(self) -> None:
        inn = Inn({"a": model(4, load_s=10.0)})
        inn.ask("a")
        inn.now_s = 4.0
        assert standing(inn, "a").presence is Presence.LOADING
        assert standing(inn, "a").left_s == 6.0
        inn.now_s = 60.0
        assert standing(inn, "a").left_s == 1.0

    def test_counts_those_who_use_it_and_those_who_wait(self) -> None:
        inn = Inn({"a": model(4, slots=2)})
        for _ in range(3):
            inn.ask("a")
        inn.ready("a")

        now = standing(inn, "a")
        assert (now.presence, now.slots, now.busy, now.waiting) == (Presence.READY, 2, 2, 1)

    def test_names_the_idle_ones_that_would_have_to_leave_and_what_that_costs(self) -> None:
        inn = Inn({"a": model(6, load_s=5.0), "b": model(6, load_s=3.0)})
        inn.ask("a")
        inn.ready("a")
        inn.give_back(1)

        b = standing(inn, "b")
        assert b.displaces == ("a",)
        books = inn.machine.books
        assert b.swap_s == 3.0 + books.value_s(books.residents["a"], inn.now_s)
        assert b.blocked_by == ()

    def test_names_the_busy_ones_where_the_idle_ones_are_not_enough(self) -> None:
        inn = Inn({"a": model(6), "b": model(6)})
        inn.ask("a")
        inn.ready("a")

        assert standing(inn, "b").blocked_by == ("a",)
        assert standing(inn, "b").displaces == ()

    def test_counts_the_loads_that_use_the_same_disk(self) -> None:
        inn = Inn({"a": model(4, load_s=7.0), "b": model(4, load_s=3.0)})
        inn.ask("a")

        assert standing(inn, "b").loads_ahead_s == 7.0

    def test_says_why_a_model_never_fits(self) -> None:
        inn = Inn({"a": model(11)})

        assert isinstance(standing(inn, "a").refusal, DoesNotFit)

    def test_of_a_model_on_its_way_out_is_cold(self) -> None:
        inn = Inn({"a": model(4)})
        inn.ask("a")
        inn.ready("a")
        inn.give_back(1)
        inn.unload("a")

        assert standing(inn, "a").presence is Presence.COLD

    def test_of_a_hosted_model_needs_no_load(self) -> None:
        inn = Inn({"a": model(0)})

        assert inn.machine.standing("a", 0.0, is_hosted=True).is_there

    def test_changes_nothing(self) -> None:
        inn = Inn({"a": model(6), "b": model(6)})
        inn.ask("a")
        inn.ready("a")
        inn.give_back(1)
        noted = list(inn.facts)
        standing(inn, "b")

        assert inn.facts == noted
        inn.machine.check()
