"""Loading before anybody asks: what it may take, what it may not, and how it learns."""

from __future__ import annotations

from innkeeper.runtime.facts import Preloaded
from innkeeper.runtime.residency.callers import Rules
from innkeeper.runtime.residency.preload import Preloads
from innkeeper.runtime.residency.signals import PreloadWanted, Tick
from innkeeper.runtime.residency.states import State
from tests.residency.inn import Inn, model


def wish(*names: str) -> PreloadWanted:
    return PreloadWanted(names, "the chapter begins")


def what(inn: Inn) -> list[str]:
    return [fact.what for fact in inn.noted(Preloaded)]


def where_the_popular_one_left_for_a_rare_one() -> Inn:
    """Ninety requests for one model, then one for another that needs its room, which is answered."""
    inn = Inn({"popular": 6, "rare": 6})
    for _ in range(90):
        inn.resident("popular")
        inn.wait(2)
    inn.ask("rare")
    inn.gone("popular")
    inn.ready("rare")
    inn.give_back(inn.served[-1])
    return inn


class TestAWish:
    def test_it_takes_what_is_free(self) -> None:
        inn = Inn({"a": 6, "b": 4})
        assert inn.hear(wish("a", "b")) == "load a, load b"
        assert what(inn) == ["started", "started"]

    def test_whoever_asks_then_joins_the_load(self) -> None:
        inn = Inn({"a": 6})
        inn.hear(wish("a"))
        assert inn.ask("a") == ""
        assert inn.ready("a") == "serve 1"
        inn.give_back(1)
        assert inn.ask("a") == "serve 2"
        assert what(inn) == ["started", "used"]

    def test_it_never_displaces_a_model_in_use_held_pinned_or_waited_for(self) -> None:
        """C78."""
        inn = Inn({"busy": 3, "held": 2, "pinned": model(2, pinned=True), "loading": 3, "dream": 9})
        inn.busy("busy")
        inn.busy("held")
        inn.give_back(2, hold_s=1000)
        inn.resident("pinned")
        inn.ask("loading")
        inn.wait(900)
        assert inn.hear(wish("dream")) == ""
        assert inn.wait(60) == ""
        assert what(inn) == ["declined"]

    def test_it_displaces_an_idle_model_that_is_worth_less_and_has_settled(self) -> None:
        inn = Inn({"old": 6, "dream": model(6, load_s=20)})
        inn.resident("old")
        inn.wait(1000)
        assert inn.hear(wish("dream")) == "unload old"
        assert inn.gone("old") == "load dream"

    def test_it_does_not_displace_a_model_that_has_only_just_loaded(self) -> None:
        inn = Inn({"new": 6, "dream": model(6, load_s=20)})
        inn.busy("new")
        inn.give_back(1)
        assert inn.hear(wish("dream")) == ""

    def test_it_does_not_displace_what_is_worth_more(self) -> None:
        inn = Inn({"popular": model(6, load_s=20), "dream": model(6, load_s=1)})
        for _ in range(60):
            inn.resident("popular")
            inn.wait(2)
        assert inn.hear(wish("dream")) == ""

    def test_it_yields_to_a_real_request_at_once(self) -> None:
        """C78: also while it still loads."""
        inn = Inn({"dream": 6, "real": 6})
        inn.hear(wish("dream"))
        assert inn.ask("real") == "unload dream"
        assert inn.gone("dream") == "load real"
        assert what(inn) == ["started", "cancelled"]

    def test_it_is_not_cancelled_once_somebody_waits_for_it(self) -> None:
        inn = Inn({"dream": 6, "real": 6})
        inn.hear(wish("dream"))
        inn.ask("dream")
        assert inn.ask("real") == ""
        assert inn.state("dream") is State.LOADING

    def test_it_waits_while_somebody_who_asked_lacks_room(self) -> None:
        """C78."""
        inn = Inn({"busy": 6, "large": 9, "dream": 2})
        inn.busy("busy")
        inn.ask("large")
        assert inn.hear(wish("dream")) == ""

    def test_it_is_out_of_date_after_a_minute(self) -> None:
        inn = Inn({"busy": 9, "dream": 2})
        inn.busy("busy")
        inn.hear(wish("dream"))
        inn.wait(60)
        assert inn.give_back(1) == ""
        assert what(inn) == ["declined"]

    def test_two_wishes_do_not_count_on_the_same_room(self) -> None:
        inn = Inn({"old": 10, "a": model(6, load_s=20), "b": model(6, load_s=20)})
        inn.resident("old")
        inn.wait(1000)
        inn.hear(wish("a", "b"))
        assert inn.gone("old") == "load a"

    def test_each_of_two_makes_its_own_room(self) -> None:
        inn = Inn({"old": 5, "older": 5, "a": model(5, load_s=20), "b": model(5, load_s=20)})
        inn.resident("older", "old")
        inn.wait(1000)
        assert inn.hear(wish("a", "b")) == "unload old, unload older"

    def test_one_for_an_unknown_or_a_ready_model_is_nothing(self) -> None:
        inn = Inn({"a": 6})
        inn.resident("a")
        assert inn.hear(wish("a", "nobody")) == ""
        assert inn.machine.wake_at_s() is None

    def test_an_operator_who_unloads_the_model_ends_it_before_there_is_room_for_it(self) -> None:
        inn = Inn({"busy": 9, "dream": 2})
        inn.busy("busy")
        inn.hear(wish("dream"))
        inn.unload("dream")
        assert inn.gone("busy") == ""

    def test_an_operator_who_unloads_the_model_ends_it(self) -> None:
        inn = Inn({"a": 6})
        inn.hear(wish("a"))
        inn.unload("a")
        assert inn.gone("a") == ""


class TestLearning:
    def test_wishes_that_come_true_are_trusted_more_and_others_less(self) -> None:
        inn = Inn({"a": 6, "b": 6})
        preloads = inn.machine.books.preloads
        before = preloads.trust
        inn.hear(wish("a"))
        assert preloads.trust < before
        inn.ask("a")
        inn.ready("a")
        assert preloads.trust > before

    def test_a_regretted_one_makes_the_next_harder_and_is_counted_once(self) -> None:
        inn = Inn({"old": model(6, slots=2), "dream": model(6, load_s=20)})
        inn.resident("old")
        inn.wait(1000)
        before = inn.machine.books.preloads.margin
        inn.hear(wish("dream"))
        inn.ask("old")
        inn.ask("old")
        assert inn.machine.books.preloads.margin > before
        assert what(inn).count("regretted") == 1

    def test_a_cancelled_one_makes_the_next_harder(self) -> None:
        inn = Inn({"dream": 6, "real": 6})
        before = inn.machine.books.preloads.margin
        inn.hear(wish("dream"))
        inn.ask("real")
        assert inn.machine.books.preloads.margin > before

    def test_cancelled_ones_alone_never_end_preloading(self) -> None:
        preloads = Preloads()
        for _ in range(1000):
            preloads.cancelled()
        assert preloads.margin == 0.5

    def test_a_used_one_makes_the_next_easier(self) -> None:
        inn = Inn({"a": 6})
        before = inn.machine.books.preloads.margin
        inn.hear(wish("a"))
        inn.ask("a")
        inn.ready("a")
        assert inn.machine.books.preloads.margin < before

    def test_a_pinned_models_own_place_is_no_guess(self) -> None:
        inn = Inn({"a": model(6, pinned=True)})
        before = inn.machine.books.preloads.trust
        assert inn.hear(wish("a")) == "load a"
        assert inn.machine.books.preloads.trust == before

    def test_one_that_died_before_it_was_of_use_was_not_used(self) -> None:
        inn = Inn({"a": 6})
        inn.hear(wish("a"))
        inn.ready("a")
        inn.gone("a")
        inn.resident("a")
        assert what(inn) == ["started"]

    def test_what_merely_comes_back_after_a_failed_load_proves_nothing_about_guesses(self) -> None:
        inn = Inn({"a": 6, "broken": 6})
        inn.resident("a")
        before = inn.machine.books.preloads.trust
        inn.ask("broken")
        inn.gone("a")
        inn.fails("broken")
        assert inn.gone("broken") == "load a"
        assert inn.machine.books.preloads.trust == before


class TestAWishForFreeRoom:
    def test_it_loads_into_what_is_free(self) -> None:
        inn = Inn({"a": 6})
        assert inn.hear(PreloadWanted(("a",), "a feed was opened", may_displace=False)) == "load a"

    def test_nobody_leaves_for_it(self) -> None:
        """C78."""
        inn = Inn({"idle": 6, "a": 6})
        inn.resident("idle")
        inn.wait(3600)
        assert inn.hear(PreloadWanted(("a",), "a feed was opened", may_displace=False)) == ""
        assert inn.hear(PreloadWanted(("a",), "a campaign was opened")) == "unload idle"


class TestAGuess:
    def test_a_model_that_had_to_leave_and_is_asked_for_often_comes_back_into_free_room(self) -> None:
        inn = where_the_popular_one_left_for_a_rare_one()
        inn.unload("rare")
        assert inn.gone("rare") == "load popular"

    def test_a_model_that_an_operator_does_not_want_in_memory_is_not_guessed_back(self) -> None:
        inn = where_the_popular_one_left_for_a_rare_one()
        assert inn.unload("popular") == ""
        inn.unload("rare")
        assert inn.gone("rare") == ""

    def test_it_comes_back_in_the_place_of_one_that_is_worth_less_and_idle(self) -> None:
        inn = where_the_popular_one_left_for_a_rare_one()
        inn.wait(5)
        assert inn.hear(Tick()) == "unload rare"
        assert inn.gone("rare") == "load popular"

    def test_it_may_be_forbidden(self) -> None:
        inn = Inn({"popular": 6, "rare": 6}, rules=Rules(preloads_by_rate=False))
        for _ in range(60):
            inn.resident("popular")
            inn.wait(2)
        inn.ask("rare")
        inn.gone("popular")
        inn.gone("rare")
        assert inn.wait(100) == ""
        assert inn.hear(Tick()) == ""

    def test_a_model_that_is_seldom_asked_for_does_not(self) -> None:
        inn = Inn({"seldom": 6, "rare": 6})
        inn.resident("seldom")
        inn.ask("rare")
        inn.gone("seldom")
        inn.ready("rare")
        inn.give_back(2)
        inn.unload("rare")
        assert inn.gone("rare") == ""
