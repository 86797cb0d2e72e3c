"""Limits that move and sizes that turn out otherwise: readings, other programs, foreign servers, slow cards."""

from __future__ import annotations

from innkeeper.runtime.engine import Sizing
from innkeeper.runtime.errors import MemoryTaken
from innkeeper.runtime.facts import CeilingMoved, Overdrawn, SizeCorrected, Slowed
from innkeeper.runtime.residency.signals import CeilingSet, Close, OverheadSet, Rated, Seen, Sized, Tick
from innkeeper.runtime.residency.states import State
from tests.residency.inn import GIB, Inn, holding, measured, model


def ceiling(gib: float, pool: str = "ram") -> CeilingSet:
    return CeilingSet(pool, round(gib * GIB), "a game runs")


class TestACeiling:
    def test_it_tightens_the_budget(self) -> None:
        """C36."""
        inn = Inn({"a": 5, "b": 5})
        inn.hear(ceiling(8))
        inn.resident("a")
        assert inn.ask("b") == "unload a"

    def test_it_never_loosens_it(self) -> None:
        """C36."""
        inn = Inn({"giant": 11})
        inn.hear(ceiling(64))
        assert inn.ask("giant") == "refuse 1"

    def test_without_a_reading_the_budget_itself_applies(self) -> None:
        """C36."""
        inn = Inn({"a": 10})
        assert inn.ask("a") == "load a"

    def test_the_oldest_idle_model_leaves_when_other_programs_take_memory(self) -> None:
        """C45."""
        inn = Inn({"a": 3, "b": 3, "c": 3})
        for name in ("b", "a", "c"):
            inn.resident(name)
            inn.wait(1)
        assert inn.hear(ceiling(8)) == "unload b"
        assert inn.hear(Tick()) == ""

    def test_what_is_asked_for_more_is_kept_before_what_is_older(self) -> None:
        """C45: weight protects."""
        inn = Inn({"a": 3, "b": 3, "c": 3})
        inn.resident("a", "a", "a", "b", "c")
        assert inn.hear(ceiling(8)) == "unload b"

    def test_busy_models_stay_and_leave_when_they_are_done(self) -> None:
        """C45."""
        inn = Inn({"a": 6})
        inn.busy("a")
        assert inn.hear(ceiling(4)) == ""
        assert inn.give_back(1) == "unload a"

    def test_a_model_that_drains_is_not_kept_while_too_much_is_held(self) -> None:
        """C45: whoever it drained for is refused, and still its room is wanted."""
        inn = Inn({"busy": 6, "large": 8})
        inn.busy("busy")
        inn.ask("large", patience_s=0)
        assert inn.hear(ceiling(4)) == "refuse 2"
        assert inn.state("busy") is State.DRAINING

    def test_every_byte_that_can_come_back_does_when_not_all_can(self) -> None:
        inn = Inn({"idle": 2, "busy": 6})
        inn.resident("idle")
        inn.busy("busy")
        assert inn.hear(ceiling(3)) == "unload idle"

    def test_a_pinned_model_is_never_chosen(self) -> None:
        """C34."""
        inn = Inn({"pinned": model(6, pinned=True)})
        inn.resident("pinned")
        assert inn.hear(ceiling(2)) == ""

    def test_a_load_that_nobody_waits_for_is_abandoned(self) -> None:
        inn = Inn({"a": 6})
        inn.ask("a")
        inn.give_back(1)
        assert inn.hear(ceiling(2)) == "unload a"

    def test_what_left_is_back_with_the_next_request_once_there_is_room(self) -> None:
        """C45."""
        inn = Inn({"a": 6})
        inn.resident("a")
        inn.hear(ceiling(4))
        inn.gone("a")
        assert inn.ask("a") == "refuse 2"
        assert isinstance(inn.refusal(2), MemoryTaken)
        inn.hear(ceiling(7))
        assert inn.ask("a") == "load a"

    def test_models_in_other_pools_do_not_leave_for_it(self) -> None:
        inn = Inn({"card": model(0, also={"gpu0": 3}), "ram": 3}, budget_gib={"ram": 10, "gpu0": 4})
        inn.resident("card", "ram")
        assert inn.hear(ceiling(2)) == "unload ram"

    def test_its_moves_and_their_reason_are_recorded_once(self) -> None:
        inn = Inn({})
        inn.hear(ceiling(8))
        inn.hear(ceiling(8))
        assert inn.noted(CeilingMoved) == [CeilingMoved("ram", 10 * GIB, 8 * GIB, "a game runs")]

    def test_our_own_use_is_charged(self) -> None:
        inn = Inn({"a": 10})
        inn.hear(OverheadSet("ram", GIB))
        assert inn.ask("a") == "refuse 1"
        assert "1.0 GiB of our own" in inn.refusal(1).message

    def test_nothing_is_promised_while_a_pool_is_overdrawn(self) -> None:
        """C44: what is free is nothing, and never less."""
        inn = Inn({"busy": 6, "small": 1})
        inn.busy("busy")
        inn.hear(ceiling(4))
        assert inn.machine.books.ledger.free() == {"ram": 0}
        assert inn.ask("small") == ""
        assert [fact.held_bytes - fact.limit_bytes for fact in inn.noted(Overdrawn)] == [2 * GIB]


class TestAMeasuredSize:
    def test_it_replaces_the_estimate_and_frees_or_takes_the_difference(self) -> None:
        """C39."""
        inn = Inn({"a": 8, "b": 4})
        inn.resident("a")
        inn.hear(Sized("a", measured(ram=6), generation=1))
        assert inn.held_gib() == 6
        assert inn.ask("b") == "load b"

    def test_a_peak_seen_in_use_raises_it_and_others_make_room(self) -> None:
        """C39."""
        inn = Inn({"a": 5, "b": 4})
        inn.resident("b")
        inn.busy("a")
        assert inn.hear(Sized("a", measured(ram=7), generation=1)) == "unload b"

    def test_the_next_load_holds_what_was_measured(self) -> None:
        """C39."""
        inn = Inn({"a": 8})
        inn.resident("a")
        inn.hear(Sized("a", measured(ram=6), generation=1))
        inn.gone("a")
        inn.ask("a")
        assert inn.held_gib() == 6

    def test_the_correction_is_recorded_with_the_kind_of_both_numbers(self) -> None:
        """C39."""
        inn = Inn({"a": 8})
        inn.resident("a")
        inn.hear(Sized("a", measured(ram=6), generation=1))
        assert inn.noted(SizeCorrected) == [
            SizeCorrected("a", "ram", 8 * GIB, 6 * GIB, Sizing.DECLARED.value, Sizing.MEASURED.value)
        ]

    def test_one_of_an_earlier_load_is_not_used(self) -> None:
        """C37: what was read just before it left says nothing about now."""
        inn = Inn({"a": 8})
        inn.resident("a")
        inn.gone("a")
        inn.resident("a")
        inn.hear(Sized("a", measured(ram=1), generation=1))
        assert inn.held_gib() == 8

    def test_an_estimate_for_loads_to_come_does_not_touch_the_one_that_runs(self) -> None:
        inn = Inn({"a": 8})
        inn.resident("a")
        inn.hear(Sized("a", holding(ram=2)))
        assert inn.held_gib() == 8
        inn.gone("a")
        inn.ask("a")
        assert inn.held_gib() == 2

    def test_it_ends_the_lonely_stay_of_a_model_of_unknown_size(self) -> None:
        """C38."""
        inn = Inn({"stranger": None, "b": 4})
        inn.resident("stranger")
        inn.hear(Sized("stranger", measured(ram=3), generation=1))
        assert inn.ask("b") == "load b"


class TestAForeignServer:
    def test_what_it_loads_behind_our_back_is_charged_and_serves(self) -> None:
        """C47."""
        inn = Inn({"theirs": 4, "ours": 8})
        assert inn.hear(Seen("theirs", measured(ram=5))) == ""
        assert inn.held_gib() == 5
        assert inn.ask("theirs") == "serve 1"

    def test_others_make_room_when_it_takes_more_than_there_was(self) -> None:
        """C47."""
        inn = Inn({"theirs": 4, "ours": 8})
        inn.resident("ours")
        inn.wait(1)
        assert inn.hear(Seen("theirs", measured(ram=5))) == "unload ours"

    def test_what_it_drops_behind_our_back_is_loaded_for_the_next_caller(self) -> None:
        """C47: a stale belief is no error."""
        inn = Inn({"theirs": 4})
        inn.hear(Seen("theirs", measured(ram=4)))
        inn.gone("theirs")
        assert inn.ask("theirs") == "load theirs"

    def test_it_can_be_sent_away_for_others(self) -> None:
        """C47."""
        inn = Inn({"theirs": 4, "ours": 8})
        inn.hear(Seen("theirs", measured(ram=4)))
        assert inn.ask("ours") == "unload theirs"


class Card:
    """A device that spills: what does not fit into fast memory makes everything on it answer slowly until reloaded."""

    def __init__(self, inn: Inn, fast_gib: float) -> None:
        self.inn = inn
        self.fast_gib = fast_gib
        self.holds_gib: dict[str, float] = {}
        self.spilled: set[int] = set()

    def load(self, name: str, gib: float) -> None:
        self.inn.ready(name)
        self.holds_gib[name] = gib
        if sum(self.holds_gib.values()) > self.fast_gib:
            self.spilled |= {id(one) for one in self.holds_gib}

    def leave(self, name: str) -> str:
        del self.holds_gib[name]
        self.spilled.clear()
        return self.inn.gone(name)

    def answer(self, name: str) -> str:
        """One answer, at the rate the card can give."""
        rate = 8.0 if self.spilled else 40.0
        return self.inn.hear(Rated(name, self.inn.generation(name), rate))


class TestAModelThatSpilled:
    def test_it_is_noticed_by_its_own_rate_and_a_fresh_load_cures_it(self) -> None:
        """C46: the second model is larger than its estimate said, and pushes the first out of fast memory."""
        inn = Inn({"first": 4, "second": 4})
        card = Card(inn, fast_gib=9)
        inn.ask("first")
        card.load("first", 4)
        inn.give_back(1)
        assert [card.answer("first") for _ in range(8)] == [""] * 8
        inn.ask("second")
        card.load("second", 6)
        inn.give_back(2)
        assert [card.answer("first") for _ in range(3)] == ["", "", "unload first"]
        assert inn.noted(Slowed) == [Slowed("first", 8.0, 40.0)]
        inn.hear(Sized("second", measured(ram=6), generation=1))
        assert card.leave("first") == "load first"
        card.load("first", 3)
        assert [card.answer("first") for _ in range(8)] == [""] * 8

    def test_it_is_noticed_again_when_it_spills_again(self) -> None:
        """C46."""
        inn = Inn({"first": 4})
        inn.resident("first")
        for generation in (1, 2, 3):
            for _ in range(6):
                inn.hear(Rated("first", generation, 40.0))
            for _ in range(3):
                inn.hear(Rated("first", generation, 5.0))
            inn.gone("first")
            inn.ready("first")
        assert len(inn.noted(Slowed)) == 3

    def test_a_model_that_is_slow_from_its_reload_on_is_noticed(self) -> None:
        """C46: the slow answers before do not count as seen already."""
        inn = Inn({"first": 4})
        inn.resident("first")
        for rate in [40.0] * 6 + [5.0] * 3:
            inn.hear(Rated("first", 1, rate))
        inn.gone("first")
        inn.ready("first")
        assert [inn.hear(Rated("first", 2, 5.0)) for _ in range(3)] == ["", "", "unload first"]

    def test_a_single_slow_answer_is_no_sign(self) -> None:
        """C46."""
        inn = Inn({"first": 4})
        inn.resident("first")
        rates = [40.0] * 6 + [5.0, 5.0, 40.0, 5.0, 5.0, 40.0]
        assert [inn.hear(Rated("first", 1, rate)) for rate in rates] == [""] * 12

    def test_a_model_that_was_always_slow_is_not_ill(self) -> None:
        """C46: it is measured against itself."""
        inn = Inn({"first": 4})
        inn.resident("first")
        assert [inn.hear(Rated("first", 1, 0.4)) for _ in range(20)] == [""] * 20

    def test_running_answers_are_finished_before_the_cure(self) -> None:
        """C46."""
        inn = Inn({"first": 4})
        inn.resident("first")
        for _ in range(6):
            inn.hear(Rated("first", 1, 40.0))
        inn.ask("first")
        for _ in range(3):
            inn.hear(Rated("first", 1, 5.0))
        assert inn.state("first") is State.DRAINING
        assert inn.give_back(2) == "unload first"
        assert inn.gone("first") == "load first"


class TestManyLoads:
    def test_after_two_hundred_of_them_the_ledger_is_where_it_began(self) -> None:
        """C48: the device half, with sizes that are corrected in every load."""
        inn = Inn({"a": 6, "b": 6})
        for _ in range(100):
            for name in ("a", "b"):
                inn.ask(name)
                inn.gone(*(other for other in "ab" if inn.state(other) is State.UNLOADING))
                inn.ready(name)
                inn.hear(Sized(name, measured(ram=6.5), inn.generation(name)))
                inn.give_back(inn.served[-1])
        assert inn.hear(Close()) == "unload b"
        inn.gone("b")
        assert inn.generation("a") == inn.generation("b") == 100
        assert inn.machine.books.ledger.snapshot() == {}
