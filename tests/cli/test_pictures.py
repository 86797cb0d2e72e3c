"""What is drawn: the bar of a memory, durations, amounts, what fits."""

from __future__ import annotations

import pytest

from innkeeper.cli.fits import Room, fitting, in_words
from innkeeper.cli.inn import BAR_CELLS, amounts, bar, duration, spending
from innkeeper.runtime.engine import Footprint, Sizing
from innkeeper.runtime.views import PoolView, SpendingView

GIB = 1024**3


class TestBars:
    def test_cells_show_models_overhead_room_and_what_others_took(self) -> None:
        drawn = bar(PoolView("ram", 30 * GIB, 24 * GIB, 10 * GIB, 2 * GIB, 40 * GIB, 20 * GIB)).plain
        cells = drawn[drawn.index("[") + 1 : drawn.index("]")]
        assert cells == "█" * 10 + "▒" * 2 + " " * 12 + "x" * 6
        assert drawn.endswith("10.0 GiB of 24.0 GiB, 20.0 GiB free")

    @pytest.mark.parametrize("held", [0, 1, 15, 30, 31, 100])
    @pytest.mark.parametrize("overhead", [0, 5, 60])
    @pytest.mark.parametrize("ceiling", [0, 10, 30])
    @pytest.mark.parametrize("budget", [0, 30])
    def test_a_bar_is_always_as_long(self, held: int, overhead: int, ceiling: int, budget: int) -> None:
        drawn = bar(PoolView("ram", budget, ceiling, held, overhead, 40, 20)).plain
        assert drawn.index("]") - drawn.index("[") - 1 == BAR_CELLS


class TestMoney:
    def test_is_told_against_the_ceiling_of_the_day(self) -> None:
        today = SpendingView("USD", "2026-01-31", 1.2, 0.03, 5.0, 1.0, 11_400)

        assert spending(today) == (
            "1.20 of 5.00 USD spent today on hosted models, 0.0300 set aside, each user at most 1.00"
            " · begins anew in 3 h 10 min"
        )

    def test_without_a_ceiling_is_told_alone_and_small_amounts_to_their_digits(self) -> None:
        today = SpendingView("EUR", "2026-01-31", 0.0012, 0.0, None, None, 11_400)

        assert spending(today) == "0.0012 EUR spent today on hosted models"


class TestWords:
    @pytest.mark.parametrize(
        ("seconds", "told"),
        [(0.4, "0 s"), (99.4, "99 s"), (100, "2 min"), (5940, "99 min"), (6000, "1 h 40 min"), (200_000, "2 d 7 h")],
    )
    def test_durations_are_short(self, seconds: float, told: str) -> None:
        assert duration(seconds) == told

    def test_main_memory_needs_no_name_and_others_do(self) -> None:
        assert amounts({"ram": GIB}) == "1.0 GiB"
        assert amounts({"ram": GIB, "gpu0": 2 * GIB}) == "2.0 GiB gpu0 + 1.0 GiB ram"
        assert amounts({"ram": 0}) == "0 B"


def footprint(ram_gib: int, gpu_gib: int = 0) -> Footprint:
    return Footprint({"ram": ram_gib * GIB, "gpu0": gpu_gib * GIB}, Sizing.ESTIMATED)


ROOMS = (Room("ram", 16 * GIB, 14 * GIB, 10 * GIB), Room("gpu0", 8 * GIB, 8 * GIB, 6 * GIB))


class TestFitting:
    def test_all_that_fit_together_are_said_to(self) -> None:
        models = {"a": footprint(4), "b": footprint(6)}
        assert in_words(fitting(models, ROOMS), models, ROOMS) == ["Both fit into memory together."]

    def test_those_that_take_turns_and_those_that_never_fit_are_told(self) -> None:
        models = {"a": footprint(4), "b": footprint(5), "c": footprint(8), "d": footprint(11), "e": footprint(1, 7)}
        result = fitting(models, ROOMS)
        assert (result.alone, result.together, result.too_large) == (("a", "b", "c"), ("a", "b"), ("e", "d"))
        sentences = in_words(result, models, ROOMS)
        assert sentences[0] == "2 of 3 fit into memory together; the others take turns with them."
        assert sentences[1].startswith("e does not fit: it needs 7.0 GiB of gpu0, models may hold 6.0 GiB.")
        assert sentences[2].startswith("d does not fit: it needs 11.0 GiB of ram, models may hold 10.0 GiB.")

    def test_a_pool_that_the_machine_does_not_have_holds_nothing(self) -> None:
        models = {"a": footprint(1, 1)}
        assert fitting(models, ROOMS[:1]).too_large == ("a",)

    def test_what_we_hold_ourselves_is_not_for_models(self) -> None:
        models = {"a": footprint(10)}
        assert fitting(models, (Room("ram", 16 * GIB, 14 * GIB, 10 * GIB, own_bytes=1),)).too_large == ("a",)

    def test_nothing_to_fit_is_nothing_to_say(self) -> None:
        assert in_words(fitting({}, ROOMS), {}, ROOMS) == []
