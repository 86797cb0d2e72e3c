"""Servers that are not ours: what happens there behind our back is in the books within one look."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from innkeeper.runtime import facts
from innkeeper.runtime.catalog import Catalog, Model
from innkeeper.runtime.engines import foreign
from innkeeper.runtime.engines.lmstudio import LmStudio
from innkeeper.runtime.engines.ollama import Ollama
from innkeeper.runtime.engines.placing import Placing
from innkeeper.runtime.errors import EngineError, EngineUnreachable, LoadFailed
from innkeeper.runtime.memory.pools import PoolReading
from innkeeper.runtime.messages import Kind, Request
from tests.doubles.lmstudio_server import Downloaded, LmStudioServer
from tests.doubles.ollama_server import OllamaServer, Pulled
from tests.doubles.served import serving
from tests.runtime.conftest import Inn, OpenInn, echo_model
from tests.runtime.test_serve import answer

GB = 10**9
BUDGET = 20 * GB
HOLDS = 5 * GB + 1000 * 4096
"""What the double says that its model holds with 4,096 tokens of context."""


def entry(name: str = "ours", source: str = "big", **options: int) -> Model:
    kinds = frozenset({Kind.CHAT, Kind.COMPLETION})
    return Model(name, "ollama", kinds, source=source, slots=4, keep_for_s=None, options=options)


def question(model: str = "ours", text: str = "one two three") -> Request:
    return Request("r-1", Kind.COMPLETION, {"prompt": text}, model, streams=True)


class Outer:
    """An inn and the Ollama beside it."""

    def __init__(self, inn: Inn, ollama: OllamaServer) -> None:
        self.inn = inn
        self.ollama = ollama

    async def look(self) -> None:
        await self.inn.outside.look("ollama")

    def state(self, model: str = "ours") -> str:
        return self.inn.residency.books.residents[model].state.value

    def held_bytes(self, pool: str = "ram") -> int:
        return self.inn.residency.books.ledger.held_in(pool)


OpenOuter = Callable[..., AbstractAsyncContextManager[Outer]]


@pytest.fixture
def open_outer(open_inn: OpenInn) -> OpenOuter:
    @asynccontextmanager
    async def opened(*models: Model, budget: int = BUDGET) -> AsyncIterator[Outer]:
        ollama = OllamaServer(big=Pulled(size_bytes=5 * GB, cache_bytes_per_token=1000))
        async with serving(ollama):
            adapter = Ollama(ollama.url, Placing(is_here=True))
            ram = PoolReading(total_bytes=40 * GB, free_bytes=40 * GB)
            async with open_inn(*models, budget=budget, foreign=(adapter,), ram=ram) as inn:
                yield Outer(inn, ollama)
            await adapter.close()

    return opened


class TestLeavingBehindOurBack:
    async def test_a_model_that_was_unloaded_there_is_out_of_the_books_with_the_next_look(
        self, open_outer: OpenOuter
    ) -> None:
        """C47"""
        async with open_outer(entry()) as outer:
            await outer.inn.runtime.load("ours")
            outer.ollama.expire("big")
            await outer.look()
            await outer.inn.until(lambda: outer.state() == "cold")

            assert outer.held_bytes() == 0
            left = [fact for fact in outer.inn.facts() if isinstance(fact, facts.EngineLeft)]
            assert "without being told to by us" in left[-1].why

    async def test_the_next_request_loads_it_again(self, open_outer: OpenOuter) -> None:
        """C47"""
        async with open_outer(entry()) as outer:
            await outer.inn.runtime.load("ours")
            outer.ollama.expire("big")
            await outer.look()
            await outer.inn.until(lambda: outer.state() == "cold")

            assert await answer(outer.inn, question())
            assert (outer.ollama.loads, outer.state()) == (2, "ready")

    async def test_a_request_before_that_look_is_answered_all_the_same(self, open_outer: OpenOuter) -> None:
        """C47: stale belief never gives an instant 502."""
        async with open_outer(entry()) as outer:
            await outer.inn.runtime.load("ours")
            outer.ollama.expire("big")

            assert await answer(outer.inn, question())
            await outer.look()
            assert outer.state() == "ready"

    async def test_a_server_that_went_away_takes_its_models_out_of_the_books(self, open_outer: OpenOuter) -> None:
        """C47"""
        async with open_outer(entry()) as outer:
            await outer.inn.runtime.load("ours")
            outer.ollama.die()
            await outer.look()
            await outer.inn.until(lambda: outer.state() == "cold")

            with pytest.raises(EngineError, match="ollama serve"):
                await answer(outer.inn, question())

    async def test_it_is_used_again_when_it_is_back(self, open_outer: OpenOuter) -> None:
        async with open_outer(entry()) as outer:
            await outer.inn.runtime.load("ours")
            await outer.ollama.close()
            outer.ollama.loaded.clear()
            await outer.look()
            await outer.inn.until(lambda: outer.state() == "cold")
            await outer.ollama.listen()

            assert await answer(outer.inn, question())

    async def test_a_server_that_dies_during_a_load_fails_it_with_its_reason(self, open_outer: OpenOuter) -> None:
        async with open_outer(entry()) as outer:
            outer.ollama.may_load.clear()
            loading = asyncio.create_task(outer.inn.runtime.load("ours"))
            await outer.ollama.is_loading.wait()
            outer.ollama.die()

            with pytest.raises(LoadFailed, match="closed the connection"):
                await loading
            await outer.inn.until(lambda: outer.state() == "cold")
            assert outer.held_bytes() == 0

    async def test_a_server_that_hangs_is_given_up_after_some_looks(
        self, open_outer: OpenOuter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with open_outer(entry()) as outer:
            await outer.inn.runtime.load("ours")
            outer.ollama.is_dumb = True
            monkeypatch.setattr("innkeeper.runtime.engines.ollama_server.LOOK_WITHIN_S", 0.01)
            states = []
            for _ in range(3):
                await outer.look()
                states.append(outer.state())
            await outer.inn.until(lambda: outer.state() == "cold")

            assert states[:2] == ["ready", "ready"]


class TestComingBehindOurBack:
    async def test_a_model_that_somebody_loaded_there_is_charged_with_the_next_look(
        self, open_outer: OpenOuter
    ) -> None:
        """C47"""
        async with open_outer(entry()) as outer:
            outer.ollama.take("big")
            await outer.look()

            assert (outer.state(), outer.held_bytes()) == ("ready", HOLDS)

    async def test_it_is_not_loaded_twice(self, open_outer: OpenOuter) -> None:
        async with open_outer(entry()) as outer:
            outer.ollama.take("big")
            await outer.look()

            assert await answer(outer.inn, question())
            assert outer.ollama.loads == 0

    async def test_it_makes_idle_models_of_ours_leave_where_both_do_not_fit(self, open_outer: OpenOuter) -> None:
        """C47"""
        async with open_outer(entry(), echo_model("own", 6 * GB), budget=10 * GB) as outer:
            await outer.inn.runtime.load("own")
            outer.ollama.take("big")
            await outer.look()
            await outer.inn.until(lambda: outer.state("own") == "cold")

            assert outer.held_bytes() == HOLDS

    async def test_it_leaves_when_its_room_is_wanted(self, open_outer: OpenOuter) -> None:
        async with open_outer(entry(), echo_model("own", 6 * GB), budget=10 * GB) as outer:
            outer.ollama.take("big")
            await outer.look()
            await outer.inn.runtime.load("own")

            assert (outer.ollama.loaded, outer.state()) == ({}, "cold")

    async def test_two_entries_for_the_same_model_there_are_charged_once(self, open_outer: OpenOuter) -> None:
        async with open_outer(entry("one"), entry("two")) as outer:
            outer.ollama.take("big")
            await outer.look()

            assert outer.held_bytes() == HOLDS

    async def test_a_model_of_no_entry_is_other_programs_use_and_nobodys_charge(self, open_outer: OpenOuter) -> None:
        async with open_outer(entry()) as outer:
            outer.ollama.take("tiny")
            await outer.look()

            assert outer.held_bytes() == 0

    async def test_what_does_not_leave_when_told_to_is_taken_in_again(
        self, open_outer: OpenOuter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("innkeeper.runtime.engines.foreign.UNLOAD_WITHIN_S", 0.05)
        async with open_outer(entry()) as outer:
            await outer.inn.runtime.load("ours")
            outer.ollama.keeps_what_it_has = True
            await outer.inn.runtime.unload("ours")
            before = outer.held_bytes()
            await outer.look()

            assert (before, outer.held_bytes(), outer.state()) == (0, HOLDS, "ready")


class TestLeavingItAsItWasFound:
    async def test_what_somebody_else_loaded_stays_when_the_house_closes(self, open_outer: OpenOuter) -> None:
        async with open_outer(entry()) as outer:
            ollama = outer.ollama
            ollama.take("big", keep_alive=300)
            await outer.look()
            await answer(outer.inn, question())
            while_in_use = ollama.loaded["big:latest"].keep_alive

        assert (while_in_use, ollama.loaded["big:latest"].keep_alive) == (-1, 300)
        assert ollama.loads == 0

    async def test_and_when_its_entry_is_taken_out(self, open_outer: OpenOuter) -> None:
        async with open_outer(entry()) as outer:
            outer.ollama.take("big")
            await outer.look()
            await outer.inn.runtime.reload(Catalog((echo_model("other"),), None))
            await outer.inn.until(lambda: "ours" not in outer.inn.residency.books.residents)

            assert "big:latest" in outer.ollama.loaded

    async def test_what_was_not_asked_is_not_touched(self, open_outer: OpenOuter) -> None:
        async with open_outer(entry()) as outer:
            outer.ollama.take("big", keep_alive=77)
            await outer.look()
            asked = len(outer.ollama.bodies("/api/generate"))

        assert outer.ollama.loaded["big:latest"].keep_alive == 77
        assert len(outer.ollama.bodies("/api/generate")) == asked

    async def test_what_left_meanwhile_is_not_loaded_to_be_given_back(self, open_outer: OpenOuter) -> None:
        async with open_outer(entry()) as outer:
            outer.ollama.take("big")
            await outer.look()
            await answer(outer.inn, question())
            outer.ollama.expire("big")

        assert (outer.ollama.loaded, outer.ollama.loads) == ({}, 0)

    async def test_a_server_that_hangs_does_not_keep_the_house_from_closing(
        self, open_outer: OpenOuter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(foreign, "LOOK_WITHIN_S", 0.05)
        async with asyncio.timeout(20), open_outer(entry()) as outer:
            outer.ollama.take("big")
            await outer.look()
            await answer(outer.inn, question())
            outer.ollama.is_dumb = True

    async def test_what_we_loaded_leaves(self, open_outer: OpenOuter) -> None:
        async with open_outer(entry()) as outer:
            await outer.inn.runtime.load("ours")

        assert outer.ollama.loaded == {}

    async def test_of_two_entries_for_one_model_the_first_to_leave_leaves_it_to_the_other(
        self, open_outer: OpenOuter
    ) -> None:
        async with open_outer(entry(), entry("twin")) as outer:
            await outer.inn.runtime.load("ours")
            await outer.inn.runtime.load("twin")
            await outer.inn.runtime.unload("ours")

            assert "big:latest" in outer.ollama.loaded
            assert await answer(outer.inn, question("twin"))
            await outer.inn.runtime.unload("twin")
            assert outer.ollama.loaded == {}


class TestCountingOnce:
    async def ceiling_bytes(self, outer: Outer, free_bytes: int) -> int:
        outer.inn.now[0] += 60
        outer.inn.host.ram = PoolReading(total_bytes=25 * GB, free_bytes=free_bytes, ours_bytes=GB)
        await outer.inn.readings.read()
        outer.inn.now[0] += 60
        await outer.inn.readings.read()
        (ram,) = outer.inn.runtime.view().pools
        return ram.ceiling_bytes

    async def test_what_our_model_holds_in_their_process_is_not_other_programs_use_too(
        self, open_outer: OpenOuter
    ) -> None:
        """C47"""
        async with open_outer(entry()) as outer:
            await outer.inn.runtime.load("ours")
            outer.inn.host.programs = HOLDS

            assert await self.ceiling_bytes(outer, 24 * GB - HOLDS) == BUDGET

    async def test_what_else_their_process_holds_is(self, open_outer: OpenOuter) -> None:
        async with open_outer(entry()) as outer:
            await outer.inn.runtime.load("ours")
            outer.inn.host.programs = HOLDS + 9 * GB

            assert await self.ceiling_bytes(outer, 24 * GB - HOLDS - 9 * GB) == 16 * GB

    async def test_weights_they_map_count_as_free_and_are_not_credited_again(self, open_outer: OpenOuter) -> None:
        """Mapped, 4 of its 5 GB are the kernel's cache; 10 GB are really used by others."""
        async with open_outer(entry()) as outer:
            await outer.inn.runtime.load("ours")
            outer.inn.host.programs = GB

            assert await self.ceiling_bytes(outer, 13 * GB) == 15 * GB

    async def test_where_their_process_cannot_be_seen_nothing_is_credited(self, open_outer: OpenOuter) -> None:
        async with open_outer(entry()) as outer:
            await outer.inn.runtime.load("ours")
            outer.inn.host.programs = None

            assert await self.ceiling_bytes(outer, 14 * GB) == 15 * GB

    async def test_its_size_is_estimated_before_the_first_load_and_measured_after(self, open_outer: OpenOuter) -> None:
        async with open_outer(entry()) as outer:
            (before,) = outer.inn.runtime.view().models
            await outer.inn.runtime.load("ours")
            await outer.inn.readings.read()
            (after,) = outer.inn.runtime.view().models

            assert (before.sizing, after.measured) == ("estimated", {"ram": HOLDS})


class TestLmStudio:
    @asynccontextmanager
    async def opened(self, open_inn: OpenInn) -> AsyncIterator[tuple[Inn, LmStudioServer]]:
        double = LmStudioServer(big=Downloaded(size_bytes=5 * GB))
        async with serving(double):
            adapter = LmStudio(double.url, Placing(is_here=True))
            model = Model("ours", "lmstudio", frozenset({Kind.CHAT}), source="big", keep_for_s=None)
            ram = PoolReading(total_bytes=40 * GB, free_bytes=40 * GB)
            async with open_inn(model, budget=BUDGET, foreign=(adapter,), ram=ram) as inn:
                yield inn, double
            await adapter.close()

    async def test_what_left_behind_our_back_is_out_of_the_books_with_the_next_look(self, open_inn: OpenInn) -> None:
        """C47"""
        async with self.opened(open_inn) as (inn, double):
            await inn.runtime.load("ours")
            double.expire("big")
            await inn.outside.look("lmstudio")
            await inn.until(lambda: inn.residency.books.residents["ours"].state.value == "cold")

            assert inn.residency.books.ledger.held_in("ram") == 0

    async def test_what_came_behind_our_back_is_charged_what_we_expect_of_it(self, open_inn: OpenInn) -> None:
        """C47"""
        async with self.opened(open_inn) as (inn, double):
            double.take("big")
            await inn.outside.look("lmstudio")

            assert inn.residency.books.residents["ours"].state.value == "ready"
            assert inn.residency.books.ledger.held_in("ram") > 5 * GB

    async def test_its_charge_is_not_other_programs_use_too(self, open_inn: OpenInn) -> None:
        """C47"""
        async with self.opened(open_inn) as (inn, _):
            await inn.runtime.load("ours")
            inn.host.programs = 5 * GB
            inn.host.ram = PoolReading(total_bytes=25 * GB, free_bytes=19 * GB, ours_bytes=GB)
            for _ in range(2):
                inn.now[0] += 60
                await inn.readings.read()

            (ram,) = inn.runtime.view().pools
            assert ram.ceiling_bytes == BUDGET


async def test_a_server_that_is_not_there_is_said_with_the_remedy(open_inn: OpenInn) -> None:
    adapter = Ollama("http://127.0.0.1:9", Placing(is_here=True))
    async with open_inn(entry(), foreign=(adapter,)) as inn:
        with pytest.raises(EngineUnreachable, match=r"connection refused.*ollama serve"):
            await answer(inn, question())
    await adapter.close()
