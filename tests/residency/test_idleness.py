"""Idle models: when they go by themselves, and what keeps them. And operators who send them away."""

from __future__ import annotations

from math import inf

import pytest

from innkeeper.runtime.errors import ModelInUse, UnknownModel
from innkeeper.runtime.residency.signals import Gone, KeepSet, Loaded, PinSet, Tick
from innkeeper.runtime.residency.states import State
from tests.residency.inn import Inn, model


@pytest.fixture
def inn() -> Inn:
    """The narrator stays for a minute."""
    return Inn({"narrator": model(6, keep_for_s=60), "scribe": 4})


class TestAnIdleModel:
    def test_it_leaves_when_its_time_is_over_and_asks_to_be_woken_for_that(self, inn: Inn) -> None:
        """C50."""
        inn.resident("narrator")
        assert inn.machine.wake_at_s() == 60
        assert inn.wait(59) == ""
        assert inn.wait(1) == "unload narrator"

    def test_a_request_begins_its_time_anew(self, inn: Inn) -> None:
        """C50."""
        inn.resident("narrator")
        inn.wait(50)
        inn.resident("narrator")
        assert inn.wait(59) == ""
        assert inn.wait(1) == "unload narrator"

    def test_it_never_leaves_during_a_request_however_long(self, inn: Inn) -> None:
        """C50."""
        inn.busy("narrator")
        assert inn.machine.wake_at_s() is None
        assert inn.wait(10_000) == ""
        inn.give_back(1)
        assert inn.wait(60) == "unload narrator"

    def test_one_that_was_loaded_and_never_used_has_its_time_from_the_load_on(self, inn: Inn) -> None:
        inn.ask("narrator")
        inn.give_back(1)
        inn.wait(40)
        inn.ready("narrator")
        assert inn.wait(59) == ""
        assert inn.wait(1) == "unload narrator"

    @pytest.mark.parametrize("why", ["kept until its room is wanted", "pinned"])
    def test_some_never_leave_for_idleness(self, why: str) -> None:
        """C50."""
        keep_for_s = None if why.startswith("kept") else 60.0
        inn = Inn({"narrator": model(6, keep_for_s=keep_for_s, pinned=why == "pinned")})
        inn.resident("narrator")
        assert inn.machine.wake_at_s() is None
        assert inn.wait(100_000) == ""

    def test_one_that_is_unpinned_goes_when_its_time_is_over(self) -> None:
        inn = Inn({"narrator": model(6, keep_for_s=60, pinned=True)})
        inn.resident("narrator")
        inn.wait(100)
        assert inn.hear(PinSet("narrator", pinned=False)) == "unload narrator"

    def test_looking_at_it_does_not_keep_it(self, inn: Inn) -> None:
        """C51: its time counts from its last use; a probe, whatever it finds, is none."""
        inn.resident("narrator")
        for _ in range(59):
            inn.wait(1)
            assert inn.hear(Tick()) == ""
        assert inn.wait(1) == "unload narrator"

    def test_the_end_of_an_earlier_load_cannot_unload_a_later_one(self, inn: Inn) -> None:
        """C52."""
        inn.resident("narrator")
        inn.wait(50)
        inn.gone("narrator")
        inn.wait(5)
        inn.resident("narrator")
        assert inn.wait(59) == ""
        assert inn.hear(Gone("narrator", generation=1)) == ""
        assert inn.state("narrator") is State.READY

    def test_late_words_about_an_earlier_load_are_not_heard(self, inn: Inn) -> None:
        """C52."""
        inn.ask("narrator")
        inn.fails("narrator")
        inn.gone("narrator")
        inn.wait(10)
        inn.ask("narrator")
        assert inn.hear(Loaded("narrator", generation=1, took_s=1)) == ""
        assert inn.state("narrator") is State.LOADING

    def test_a_model_that_comes_back_to_the_catalogue_counts_its_loads_on(self, inn: Inn) -> None:
        """C52."""
        inn.resident("narrator")
        inn.has_models({"scribe": 4})
        inn.gone("narrator")
        inn.has_models({"narrator": 6, "scribe": 4})
        inn.ask("narrator")
        assert inn.generation("narrator") == 2


class TestACallerWhoSaysHowLongAModelStays:
    def test_is_heard_instead_of_the_models_own_time(self, inn: Inn) -> None:
        """C50."""
        inn.busy("narrator")
        inn.hear(KeepSet("narrator", 5))
        inn.give_back(1)
        assert inn.wait(4) == ""
        assert inn.wait(1) == "unload narrator"

    def test_counts_from_when_the_model_became_idle_not_from_when_it_was_said(self, inn: Inn) -> None:
        inn.resident("narrator")
        inn.wait(20)
        assert inn.hear(KeepSet("narrator", 10)) == "unload narrator"

    def test_can_let_it_go_at_once_when_it_is_idle(self, inn: Inn) -> None:
        inn.resident("narrator")
        assert inn.hear(KeepSet("narrator", 0)) == "unload narrator"

    def test_can_let_it_go_as_soon_as_the_last_answer_is_given(self, inn: Inn) -> None:
        """C05: nobody is cut off."""
        inn.busy("narrator")
        assert inn.hear(KeepSet("narrator", 0)) == ""
        assert inn.give_back(1) == "unload narrator"

    def test_can_keep_it_until_its_room_is_wanted_and_no_longer(self, inn: Inn) -> None:
        inn.resident("narrator")
        inn.hear(KeepSet("narrator", inf))
        assert inn.wait(100_000) == ""
        inn.has_models({"narrator": model(6, keep_for_s=60), "scribe": 6})
        assert inn.ask("scribe") == "unload narrator"

    def test_has_no_say_over_a_pinned_model(self, inn: Inn) -> None:
        """C50."""
        inn.hear(PinSet("narrator", pinned=True))
        inn.resident("narrator")
        assert inn.hear(KeepSet("narrator", 0)) == ""

    def test_is_forgotten_when_the_model_leaves(self, inn: Inn) -> None:
        """C52: what was said of one load is not true of the next."""
        inn.resident("narrator")
        inn.hear(KeepSet("narrator", inf))
        inn.unload("narrator")
        inn.gone("narrator")
        inn.resident("narrator")
        assert inn.wait(60) == "unload narrator"

    @pytest.mark.parametrize("name", ["narrator", "nobody"])
    def test_loads_nothing_that_is_not_there(self, inn: Inn, name: str) -> None:
        assert inn.hear(KeepSet(name, inf)) == ""
        assert inn.state("narrator") is State.COLD


class TestAnOperatorWhoUnloads:
    def test_an_idle_model_goes_at_once(self, inn: Inn) -> None:
        inn.resident("narrator")
        assert inn.unload("narrator") == "unload narrator"

    def test_a_model_in_use_stays_and_the_operator_is_told_how_much_it_is_used(self, inn: Inn) -> None:
        """C53."""
        inn.busy("narrator")
        inn.ask("narrator")
        assert inn.unload("narrator") == "refuse 3"
        error = inn.refusal(3)
        assert isinstance(error, ModelInUse)
        assert (error.status, error.numbers) == (409, {"leases": 1, "waiting": 1})

    def test_a_model_that_somebody_waits_for_stays_as_well(self, inn: Inn) -> None:
        """C53."""
        inn.ask("narrator")
        assert inn.unload("narrator") == "refuse 2"
        assert inn.refusal(2).numbers == {"leases": 0, "waiting": 1}

    def test_with_force_it_goes_when_the_running_ones_are_done_and_comes_back_for_those_who_wait(
        self, inn: Inn
    ) -> None:
        """C53."""
        inn.busy("narrator")
        inn.ask("narrator")
        assert inn.unload("narrator", force=True) == ""
        assert inn.give_back(1) == "unload narrator"
        assert inn.gone("narrator") == "load narrator"

    def test_with_force_a_model_that_drains_goes_even_if_its_room_is_not_wanted_any_more(self) -> None:
        """C53."""
        inn = Inn({"narrator": 6, "scribe": 6})
        inn.busy("narrator")
        inn.ask("scribe", patience_s=0)
        inn.unload("narrator", force=True)
        inn.give_back(2)
        assert inn.state("narrator") is State.DRAINING
        assert inn.give_back(1) == "unload narrator"

    def test_with_force_a_load_is_stopped(self, inn: Inn) -> None:
        """C60."""
        inn.ask("narrator")
        assert inn.unload("narrator", force=True) == "unload narrator"
        assert inn.gone("narrator") == "load narrator"

    def test_unloading_a_model_that_is_cold_or_leaving_changes_nothing(self, inn: Inn) -> None:
        """C53."""
        assert inn.unload("narrator") == ""
        inn.resident("narrator")
        inn.unload("narrator")
        assert inn.unload("narrator") == ""
        assert inn.gone("narrator") == ""

    def test_an_unknown_model_is_said_to_be_unknown(self, inn: Inn) -> None:
        inn.unload("nobody")
        assert isinstance(inn.refusal(1), UnknownModel)

    def test_a_model_that_an_operator_sent_away_does_not_come_back_by_a_guess(self, inn: Inn) -> None:
        for _ in range(30):
            inn.resident("scribe")
        inn.unload("scribe")
        assert inn.gone("scribe") == ""
        assert inn.wait(60) == ""
