"""LM Studio's ways: loads, instances, what it says and what it keeps to itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.engine import Sizing
from innkeeper.runtime.engines.lmstudio import LmStudio
from innkeeper.runtime.engines.lmstudio_engine import LmStudioEngine
from innkeeper.runtime.engines.placing import Placing
from innkeeper.runtime.engines.provider import Key
from innkeeper.runtime.errors import BadSettings, EngineError, EngineFailed, LoadFailed, MustStayHere, PromptTooLong
from innkeeper.runtime.messages import Kind
from tests.doubles.lmstudio_server import Downloaded, LmStudioServer
from tests.doubles.served import serving
from tests.engines.asking import ask, chat, documents, done, said

TEXT = frozenset({Kind.CHAT, Kind.COMPLETION})


class Scene:
    """A double and a started engine on it."""

    def __init__(self, double: LmStudioServer, adapter: LmStudio, engine: LmStudioEngine) -> None:
        self.double = double
        self.adapter = adapter
        self.engine = engine


OpenScene = Callable[..., AbstractAsyncContextManager[Scene]]


@pytest.fixture
def scene() -> OpenScene:
    @asynccontextmanager
    async def opened(
        double: LmStudioServer | None = None, *, source: str = "tiny", context: int = 64, token: Key | None = None
    ) -> AsyncIterator[Scene]:
        double = double or LmStudioServer()
        async with serving(double):
            adapter = LmStudio(double.url, Placing(is_here=True), token=token)
            engine = adapter.engine(Model("ours", "lmstudio", TEXT, source=source, context=context))
            try:
                await engine.start()
                yield Scene(double, adapter, engine)
            finally:
                await engine.stop()
                await adapter.close()

    return opened


class TestLoading:
    async def test_the_context_is_said_and_one_instance_is_loaded(self, scene: OpenScene) -> None:
        async with scene() as there:
            assert {name: one.context for name, one in there.double.instances.items()} == {"tiny": 64}

    async def test_stopping_unloads_it(self, scene: OpenScene) -> None:
        async with scene() as there:
            await there.engine.stop()

            assert there.double.instances == {}

    async def test_what_is_there_already_is_not_loaded_a_second_time(self, scene: OpenScene) -> None:
        double = LmStudioServer()
        double.take("tiny", context=128)
        async with scene(double) as there:
            assert (there.double.loads, there.engine.context) == (0, 128)

    async def test_one_that_is_there_with_too_little_context_makes_way(self, scene: OpenScene) -> None:
        double = LmStudioServer()
        double.take("tiny", context=32)
        async with scene(double) as there:
            assert [one.context for one in there.double.instances.values()] == [64]

    async def test_a_model_that_is_not_there_says_how_to_get_it(self, scene: OpenScene) -> None:
        with pytest.raises(LoadFailed, match="lms get nobody/has-this"):
            async with scene(source="nobody/has-this"):
                pass

    async def test_a_guardrail_is_lack_of_memory(self, scene: OpenScene) -> None:
        double = LmStudioServer()
        double.load_error = "Model loading was stopped due to insufficient system resources"
        with pytest.raises(LoadFailed, match="insufficient") as failed:
            async with scene(double):
                pass
        assert failed.value.numbers["out_of_memory"] == 1

    async def test_an_older_version_is_named(self, scene: OpenScene) -> None:
        double = LmStudioServer()
        double.is_old = True
        with pytest.raises(LoadFailed, match="Update LM Studio"):
            async with scene(double):
                pass

    async def test_its_token_is_shown_to_it(self, scene: OpenScene) -> None:
        async with scene(LmStudioServer(token="t-1"), token=Key("t-1")) as there:
            assert there.double.loads == 1

    async def test_without_the_token_it_says_which_setting_names_it(self, scene: OpenScene) -> None:
        with pytest.raises(LoadFailed, match="token_from"):
            async with scene(LmStudioServer(token="t-1")):
                pass


class TestAnswering:
    async def test_the_count_it_was_asked_for_by_us_is_not_passed_on(self, scene: OpenScene) -> None:
        async with scene() as there:
            chunks = await ask(there.engine, chat("one two", streams=True))

            assert (said(chunks), done(chunks).usage.answer_tokens) == ("one two", 2)
            assert all("usage" not in document for document in documents(chunks))

    @pytest.mark.parametrize("loads_by_itself", [True, False])
    async def test_a_model_that_left_is_loaded_again_for_the_request_that_finds_out(
        self, scene: OpenScene, loads_by_itself: bool
    ) -> None:
        """C47: stale belief never gives an instant 502."""
        async with scene() as there:
            there.double.loads_by_itself = loads_by_itself
            there.double.expire("tiny")

            assert said(await ask(there.engine, chat("one two"))) == "one two"

    async def test_an_error_in_mid_stream_is_an_error_and_not_an_ending(self, scene: OpenScene) -> None:
        async with scene() as there:
            there.double.breaks_after = 1
            with pytest.raises(EngineFailed, match="has crashed"):
                await ask(there.engine, chat("one two three", streams=True))

    async def test_its_own_refusal_of_a_long_prompt_has_both_numbers(self, scene: OpenScene) -> None:
        async with scene(context=16) as there:
            with pytest.raises(PromptTooLong) as refused:
                await ask(there.engine, chat("a " * 15))

            assert refused.value.numbers == {"needed_tokens": 17, "limit_tokens": 16}

    @pytest.mark.parametrize("streams", [False, True])
    async def test_an_answer_to_a_prompt_that_was_cut_is_not_given_as_one(
        self, scene: OpenScene, streams: bool
    ) -> None:
        async with scene(context=16) as there:
            there.double.cuts_silently = True
            with pytest.raises(EngineFailed, match="it cut the prompt"):
                await ask(there.engine, chat("a " * 15, streams=streams))


class TestSizes:
    async def test_it_is_expected_from_its_file_for_it_says_nothing_else(self) -> None:
        double = LmStudioServer(big=Downloaded(size_bytes=5 * 10**9))
        async with serving(double):
            adapter = LmStudio(double.url, Placing(is_here=True))
            size = await asyncio.to_thread(adapter.footprint, Model("ours", "lmstudio", TEXT, source="big"))

        assert (size.sizing, size.bytes["ram"] > 5 * 10**9) == (Sizing.ESTIMATED, True)

    def test_what_its_owner_declares_counts(self) -> None:
        model = Model("ours", "lmstudio", TEXT, declared={"ram": 7})

        assert LmStudio(placing=Placing(is_here=True)).footprint(model).bytes == {"ram": 7}

    def test_a_server_that_does_not_answer_is_asked_once_for_many_models(self) -> None:
        now_s = [0.0]
        adapter = LmStudio("http://127.0.0.1:9", Placing(is_here=True), seconds=lambda: now_s[0])
        errors = []
        for number in range(2):
            with pytest.raises(EngineError, match="lms server start") as failed:
                adapter.footprint(Model(f"m{number}", "lmstudio", TEXT))
            errors.append(failed.value)

        assert errors[0] is errors[1]

    def test_options_are_refused(self) -> None:
        with pytest.raises(BadSettings):
            LmStudio().footprint(Model("ours", "lmstudio", TEXT, options={"gpu": 1}))


def test_a_server_elsewhere_gets_no_engine_where_nothing_may_leave_this_machine() -> None:
    model = Model("ours", "lmstudio", TEXT, sent_to="192.0.2.1", must_stay=True)
    with pytest.raises(MustStayHere):
        LmStudio("http://192.0.2.1:1234").engine(model)
