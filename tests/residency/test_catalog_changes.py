"""A new catalogue while models run, and the end of the house."""

from __future__ import annotations

import pytest

from innkeeper.runtime.errors import Closing, UnknownModel
from innkeeper.runtime.residency.signals import Close, PinSet, PreloadWanted, Seen, Sized, Terms
from innkeeper.runtime.residency.states import State
from tests.residency.inn import Inn, measured, model


class TestANewCatalogue:
    def test_an_unchanged_model_notices_nothing(self) -> None:
        inn = Inn({"a": model(6, identity="v1"), "b": 2})
        inn.busy("a")
        assert inn.has_models({"a": model(6, identity="v1")}) == ""
        assert inn.state("a") is State.READY
        assert inn.machine.books.residents["a"].leases == {1}

    def test_a_change_that_needs_no_reload_applies_at_once(self) -> None:
        """C15: different but compatible options reuse the loaded model."""
        inn = Inn({"a": model(6, identity="v1")})
        inn.resident("a")
        inn.has_models({"a": model(6, identity="v1", keep_for_s=5)})
        assert inn.wait(5) == "unload a"

    @pytest.mark.parametrize("new", [model(3, identity="v2"), model(3, identity="v1", slots=4)])
    def test_a_change_of_the_load_itself_waits_for_the_running_answers(self, new: Terms) -> None:
        """C15: incompatible options."""
        inn = Inn({"a": model(6, identity="v1")})
        inn.busy("a")
        assert inn.has_models({"a": new}) == ""
        assert inn.ask("a") == ""
        assert inn.give_back(1) == "unload a"
        assert inn.gone("a") == "load a"
        assert inn.held_gib() == 3

    def test_a_change_taken_back_while_it_drains_is_not_applied(self) -> None:
        inn = Inn({"a": model(6, identity="v1")})
        inn.busy("a")
        inn.has_models({"a": model(3, identity="v2")})
        inn.has_models({"a": model(6, identity="v1")})
        inn.give_back(1)
        inn.gone("a")
        inn.ask("a")
        assert inn.held_gib() == 6

    def test_a_better_number_that_comes_meanwhile_is_for_the_new_entry(self) -> None:
        inn = Inn({"a": model(6, identity="v1")})
        inn.busy("a")
        inn.has_models({"a": model(3, identity="v2")})
        inn.hear(Sized("a", measured(ram=2)))
        assert inn.held_gib() == 6
        inn.gone("a")
        inn.ask("a")
        assert inn.held_gib() == 2

    def test_it_may_pin_a_model_that_runs(self) -> None:
        inn = Inn({"a": 6, "b": 6})
        inn.resident("a")
        inn.has_models({"a": model(6, pinned=True), "b": 6})
        assert inn.ask("b") == "refuse 2"

    def test_a_model_that_is_taken_out_drains_and_goes(self) -> None:
        """C80."""
        inn = Inn({"a": 6})
        inn.busy("a")
        inn.ask("a")
        assert inn.has_models({}) == "refuse 2"
        assert isinstance(inn.refusal(2), UnknownModel)
        assert inn.give_back(1) == "unload a"
        inn.gone("a")
        assert "a" not in inn.machine.books.residents

    def test_a_model_that_is_taken_out_is_unknown_from_then_on(self) -> None:
        """C80: also while it still drains."""
        inn = Inn({"a": model(6, slots=2)})
        inn.busy("a")
        inn.has_models({})
        assert inn.ask("a") == "refuse 2"

    def test_a_model_that_is_put_back_while_it_drains_is_loaded_anew(self) -> None:
        """C80."""
        inn = Inn({"a": 6})
        inn.busy("a")
        inn.has_models({})
        inn.has_models({"a": 6})
        assert inn.ask("a") == ""
        assert inn.give_back(1) == "unload a"
        assert inn.gone("a") == "load a"

    def test_a_mended_entry_is_tried_without_waiting_for_the_pause(self) -> None:
        inn = Inn({"a": model(6, identity="broken")})
        inn.ask("a")
        inn.fails("a")
        inn.gone("a")
        inn.has_models({"a": model(6, identity="mended")})
        assert inn.ask("a") == "load a"

    def test_an_operators_pin_outlives_a_reload_that_does_not_speak_of_it(self) -> None:
        inn = Inn({"a": 6, "b": 6})
        inn.resident("a")
        inn.hear(PinSet("a", pinned=True))
        inn.has_models({"a": 6, "b": 6})
        assert inn.ask("b") == "refuse 2"


class TestClosing:
    def test_everybody_who_waits_is_told_and_nobody_comes_in(self) -> None:
        """C60."""
        inn = Inn({"a": 6, "b": 6})
        inn.busy("a")
        inn.ask("b")
        assert inn.hear(Close()) == "refuse 2"
        assert inn.ask("a") == "refuse 3"
        assert isinstance(inn.refusal(3), Closing)

    def test_a_running_answer_is_finished_first(self) -> None:
        """C60: with live streams."""
        inn = Inn({"a": 6})
        inn.busy("a")
        assert inn.hear(Close()) == ""
        assert inn.give_back(1) == "unload a"

    def test_a_load_is_stopped(self) -> None:
        """C60: while loading."""
        inn = Inn({"a": 6})
        inn.ask("a")
        assert inn.hear(Close()) == "refuse 1, unload a"
        assert inn.ready("a") == ""
        assert inn.gone("a") == ""
        assert inn.held_gib() == 0

    def test_what_stops_already_is_not_told_twice(self) -> None:
        """C60: while unloading."""
        inn = Inn({"a": 6, "b": 6})
        inn.resident("a")
        inn.ask("b")
        assert inn.hear(Close()) == "refuse 2"
        assert inn.gone("a") == ""

    def test_pinned_and_held_models_leave_as_well(self) -> None:
        inn = Inn({"pinned": model(2, pinned=True), "held": 2})
        inn.resident("pinned")
        inn.busy("held")
        inn.give_back(2, hold_s=100)
        assert inn.hear(Close()) == "unload pinned, unload held"

    def test_nothing_is_loaded_on_a_guess_any_more(self) -> None:
        inn = Inn({"a": 6})
        inn.hear(Close())
        assert inn.hear(PreloadWanted(("a",), "habit")) == ""
        assert inn.machine.wake_at_s() is None

    def test_what_a_foreign_server_loads_from_then_on_is_not_ours_to_end(self) -> None:
        inn = Inn({"theirs": 6})
        inn.hear(Close())
        assert inn.hear(Seen("theirs", measured(ram=6))) == ""
        assert inn.held_gib() == 0

    def test_closing_twice_is_closing_once(self) -> None:
        inn = Inn({"a": 6})
        inn.resident("a")
        assert inn.hear(Close()) == "unload a"
        assert inn.hear(Close()) == ""
