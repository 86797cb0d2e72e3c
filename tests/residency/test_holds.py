"""Holds: a model kept a little for the same caller's next turn, and patience, which ends that."""

from __future__ import annotations

import pytest

from innkeeper.runtime.residency.states import State
from tests.residency.inn import Inn, model


@pytest.fixture
def inn() -> Inn:
    """The narrator has answered and is held for ten seconds; the scribe needs its room."""
    inn = Inn({"narrator": 6, "scribe": 6})
    inn.busy("narrator")
    inn.give_back(1, hold_s=10)
    return inn


class TestAHold:
    def test_it_makes_the_next_one_wait_and_its_end_lets_it_in_by_itself(self, inn: Inn) -> None:
        """C21: nothing else happens than that the time asked for comes."""
        assert inn.ask("scribe") == ""
        assert inn.machine.wake_at_s() == 10
        assert inn.wait(10) == "unload narrator"

    def test_it_is_no_reason_to_wait_for_a_caller_without_patience(self, inn: Inn) -> None:
        """C22."""
        assert inn.ask("scribe", patience_s=0) == "unload narrator"

    def test_patience_ends_although_the_hold_is_renewed_and_the_hold_is_not_deleted(self, inn: Inn) -> None:
        """C23: the hold is overridden for this caller; it still stands against others until the model has gone."""
        inn.ask("scribe", patience_s=15)
        inn.wait(8)
        inn.ask("narrator")
        inn.give_back(3, hold_s=60)
        inn.ask("narrator")
        assert inn.wait(7) == ""
        assert inn.state("narrator") is State.DRAINING
        assert inn.machine.books.residents["narrator"].held_until_s == 68

    def test_the_time_asked_for_is_the_end_of_the_hold_or_of_patience_whichever_is_first(self, inn: Inn) -> None:
        """C24."""
        inn.ask("scribe", patience_s=25)
        assert inn.machine.wake_at_s() == 10
        inn.ask("scribe", patience_s=4)
        assert inn.machine.wake_at_s() == 4

    def test_giving_back_with_zero_ends_it_at_once(self, inn: Inn) -> None:
        """C25."""
        inn.ask("narrator")
        inn.ask("scribe")
        assert inn.give_back(2, hold_s=0) == "unload narrator"

    def test_giving_back_without_a_word_leaves_it_as_it_is(self, inn: Inn) -> None:
        """C25: not given is not zero."""
        inn.ask("narrator")
        inn.ask("scribe")
        assert inn.give_back(2) == ""
        assert inn.machine.books.residents["narrator"].held_until_s == 10

    def test_the_models_own_hold_applies_where_none_is_given(self) -> None:
        inn = Inn({"narrator": model(6, hold_s=20), "scribe": 6})
        inn.resident("narrator")
        inn.ask("scribe")
        assert inn.wait(19) == ""
        assert inn.wait(1) == "unload narrator"

    @pytest.mark.parametrize("how", ["crash", "unload"])
    def test_it_goes_with_the_model(self, inn: Inn, how: str) -> None:
        """C26: the next load is not held."""
        if how == "unload":
            inn.unload("narrator")
        inn.gone("narrator")
        inn.resident("narrator")
        assert inn.ask("scribe") == "unload narrator"

    def test_it_keeps_an_idle_model_beyond_its_time(self) -> None:
        inn = Inn({"narrator": model(6, keep_for_s=5)})
        inn.busy("narrator")
        inn.give_back(1, hold_s=10)
        assert inn.wait(9) == ""
        assert inn.wait(1) == "unload narrator"

    def test_it_does_not_protect_against_what_is_not_there(self, inn: Inn) -> None:
        """A hold is a wish of one caller: memory that other programs took is gone all the same."""
        from innkeeper.runtime.residency.signals import CeilingSet

        assert inn.hear(CeilingSet("ram", 5 * 2**30)) == "unload narrator"
