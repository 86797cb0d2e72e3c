"""Loading, joining, and the lease: who may use a model, and from when to when."""

from __future__ import annotations

import pytest

from innkeeper.runtime.errors import LoadFailed, UnknownModel
from innkeeper.runtime.residency.states import State
from tests.residency.inn import Inn, model

TWO_BIG = {"narrator": 6, "scribe": 6}


class TestAModelThatIsReady:
    def test_it_serves_at_once_and_nothing_is_loaded(self) -> None:
        """C01."""
        inn = Inn(TWO_BIG)
        inn.resident("narrator")
        assert inn.ask("narrator") == "serve 2"

    def test_it_serves_as_many_at_a_time_as_it_has_slots(self) -> None:
        inn = Inn({"narrator": model(6, slots=2)})
        inn.resident("narrator")
        assert [inn.ask("narrator") for _ in range(3)] == ["serve 2", "serve 3", ""]
        assert inn.give_back(2) == "serve 4"

    def test_a_model_that_needs_no_memory_is_always_let_in(self) -> None:
        inn = Inn({"narrator": 10, "hosted": 0})
        inn.busy("narrator")
        assert inn.ask("hosted") == "load hosted"


class TestAModelThatIsCold:
    def test_three_callers_cause_one_load_and_all_are_served(self) -> None:
        """C03."""
        inn = Inn({"narrator": model(6, slots=3)})
        assert [inn.ask("narrator") for _ in range(3)] == ["load narrator", "", ""]
        assert inn.ready("narrator") == "serve 1, serve 2, serve 3"

    def test_its_bytes_are_held_before_it_loads(self) -> None:
        inn = Inn(TWO_BIG)
        inn.ask("narrator")
        assert inn.held_gib() == 6

    def test_the_grant_says_how_much_of_the_wait_was_loading(self) -> None:
        inn = Inn({"narrator": model(6, slots=2)})
        inn.ask("narrator")
        inn.wait(3)
        inn.ask("narrator")
        inn.wait(4)
        inn.ready("narrator")
        assert [getattr(effect, "load_s", None) for effect in inn.done[-2:]] == [7, 4]

    def test_each_of_six_calls_in_turn_starts_each_model_once(self) -> None:
        """C16: A B C A B C in a house for one."""
        inn = Inn({"a": 10, "b": 10, "c": 10})
        for name in "abcabc":
            inn.ask(name)
        for name, first, second in (("a", 1, 4), ("b", 2, 5), ("c", 3, 6)):
            inn.ready(name)
            inn.give_back(first)
            inn.give_back(second)
            inn.gone(name)
        assert inn.loads == ["a", "b", "c"]
        assert inn.served == [1, 4, 2, 5, 3, 6]


class TestAnUnknownModel:
    def test_it_is_refused_and_nothing_waits_or_loads(self) -> None:
        """C02."""
        inn = Inn(TWO_BIG)
        assert inn.ask("nobody") == "refuse 1"
        assert isinstance(inn.refusal(1), UnknownModel)
        assert inn.refusal(1).status == 404
        assert len(inn.machine.books.queue) == 0


class TestAModelThatLeaves:
    def test_it_waits_for_both_of_two_running_answers(self) -> None:
        """C05."""
        inn = Inn({"narrator": model(6, slots=2), "scribe": 6})
        inn.busy("narrator")
        inn.ask("narrator")
        inn.ask("scribe")
        assert inn.give_back(1) == ""
        assert inn.give_back(2) == "unload narrator"

    def test_it_is_not_evicted_between_its_load_and_its_first_answer(self) -> None:
        """C06: even for somebody who has no patience."""
        inn = Inn(TWO_BIG)
        inn.ask("narrator")
        inn.ask("scribe", patience_s=0)
        assert inn.ready("narrator") == "serve 1"
        assert inn.give_back(1) == "unload narrator"

    def test_it_takes_no_new_work_while_it_drains(self) -> None:
        """C07."""
        inn = Inn({"narrator": model(6, slots=2), "scribe": 6})
        inn.busy("narrator")
        inn.ask("scribe", patience_s=0)
        assert inn.state("narrator") is State.DRAINING
        assert inn.ask("narrator") == ""

    def test_it_takes_no_new_work_while_it_stops(self) -> None:
        """C07."""
        inn = Inn(TWO_BIG)
        inn.resident("narrator")
        inn.unload("narrator")
        assert inn.ask("narrator") == ""
        assert inn.state("narrator") is State.UNLOADING

    def test_a_caller_who_comes_while_it_stops_for_idleness_gets_a_fresh_load(self) -> None:
        """C10: however long the old process takes to end."""
        inn = Inn({"narrator": model(6, keep_for_s=60)})
        inn.resident("narrator")
        assert inn.wait(60) == "unload narrator"
        assert inn.ask("narrator") == ""
        assert inn.wait(20) == ""
        assert inn.gone("narrator") == "load narrator"
        assert inn.ready("narrator") == "serve 2"

    def test_its_own_next_load_waits_for_it_while_other_models_load(self) -> None:
        """C14."""
        inn = Inn({"narrator": 6, "embedder": 1})
        inn.resident("narrator")
        inn.unload("narrator")
        assert inn.ask("narrator") == ""
        assert inn.ask("embedder") == "load embedder"
        assert inn.gone("narrator") == "load narrator"


class TestALease:
    def test_a_caller_who_was_served_as_it_left_leaves_nothing_behind(self) -> None:
        """C11: the return crosses the grant on its way."""
        inn = Inn(TWO_BIG)
        inn.ask("narrator")
        inn.ready("narrator")
        inn.give_back(1)
        assert inn.machine.books.leases == {}
        assert inn.machine.books.residents["narrator"].leases == set()

    def test_giving_back_twice_is_giving_back_once(self) -> None:
        """C12."""
        inn = Inn({"narrator": model(6, slots=2)})
        inn.busy("narrator")
        inn.ask("narrator")
        assert inn.give_back(1, 1, 1) == ""
        assert inn.machine.books.residents["narrator"].leases == {2}

    def test_giving_back_what_was_never_given_is_a_fault_of_ours(self) -> None:
        """C12."""
        inn = Inn(TWO_BIG)
        with pytest.raises(AssertionError, match="ticket 7 was never given"):
            inn.give_back(7)

    def test_a_ticket_is_used_for_one_ask(self) -> None:
        inn = Inn(TWO_BIG)
        inn.ask("narrator")
        inn.tickets = iter([1])  # type: ignore[assignment]  # any iterator of numbers
        with pytest.raises(AssertionError, match="ticket 1 waits already"):
            inn.ask("scribe")

    def test_a_long_one_keeps_the_model_and_its_return_lets_the_next_one_in(self) -> None:
        """C13."""
        inn = Inn(TWO_BIG)
        inn.ask("narrator", expires_s=3600)
        inn.ready("narrator")
        inn.ask("scribe")
        assert inn.wait(29) == ""
        assert inn.give_back(1) == "unload narrator"

    def test_one_whose_holder_is_lost_ends_by_itself(self) -> None:
        """C13: and its late return changes nothing."""
        inn = Inn(TWO_BIG)
        inn.ask("narrator", expires_s=25)
        inn.ready("narrator")
        inn.ask("scribe")
        assert inn.wait(24) == ""
        assert inn.wait(1) == "unload narrator"
        assert inn.give_back(1) == ""

    def test_one_that_ends_by_itself_lets_a_model_go_that_drains(self) -> None:
        """C13."""
        inn = Inn(TWO_BIG)
        inn.ask("narrator", expires_s=25)
        inn.ready("narrator")
        inn.ask("scribe", patience_s=0)
        assert inn.state("narrator") is State.DRAINING
        assert inn.wait(25) == "unload narrator"


class TestACallerWhoLeaves:
    def test_one_who_leaves_while_queued_never_causes_a_load(self) -> None:
        """C65."""
        inn = Inn(TWO_BIG)
        narrating = inn.busy("narrator")
        inn.ask("scribe")
        inn.give_back(2)
        assert inn.give_back(narrating) == ""
        assert inn.loads == ["narrator"]

    def test_the_model_that_drained_for_it_stays(self) -> None:
        """C65: the only one who waited for the swap is gone, so the swap is off."""
        inn = Inn({"narrator": model(6, slots=2), "scribe": 6})
        inn.busy("narrator")
        inn.ask("scribe", patience_s=0)
        assert inn.give_back(2) == ""
        assert inn.state("narrator") is State.READY
        assert inn.ask("narrator") == "serve 3"

    def test_the_model_keeps_draining_for_another_who_needs_the_room(self) -> None:
        """C65."""
        inn = Inn({"narrator": 6, "scribe": 6, "poet": 6})
        inn.busy("narrator")
        inn.ask("scribe", patience_s=0)
        inn.ask("poet", patience_s=0)
        inn.give_back(2)
        assert inn.state("narrator") is State.DRAINING

    def test_its_load_goes_on_when_others_wait_for_it(self) -> None:
        """C66."""
        inn = Inn({"narrator": 6})
        inn.ask("narrator")
        inn.ask("narrator")
        assert inn.give_back(1) == ""
        assert inn.ready("narrator") == "serve 2"

    def test_its_load_is_kept_while_nobody_needs_the_room(self) -> None:
        """C66."""
        inn = Inn(TWO_BIG)
        inn.ask("narrator")
        assert inn.give_back(1) == ""
        assert inn.ready("narrator") == ""
        assert inn.ask("narrator") == "serve 2"

    def test_its_load_is_abandoned_when_the_room_is_wanted(self) -> None:
        """C66: and the engine is told to go once."""
        inn = Inn(TWO_BIG)
        inn.ask("narrator")
        inn.give_back(1)
        assert inn.ask("scribe") == "unload narrator"
        assert inn.ready("narrator") == ""
        assert inn.gone("narrator") == "load scribe"


class TestAnEngineThatDies:
    def test_a_lease_on_it_ends_with_it_and_the_next_caller_reloads(self) -> None:
        inn = Inn(TWO_BIG)
        inn.busy("narrator")
        assert inn.gone("narrator") == ""
        assert inn.held_gib() == 0
        assert inn.ask("narrator") == "load narrator"
        assert inn.give_back(1) == ""

    def test_it_is_not_reloaded_in_a_circle(self) -> None:
        """Three deaths in a row without one answer count as a failure to load."""
        inn = Inn(TWO_BIG)
        for ticket in (1, 2, 3):
            inn.busy("narrator")
            inn.give_back(ticket, was_served=False)
            inn.gone("narrator", why="signal 11")
        assert inn.ask("narrator") == "refuse 4"
        assert "died 3 times" in inn.refusal(4).message

    def test_its_pauses_grow_while_it_loads_but_never_answers(self) -> None:
        inn = Inn(TWO_BIG)
        pauses_s = []
        for _ in range(5):
            inn.busy("narrator")
            inn.gone("narrator", why="signal 11")
            pause_s = 0.0
            while inn.ask("narrator").startswith("refuse"):
                again_s = inn.refusal(max(inn.machine.books.last_ticket, 1)).retry_after_s
                assert again_s is not None
                pause_s += again_s
                inn.wait(again_s)
            inn.gone("narrator")  # the load that began is ended, so that each round is alike
            pauses_s.append(pause_s)
            inn.wait(1000)
        assert pauses_s[2:] == sorted(pauses_s[2:])
        assert pauses_s[-1] > pauses_s[2] > 0

    def test_one_answer_makes_it_healthy_again(self) -> None:
        inn = Inn(TWO_BIG)
        for _ in range(5):
            inn.resident("narrator")
            inn.gone("narrator")
        assert inn.ask("narrator") == "load narrator"

    def test_one_answer_ends_what_was_held_against_it(self) -> None:
        inn = Inn(TWO_BIG)
        for _ in range(2):
            for _ in range(3):
                inn.busy("narrator")
                inn.gone("narrator")
            assert inn.ask("narrator").startswith("refuse")
            assert inn.refusal(inn.machine.books.last_ticket).retry_after_s == 2
            inn.wait(2)
            inn.resident("narrator")
            inn.gone("narrator")

    def test_dying_while_it_loads_is_a_failed_load(self) -> None:
        """C49: and its bytes come back."""
        inn = Inn(TWO_BIG)
        inn.ask("narrator")
        assert inn.gone("narrator", why="killed by signal 9") == "refuse 1"
        assert isinstance(inn.refusal(1), LoadFailed)
        assert "signal 9" in inn.refusal(1).message
        assert inn.held_gib() == 0
        assert inn.ask("scribe") == "load scribe"
