"""Making room: who leaves for whom, and who does not."""

from __future__ import annotations

from innkeeper.runtime.errors import AllPinned, DoesNotFit
from innkeeper.runtime.facts import Evicted
from innkeeper.runtime.residency.signals import PinSet
from innkeeper.runtime.residency.states import State
from tests.residency.inn import Inn, model


class TestRoomForOneMore:
    def test_nobody_leaves_when_it_fits_beside_them(self) -> None:
        """C32."""
        inn = Inn({"narrator": 6, "scribe": 4})
        inn.resident("narrator")
        assert inn.ask("scribe") == "load scribe"

    def test_an_idle_model_is_gone_before_the_new_one_loads(self) -> None:
        """C40: refused room while the other is there, let in when it is gone."""
        inn = Inn({"narrator": 6, "scribe": 6})
        inn.resident("narrator")
        assert inn.ask("scribe") == "unload narrator"
        assert inn.gone("narrator") == "load scribe"

    def test_the_least_valuable_leaves_and_not_one_more(self) -> None:
        """C33."""
        inn = Inn({"a": 3, "b": 3, "c": 3, "d": 4})
        inn.resident("a", "b", "c", "a", "c", "a")
        assert inn.ask("d") == "unload b"

    def test_among_equals_the_longest_unused_leaves(self) -> None:
        """C33."""
        inn = Inn({"a": 3, "b": 3, "c": 3, "d": 4})
        for name in ("c", "a", "b"):
            inn.resident(name)
            inn.wait(1)
        assert inn.ask("d") == "unload c"

    def test_one_large_model_leaves_rather_than_two_that_are_asked_for_more(self) -> None:
        inn = Inn({"large": model(6, load_s=1), "small": 2, "tiny": 2, "new": 4})
        inn.resident("large", "small", "tiny", "small", "tiny", "small", "tiny")
        assert inn.ask("new") == "unload large"

    def test_a_busy_model_is_left_alone_while_an_idle_one_is_enough(self) -> None:
        """C09."""
        inn = Inn({"idle": 4, "busy": 4, "new": 5})
        inn.resident("idle")
        inn.busy("busy")
        assert [inn.ask("new", patience_s=0) for _ in range(3)] == ["unload idle", "", ""]
        assert inn.state("busy") is State.READY

    def test_two_who_wait_share_one_eviction(self) -> None:
        """C08."""
        inn = Inn({"large": 10, "a": 5, "b": 5})
        inn.resident("large")
        assert [inn.ask("a"), inn.ask("b")] == ["unload large", ""]
        assert inn.gone("large") == "load a, load b"
        assert inn.ready("b", "a") == "serve 3, serve 2"

    def test_disjoint_swaps_run_side_by_side(self) -> None:
        """C17."""
        inn = Inn({"a": 5, "b": 5, "c": 5, "d": 5})
        inn.resident("a", "b")
        assert [inn.ask("c"), inn.ask("d")] == ["unload a", "unload b"]
        assert inn.gone("b") == "load c"
        assert inn.gone("a") == "load d"

    def test_swaps_in_different_pools_do_not_wait_for_each_other(self) -> None:
        """C17: somebody waits beyond patience for the GPU, and the other pool's room is not kept for it."""
        inn = Inn(
            {
                "card": model(0, also={"gpu0": 6}),
                "other": model(0, also={"gpu0": 6}),
                "ram": model(5),
            },
            budget_gib={"ram": 10, "gpu0": 6},
        )
        inn.ask("card")
        inn.ask("other", patience_s=0)
        assert inn.ask("ram") == "load ram"

    def test_a_model_in_two_pools_needs_room_in_both(self) -> None:
        inn = Inn({"a": model(5, also={"gpu0": 4}), "b": model(5, also={"gpu0": 4})}, budget_gib={"ram": 10, "gpu0": 6})
        inn.resident("a")
        assert inn.ask("b") == "unload a"

    def test_who_leaves_is_recorded_with_whom_it_was_for_and_what_it_costs(self) -> None:
        inn = Inn({"narrator": model(6, load_s=3), "scribe": 6})
        inn.resident("narrator")
        inn.ask("scribe")
        [fact] = inn.noted(Evicted)
        assert (fact.model, fact.for_model, fact.freed) == ("narrator", "scribe", {"ram": 6 * 2**30})
        assert 0 < fact.value_s < 3


class TestNoRoomForOneMore:
    def test_what_can_never_fit_is_refused_and_nobody_leaves_for_it(self) -> None:
        """C35."""
        inn = Inn({"narrator": 6, "giant": 11})
        inn.resident("narrator")
        assert inn.ask("giant") == "refuse 2"
        assert isinstance(inn.refusal(2), DoesNotFit)
        assert inn.state("narrator") is State.READY

    def test_the_refusal_says_what_is_needed_and_what_there_is(self) -> None:
        inn = Inn({"giant": 11})
        inn.ask("giant")
        error = inn.refusal(1)
        assert (error.numbers["needed_bytes"], error.numbers["limit_bytes"]) == (11 * 2**30, 10 * 2**30)
        assert "11.0 GiB" in error.message
        assert "Raise the budget" in error.message

    def test_a_pool_that_this_machine_does_not_have_is_named(self) -> None:
        inn = Inn({"card": model(0, also={"gpu7": 4})})
        assert inn.ask("card") == "refuse 1"
        assert "there is no pool 'gpu7'" in inn.refusal(1).message

    def test_a_pinned_model_is_charged_and_never_chosen(self) -> None:
        """C34."""
        inn = Inn({"embedder": model(4, pinned=True), "narrator": 5, "scribe": 5})
        inn.resident("embedder", "narrator")
        assert inn.held_gib() == 9
        assert inn.ask("scribe") == "unload narrator"

    def test_what_does_not_fit_beside_the_pinned_is_refused_at_once_and_nobody_leaves(self) -> None:
        """C34."""
        inn = Inn({"embedder": model(4, pinned=True), "narrator": 5, "giant": 7})
        inn.resident("embedder", "narrator")
        assert inn.ask("giant") == "refuse 3"
        assert isinstance(inn.refusal(3), AllPinned)
        assert "embedder" in inn.refusal(3).message
        assert inn.state("narrator") is State.READY

    def test_an_operator_may_unpin(self) -> None:
        """C34."""
        inn = Inn({"embedder": model(4, pinned=True), "giant": 7})
        inn.resident("embedder")
        inn.hear(PinSet("embedder", pinned=False))
        assert inn.ask("giant") == "unload embedder"

    def test_a_pinned_model_that_is_leaving_anyway_is_waited_for(self) -> None:
        inn = Inn({"embedder": model(4, pinned=True), "giant": 7})
        inn.resident("embedder")
        inn.unload("embedder")
        assert inn.ask("giant") == ""
        assert inn.gone("embedder") == "load giant"

    def test_a_model_of_unknown_size_is_housed_alone(self) -> None:
        """C38: never charged as zero."""
        inn = Inn({"narrator": 2, "stranger": None})
        inn.resident("narrator")
        assert inn.ask("stranger") == "unload narrator"
        assert inn.gone("narrator") == "load stranger"
        assert inn.held_gib() == 10

    def test_a_model_of_unknown_size_has_all_that_the_pinned_leave(self) -> None:
        """C38."""
        inn = Inn({"embedder": model(4, pinned=True), "stranger": None})
        inn.resident("embedder")
        assert inn.ask("stranger") == "load stranger"
        assert inn.held_gib() == 10

    def test_busy_models_are_not_disturbed_when_even_all_idle_ones_are_not_enough(self) -> None:
        """C35: no eviction that does not end in a fit."""
        inn = Inn({"idle": 2, "busy": 6, "new": 8})
        inn.resident("idle")
        inn.busy("busy")
        assert inn.ask("new") == ""
        assert inn.state("idle") is State.READY
