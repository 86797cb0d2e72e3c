"""What a hosted model costs: counted, estimated where nobody counts, and never more than there is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from innkeeper.runtime import facts
from innkeeper.runtime.errors import SpendingCeiling
from innkeeper.runtime.price import Price
from innkeeper.runtime.spending.purse import Ceilings
from tests.doubles.hosted_server import CUT, NO_KEY, Fault
from tests.engines.asking import ask, chat, said
from tests.engines.hosted_scene import CLOUD, Scene, answer, hosted_scene, refusal

LIMIT_S = 20.0
LOST = Fault(after_pieces=0, how="cut")
"""A try that may be charged although nobody heard a word of it."""


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with hosted_scene(tmp_path) as opened:
        yield opened


def spent(scene: Scene) -> list[facts.Spent]:
    return [fact for fact in scene.facts if isinstance(fact, facts.Spent)]


class TestMoney:
    async def test_what_an_answer_cost_is_a_fact(self, scene: Scene) -> None:
        await answer(scene, replace(chat("one two three"), client="ann"))

        (fact,) = spent(scene)
        assert (fact.request, fact.model, fact.client, fact.currency) == ("request-1", "cloud", "ann", "USD")
        assert fact.cost == pytest.approx(9e-6)
        assert not fact.is_estimated

    async def test_a_refusal_costs_nothing(self, scene: Scene) -> None:
        scene.server.faults = [NO_KEY]
        await refusal(scene)

        assert spent(scene) == []
        assert scene.spending.view().spent == 0.0

    async def test_what_was_said_before_it_broke_off_is_charged_as_an_estimate(self, scene: Scene) -> None:
        """C74: attempts are billed by name."""
        scene.server.faults = [CUT]
        error = await refusal(scene, chat("one two three four", streams=True))

        (fact,) = spent(scene)
        assert (fact.model, fact.is_estimated) == ("cloud", True)
        assert fact.cost is not None
        assert error.numbers["cost"] == fact.cost > 0

    async def test_a_try_that_is_lost_and_repeated_is_charged_too(self, scene: Scene) -> None:
        scene.server.faults = [LOST]
        await answer(scene, chat("one two three", streams=True))

        (fact,) = spent(scene)
        assert fact.is_estimated
        assert fact.cost is not None
        assert fact.cost > 9e-6  # which is what the answer alone cost

    async def test_a_try_that_is_lost_counts_also_where_the_next_is_refused(self, scene: Scene) -> None:
        scene.server.faults = [LOST, NO_KEY]
        error = await refusal(scene)

        assert error.numbers["cost"] == scene.spending.view().spent > 0

    @pytest.mark.parametrize("ceiling", ["of the day", "of the caller"])
    async def test_it_is_not_repeated_where_the_money_is_only_enough_for_one(
        self, scene: Scene, tmp_path: Path, ceiling: str
    ) -> None:
        """C75"""
        request = chat("one two three", streams=True, max_tokens=4)
        most = scene.spending.most(request, CLOUD, 4)
        of_the_day = Ceilings("USD", per_day=most) if ceiling == "of the day" else None
        async with hosted_scene(tmp_path / "poor", of_the_day) as poor:
            poor.server.faults = [LOST]
            await refusal(poor, request if of_the_day else replace(request, max_cost=most))

            assert len(poor.sent()) == 1

    async def test_a_caller_who_leaves_is_charged_for_what_came(self, scene: Scene) -> None:
        async with aclosing((await scene.engine()).run(chat("one two three", streams=True))) as chunks:
            await anext(chunks)

        assert [fact.is_estimated for fact in spent(scene)] == [True]
        assert scene.spending.view().set_aside == 0.0

    async def test_nothing_is_sent_when_the_ceiling_leaves_no_room(self, tmp_path: Path) -> None:
        """C75"""
        async with hosted_scene(tmp_path, Ceilings("USD", per_day=0.001)) as scene:
            error = await refusal(scene)  # may write 8192 tokens for 2 a million

            assert isinstance(error, SpendingCeiling)
            assert scene.server.asked == []
            assert said(await answer(scene, chat("one", max_tokens=10))) == "one"

    async def test_many_at_once_do_not_pass_the_ceiling_together(self, tmp_path: Path) -> None:
        """C75: fifty at once, of which a few can be paid."""
        async with hosted_scene(tmp_path, Ceilings("USD", per_day=0.01)) as scene:
            model = replace(CLOUD, price=Price(0.0, 1000.0))  # each may cost 0.002
            engine = await scene.engine(model)
            scene.server.gate = asyncio.Event()
            asking = [asyncio.create_task(ask(engine, chat("one two", max_tokens=2)), name=f"{i}") for i in range(50)]
            async with asyncio.timeout(LIMIT_S):
                while scene.server.under_way < 5:  # noqa: ASYNC110  the double's state, not an event
                    await asyncio.sleep(0.001)
                scene.server.gate.set()
                ended = await asyncio.gather(*asking, return_exceptions=True)

            assert sum(isinstance(end, SpendingCeiling) for end in ended) == 45
            assert scene.spending.view().spent == pytest.approx(0.01)
            assert len(scene.sent()) == 5
