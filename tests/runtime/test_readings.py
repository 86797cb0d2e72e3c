"""Readings: what engines and pools really hold replaces what was thought."""

from __future__ import annotations

from dataclasses import replace

import pytest

from innkeeper.runtime import facts
from innkeeper.runtime.engine import Holding, Sizing
from innkeeper.runtime.errors import MemoryTaken
from innkeeper.runtime.memory.pools import PoolReading
from innkeeper.runtime.messages import Kind, Request
from innkeeper.runtime.residency.correction import LEAST_MARGIN_BYTES, MARGIN, SETTLES_IN_S, charge
from tests.runtime.conftest import OpenInn, echo_model
from tests.runtime.test_serve import answer

GB = 10**9


class TestCharging:
    def test_a_peak_above_the_charge_raises_it_at_once_and_leaves_a_margin(self) -> None:
        """C39"""
        seen = Holding(now={"ram": GB}, peak={"ram": 2 * GB})
        new = charge({"ram": GB}, seen, age_s=0.0, answers=0)
        assert new is not None
        assert new.bytes == {"ram": round(2 * GB * (1 + MARGIN))}
        assert new.sizing is Sizing.MEASURED

    @pytest.mark.parametrize(("age_s", "answers"), [(SETTLES_IN_S - 0.1, 1), (SETTLES_IN_S, 0)])
    def test_a_peak_below_it_waits_until_the_model_has_settled_and_answered(self, age_s: float, answers: int) -> None:
        """C39"""
        seen = Holding(now={"ram": GB}, peak={"ram": GB})
        assert charge({"ram": 2 * GB}, seen, age_s=age_s, answers=answers) is None

    def test_then_it_lowers_the_charge(self) -> None:
        """C39"""
        seen = Holding(now={"ram": GB // 2}, peak={"ram": GB})
        new = charge({"ram": 2 * GB}, seen, age_s=SETTLES_IN_S, answers=1)
        assert new is not None
        assert new.bytes == {"ram": round(GB * (1 + MARGIN))}

    def test_a_small_model_keeps_room_for_its_buffers(self) -> None:
        seen = Holding(now={"ram": 10_000_000}, peak={"ram": 10_000_000})
        new = charge({"ram": GB}, seen, age_s=SETTLES_IN_S, answers=1)
        assert new is not None
        assert new.bytes == {"ram": 10_000_000 + LEAST_MARGIN_BYTES}

    def test_a_pool_without_a_reading_keeps_its_charge(self) -> None:
        """C38"""
        seen = Holding(now={"ram": GB}, peak={"ram": GB})
        new = charge({"ram": 2 * GB, "gpu0": 6 * GB}, seen, age_s=SETTLES_IN_S, answers=1)
        assert new is not None
        assert new.bytes["gpu0"] == 6 * GB


class TestReading:
    async def test_what_a_model_holds_is_seen_and_the_ledger_follows(self, open_inn: OpenInn) -> None:
        """C39"""
        async with open_inn(echo_model("alpha", 100, holds_ram=300), budget=10 * GB) as inn:
            await answer(inn, Request("r-1", Kind.COMPLETION, {"prompt": "one"}, "alpha"))
            await inn.readings.read()
            (alpha,) = inn.runtime.view().models
            assert alpha.measured == {"ram": 300}
            assert (alpha.held["ram"], alpha.sizing) == (300 + LEAST_MARGIN_BYTES, "measured")
            assert any(isinstance(fact, facts.SizeCorrected) for fact in inn.facts())

    async def test_a_model_that_was_loaded_and_not_asked_keeps_its_charge(self, open_inn: OpenInn) -> None:
        """C39: memory for its answers is not touched yet."""
        async with open_inn(echo_model("alpha", 8 * GB, holds_ram=GB), budget=10 * GB) as inn:
            inn.host.ram = PoolReading(total_bytes=10 * GB, free_bytes=10 * GB)
            await inn.readings.read()
            await inn.runtime.load("alpha")
            inn.now[0] += 60
            await inn.readings.read()
            assert inn.residency.books.ledger.held_in("ram") == 8 * GB

    async def test_our_own_process_and_spares_are_charged(self, open_inn: OpenInn) -> None:
        async with open_inn(echo_model("alpha")) as inn:
            inn.host.own = 93
            await inn.readings.read()
            (ram,) = inn.runtime.view().pools
            assert ram.overhead_bytes == 100

    async def test_our_own_process_may_grow_without_taking_room_from_models(self, open_inn: OpenInn) -> None:
        charges = []
        async with open_inn(echo_model("alpha"), growth=20) as inn:
            for own in (93, 112, 90, 114):
                inn.host.own = own
                await inn.readings.read()
                charges.append(inn.runtime.view().pools[0].overhead_bytes)
        assert charges == [120, 120, 120, 141]

    async def test_other_programs_tighten_the_ceiling_and_idle_models_leave(self, open_inn: OpenInn) -> None:
        """C36, C45"""
        async with open_inn(echo_model("alpha", 600), echo_model("beta", 300)) as inn:
            await inn.runtime.load("alpha")
            await inn.runtime.load("beta")
            inn.now[0] += 60
            inn.host.ram = PoolReading(total_bytes=10_000, free_bytes=499, ours_bytes=1)
            await inn.readings.read()
            await inn.until(lambda: len(inn.residency.books.ledger.snapshot()) == 1)
            with pytest.raises(MemoryTaken, match="other programs leave"):
                await inn.runtime.load("alpha")

    async def test_when_they_are_gone_the_budget_is_as_it_was_and_not_more(self, open_inn: OpenInn) -> None:
        """C36"""
        async with open_inn(echo_model("alpha")) as inn:
            inn.now[0] += 60
            inn.host.ram = PoolReading(total_bytes=10_000, free_bytes=499, ours_bytes=1)
            await inn.readings.read()
            inn.host.ram = PoolReading(total_bytes=10_000, free_bytes=9_999)
            await inn.readings.read()
            (ram,) = inn.runtime.view().pools
            assert ram.ceiling_bytes == ram.budget_bytes == 1_000

    async def test_a_reading_that_cannot_tell_us_from_others_moves_nothing(self, open_inn: OpenInn) -> None:
        """C36: in a container the GPU's driver may not know which processes are ours."""
        async with open_inn(echo_model("alpha", 600)) as inn:
            await inn.runtime.load("alpha")
            inn.now[0] += 60
            inn.host.ram = PoolReading(total_bytes=1_000, free_bytes=400, ours_bytes=0)
            await inn.readings.read()
            (ram,) = inn.runtime.view().pools
            assert ram.ceiling_bytes == 1_000

    async def test_a_reading_just_after_a_change_moves_nothing(self, open_inn: OpenInn) -> None:
        """C37"""
        async with open_inn(echo_model("alpha")) as inn:
            await inn.runtime.load("alpha")
            inn.host.ram = PoolReading(total_bytes=10_000, free_bytes=499, ours_bytes=1)
            await inn.readings.read()
            (ram,) = inn.runtime.view().pools
            assert ram.ceiling_bytes == 1_000

    async def test_an_alarm_is_raised_once_and_again_after_it_was_over(self, open_inn: OpenInn) -> None:
        async with open_inn(echo_model("alpha")) as inn:
            calm = inn.host.ram
            for reading in (
                replace(calm, free_bytes=900),
                replace(calm, free_bytes=800),
                calm,
                replace(calm, free_bytes=1),
            ):
                inn.host.ram = reading
                await inn.readings.read()
            alarms = [fact for fact in inn.facts() if isinstance(fact, facts.Alarm)]
            assert [alarm.free_bytes for alarm in alarms] == [900, 1]
