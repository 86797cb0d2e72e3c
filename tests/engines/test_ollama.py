"""Ollama's ways: what is sent, what comes back, and what it does silently and is not let get away with."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from innkeeper.runtime.catalog import Model, Option
from innkeeper.runtime.engine import Holding, Sizing
from innkeeper.runtime.engines.ollama import Ollama
from innkeeper.runtime.engines.ollama_engine import OllamaEngine
from innkeeper.runtime.engines.ollama_server import can_refuse, tagged
from innkeeper.runtime.engines.placing import Placing
from innkeeper.runtime.errors import (
    BadSettings,
    EngineFailed,
    InvalidRequest,
    LoadFailed,
    MustStayHere,
    NotSupported,
    PromptTooLong,
)
from innkeeper.runtime.memory.learned import Learned
from innkeeper.runtime.memory.trial import try_out
from innkeeper.runtime.messages import Kind
from tests.doubles.ollama_server import OllamaServer, Pulled
from tests.doubles.served import serving
from tests.engines.asking import ask, chat, completion, documents, done, embedding, said

TEXT = frozenset({Kind.CHAT, Kind.COMPLETION})


class Scene:
    """A double and a started engine on it."""

    def __init__(self, double: OllamaServer, adapter: Ollama, engine: OllamaEngine) -> None:
        self.double = double
        self.adapter = adapter
        self.engine = engine

    def sent(self, path: str = "/api/chat") -> dict[str, object]:
        body = self.double.bodies(path)[-1]
        assert isinstance(body, dict)
        return body


OpenScene = Callable[..., AbstractAsyncContextManager[Scene]]


@pytest.fixture
def scene() -> OpenScene:
    @asynccontextmanager
    async def opened(
        double: OllamaServer | None = None,
        *,
        source: str = "tiny",
        kinds: frozenset[Kind] = TEXT,
        context: int | None = 64,
        **options: Option,
    ) -> AsyncIterator[Scene]:
        double = double or OllamaServer()
        async with serving(double):
            adapter = Ollama(double.url, Placing(is_here=True, gpus=lambda: {"gpu0": 10**12}))
            engine = adapter.engine(Model("ours", "ollama", kinds, source=source, context=context, options=options))
            try:
                await engine.start()
                yield Scene(double, adapter, engine)
            finally:
                await engine.stop()
                await adapter.close()

    return opened


class TestWhatIsSent:
    async def test_the_context_and_the_wish_to_stay_go_with_load_and_request_alike(self, scene: OpenScene) -> None:
        async with scene(num_gpu=3) as there:
            await ask(there.engine, chat("one two"))

            for body in (there.sent("/api/generate"), there.sent()):
                options = body["options"]
                assert isinstance(options, dict)
                assert (options["num_ctx"], options["num_gpu"], body["keep_alive"]) == (64, 3, -1)
            assert there.double.loads == 1

    async def test_cutting_is_forbidden(self, scene: OpenScene) -> None:
        async with scene() as there:
            await ask(there.engine, chat("one two"))

            assert (there.sent()["truncate"], there.sent()["shift"]) == (False, False)

    async def test_sampling_goes_by_ollamas_names(self, scene: OpenScene) -> None:
        async with scene() as there:
            await ask(there.engine, chat("one", top_p=0.5, seed=7, stop="x", max_completion_tokens=3))

            wanted = {"temperature": 0, "top_p": 0.5, "seed": 7, "stop": ["x"], "num_predict": 3, "num_ctx": 64}
            assert there.sent()["options"] == wanted

    async def test_a_schema_for_the_answer_is_the_format(self, scene: OpenScene) -> None:
        schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
        async with scene() as there:
            wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
            await ask(there.engine, chat("one", response_format=wanted))

            assert there.sent()["format"] == schema

    async def test_pictures_and_tool_results_take_ollamas_shape(self, scene: OpenScene) -> None:
        call = {"id": "call_1", "type": "function", "function": {"name": "roll", "arguments": '{"sides": 20}'}}
        picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}
        messages = [
            {"role": "user", "content": [{"type": "text", "text": "look"}, picture]},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "17"},
        ]
        async with scene() as there:
            await ask(there.engine, chat("", messages=messages))

            assert there.sent()["messages"] == [
                {"role": "user", "content": "look", "images": ["QUJD"]},
                {
                    "role": "assistant",
                    "content": "",
                    "tool_calls": [{"function": {"name": "roll", "arguments": {"sides": 20}}}],
                },
                {"role": "tool", "content": "17", "tool_name": "roll"},
            ]

    async def test_a_text_to_be_continued_is_sent_raw(self, scene: OpenScene) -> None:
        async with scene() as there:
            await ask(there.engine, completion("one two"))

            assert there.sent("/api/generate")["raw"] is True

    @pytest.mark.parametrize(
        "fields",
        [
            {"n": 2},
            {"logit_bias": {"17": -100}},
            {"functions": [{"name": "roll"}]},
            {"tools": [{"type": "function"}], "tool_choice": "required"},
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/y.png"}}]}
                ]
            },
            {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]},
        ],
    )
    async def test_what_it_cannot_be_told_is_refused_and_not_left_out(
        self, scene: OpenScene, fields: dict[str, Any]
    ) -> None:
        async with scene() as there:
            with pytest.raises(NotSupported):
                await ask(there.engine, chat("one", **fields))

    @pytest.mark.parametrize("fields", [{"temperature": "hot"}, {"messages": []}, {"messages": [{"content": 3}]}])
    async def test_fields_of_the_wrong_type_are_the_callers_mistake(
        self, scene: OpenScene, fields: dict[str, Any]
    ) -> None:
        async with scene() as there:
            with pytest.raises(InvalidRequest):
                await ask(there.engine, chat("one", **fields))


class TestWhatComesBack:
    async def test_thoughts_are_told_apart_from_the_answer(self, scene: OpenScene) -> None:
        async with scene(OllamaServer(tiny=Pulled(thinks="let me see"))) as there:
            request = chat("one two", streams=True, reasoning_effort="high")
            chunks = await ask(there.engine, request)

            deltas = [document["choices"][0]["delta"] for document in documents(chunks)]
            assert "".join(delta.get("reasoning_content", "") for delta in deltas) == "let me see"
            assert (said(chunks), there.sent()["think"]) == ("one two", "high")

    @pytest.mark.parametrize("streams", [False, True])
    async def test_a_tool_that_is_called_has_an_id_and_its_arguments_as_text(
        self, scene: OpenScene, streams: bool
    ) -> None:
        async with scene(OllamaServer(tiny=Pulled(calls=("roll", {"sides": 20})))) as there:
            chunks = await ask(there.engine, chat("one", streams=streams, tools=[{"type": "function"}]))

            choices = [document["choices"][0] for document in documents(chunks)]
            (call,) = (choices[0].get("message") or choices[0]["delta"])["tool_calls"]
            assert (call["function"]["name"], json.loads(call["function"]["arguments"])) == ("roll", {"sides": 20})
            assert (bool(call["id"]), choices[-1]["finish_reason"]) == (True, "tool_calls")

    async def test_an_answer_that_was_cut_by_its_limit_says_so(self, scene: OpenScene) -> None:
        async with scene() as there:
            (document,) = documents(await ask(there.engine, chat("one two three", max_tokens=2)))

            assert document["choices"][0]["finish_reason"] == "length"

    async def test_its_times_are_seconds(self, scene: OpenScene) -> None:
        async with scene() as there:
            usage = done(await ask(there.engine, chat("one two"))).usage

            assert (usage.prompt_s, usage.answer_s) == (0.001, 0.002)

    async def test_vectors_come_as_numbers_or_packed(self, scene: OpenScene) -> None:
        double = OllamaServer(embedder=Pulled(capabilities=("embedding",)))
        async with scene(double, source="embedder", kinds=frozenset({Kind.EMBEDDING})) as there:
            (plain,) = documents(await ask(there.engine, embedding(["one", "three"])))
            (packed,) = documents(await ask(there.engine, embedding(["one", "three"], encoding_format="base64")))

            rows = [row["embedding"] for row in plain["data"]]
            assert rows == [[3.0, 1.0], [5.0, 1.0]]
            assert [list(struct.unpack("<2f", base64.b64decode(row["embedding"]))) for row in packed["data"]] == rows

    async def test_an_error_in_mid_stream_is_an_error_and_not_an_ending(self, scene: OpenScene) -> None:
        double = OllamaServer()
        double.breaks_after = 1
        async with scene(double) as there:
            with pytest.raises(EngineFailed, match="CUDA error"):
                await ask(there.engine, chat("one two three", streams=True))

    async def test_a_stream_without_its_last_line_is_not_taken_for_complete(self, scene: OpenScene) -> None:
        double = OllamaServer()
        double.cuts_after = 1
        async with scene(double) as there:
            with pytest.raises(EngineFailed, match="in the middle"):
                await ask(there.engine, chat("one two three", streams=True))

    async def test_an_answer_that_begins_late_is_waited_for(self, scene: OpenScene) -> None:
        async with scene() as there:
            there.double.may_answer.clear()
            asking = asyncio.create_task(ask(there.engine, chat("one two")))
            await there.double.until_asked("/api/chat")
            there.double.may_answer.set()

            assert said(await asking) == "one two"


LETTERS = "ab " * 20 + "a" * 60
"""21 words and 120 bytes: for 64 tokens it may or may not be too long."""


class TestPromptsThatAreTooLong:
    async def test_more_words_than_fit_are_refused_before_anything_is_sent(self, scene: OpenScene) -> None:
        async with scene() as there:
            with pytest.raises(PromptTooLong) as refused:
                await ask(there.engine, chat("one " * 80))

            assert refused.value.numbers == {"needed_tokens": 80, "limit_tokens": 64}
            assert there.double.bodies("/api/chat") == []

    async def test_what_only_ollama_can_count_it_refuses_itself(self, scene: OpenScene) -> None:
        async with scene(context=16) as there:
            with pytest.raises(PromptTooLong):
                await ask(there.engine, chat("a " * 15))

            assert len(there.double.bodies("/api/chat")) == 1

    async def test_an_old_version_is_not_given_what_it_might_cut(self, scene: OpenScene) -> None:
        async with scene(OllamaServer(version="0.5.7")) as there:
            with pytest.raises(PromptTooLong, match="Update Ollama"):
                await ask(there.engine, completion(LETTERS))

            assert [body for body in there.double.bodies("/api/generate") if body.get("prompt")] == []

    async def test_also_not_for_a_model_that_somebody_else_had_loaded_there(self) -> None:
        old = OllamaServer(version="0.12.0")
        old.take("tiny", num_ctx=64)
        async with serving(old):
            adapter = Ollama(old.url, Placing(is_here=True, gpus=dict))
            await adapter.look()
            engine = adapter.adopt(Model("ours", "ollama", TEXT, source="tiny", context=64))
            with pytest.raises(PromptTooLong):
                await ask(engine, chat("antidisestablishmentarianism " * 10))
            await engine.release()
            await adapter.close()

    async def test_an_old_version_answers_what_surely_fits(self, scene: OpenScene) -> None:
        async with scene(OllamaServer(version="0.5.7"), context=200) as there:
            assert done(await ask(there.engine, completion(LETTERS))).usage.prompt_tokens == 21

    @pytest.mark.parametrize("streams", [False, True])
    async def test_an_answer_to_a_prompt_that_was_cut_is_not_given_as_one(
        self, scene: OpenScene, streams: bool
    ) -> None:
        """A server that says that it refuses, and cuts all the same: the system prompt would be what is lost."""
        messages = [{"role": "system", "content": "a " * 20}, {"role": "user", "content": "b " * 20}]
        async with scene(OllamaServer(version="0.5.7"), context=41) as there:
            there.engine._refuses = True
            with pytest.raises(EngineFailed, match="it cut the prompt"):
                await ask(there.engine, chat("", streams=streams, messages=messages))

    @pytest.mark.parametrize(
        ("version", "refuses"),
        [("0.12.11", False), ("0.13.0", True), ("0.33.2", True), ("1.0.0-rc1", True), ("0.0.0", True), ("", True)],
    )
    def test_the_version_tells_whether_it_can_refuse(self, version: str, refuses: bool) -> None:
        assert can_refuse(version) is refuses


class TestLoading:
    async def test_a_model_that_is_not_pulled_says_how_to_get_it(self, scene: OpenScene) -> None:
        with pytest.raises(LoadFailed, match="ollama pull llama9:1b"):
            async with scene(source="llama9:1b"):
                pass

    async def test_lack_of_memory_is_told_apart(self, scene: OpenScene) -> None:
        double = OllamaServer()
        double.load_error = 500, "model requires more system memory (5.6 GiB) than is available (3.1 GiB)"
        with pytest.raises(LoadFailed, match=r"5\.6 GiB") as failed:
            async with scene(double):
                pass
        assert failed.value.numbers["out_of_memory"] == 1

    async def test_a_model_that_only_embeds_is_not_started_to_talk(self, scene: OpenScene) -> None:
        with pytest.raises(LoadFailed, match="Set its `kinds`"):
            async with scene(OllamaServer(tiny=Pulled(capabilities=("embedding",)))):
                pass

    async def test_the_context_is_not_more_than_it_was_trained_for(self, scene: OpenScene) -> None:
        async with scene(OllamaServer(tiny=Pulled(trained_context=32)), context=None) as there:
            assert there.engine.context == 32

    async def test_a_larger_context_that_somebody_else_chose_is_used_and_not_reloaded(self, scene: OpenScene) -> None:
        async with scene() as there:
            there.double.expire("tiny")
            there.double.take("tiny", num_ctx=512)
            await there.adapter.look()
            await ask(there.engine, chat("one two"))

            assert (there.double.loads, there.double.loaded["tiny:latest"].num_ctx) == (1, 512)

    async def test_a_start_that_is_given_up_leaves_nothing_loaded(self, scene: OpenScene) -> None:
        double = OllamaServer()
        async with serving(double):
            adapter = Ollama(double.url, Placing(is_here=True))
            engine = adapter.engine(Model("ours", "ollama", TEXT, source="tiny", context=64))
            double.may_load.clear()
            starting = asyncio.create_task(engine.start())
            await double.is_loading.wait()
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            double.may_load.set()
            await engine.stop()
            await adapter.close()

        assert double.loaded == {}

    async def test_stopping_waits_until_the_server_no_longer_lists_it(self, scene: OpenScene) -> None:
        async with scene() as there:
            there.double.keeps_what_it_has = True
            stopping = asyncio.create_task(there.engine.stop())
            await there.double.until_asked("/api/generate", times=3)  # once to load it, and twice to let it go
            is_done_too_early = stopping.done()
            there.double.keeps_what_it_has = False
            await stopping

            assert (is_done_too_early, there.double.loaded) == (False, {})


class TestSizes:
    async def test_what_lies_in_vram_is_charged_to_the_gpu_and_the_rest_to_ram(self, scene: OpenScene) -> None:
        async with scene(OllamaServer(tiny=Pulled(size_bytes=1000, cache_bytes_per_token=0, vram_part=0.75))) as there:
            held = there.engine.holding()

            assert held is not None
            assert held.now == {"ram": 250, "gpu0": 750}

    @pytest.mark.parametrize(
        ("in_vram", "gpus", "placed"),
        [
            (70, {"gpu0": 100, "gpu1": 100}, {"ram": 30, "gpu0": 70}),
            (170, {"gpu0": 100, "gpu1": 100}, {"ram": 30, "gpu0": 100, "gpu1": 70}),
            (70, {}, {"ram": 30}),
        ],
    )
    def test_gpus_are_filled_in_order_and_those_we_cannot_see_are_no_pool(
        self, in_vram: int, gpus: dict[str, int], placed: dict[str, int]
    ) -> None:
        assert Placing(is_here=True, gpus=lambda: gpus).measured(in_ram=30, in_vram=in_vram) == placed

    async def test_a_server_on_another_machine_holds_nothing_here(self) -> None:
        adapter = Ollama("http://192.0.2.1:11434", Placing(is_here=False))

        assert adapter.footprint(Model("ours", "ollama", TEXT, source="tiny")).bytes == {}

    async def test_what_a_run_held_is_known_before_the_next(self, scene: OpenScene, tmp_path: Path) -> None:
        double = OllamaServer()
        model = Model("ours", "ollama", TEXT, source="tiny", context=64)
        async with serving(double):
            adapter = Ollama(double.url, Placing(is_here=True), learned=Learned(tmp_path / "learned.sqlite"))
            before = await asyncio.to_thread(adapter.footprint, model)
            engine = adapter.engine(model)
            await engine.start()
            adapter.learn(model, engine, Holding(now={"ram": 100}, peak={"ram": 100}))
            await engine.stop()
            after = await asyncio.to_thread(adapter.footprint, model)
            await adapter.close()

        assert (before.sizing, after.sizing, after.bytes) == (Sizing.ESTIMATED, Sizing.LEARNED, {"ram": 105})

    async def test_it_can_be_measured_like_any_other(self, tmp_path: Path) -> None:
        double = OllamaServer()
        model = Model("ours", "ollama", TEXT, source="tiny", context=64)
        async with serving(double):
            adapter = Ollama(double.url, Placing(is_here=True), learned=Learned(tmp_path / "learned.sqlite"))
            trial = await try_out(adapter, model, lambda _: None, lambda: 0.0)
            await adapter.close()

        assert (trial.holding.peak, trial.learned.sizing) == ({"ram": 1_000_000 + 64 * 100}, Sizing.LEARNED)
        assert trial.prompt_tokens in range(48, 65)

    def test_an_unknown_option_is_refused_with_the_nearest_name(self) -> None:
        with pytest.raises(BadSettings, match="Did you mean 'num_gpu'"):
            Ollama().footprint(Model("ours", "ollama", TEXT, options={"num_gpus": 1}))


def test_a_server_elsewhere_gets_no_engine_where_nothing_may_leave_this_machine() -> None:
    model = Model("ours", "ollama", TEXT, sent_to="192.0.2.1", must_stay=True)
    with pytest.raises(MustStayHere):
        Ollama("http://192.0.2.1:11434").engine(model)


@pytest.mark.parametrize(
    ("name", "listed"),
    [("qwen3", "qwen3:latest"), ("qwen3:4b", "qwen3:4b"), ("hf.co:443/a/b", "hf.co:443/a/b:latest")],
)
def test_a_name_without_a_tag_means_the_latest(name: str, listed: str) -> None:
    assert tagged(name) == listed
