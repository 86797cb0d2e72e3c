"""Answers in time: who stands in for a model that would be late, and what becomes of that model."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from innkeeper.runtime import facts
from innkeeper.runtime.catalog import Model
from innkeeper.runtime.chain import Limits
from innkeeper.runtime.errors import ChainExhausted, EngineTimedOut, NotNow
from innkeeper.runtime.messages import Began, Request
from innkeeper.runtime.residency.states import State
from innkeeper.runtime.routing.choice import Worth
from tests.runtime.conftest import Inn, OpenInn, echo_model
from tests.runtime.test_chain import answer, attempts, question, who_answers

PRIMARY = echo_model("primary")
STORY = "tell me a story"


def deep(size: int = 100, load_s: float = 60.0, **options: Any) -> Model:  # options of the echo engine
    return replace(echo_model("deep", size, load_s=load_s, **options), tasks=frozenset({"story"}))


def state(inn: Inn, model: str) -> State:
    return inn.residency.books.residents[model].state


async def began(inn: Inn, request: Request) -> Began:
    first = (await answer(inn, request))[0]
    assert isinstance(first, Began)
    return first


class Pause:
    """Every delay lasts until it is ended."""

    def __init__(self) -> None:
        self.over = asyncio.Event()

    async def __call__(self, _: float) -> None:
        await self.over.wait()


class TestALateModel:
    """C77: a deadline shorter than the load."""

    async def test_yields_to_one_in_memory_which_says_so(self, open_inn: OpenInn) -> None:
        async with open_inn(PRIMARY, deep(), default="primary") as inn:
            await inn.runtime.load("primary")
            first = await began(inn, question(STORY))

            assert (first.model, first.requested, first.quality) == ("primary", "deep", 0.8)
            assert first.because == (
                'the words speak of story ("tell me a story"); deep does it; deep would need 60.0 s (load 60.0 s), and '
                "the target for story is 5 s: primary answers in its place with quality 0.8, and deep is loaded for "
                "next time"
            )

    async def test_is_loaded_meanwhile_and_answers_the_next(self, open_inn: OpenInn) -> None:
        pause = Pause()
        async with open_inn(PRIMARY, deep(), default="primary", sleep=pause) as inn:
            await inn.runtime.load("primary")
            await answer(inn, question(STORY, conversation="c"))
            assert state(inn, "deep") is State.LOADING
            pause.over.set()
            await inn.until(lambda: state(inn, "deep") is State.READY)

            first = await began(inn, question("go on", request_id="r-2", conversation="c"))
            assert (first.model, first.requested, first.quality) == ("deep", None, None)

    async def test_is_waited_for_where_nobody_is_in_memory(self, open_inn: OpenInn) -> None:
        pause = Pause()
        async with open_inn(PRIMARY, deep(), default="primary", sleep=pause) as inn:
            asking = asyncio.create_task(who_answers(inn, question(STORY)))
            await inn.until(lambda: state(inn, "deep") is State.LOADING)
            pause.over.set()

            model, because = await asking
            assert model == "deep"
            assert because.endswith("deep needs 60.0 s (load 60.0 s), more than 5 s, and nobody better can stand in")

    async def test_yields_to_a_hosted_one_where_nobody_is_in_memory(self, open_inn: OpenInn) -> None:
        cloud = replace(echo_model("cloud", 0), provider="somebody", quality={"": 0.9})
        async with open_inn(PRIMARY, deep(), cloud, default="primary") as inn:
            first = await began(inn, question(STORY))

            assert (first.model, first.requested, first.quality) == ("cloud", "deep", 0.9)
            assert state(inn, "deep") is State.LOADING

    async def test_stays_in_the_house_where_the_settings_want_it_so(self, open_inn: OpenInn) -> None:
        cloud = replace(echo_model("cloud", 0), provider="somebody", quality={"": 0.9})
        pause = Pause()
        pause.over.set()
        at_home = Worth(may_overflow=False)
        async with open_inn(PRIMARY, deep(), cloud, default="primary", sleep=pause, worth=at_home) as inn:
            assert (await began(inn, question(STORY))).model == "deep"

    async def test_is_waited_for_where_the_settings_want_it_so(self, open_inn: OpenInn) -> None:
        pause = Pause()
        pause.over.set()
        never = Worth(may_substitute=False)
        async with open_inn(PRIMARY, deep(), default="primary", sleep=pause, worth=never) as inn:
            await inn.runtime.load("primary")
            assert (await who_answers(inn, question(STORY)))[0] == "deep"

    async def test_is_written_down_with_the_time_and_the_target(self, open_inn: OpenInn) -> None:
        async with open_inn(PRIMARY, deep(), default="primary") as inn:
            await inn.runtime.load("primary")
            await answer(inn, question(STORY))

            [routed] = [fact for fact in inn.facts() if isinstance(fact, facts.Routed)]
            assert (routed.candidates, routed.right) == (("primary", "deep"), "deep")
            [words] = [fact for fact in inn.facts() if isinstance(fact, facts.FirstWords)]
            assert words == facts.FirstWords("r-1", "primary", "story", 0.0, 0.0, 5.0, "deep", 0.8)

    async def test_counts_as_wanted(self, open_inn: OpenInn) -> None:
        async with open_inn(PRIMARY, deep(), default="primary") as inn:
            await inn.runtime.load("primary")
            await answer(inn, question(STORY))

            assert inn.residency.books.demand.chance("deep", 0.0) > 0.0

    async def test_and_its_substitute_do_not_send_each_other_away(self, open_inn: OpenInn) -> None:
        """C72: there is room for one, and the one that answers stays as long as it answers."""
        async with open_inn(PRIMARY, deep(), default="primary", budget=150) as inn:
            await inn.runtime.load("primary")
            loads = 0
            while not loads:
                async with aclosing(inn.runtime.serve(question(STORY))) as chunks:
                    first = await anext(chunks)
                    assert isinstance(first, Began)
                    assert first.model == "primary"
                    assert (state(inn, "primary"), state(inn, "deep")) == (State.READY, State.COLD)
                    async for _ in chunks:
                        pass
                loads = sum(isinstance(fact, facts.Evicted) for fact in inn.facts())

            assert inn.echo.loads["primary"] == 1  # it left when as much was paid in rent as the swap costs, and idle


class TestACallerWhoDoesNotWait:
    """Background load: a substitute now, while the right model loads."""

    async def test_gets_a_substitute_for_a_named_model_too(self, open_inn: OpenInn) -> None:
        async with open_inn(PRIMARY, deep(load_s=1.0), default="primary") as inn:
            await inn.runtime.load("primary")
            first = await began(inn, question(STORY, model="deep", waits=False))

            assert (first.model, first.requested) == ("primary", "deep")
            assert state(inn, "deep") is State.LOADING

    async def test_hears_how_long_it_would_be_where_there_is_none(self, open_inn: OpenInn) -> None:
        async with open_inn(PRIMARY, deep(), default="primary") as inn:
            with pytest.raises(NotNow) as raised:
                await answer(inn, question(STORY, waits=False))

            assert raised.value.retry_after_s == 60.0
            assert "deep is being loaded." in raised.value.message
            assert state(inn, "deep") is State.LOADING

    async def test_is_answered_by_the_right_one_that_is_free(self, open_inn: OpenInn) -> None:
        async with open_inn(PRIMARY, default="primary") as inn:
            await inn.runtime.load("primary")
            assert (await who_answers(inn, question("hello", waits=False)))[0] == "primary"


class TestANamedModel:
    async def test_is_stood_in_for_only_where_its_caller_allows_it(self, open_inn: OpenInn) -> None:
        pause = Pause()
        async with open_inn(PRIMARY, deep(), default="primary", sleep=pause) as inn:
            await inn.runtime.load("primary")
            allowed = await began(inn, question(STORY, model="deep", allows_substitute=True))
            assert allowed.model == "primary"

            pause.over.set()
            assert (await who_answers(inn, question(STORY, model="deep", request_id="r-2")))[0] == "deep"


class TestAModelThatNeverFits:
    async def test_is_stood_in_for_with_its_name_and_the_quality(self, open_inn: OpenInn) -> None:
        async with open_inn(PRIMARY, deep(size=5_000), default="primary") as inn:
            await inn.runtime.load("primary")
            first = await began(inn, question(STORY))

            assert (first.model, first.requested, first.quality) == ("primary", "deep", 0.8)
            assert "; deep cannot answer (budget_too_small): primary answers in its place" in first.because
            assert attempts(inn) == []  # what is known needs no try


class TestAnEngineThatHangs:
    """C74: before its first words the next candidate answers; nobody waits for ever."""

    async def test_loses_to_the_next_candidate(self, open_inn: OpenInn) -> None:
        stuck = deep(load_s=0.0, prompt_s=3600.0)
        async with open_inn(PRIMARY, stuck, default="primary", limits=Limits(stuck_s=0.05)) as inn:
            first = await began(inn, question(STORY))

            assert first.model == "primary"
            assert first.because.endswith("deep could not (engine_timed_out)")
            assert attempts(inn) == [("deep", "engine_timed_out")]

    async def test_loses_within_its_share_of_the_callers_deadline(self, open_inn: OpenInn) -> None:
        stuck = deep(load_s=0.0, prompt_s=3600.0)
        async with open_inn(PRIMARY, stuck, default="primary") as inn:
            assert (await began(inn, question(STORY, deadline_s=0.1))).model == "primary"

    async def test_gives_its_slot_back(self, open_inn: OpenInn) -> None:
        stuck = deep(load_s=0.0, prompt_s=3600.0)
        async with open_inn(stuck, default="deep", limits=Limits(silence_s=0.05)) as inn:
            with pytest.raises(EngineTimedOut, match=r"raise queue\.longest_silence_s"):
                await answer(inn, question(STORY))
            assert not inn.residency.books.leases

    async def test_that_hangs_while_it_loads_is_not_waited_for_beyond_the_limit_of_all(self, open_inn: OpenInn) -> None:
        stuck = deep(load_s=1.0, never_ready=True)
        async with open_inn(PRIMARY, stuck, default="primary") as inn:
            asking = asyncio.create_task(who_answers(inn, question(STORY, wait_at_most_s=8.0)))
            await inn.until(lambda: bool(inn.residency.books.queue))
            [waiter] = inn.residency.books.queue
            assert waiter.refuse_at_s == 4.0  # the next one has the other half
            inn.now[0] = 4.0
            inn.runtime.pin("primary", pinned=False)  # any word to the machine lets it look at the clock

            assert (await asking)[0] == "primary"
            assert attempts(inn) == [("deep", "waited_too_long")]


class TestWhenNobodyIsInTime:
    async def test_the_error_says_who_was_tried(self, open_inn: OpenInn) -> None:
        primary = echo_model("primary", prompt_s=3600.0)
        stuck = deep(load_s=0.0, prompt_s=3600.0)
        async with open_inn(primary, stuck, default="primary", limits=Limits(silence_s=0.05)) as inn:
            with pytest.raises(ChainExhausted) as raised:
                await answer(inn, question(STORY))

            assert [(model, error.code) for model, error in raised.value.failures] == [
                ("deep", "engine_timed_out"),
                ("primary", "engine_timed_out"),
            ]
