"""Embedding requests of many callers go to the engine together."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from innkeeper.runtime.engines.echo_answer import speak, whole
from innkeeper.runtime.engines.embedding_batches import EmbeddingBatches
from innkeeper.runtime.errors import EngineDied, EngineFailed, InvalidRequest
from innkeeper.runtime.messages import Chunk, Done, Kind, Piece, Request
from tests.engines.asking import ask, documents, done


class Held:
    """An engine that answers as an echo when the test lets it, and notes what it was given."""

    def __init__(self) -> None:
        self.given: list[list[str]] = []
        self.stopped: list[list[str]] = []
        self._passes = asyncio.Semaphore(0)
        self.fault: Exception | None = None

    async def run(self, request: Request) -> AsyncGenerator[Chunk, None]:
        value = request.body["input"]
        inputs = [value] if isinstance(value, str) else value
        self.given.append(inputs)
        try:
            await self._passes.acquire()
        except asyncio.CancelledError:
            self.stopped.append(inputs)
            raise
        if self.fault is not None:
            raise self.fault
        if "poison" in inputs:
            raise InvalidRequest("That is poison.", param="input")
        spoken = speak("m", request, None)
        yield Piece(whole(spoken))
        yield Done(spoken.usage)

    def let_pass(self, times: int = 1) -> None:
        for _ in range(times):
            self._passes.release()

    async def until_given(self, batches: int) -> None:
        while len(self.given) < batches:  # noqa: ASYNC110  the engine's own count, not an event
            await asyncio.sleep(0)


class Scene:
    """Some callers before one engine."""

    def __init__(self, slots: int = 8, most_tokens: int = 1_000) -> None:
        self.engine = Held()
        self.batches = EmbeddingBatches("m", self.engine.run, slots=slots, most_tokens=most_tokens)

    def asks(self, text: object, client: str = "", **options: object) -> asyncio.Task[list[Chunk]]:
        request = Request("r", Kind.EMBEDDING, {"input": text, **options}, client=client)
        return asyncio.create_task(ask(self.batches, request))  # type: ignore[arg-type]  # it runs like an engine

    async def after_one_alone(self, *more: asyncio.Task[list[Chunk]]) -> None:
        """Everybody who asked stands behind the first, and the engine is let to answer them all."""
        await self.engine.until_given(1)
        self.engine.let_pass(100)
        await asyncio.gather(*more, return_exceptions=True)


@pytest.fixture
async def scene() -> Scene:
    return Scene()


def alone(text: object, **options: object) -> tuple[dict[str, Any], int]:
    """What an engine that is asked nothing else answers, and its tokens."""
    spoken = speak("m", Request("r", Kind.EMBEDDING, {"input": text, **options}), None)
    return json.loads(whole(spoken)), spoken.prompt_tokens


def as_alone(chunks: list[Chunk], text: object) -> bool:
    """Whether the answer is the one that an engine without other callers gives."""
    answer, tokens = alone(text)
    return documents(chunks) == [answer] and done(chunks).usage.prompt_tokens == tokens


class TestTogether:
    async def test_whoever_finds_the_engine_idle_is_served_at_once(self, scene: Scene) -> None:
        one = scene.asks("one")
        await scene.engine.until_given(1)
        scene.engine.let_pass()
        assert as_alone(await one, "one")
        two = scene.asks("two")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert scene.engine.given == [["one"], ["two"]]
        scene.engine.let_pass()
        assert as_alone(await two, "two")

    async def test_those_who_come_while_it_computes_are_computed_together(self, scene: Scene) -> None:
        tasks = [scene.asks(text) for text in ("one", "two", "three", "four")]
        await scene.after_one_alone(*tasks)

        assert scene.engine.given == [["one"], ["two", "three", "four"]]
        for task, text in zip(tasks, ("one", "two", "three", "four"), strict=True):
            assert as_alone(await task, text)

    async def test_no_batch_has_more_inputs_than_the_engine_computes_at_once(self, scene: Scene) -> None:
        tasks = [scene.asks(f"word{place}") for place in range(10)]
        await scene.after_one_alone(*tasks)

        assert [len(batch) for batch in scene.engine.given] == [1, 4, 4, 1]

    async def test_while_there_is_a_whole_batch_more_it_is_with_the_engine_before_the_last_is_done(
        self, scene: Scene
    ) -> None:
        tasks = [scene.asks(f"word{place}") for place in range(8)]
        await scene.engine.until_given(2)
        assert [len(batch) for batch in scene.engine.given] == [1, 4]
        await scene.after_one_alone(*tasks)

    async def test_no_batch_has_more_tokens_either_unless_one_input_has(self) -> None:
        scene = Scene(most_tokens=10)
        tasks = [scene.asks(text) for text in ("first", "x" * 20, "y" * 20, "z" * 400, "last")]
        await scene.after_one_alone(*tasks)

        assert [[text[:1] for text in batch] for batch in scene.engine.given] == [["f"], ["x"], ["y"], ["z"], ["l"]]

    async def test_requests_that_want_other_vectors_are_not_mixed(self, scene: Scene) -> None:
        tasks = [scene.asks("one"), scene.asks("two"), scene.asks("three", dimensions=3), scene.asks("four")]
        await scene.after_one_alone(*tasks)

        assert scene.engine.given == [["one"], ["two", "four"], ["three"]]

    async def test_a_request_of_many_texts_is_cut_and_its_order_kept(self, scene: Scene) -> None:
        texts = [f"word{place} and more" for place in range(11)]
        task = scene.asks(texts)
        await scene.after_one_alone(task)

        assert [len(batch) for batch in scene.engine.given] == [4, 4, 3]
        assert as_alone(await task, texts)

    async def test_each_has_the_tokens_of_its_own_texts(self, scene: Scene) -> None:
        first, long, short = scene.asks("first"), scene.asks("word " * 9), scene.asks("word")
        await scene.after_one_alone(first, long, short)

        assert done(await long).usage.prompt_tokens + done(await short).usage.prompt_tokens == 10
        assert done(await long).usage.prompt_tokens > done(await short).usage.prompt_tokens


class TestFairness:
    async def test_one_with_a_thousand_texts_leaves_room_for_others_in_every_batch(self, scene: Scene) -> None:
        """C30"""
        many = scene.asks(["many"] * 1000, client="a")
        await scene.engine.until_given(2)
        few = [scene.asks("few", client="b"), scene.asks("other", client="c")]
        scene.engine.let_pass(3)
        await asyncio.gather(*few)

        assert sorted(scene.engine.given[2]) == ["few", "many", "many", "other"]
        scene.engine.let_pass(1000)
        assert as_alone(await many, ["many"] * 1000)

    async def test_many_requests_of_one_client_count_as_one(self, scene: Scene) -> None:
        """C30"""
        first = scene.asks("first")
        flood = [scene.asks(["flood"] * 4, client="a") for _ in range(8)]
        other = scene.asks(["other"] * 4, client="b")
        await scene.after_one_alone(first, other, *flood)

        assert [sorted(batch) for batch in scene.engine.given[2:4]] == [["flood", "flood", "other", "other"]] * 2

    async def test_a_client_whose_options_nobody_shares_has_its_turn(self, scene: Scene) -> None:
        many = scene.asks(["many"] * 100)
        await scene.engine.until_given(1)
        odd = scene.asks("odd", dimensions=3)
        scene.engine.let_pass(100)
        await odd

        assert scene.engine.given.index(["odd"]) <= 3
        await many


class TestFailure:
    async def test_one_bad_input_fails_its_own_caller_alone(self, scene: Scene) -> None:
        tasks = [scene.asks(text) for text in ("one", "two", "poison", "four")]
        await scene.after_one_alone(*tasks)

        with pytest.raises(InvalidRequest, match="poison"):
            await tasks[2]
        for task, text in zip(tasks, ("one", "two", "poison", "four"), strict=True):
            assert text == "poison" or as_alone(await task, text)

    async def test_the_rest_of_a_request_that_was_refused_is_not_computed(self, scene: Scene) -> None:
        first, bad, good = scene.asks("one"), scene.asks(["poison", *["rest"] * 9]), scene.asks("good")
        await scene.after_one_alone(first, bad, good)

        with pytest.raises(InvalidRequest):
            await bad
        assert ["rest"] * 4 not in scene.engine.given

    async def test_everybody_learns_that_the_engine_died(self, scene: Scene) -> None:
        tasks = [scene.asks(text) for text in ("one", "two", "three")]
        scene.engine.fault = EngineDied("m: killed by SIGKILL")
        await scene.after_one_alone(*tasks)

        for task in tasks:
            with pytest.raises(EngineDied, match="SIGKILL"):
                await task
        assert len(scene.engine.given) == 2  # who died is not asked again

    async def test_an_answer_without_its_rows_is_asked_for_request_by_request(self, scene: Scene) -> None:
        class Forgetful(Held):
            async def run(self, request: Request) -> AsyncGenerator[Chunk, None]:
                async for chunk in super().run(request):
                    yield Piece(b'{"data":[]}') if isinstance(chunk, Piece) and len(self.given) == 2 else chunk

        engine = scene.engine = Forgetful()
        scene.batches = EmbeddingBatches("m", engine.run, slots=8, most_tokens=100)
        tasks = [scene.asks(text) for text in ("one", "two", "three")]
        await scene.after_one_alone(*tasks)

        assert engine.given == [["one"], ["two", "three"], ["two"], ["three"]]
        assert as_alone(await tasks[1], "two")

    async def test_a_fault_of_our_own_does_not_leave_its_callers_waiting(self, scene: Scene) -> None:
        scene.engine.fault = ZeroDivisionError("a mistake")
        tasks = [scene.asks(text) for text in ("one", "two", "three")]
        await scene.after_one_alone(*tasks)

        assert [type(task.exception()) for task in tasks] == [ZeroDivisionError] * 3


class TestLeaving:
    async def test_who_leaves_before_its_turn_is_not_computed(self, scene: Scene) -> None:
        tasks = [scene.asks(text) for text in ("one", "two", "three")]
        await scene.engine.until_given(1)
        tasks[1].cancel()
        await scene.after_one_alone(*tasks)

        assert scene.engine.given == [["one"], ["three"]]

    async def test_the_others_of_its_batch_are_answered(self, scene: Scene) -> None:
        tasks = [scene.asks(text) for text in ("one", "two", "three")]
        scene.engine.let_pass()
        await scene.engine.until_given(2)
        tasks[1].cancel()
        scene.engine.let_pass()

        assert as_alone(await tasks[2], "three")

    async def test_when_all_of_a_batch_have_left_the_engine_stops_and_goes_on_with_the_next(self, scene: Scene) -> None:
        """C68"""
        one, two = scene.asks("one"), scene.asks("two")
        await scene.engine.until_given(1)
        one.cancel()
        await scene.engine.until_given(2)
        scene.engine.let_pass()

        assert as_alone(await two, "two")
        assert scene.engine.stopped == [["one"]]


class TestEnding:
    async def test_closing_waits_until_nobody_asks_the_engine_any_more(self, scene: Scene) -> None:
        tasks = [scene.asks(text) for text in ("one", "two", "three")]
        await scene.engine.until_given(1)
        scene.engine.fault = EngineFailed("m: stopped")
        scene.engine.let_pass(10)
        await scene.batches.close()

        assert [type(task.exception()) for task in tasks if task.done()] == [EngineFailed] * 3
