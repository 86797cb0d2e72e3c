"""Loads that fail: who is told, when it is tried again, and who comes back."""

from __future__ import annotations

import pytest

from innkeeper.runtime.errors import CoolingDown, LoadFailed
from innkeeper.runtime.facts import LoadRefused
from innkeeper.runtime.residency.signals import PreloadWanted
from innkeeper.runtime.residency.states import State
from tests.residency.inn import Inn, model


@pytest.fixture
def inn() -> Inn:
    return Inn({"narrator": 6, "scribe": 6, "embedder": 1})


class TestAFailedLoad:
    def test_everybody_who_waits_has_the_error_once(self, inn: Inn) -> None:
        """C04."""
        inn.ask("narrator")
        inn.ask("narrator")
        assert inn.fails("narrator", LoadFailed("no such tensor")) == "refuse 1, refuse 2, unload narrator"
        assert inn.refusal(2).message == "no such tensor"
        assert inn.gone("narrator") == ""

    def test_its_bytes_are_free_when_it_is_gone_and_not_before(self, inn: Inn) -> None:
        """C49."""
        inn.ask("narrator")
        inn.fails("narrator")
        assert inn.held_gib() == 6
        inn.gone("narrator")
        assert inn.held_gib() == 0

    def test_for_a_while_callers_are_refused_at_once_with_the_reason(self, inn: Inn) -> None:
        """C04."""
        inn.ask("narrator")
        inn.fails("narrator", LoadFailed("no such tensor"))
        inn.gone("narrator")
        inn.wait(0.5)
        assert inn.ask("narrator") == "refuse 2"
        error = inn.refusal(2)
        assert isinstance(error, CoolingDown)
        assert error.retry_after_s == 1.5
        assert "no such tensor" in error.message

    def test_then_it_may_be_tried_again_and_the_pause_grows_with_each_failure(self, inn: Inn) -> None:
        """C04."""
        pauses_s = []
        for _ in range(9):
            inn.ask("narrator")
            inn.fails("narrator")
            inn.gone("narrator")
            pause_s = inn.noted(LoadRefused)[-1].again_in_s
            assert pause_s is not None
            pauses_s.append(pause_s)
            inn.wait(pause_s)
        assert pauses_s == [2, 4, 8, 16, 32, 64, 120, 120, 120]

    def test_a_load_that_succeeds_ends_that(self, inn: Inn) -> None:
        """C04."""
        for _ in range(3):
            inn.ask("narrator")
            inn.fails("narrator")
            inn.gone("narrator")
            inn.wait(200)
        inn.resident("narrator")
        inn.gone("narrator")
        inn.ask("narrator")
        inn.fails("narrator")
        assert inn.noted(LoadRefused)[-1].again_in_s == 2

    def test_other_models_load_meanwhile(self, inn: Inn) -> None:
        inn.ask("narrator")
        inn.fails("narrator")
        assert inn.ask("embedder") == "load embedder"

    def test_nobody_leaves_because_of_it(self, inn: Inn) -> None:
        """C42: it was no lack of memory."""
        inn.resident("embedder")
        inn.ask("narrator")
        assert inn.fails("narrator") == "refuse 2, unload narrator"
        inn.gone("narrator")
        assert inn.state("embedder") is State.READY

    def test_whoever_left_for_it_comes_back(self, inn: Inn) -> None:
        """C43."""
        inn.resident("narrator")
        inn.ask("scribe")
        inn.gone("narrator")
        inn.fails("scribe")
        assert inn.gone("scribe") == "load narrator"
        assert inn.ready("narrator") == ""
        assert inn.ask("narrator") == "serve 3"

    def test_all_of_several_who_left_for_it_come_back(self) -> None:
        """C43."""
        inn = Inn({"a": 3, "b": 3, "large": 9})
        inn.resident("a", "b")
        inn.ask("large")
        inn.gone("a", "b")
        inn.fails("large")
        assert inn.gone("large") == "load a, load b"

    def test_whoever_left_for_it_sends_nobody_away_to_come_back(self) -> None:
        """C43: there is only free room for that."""
        inn = Inn({"narrator": 6, "scribe": 6, "other": 5})
        inn.resident("narrator")
        inn.ask("scribe")
        inn.gone("narrator")
        inn.ask("other")
        inn.fails("scribe")
        assert inn.gone("scribe") == "load other"
        inn.ready("other")
        inn.give_back(3)
        assert inn.wait(59) == ""
        assert inn.state("other") is State.READY

    def test_whoever_left_for_an_earlier_load_that_went_well_does_not(self, inn: Inn) -> None:
        """C43."""
        inn.resident("narrator")
        inn.ask("scribe")
        inn.gone("narrator")
        inn.ready("scribe")
        inn.gone("scribe")
        inn.ask("scribe")
        inn.fails("scribe")
        assert inn.gone("scribe") == ""

    def test_who_comes_back_gives_way_to_anybody_who_asks(self, inn: Inn) -> None:
        """C43."""
        inn.resident("narrator")
        inn.ask("scribe")
        inn.gone("narrator")
        inn.fails("scribe")
        inn.gone("scribe")
        inn.wait(3)
        assert inn.ask("scribe") == "unload narrator"


class TestALoadThatRanOutOfMemory:
    def test_it_is_tried_once_more_with_less_and_nobody_is_told_yet(self, inn: Inn) -> None:
        """C41."""
        inn.ask("narrator")
        assert inn.fails("narrator", out_of_memory=True) == "unload narrator"
        assert inn.gone("narrator") == "load narrator again"
        assert inn.ready("narrator") == "serve 1"

    def test_idle_models_in_the_same_pool_are_gone_before_the_second_try(self, inn: Inn) -> None:
        """C41."""
        inn.resident("embedder")
        inn.ask("narrator")
        inn.fails("narrator", out_of_memory=True)
        assert inn.gone("narrator") == "unload embedder"
        assert inn.gone("embedder") == "load narrator again"

    def test_room_is_cleared_for_it_once_and_not_again_while_it_waits(self) -> None:
        """C41."""
        inn = Inn({"embedder": 1, "busy": 1, "narrator": 6})
        inn.resident("embedder")
        inn.busy("busy")
        inn.ask("narrator")
        inn.fails("narrator", out_of_memory=True)
        assert inn.gone("narrator") == "unload embedder"
        assert inn.give_back(2) == ""

    def test_models_in_other_pools_and_busy_ones_stay(self) -> None:
        """C41."""
        inn = Inn({"card": model(0, also={"gpu0": 2}), "busy": 2, "narrator": 6}, budget_gib={"ram": 10, "gpu0": 4})
        inn.resident("card")
        inn.busy("busy")
        inn.ask("narrator")
        inn.fails("narrator", out_of_memory=True)
        assert inn.gone("narrator") == "load narrator again"

    def test_a_load_that_nobody_waits_for_is_gone_before_the_second_try_as_well(self, inn: Inn) -> None:
        """C41."""
        inn.hear(PreloadWanted(("embedder",), "habit"))
        inn.ask("narrator")
        inn.fails("narrator", out_of_memory=True)
        assert inn.gone("narrator") == "unload embedder"
        assert inn.gone("embedder") == "load narrator again"

    def test_the_second_time_it_fails_fast(self, inn: Inn) -> None:
        """C41."""
        inn.ask("narrator")
        inn.fails("narrator", out_of_memory=True)
        inn.gone("narrator")
        assert inn.fails("narrator", out_of_memory=True) == "refuse 1, unload narrator"
        assert inn.gone("narrator") == ""

    def test_whoever_left_for_the_second_try_comes_back_when_that_fails_too(self, inn: Inn) -> None:
        """C43."""
        inn.resident("embedder")
        inn.ask("narrator")
        inn.fails("narrator", out_of_memory=True)
        inn.gone("narrator")
        inn.gone("embedder")
        assert inn.fails("narrator", out_of_memory=True) == "refuse 2, unload narrator, load embedder"

    def test_without_anybody_who_waits_it_is_an_ordinary_failure(self, inn: Inn) -> None:
        inn.ask("narrator")
        inn.give_back(1)
        inn.fails("narrator", out_of_memory=True)
        assert inn.gone("narrator") == ""
        assert inn.ask("narrator") == "refuse 2"
