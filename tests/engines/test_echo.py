"""Echo: the engine that stands for any other, on a good day or a bad one."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from innkeeper.runtime.catalog import Model, Option
from innkeeper.runtime.engine import Footprint, Holding, Sizing
from innkeeper.runtime.engines.echo import Echo
from innkeeper.runtime.errors import BadSettings, EngineDied, InvalidRequest, LoadFailed, PromptTooLong
from innkeeper.runtime.messages import Kind, Request, Usage
from tests.engines.asking import ask, chat, completion, documents, done, embedding, rerank, rest, said

EVERYTHING = frozenset(Kind)


def model(context: int | None = None, **options: Option) -> Model:
    return Model("echo", "echo", EVERYTHING, context=context, options=options)


class Clock:
    """Time that stands still until somebody asks for it to pass."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


class TestWords:
    async def test_it_repeats_what_was_said_last(self) -> None:
        engine = Echo().engine(model())
        await engine.start()

        chunks = await ask(engine, chat("the inn is full"))

        assert said(chunks) == "the inn is full"
        assert done(chunks).usage == Usage(prompt_tokens=4, answer_tokens=4)

    async def test_it_can_be_told_what_to_say(self) -> None:
        engine = Echo().engine(model(answer="there is room"))
        await engine.start()

        assert said(await ask(engine, completion("is there room?"))) == "there is room"

    async def test_an_answer_that_is_cut_says_so(self) -> None:
        engine = Echo().engine(model())
        await engine.start()

        (document,) = documents(await ask(engine, chat("one two three", max_tokens=2)))

        assert document["choices"][0]["finish_reason"] == "length"
        assert document["choices"][0]["message"]["content"] == "one two"

    async def test_a_stream_has_a_piece_for_every_word(self) -> None:
        engine = Echo().engine(model())
        await engine.start()

        chunks = await ask(engine, chat("one two three", streams=True))

        assert [d["choices"][0]["delta"].get("content") for d in documents(chunks)] == ["one", " two", " three", None]

    async def test_vectors_have_length_one_and_know_equal_texts(self) -> None:
        engine = Echo().engine(model())
        await engine.start()

        (document,) = documents(await ask(engine, embedding(["an inn", "an inn", "a ship at sea"])))

        first, second, third = (row["embedding"] for row in document["data"])
        assert first == second != third
        assert sum(x * x for x in first) == pytest.approx(1)

    async def test_documents_are_ordered_by_the_words_they_share_with_the_query(self) -> None:
        engine = Echo().engine(model())
        await engine.start()

        (document,) = documents(await ask(engine, rerank("a warm bed", ["cold rain", "a warm room"], top_n=1)))

        assert [row["index"] for row in document["results"]] == [1]

    @pytest.mark.parametrize(
        "body",
        [{}, {"messages": []}, {"messages": [3]}, {"messages": [{"role": "user", "content": 7}]}],
    )
    async def test_a_body_that_is_no_chat_is_the_callers_mistake(self, body: dict[str, object]) -> None:
        engine = Echo().engine(model())
        await engine.start()

        with pytest.raises(InvalidRequest):
            await ask(engine, Request("request-1", Kind.CHAT, body))

    async def test_a_prompt_that_fills_the_context_is_too_long(self) -> None:
        engine = Echo().engine(model(context=3))
        await engine.start()

        with pytest.raises(PromptTooLong) as refused:
            await ask(engine, chat("one two three"))

        assert refused.value.numbers == {"needed_tokens": 3, "limit_tokens": 3}


class TestBadDays:
    async def test_the_first_loads_fail_and_then_one_succeeds(self) -> None:
        echo, failing = Echo(), model(fails_loads=2, out_of_memory=True)
        for _ in range(2):
            with pytest.raises(LoadFailed) as failed:
                await echo.engine(failing).start()
            assert failed.value.numbers == {"out_of_memory": 1}

        await echo.engine(failing).start()

        assert echo.loads["echo"] == 3

    async def test_it_dies_in_the_middle_of_an_answer(self) -> None:
        engine = Echo().engine(model(dies_after_pieces=2))
        await engine.start()

        async with aclosing(engine.run(chat("one two three four", streams=True))) as chunks:
            await anext(chunks)
            await anext(chunks)
            with pytest.raises(EngineDied, match="dies after 2 pieces"):
                await rest(chunks)

    async def test_it_dies_when_told_to_even_while_it_waits(self) -> None:
        echo = Echo()
        engine = echo.engine(model(prompt_s=3600))
        await engine.start()
        answering = asyncio.create_task(ask(engine, chat("one")), name="ask")
        await asyncio.sleep(0)

        echo.newest["echo"].die("the roof fell in")

        with pytest.raises(EngineDied, match="the roof fell in"):
            await answering
        assert await engine.gone() == "the roof fell in"

    async def test_a_start_that_never_ends_can_be_stopped(self) -> None:
        engine = Echo().engine(model(never_ready=True))
        starting = asyncio.create_task(engine.start(), name="start")
        await asyncio.sleep(0)

        await engine.stop()

        with pytest.raises(LoadFailed, match="stopped"):
            await starting

    async def test_a_stop_that_hangs_ends_with_its_death(self) -> None:
        engine = Echo().engine(model(hangs_on_stop=True))
        await engine.start()
        stopping = asyncio.create_task(engine.stop(), name="stop")
        await asyncio.sleep(0)
        assert not stopping.done()

        engine.die("killed")

        await stopping


class TestTime:
    async def test_every_delay_passes_through_the_clock_it_was_given(self) -> None:
        clock = Clock()
        engine = Echo(sleep=clock.sleep).engine(model(load_s=3, prompt_s=2, piece_s=0.5, stop_s=1))

        await engine.start()
        await ask(engine, chat("one two", streams=True))
        await engine.stop()

        assert clock.slept == [3, 2, 0.5, 0.5, 1]

    async def test_a_load_takes_as_long_as_its_option_says(self) -> None:
        assert Echo().load_s(model(load_s=7.5)) == 7.5


class TestBytes:
    def test_it_needs_what_its_options_declare_in_every_pool(self) -> None:
        assert Echo().footprint(model(needs_ram=5, needs_gpu0=7)) == Footprint({"ram": 5, "gpu0": 7}, Sizing.DECLARED)

    async def test_it_can_be_seen_to_hold_more_than_it_declared(self) -> None:
        engine = Echo().engine(model(needs_ram=5, holds_ram=9))
        await engine.start()

        assert engine.holding() == Holding(now={"ram": 9}, peak={"ram": 9})

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            ({"piece": 0.1}, "piece_s"),
            ({"load_s": "soon"}, "float"),
            ({"load_s": True}, "float"),
            ({"fails_loads": 1.5}, "int"),
            ({"never_ready": 1}, "bool"),
            ({"needs_ram": -1}, "int"),
        ],
    )
    def test_a_wrong_option_is_named(self, options: dict[str, Option], told: str) -> None:
        with pytest.raises(BadSettings, match=told):
            Echo().engine(Model("echo", "echo", EVERYTHING, options=options))
