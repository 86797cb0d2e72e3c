"""llama.cpp in a child: what only a real engine can show."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import resource
import signal
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from innkeeper.runtime.catalog import Model, Option
from innkeeper.runtime.engine import Engine, Sizing
from innkeeper.runtime.engines.llama_cpp import LLAMA_SERVER_MORE_BYTES, LlamaCpp
from innkeeper.runtime.engines.llama_server import LlamaServer
from innkeeper.runtime.engines.unix_http import UnixHttp
from innkeeper.runtime.errors import (
    BadModelFile,
    BadSettings,
    EngineDied,
    InvalidRequest,
    LoadFailed,
    NotSupported,
    PromptTooLong,
    StateUnusable,
)
from innkeeper.runtime.memory.host import Gpus
from innkeeper.runtime.messages import Kind
from tests.engines.asking import ask, chat, completion, documents, done, embedding, rerank, said
from tests.engines.fixtures import children
from tests.engines.llama_server_double import install
from tests.ggufs import write_bert, write_llama

TEXT = frozenset({Kind.CHAT, Kind.COMPLETION})
LIMIT_S = 60.0


def text_model(file: Path, *, context: int | None = 512, slots: int = 1, **options: Option) -> Model:
    return Model("tiny", "llama_cpp", TEXT, file=file, context=context, slots=slots, options=options)


@asynccontextmanager
async def started(adapter: LlamaCpp, model: Model) -> AsyncIterator[Engine]:
    engine = adapter.engine(model)
    try:
        await engine.start()
        yield engine
    finally:
        await engine.stop()


async def server_says(adapter: LlamaCpp, target: str) -> object:
    """What the only child's own server answers."""
    assert adapter.folder is not None
    http = UnixHttp(next(adapter.folder.glob("*.sock")))
    try:
        _, body = await http.get(target)
    finally:
        http.close()
    return json.loads(body)


class TestConstraints:
    async def test_a_json_schema_holds_even_for_a_model_that_knows_nothing(self, adapter: LlamaCpp, tiny: Path) -> None:
        schema = {
            "type": "object",
            "properties": {"roll": {"type": "integer", "minimum": 1, "maximum": 20}, "hit": {"type": "boolean"}},
            "required": ["roll", "hit"],
            "additionalProperties": False,
        }
        wanted = {"type": "json_schema", "json_schema": {"name": "check", "strict": True, "schema": schema}}
        async with started(adapter, text_model(tiny)) as engine:
            answer = json.loads(said(await ask(engine, chat("attack!", response_format=wanted, max_tokens=200))))

        assert set(answer) == {"roll", "hit"}
        assert answer["roll"] in range(1, 21)
        assert answer["hit"] in (True, False)

    async def test_a_grammar_is_obeyed(self, adapter: LlamaCpp, tiny: Path) -> None:
        async with started(adapter, text_model(tiny)) as engine:
            answer = said(await ask(engine, completion("say", grammar='root ::= "aye" | "nay"', max_tokens=20)))

        assert answer in ("aye", "nay")

    async def test_a_grammar_that_cannot_be_read_is_the_callers_mistake(self, adapter: LlamaCpp, tiny: Path) -> None:
        async with started(adapter, text_model(tiny)) as engine:
            with pytest.raises(InvalidRequest, match="grammar"):
                await ask(engine, completion("say", grammar="root ::= (((", max_tokens=20))

    async def test_likelihoods_are_passed_through(self, adapter: LlamaCpp, tiny: Path) -> None:
        async with started(adapter, text_model(tiny)) as engine:
            (document,) = documents(await ask(engine, chat("hi", logprobs=True, top_logprobs=3, max_tokens=2)))

        assert len(document["choices"][0]["logprobs"]["content"][0]["top_logprobs"]) == 3

    async def test_tools_reach_the_models_own_template(self, adapter: LlamaCpp, tmp_path: Path) -> None:
        template = "{% if tools %}{{ tools | tojson }}{% endif %}{% for m in messages %}{{ m.content }}{% endfor %}"
        file = write_llama(tmp_path / "tools.gguf", chat_template=template)
        tool = {"type": "function", "function": {"name": "roll", "parameters": {"type": "object", "properties": {}}}}
        async with started(adapter, text_model(file)) as engine:
            without = done(await ask(engine, chat("roll", max_tokens=1))).usage.prompt_tokens
            with_tools = done(await ask(engine, chat("roll", tools=[tool], max_tokens=1))).usage.prompt_tokens

        assert with_tools > without + 20

    async def test_half_a_character_is_refused_and_harms_nobody(self, adapter: LlamaCpp, tiny: Path) -> None:
        async with started(adapter, text_model(tiny)) as engine:
            with pytest.raises(InvalidRequest):
                await ask(engine, completion("\ud800"))

            assert done(await ask(engine, completion("word", max_tokens=1))).usage.answer_tokens == 1


class TestPrompts:
    async def test_a_prompt_said_before_comes_from_the_cache(self, adapter: LlamaCpp, tiny: Path) -> None:
        async with started(adapter, text_model(tiny)) as engine:
            first = done(await ask(engine, completion("word " * 40, max_tokens=1))).usage
            second = done(await ask(engine, completion("word " * 40, max_tokens=1))).usage

        assert (first.cached_tokens, second.prompt_tokens) == (0, first.prompt_tokens)
        assert second.cached_tokens == first.prompt_tokens - 1

    async def test_the_limit_is_exact(self, adapter: LlamaCpp, tiny: Path) -> None:
        """The prompt and one token of an answer must fit; and both doors, ours and the engine's, agree."""
        async with started(adapter, text_model(tiny, context=256)) as engine:
            fits = done(await ask(engine, completion([5] * 255, max_tokens=1))).usage
            with pytest.raises(PromptTooLong) as ours:
                await ask(engine, completion([5] * 256, max_tokens=1))

        assert fits.prompt_tokens == 255
        assert ours.value.numbers == {"needed_tokens": 257, "limit_tokens": 256}

    async def test_the_context_is_that_of_every_slot(self, adapter: LlamaCpp, tiny: Path) -> None:
        async with started(adapter, text_model(tiny, context=256, slots=3)):
            slots = await server_says(adapter, "/slots")

        assert isinstance(slots, list)
        assert [slot["n_ctx"] for slot in slots] == [256, 256, 256]

    async def test_an_answer_ends_where_the_context_ends_and_says_so(self, adapter: LlamaCpp, tiny: Path) -> None:
        """Nothing said before is dropped to make room for more."""
        async with started(adapter, text_model(tiny, context=256)) as engine:
            chunks = await ask(engine, completion([5] * 200, max_tokens=10_000, ignore_eos=True))

        assert documents(chunks)[0]["choices"][0]["finish_reason"] == "length"
        assert done(chunks).usage.prompt_tokens + done(chunks).usage.answer_tokens == 256

    async def test_a_caller_who_leaves_stops_the_reading_of_a_long_prompt(
        self, adapter: LlamaCpp, tmp_path: Path
    ) -> None:
        """C68: what the engine remembers of the prompt is only the part that it had read."""
        file = write_llama(tmp_path / "slow.gguf", target_bytes=6_000_000)
        prompt = [5 + i % 200 for i in range(4_000)]
        model = text_model(file, context=4_096, batch_tokens=128)
        async with started(adapter, model) as engine, asyncio.timeout(LIMIT_S):
            reading = asyncio.create_task(ask(engine, completion(prompt, max_tokens=1)), name="long prompt")
            await _until_busy(adapter)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

            usage = done(await ask(engine, completion(prompt, max_tokens=1))).usage

        assert usage.cached_tokens < len(prompt) - 1


async def _until_busy(adapter: LlamaCpp) -> None:
    while True:
        slots = await server_says(adapter, "/slots")
        assert isinstance(slots, list)
        if slots[0]["is_processing"]:
            return


class TestVectors:
    async def test_an_embedder_gives_a_vector_for_every_text(self, adapter: LlamaCpp, tiny_embedder: Path) -> None:
        model = Model("embedder", "llama_cpp", frozenset({Kind.EMBEDDING}), file=tiny_embedder)
        async with started(adapter, model) as engine:
            chunks = await ask(engine, embedding(["an inn", "a ship", "an inn"]))

        first, second, third = (row["embedding"] for row in documents(chunks)[0]["data"])
        assert len(first) == 128
        assert first == third != second
        assert sum(x * x for x in first) == pytest.approx(1, abs=1e-3)
        assert done(chunks).usage.prompt_tokens > 0

    async def test_a_text_up_to_the_context_is_embedded_and_a_longer_one_refused(
        self, adapter: LlamaCpp, tiny_embedder: Path
    ) -> None:
        model = Model("embedder", "llama_cpp", frozenset({Kind.EMBEDDING}), file=tiny_embedder, context=256)
        async with started(adapter, model) as engine:
            assert documents(await ask(engine, embedding([[5] * 256])))[0]["data"]
            with pytest.raises(PromptTooLong) as refused:
                await ask(engine, embedding([[5] * 3, [5] * 257]))

        assert refused.value.numbers == {"needed_tokens": 257, "limit_tokens": 256}

    async def test_callers_who_are_computed_together_have_their_own_faults_and_formats(
        self, adapter: LlamaCpp, tiny_embedder: Path
    ) -> None:
        kinds = frozenset({Kind.EMBEDDING})
        model = Model("embedder", "llama_cpp", kinds, file=tiny_embedder, context=256, slots=4)
        asked = [
            embedding("an inn"),
            embedding(["a ship", "an inn"], user="somebody"),
            embedding([[5, 6], [10_000_000]]),
            embedding([[5] * 257]),
            embedding("an inn", encoding_format="base64"),
            embedding(["", "ünï"]),
            embedding(["an inn"] * 9),
        ]
        async with started(adapter, model) as engine:
            alone = documents(await ask(engine, embedding("an inn")))[0]["data"][0]["embedding"]
            got = await asyncio.gather(*(ask(engine, request) for request in asked), return_exceptions=True)

        assert [type(one) for one in got] == [list, list, InvalidRequest, PromptTooLong, list, list, list]
        one, two, _, _, coded, _, nine = ([] if isinstance(g, BaseException) else documents(g)[0]["data"] for g in got)
        assert [len(one), len(two), len(coded), len(nine)] == [1, 2, 1, 9]
        rows = [one[0], two[1], *nine]
        for row in rows:
            assert row["embedding"] == pytest.approx(alone, abs=1e-4)
        assert struct.unpack(f"<{len(alone)}f", base64.b64decode(coded[0]["embedding"])) == pytest.approx(
            alone, abs=1e-4
        )

    async def test_everybody_in_a_batch_is_told_when_the_engine_dies(
        self, adapter: LlamaCpp, tiny_embedder: Path
    ) -> None:
        """C57"""
        kinds = frozenset({Kind.EMBEDDING})
        model = Model("embedder", "llama_cpp", kinds, file=tiny_embedder, context=256, slots=4)
        async with started(adapter, model) as engine:
            asking = [asyncio.create_task(ask(engine, embedding(["an inn"] * 2000))) for _ in range(6)]
            await asyncio.sleep(0)
            for pid in children():
                os.kill(pid, signal.SIGKILL)
            got = await asyncio.gather(*asking, return_exceptions=True)

        assert [type(one) for one in got] == [EngineDied] * 6

    async def test_a_model_may_both_talk_and_embed(self, adapter: LlamaCpp, tiny: Path) -> None:
        model = Model("both", "llama_cpp", TEXT | {Kind.EMBEDDING}, file=tiny, context=512)
        async with started(adapter, model) as engine:
            vectors = documents(await ask(engine, embedding("one")))[0]["data"]
            answer = done(await ask(engine, chat("one", max_tokens=3)))

        assert len(vectors[0]["embedding"]) == 128
        assert answer.usage.answer_tokens > 0

    async def test_a_reranker_scores_every_document(self, adapter: LlamaCpp, tmp_path: Path) -> None:
        file = write_bert(tmp_path / "reranker.gguf")
        model = Model("judge", "llama_cpp", frozenset({Kind.RERANK}), file=file)
        async with started(adapter, model) as engine:
            (document,) = documents(await ask(engine, rerank("an inn", ["a bed", "the sea", "rain"])))

        assert sorted(row["index"] for row in document["results"]) == [0, 1, 2]
        assert all(isinstance(row["relevance_score"], float) for row in document["results"])


class TestLoading:
    @pytest.mark.parametrize(
        ("change", "told"),
        [
            (lambda data: data[:-100_000], "ends at"),
            (lambda data: b"not a model at all" * 100, "GGUF"),
            (lambda data: b"", "0 bytes"),
            (lambda data: data.replace(b"llama", b"lxama"), "lxama"),
        ],
        ids=["cut short", "something else", "empty", "unknown architecture"],
    )
    async def test_a_file_that_is_no_model_is_named_with_what_is_wrong(
        self, adapter: LlamaCpp, tiny: Path, tmp_path: Path, change: Callable[[bytes], bytes], told: str
    ) -> None:
        engine = adapter.engine(text_model(_changed(tiny, tmp_path / "bad.gguf", change)))

        with pytest.raises(LoadFailed) as failed:
            await engine.start()
        await engine.stop()

        assert failed.value.message.startswith("tiny could not be loaded")
        assert told in failed.value.message
        assert "Traceback" not in failed.value.message
        assert "out_of_memory" not in failed.value.numbers

    async def test_lack_of_memory_is_told_apart(self, adapter: LlamaCpp, tiny: Path) -> None:
        """And the log says more; and the load after it is not blamed for it."""
        failed = await _load_with_little_memory(adapter, text_model(tiny, context=1 << 22))
        bad = _changed(tiny, tiny.with_name("unknown.gguf"), lambda data: data.replace(b"llama", b"lxama"))
        next_failed = await _load_with_little_memory(adapter, text_model(bad))

        assert "not enough memory" in failed.message
        assert failed.numbers == {"out_of_memory": 1}
        assert any("failed to allocate" in line for line in adapter.log("tiny"))
        assert next_failed.numbers == {}


async def _load_with_little_memory(adapter: LlamaCpp, model: Model) -> LoadFailed:
    """How a load fails when the system gives its child 3 GB of address space and no more."""
    engine = adapter.engine(model)
    starting = asyncio.create_task(engine.start(), name="start")
    while engine.pid is None:  # noqa: ASYNC110  the moment at which its process exists is no event to anybody else
        await asyncio.sleep(0)
    resource.prlimit(engine.pid, resource.RLIMIT_AS, (3 << 30, 3 << 30))
    with pytest.raises(LoadFailed) as failed:
        await starting
    await engine.stop()
    return failed.value


def _changed(file: Path, into: Path, change: Callable[[bytes], bytes]) -> Path:
    into.write_bytes(change(file.read_bytes()))
    return into


class TestFootprint:
    def test_it_is_estimated_from_the_header(self, adapter: LlamaCpp, tiny: Path) -> None:
        footprint = adapter.footprint(text_model(tiny))

        assert footprint.sizing is Sizing.ESTIMATED
        assert footprint.bytes["ram"] > tiny.stat().st_size

    def test_a_llama_server_is_charged_more_than_our_worker(
        self, adapter: LlamaCpp, tiny: Path, tmp_path: Path
    ) -> None:
        theirs = LlamaCpp(server=LlamaServer.probe(install(tmp_path), dict(os.environ)))

        more = theirs.footprint(text_model(tiny)).bytes["ram"] - adapter.footprint(text_model(tiny)).bytes["ram"]
        assert more == LLAMA_SERVER_MORE_BYTES

    def test_what_its_owner_declares_goes_before_the_estimate(self, adapter: LlamaCpp, tiny: Path) -> None:
        model = Model("tiny", "llama_cpp", TEXT, file=tiny, declared={"ram": 123})

        assert adapter.footprint(model).bytes == {"ram": 123}

    def test_a_smaller_context_given_needs_less(self, adapter: LlamaCpp, tiny: Path) -> None:
        model = text_model(tiny, context=None)

        assert adapter.footprint(model, context=512).bytes["ram"] < adapter.footprint(model).bytes["ram"]

    def test_a_context_that_was_set_is_never_changed(self, adapter: LlamaCpp, tiny: Path) -> None:
        """C41, the second half"""
        model = text_model(tiny, context=1024)

        assert adapter.footprint(model, context=512) == adapter.footprint(model)

    def test_a_missing_file_is_named(self, adapter: LlamaCpp, tmp_path: Path) -> None:
        with pytest.raises(BadModelFile, match=r"nowhere\.gguf"):
            adapter.footprint(text_model(tmp_path / "nowhere.gguf"))

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            ({"micro_batch": 1}, "micro_batch_tokens"),
            ({"embeds": True}, "no option"),
            ({"threads": 0}, "threads"),
            ({"pooling": "sum"}, "mean"),
        ],
    )
    def test_a_wrong_option_is_named_with_the_right_ones(
        self, adapter: LlamaCpp, tiny: Path, options: dict[str, Option], told: str
    ) -> None:
        with pytest.raises(BadSettings, match=told):
            adapter.footprint(Model("tiny", "llama_cpp", TEXT, file=tiny, options=options))

    def test_a_reranker_can_be_nothing_else(self, adapter: LlamaCpp, tiny_embedder: Path) -> None:
        with pytest.raises(BadSettings, match="entry"):
            adapter.footprint(Model("judge", "llama_cpp", frozenset({Kind.RERANK, Kind.CHAT}), file=tiny_embedder))


class TestOpening:
    async def test_a_place_where_no_socket_can_be_is_refused_with_the_fix(self, tmp_path: Path) -> None:
        with pytest.raises(StateUnusable, match="TMPDIR"):
            await LlamaCpp(has_spare=False, sockets=tmp_path / ("x" * 90)).open()


class OneGpu:
    """A driver with one GPU on which every process of ours holds 7 bytes.  Source: pynvml's names."""

    class NVMLError(Exception):
        pass

    def __getattr__(self, name: str) -> Callable[..., object]:
        processes = [SimpleNamespace(pid=pid, usedGpuMemory=7) for pid in children()]
        answers = {
            "nvmlDeviceGetCount": 1,
            "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=100, free=50),
            "nvmlDeviceGetComputeRunningProcesses": processes,
        }
        return lambda *_: answers.get(name)


class TestGpus:
    @pytest.mark.parametrize(("layers", "held"), [(1, 7), (0, None)])
    async def test_what_a_child_holds_there_is_read_when_it_was_told_to_use_it(
        self, tiny: Path, short_path: Path, layers: int, held: int | None
    ) -> None:
        adapter = LlamaCpp(has_spare=False, sockets=short_path, gpus=Gpus(OneGpu()))
        await adapter.open()
        async with started(adapter, text_model(tiny, gpu_layers=layers)) as engine:
            holding = engine.holding()
        await adapter.close()

        assert holding is not None
        assert (holding.now.get("gpu0"), holding.peak.get("gpu0")) == (held, held)


class TestKinds:
    async def test_what_the_entry_does_not_list_is_refused_in_words(self, adapter: LlamaCpp, tiny: Path) -> None:
        async with started(adapter, text_model(tiny)) as engine:
            with pytest.raises(NotSupported, match="it does chat, completion"):
                await ask(engine, embedding("one"))
