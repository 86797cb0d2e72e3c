"""The keeper: engines really start and stop, callers really wait and leave."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing

import pytest

from innkeeper.runtime.catalog import Catalog
from innkeeper.runtime.engines.echo import EchoEngine
from innkeeper.runtime.errors import (
    BadSettings,
    Closing,
    CoolingDown,
    DoesNotFit,
    EngineDied,
    EngineMissing,
    InnkeeperError,
    LoadFailed,
    ModelInUse,
    UnknownModel,
)
from innkeeper.runtime.facts import EngineLeft, Evicted
from innkeeper.runtime.residency.callers import Rules
from innkeeper.runtime.residency.keeper import Ask
from tests.keeper.conftest import OpenHouse, ask, echo_model, question


class TestLeasing:
    async def test_three_callers_for_one_cold_model_cost_one_start(self, open_house: OpenHouse) -> None:
        """C03"""
        async with open_house(echo_model("alpha", load_s=1.0)) as house:

            async def use() -> str:
                async with house.keeper.lease("alpha") as lease:
                    return lease.model

            callers = [asyncio.create_task(use()) for _ in range(3)]
            await house.gate.somebody_sleeps.wait()
            house.gate.let_pass()

            assert await asyncio.gather(*callers) == ["alpha"] * 3
            assert house.echo.loads["alpha"] == 1

    async def test_a_loaded_model_serves_without_another_start(self, open_house: OpenHouse) -> None:
        """C01"""
        async with open_house(echo_model("alpha")) as house:
            for _ in range(3):
                async with house.keeper.lease("alpha"):
                    pass
            assert house.echo.loads["alpha"] == 1

    async def test_the_wait_and_the_part_of_it_that_was_loading_are_told(self, open_house: OpenHouse) -> None:
        async with open_house(echo_model("alpha")) as house:
            async with house.keeper.lease("alpha") as first:
                assert first.waited_s >= first.load_s > 0
            async with house.keeper.lease("alpha") as second:
                assert second.load_s == 0

    async def test_an_unknown_model_is_refused_and_leaves_no_trace(self, open_house: OpenHouse) -> None:
        """C02"""
        async with open_house(echo_model("alpha")) as house:
            with pytest.raises(UnknownModel, match="alpha"):
                async with house.keeper.lease("alpah"):
                    pass
            assert not len(house.residency.books.queue)

    async def test_a_model_of_an_engine_that_is_not_here_says_which_are(self, open_house: OpenHouse) -> None:
        stranger = echo_model("stranger")
        async with open_house(echo_model("alpha")) as house:
            await house.keeper.reload(Catalog((type(stranger)("stranger", "abacus", stranger.kinds),)))
            with pytest.raises(EngineMissing, match="echo"):
                async with house.keeper.lease("stranger"):
                    pass

    async def test_trouble_that_was_mended_is_forgotten(self, open_house: OpenHouse) -> None:
        async with open_house(echo_model("alpha", nonsense=1)) as house:
            with pytest.raises(BadSettings, match="nonsense"):
                async with house.keeper.lease("alpha"):
                    pass
            await house.keeper.reload(Catalog((echo_model("alpha"),)))
            async with house.keeper.lease("alpha") as lease:
                assert lease.model == "alpha"


class TestMakingRoom:
    async def test_the_old_engine_is_gone_before_the_new_one_starts(self, open_house: OpenHouse) -> None:
        async with open_house(echo_model("alpha", 150), echo_model("beta", 150)) as house:
            async with house.keeper.lease("alpha"):
                pass
            old = house.echo.newest["alpha"]
            async with house.keeper.lease("beta"):
                assert await old.gone() == "stopped"
                assert house.state("alpha") == "cold"
            assert any(isinstance(fact, Evicted) and fact.model == "alpha" for fact in house.noted)

    async def test_a_model_in_use_finishes_before_it_makes_room(self, open_house: OpenHouse) -> None:
        """C05"""
        rules = Rules(patience_s=0.0)
        async with open_house(echo_model("alpha", 150), echo_model("beta", 150), rules=rules) as house:
            async with house.keeper.lease("alpha") as first:
                waiting = asyncio.create_task(house.keeper.load("beta"))
                await house.until(lambda: house.state("alpha") == "draining")
                async with aclosing(first.engine.run(question("alpha"))) as chunks:
                    assert [chunk async for chunk in chunks]
            await waiting
            assert house.state("beta") == "ready"

    async def test_what_is_larger_than_the_budget_is_refused_and_disturbs_nobody(self, open_house: OpenHouse) -> None:
        """C35"""
        async with open_house(echo_model("alpha"), echo_model("whale", 201)) as house:
            await house.keeper.load("alpha")
            with pytest.raises(DoesNotFit) as refused:
                await house.keeper.load("whale")
            assert refused.value.numbers == {"needed_bytes": 201, "limit_bytes": 200}
            assert house.state("alpha") == "ready"


class TestLeavingCallers:
    async def test_who_leaves_the_queue_never_triggers_a_load(self, open_house: OpenHouse) -> None:
        """C65"""
        async with open_house(echo_model("alpha", 150), echo_model("beta", 150)) as house:
            async with house.keeper.lease("alpha"):
                waiting = asyncio.create_task(house.keeper.load("beta"))
                await house.until(lambda: len(house.residency.books.queue) == 1)
                waiting.cancel()
                await asyncio.wait([waiting])
            assert house.echo.loads["beta"] == 0

    async def test_a_load_is_kept_when_its_only_caller_leaves_and_nobody_needs_the_room(
        self, open_house: OpenHouse
    ) -> None:
        """C66"""
        async with open_house(echo_model("alpha", load_s=1.0)) as house:
            caller = asyncio.create_task(house.keeper.load("alpha"))
            await house.gate.somebody_sleeps.wait()
            caller.cancel()
            await asyncio.wait([caller])
            house.gate.let_pass()
            await house.until(lambda: house.state("alpha") == "ready")

    async def test_a_load_nobody_waits_for_gives_way_to_one_that_is_wanted(self, open_house: OpenHouse) -> None:
        """C66"""
        async with open_house(echo_model("alpha", 150, load_s=1.0), echo_model("beta", 150)) as house:
            caller = asyncio.create_task(house.keeper.load("alpha"))
            await house.gate.somebody_sleeps.wait()
            caller.cancel()
            await asyncio.wait([caller])
            await house.keeper.load("beta")
            assert house.state("alpha") == "cold"

    async def test_a_caller_who_leaves_as_it_is_served_leaks_no_lease(self, open_house: OpenHouse) -> None:
        """C11"""
        async with open_house(echo_model("alpha", load_s=1.0)) as house:
            caller = asyncio.create_task(house.keeper.load("alpha"))
            await house.gate.somebody_sleeps.wait()
            house.gate.let_pass()
            await house.until(lambda: bool(house.residency.books.leases))
            caller.cancel()
            await asyncio.wait([caller])
            assert not house.residency.books.leases


class TestFailure:
    async def test_every_waiter_hears_of_a_failed_load_once(self, open_house: OpenHouse) -> None:
        """C04"""
        async with open_house(echo_model("alpha", load_s=1.0, fails_loads=1)) as house:
            callers = [asyncio.create_task(house.keeper.load("alpha")) for _ in range(3)]
            await house.gate.somebody_sleeps.wait()
            house.gate.let_pass()
            answers = await asyncio.gather(*callers, return_exceptions=True)
            assert [type(answer) for answer in answers] == [LoadFailed] * 3
            assert len({id(answer) for answer in answers}) == 3
            with pytest.raises(CoolingDown):
                await house.keeper.load("alpha")

    async def test_an_engine_that_dies_idle_is_noticed_and_the_next_caller_loads_it_anew(
        self, open_house: OpenHouse
    ) -> None:
        """C58"""
        async with open_house(echo_model("alpha")) as house:
            await house.keeper.load("alpha")
            house.echo.newest["alpha"].die("killed by a test")
            await house.until(lambda: house.state("alpha") == "cold")
            await house.keeper.load("alpha")
            assert house.echo.loads["alpha"] == 2
            assert any(isinstance(fact, EngineLeft) and fact.why == "killed by a test" for fact in house.noted)

    async def test_an_engine_that_dies_in_use_ends_the_answer_and_frees_its_bytes(self, open_house: OpenHouse) -> None:
        """C57"""
        async with open_house(echo_model("alpha", dies_after_pieces=1)) as house:
            with pytest.raises(EngineDied):
                await ask(house, "alpha")
            await house.until(lambda: house.state("alpha") == "cold")
            assert house.residency.books.ledger.held_in("ram") == 0

    async def test_an_engine_that_always_dies_in_use_is_not_loaded_in_a_circle(self, open_house: OpenHouse) -> None:
        """C57: the broken answer is given back before the process is known to be gone, and is no sign of health."""
        async with open_house(echo_model("alpha", dies_after_pieces=1)) as house:
            for _ in range(3):
                with pytest.raises(EngineDied):
                    await ask(house, "alpha")
                await house.until(lambda: house.state("alpha") == "cold")
            with pytest.raises(CoolingDown):
                await ask(house, "alpha")

    async def test_a_second_try_with_more_room_follows_a_load_that_ran_out_of_memory(
        self, open_house: OpenHouse
    ) -> None:
        """C41"""
        async with open_house(echo_model("alpha"), echo_model("beta", fails_loads=1, out_of_memory=True)) as house:
            await house.keeper.load("alpha")
            await house.keeper.load("beta")
            assert house.echo.loads["beta"] == 2
            assert house.state("alpha") == "cold"

    async def test_who_left_for_a_load_that_failed_comes_back(self, open_house: OpenHouse) -> None:
        """C43"""
        async with open_house(echo_model("alpha", 150), echo_model("beta", 150, fails_loads=1)) as house:
            await house.keeper.load("alpha")
            with pytest.raises(LoadFailed):
                await house.keeper.load("beta")
            await house.until(lambda: house.state("alpha") == "ready")

    async def test_a_load_that_never_ends_has_failed_after_its_limit(self, open_house: OpenHouse) -> None:
        """C55, C59"""
        async with open_house(echo_model("alpha", never_ready=True), longest_load_s=0.01) as house:
            with pytest.raises(LoadFailed, match=r"not ready within 0\.01 s.*longest_load_s"):
                await house.keeper.load("alpha")
            await house.until(lambda: house.state("alpha") == "cold")


class TestUnloading:
    async def test_an_unload_in_use_is_refused_and_with_force_waits_for_the_answers(
        self, open_house: OpenHouse
    ) -> None:
        """C53"""
        async with open_house(echo_model("alpha")) as house:
            async with house.keeper.lease("alpha"):
                with pytest.raises(ModelInUse):
                    await house.keeper.unload("alpha")
                leaving = asyncio.create_task(house.keeper.unload("alpha", force=True))
                await house.until(lambda: house.state("alpha") == "draining")
                assert not leaving.done()
            await leaving
            assert house.state("alpha") == "cold"

    async def test_loading_twice_and_unloading_a_cold_model_change_nothing(self, open_house: OpenHouse) -> None:
        """C53"""
        async with open_house(echo_model("alpha")) as house:
            await house.keeper.load("alpha")
            await house.keeper.load("alpha")
            assert house.echo.loads["alpha"] == 1
            await house.keeper.unload("alpha")
            await house.keeper.unload("alpha")

    async def test_a_request_during_an_unload_gets_a_fresh_engine(self, open_house: OpenHouse) -> None:
        """C10"""
        async with open_house(echo_model("alpha", stop_s=1.0)) as house:
            await house.keeper.load("alpha")
            leaving = asyncio.create_task(house.keeper.unload("alpha"))
            await house.gate.somebody_sleeps.wait()
            asking = asyncio.create_task(house.keeper.load("alpha"))
            await house.until(lambda: len(house.residency.books.queue) == 1)
            house.gate.let_pass()
            await asyncio.gather(leaving, asking)
            assert house.echo.loads["alpha"] == 2

    async def test_ten_loads_and_unloads_at_once_end(self, open_house: OpenHouse) -> None:
        """C56"""
        async with open_house(echo_model("alpha")) as house:
            both = [house.keeper.load("alpha") for _ in range(10)]
            both += [house.keeper.unload("alpha", force=True) for _ in range(10)]
            await asyncio.gather(*both)

    async def test_an_idle_model_leaves_by_itself(self, open_house: OpenHouse) -> None:
        """C50"""
        async with open_house(echo_model("alpha", keep_for_s=0.0)) as house:
            await house.keeper.load("alpha")
            await house.until(lambda: house.state("alpha") == "cold")

    async def test_a_borrowed_lease_keeps_the_model_until_it_is_given_back(self, open_house: OpenHouse) -> None:
        """C13"""
        async with open_house(echo_model("alpha", keep_for_s=0.0)) as house:
            ticket = await house.keeper.borrow("alpha", Ask(expires_s=60.0))
            assert house.state("alpha") == "ready"
            house.keeper.give_back(ticket)
            house.keeper.give_back(ticket)
            await house.until(lambda: house.state("alpha") == "cold")

    async def test_a_lost_borrower_does_not_keep_it_for_ever(self, open_house: OpenHouse) -> None:
        """C13"""
        async with open_house(echo_model("alpha", keep_for_s=0.0)) as house:
            await house.keeper.borrow("alpha", Ask(expires_s=0.01))
            await house.until(lambda: house.state("alpha") == "cold")


class TestClosing:
    async def test_closing_while_a_model_loads_stops_the_load_and_tells_the_waiting(
        self, open_house: OpenHouse
    ) -> None:
        """C55, C60"""
        async with open_house(echo_model("alpha", never_ready=True)) as house:
            waiting = asyncio.create_task(house.keeper.load("alpha"))
            await house.until(lambda: house.state("alpha") == "loading")
            await house.keeper.close()
            with pytest.raises(Closing):
                await waiting

    async def test_closing_with_a_lease_out_gives_it_time_and_then_takes_the_engine(
        self, open_house: OpenHouse
    ) -> None:
        """C60"""
        async with open_house(echo_model("alpha")) as house, house.keeper.lease("alpha") as lease:
            await house.keeper.close(grace_s=0.01)
            with pytest.raises(EngineDied):
                async with aclosing(lease.engine.run(question("alpha"))) as chunks:
                    await anext(chunks)

    async def test_nobody_comes_in_after_closing(self, open_house: OpenHouse) -> None:
        async with open_house(echo_model("alpha")) as house:
            await house.keeper.close()
            with pytest.raises(Closing):
                await house.keeper.load("alpha")


class TestAFaultOfOurOwn:
    async def test_is_told_as_it_was_and_no_engine_is_left(
        self, open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def mistake(_: EchoEngine) -> str:
            raise ZeroDivisionError("the first cause")

        engines: list[EchoEngine] = []
        with pytest.RaisesGroup(pytest.RaisesExc(ZeroDivisionError, match="the first cause")):
            async with open_house(echo_model("alpha"), echo_model("beta")) as house:
                await house.keeper.load("alpha")
                monkeypatch.setattr(EchoEngine, "gone", mistake)
                async with house.keeper.lease("beta"):
                    engines += house.echo.newest.values()
                    await asyncio.Event().wait()
        for engine in engines:
            assert engine.holding() is None


class TestChangingTheCatalogue:
    async def test_unchanged_models_keep_running(self, open_house: OpenHouse) -> None:
        """C79"""
        async with open_house(echo_model("alpha"), echo_model("beta")) as house:
            await house.keeper.load("alpha")
            await house.keeper.reload(Catalog((echo_model("alpha", keep_for_s=9.0), echo_model("gamma"))))
            await house.keeper.load("alpha")
            await house.keeper.load("gamma")
            assert house.echo.loads == {"alpha": 1, "gamma": 1}

    async def test_a_model_taken_out_while_loaded_finishes_and_goes(self, open_house: OpenHouse) -> None:
        """C80"""
        async with open_house(echo_model("alpha"), echo_model("beta")) as house:
            async with house.keeper.lease("alpha"):
                await house.keeper.reload(Catalog((echo_model("beta"),)))
                assert house.state("alpha") == "draining"
            await house.until(lambda: "alpha" not in house.residency.books.residents)

    async def test_a_changed_model_loads_anew_with_its_new_options(self, open_house: OpenHouse) -> None:
        async with open_house(echo_model("alpha", 100)) as house:
            await house.keeper.load("alpha")
            await house.keeper.reload(Catalog((echo_model("alpha", 120),)))
            await house.until(lambda: house.state("alpha") == "cold")
            async with house.keeper.lease("alpha"):
                assert house.residency.books.ledger.held_in("ram") == 120


class TestStress:
    async def test_thirty_two_clients_load_use_and_unload_at_random(self, open_house: OpenHouse) -> None:
        """C61, C62: 32 tasks with 64 steps each over six models in a budget for two; the books balance throughout."""
        models = tuple(echo_model(f"m{index}", 100, slots=2) for index in range(6))
        async with open_house(*models, rules=Rules(patience_s=0.05)) as house:
            answered = refused = 0

            async def client(seed: int) -> None:
                nonlocal answered, refused
                dice = random.Random(seed)
                for _ in range(64):
                    model = f"m{dice.randrange(6)}"
                    try:
                        match dice.randrange(64):
                            case 0 | 1 | 2 | 3:
                                await house.keeper.unload(model, force=dice.random() < 0.5)
                            case 4 if model in house.echo.newest:
                                house.echo.newest[model].die("killed by a test")
                            case 5 | 6 | 7:
                                async with asyncio.timeout(dice.random() / 1000):
                                    await house.keeper.load(model)
                            case _:
                                await ask(house, model, client=str(seed))
                        answered += 1
                    except (InnkeeperError, TimeoutError):
                        refused += 1
                    house.residency.check()
                    assert house.residency.books.ledger.held_in("ram") <= 200

            await asyncio.gather(*(client(seed) for seed in range(32)))
            assert answered + refused == 32 * 64
            assert answered > refused
