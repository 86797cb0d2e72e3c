"""Every engine, asked the same questions."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path

import pytest

from innkeeper.runtime.catalog import Model, Option
from innkeeper.runtime.engine import Adapter, Engine
from innkeeper.runtime.engines.echo import Echo, EchoEngine
from innkeeper.runtime.engines.hosted import Hosted
from innkeeper.runtime.engines.llama_cpp import LlamaCpp
from innkeeper.runtime.engines.llama_engine import LlamaCppEngine
from innkeeper.runtime.engines.llama_server import LlamaServer
from innkeeper.runtime.engines.lmstudio import LmStudio
from innkeeper.runtime.engines.ollama import Ollama
from innkeeper.runtime.engines.placing import Placing
from innkeeper.runtime.engines.provider import Provider
from innkeeper.runtime.errors import EngineDied, InvalidRequest, LoadFailed, NotSupported, PromptTooLong
from innkeeper.runtime.messages import Chunk, Kind, Piece
from tests.doubles.lmstudio_server import LmStudioServer
from tests.doubles.ollama_server import OllamaServer
from tests.doubles.served import serving
from tests.engines.asking import ask, chat, completion, documents, done, embedding, rest, said
from tests.engines.fixtures import foreign_adapter, opened_adapter
from tests.engines.hosted_scene import CLOUD, hosted_scene
from tests.engines.llama_server_double import install
from tests.ggufs import write_llama

TEXT = frozenset({Kind.CHAT, Kind.COMPLETION})
LIMIT_TOKENS = 256
LIMIT_S = 20.0
"""Far more than any of this takes; only a hang reaches it."""


@dataclass(frozen=True)
class Subject:
    """One engine under question, and how to hurt it."""

    adapter: Adapter
    model: Model
    broken: Model
    """A model that cannot be loaded."""
    long_answer: Callable[[int], dict[str, object]]
    """Fields that make an answer of about so many tokens."""
    kill: Callable[[Engine], None] | None
    """None where there is nothing here that could die: it runs elsewhere, and holds no memory here."""
    death: str = "SIGKILL"
    """What is then said of its end."""
    tells_what_it_holds: bool = True


def _tokens(count: int) -> dict[str, object]:
    return {"max_tokens": count, "ignore_eos": True}


def _echo() -> Subject:
    answer = " ".join(["word"] * 200)
    options: dict[str, Option] = {"piece_s": 0.001, "answer": answer, "needs_ram": 1_000_000}
    model = Model("echo", "echo", TEXT, context=LIMIT_TOKENS, slots=2, options=options)
    broken = Model("broken", "echo", TEXT, options={"fails_loads": 1})

    def kill(engine: Engine) -> None:
        assert isinstance(engine, EchoEngine)
        engine.die("killed by SIGKILL")

    return Subject(Echo(), model, broken, _tokens, kill)


def _llama(adapter: LlamaCpp, tiny: Path, folder: Path) -> Subject:
    model = Model("tiny", "llama_cpp", TEXT, file=tiny, context=LIMIT_TOKENS, slots=2)
    cut = folder / "cut.gguf"
    cut.write_bytes(tiny.read_bytes()[:-100_000])
    broken = Model("broken", "llama_cpp", TEXT, file=cut, context=LIMIT_TOKENS)

    def kill(engine: Engine) -> None:
        assert isinstance(engine, LlamaCppEngine)
        assert engine.pid is not None
        os.kill(engine.pid, signal.SIGKILL)

    return Subject(adapter, model, broken, _tokens, kill)


@asynccontextmanager
async def _lmstudio() -> AsyncIterator[Subject]:
    double = LmStudioServer()
    async with serving(double), foreign_adapter(LmStudio(double.url, Placing(is_here=True))) as adapter:
        model = Model("ours", "lmstudio", TEXT, source="tiny", context=LIMIT_TOKENS, slots=2)
        broken = Model("broken", "lmstudio", TEXT, source="nobody/has-this")
        yield Subject(adapter, model, broken, _tokens, lambda _: double.die(), "connection", tells_what_it_holds=False)


@asynccontextmanager
async def _ollama() -> AsyncIterator[Subject]:
    double = OllamaServer()
    async with serving(double), foreign_adapter(Ollama(double.url, Placing(is_here=True))) as adapter:
        model = Model("tiny", "ollama", TEXT, source="tiny", context=LIMIT_TOKENS, slots=2)
        broken = Model("broken", "ollama", TEXT, source="nobody/pulled:this")
        yield Subject(adapter, model, broken, _tokens, lambda _: double.die(), "connection")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_llama(tmp_path_factory.mktemp("ggufs") / "tiny.gguf")


@asynccontextmanager
async def _hosted(folder: Path) -> AsyncIterator[Subject]:
    async with hosted_scene(folder) as scene:
        model = replace(CLOUD, slots=4)
        broken = replace(CLOUD, id="broken", provider="keyless")
        nobody = Provider("keyless", scene.server.api, key_from="NO_SUCH_KEY")
        adapter = Hosted([scene.hosted.provider("acme"), nobody], scene.house)
        try:
            yield Subject(adapter, model, broken, _tokens, None)
        finally:
            await adapter.close()


@pytest.fixture(
    params=[
        "echo",
        "ollama",
        "lmstudio",
        "hosted",
        "worker",
        "worker from a spare",
        "llama-server's double",
        pytest.param("llama-server", marks=pytest.mark.needs_llama_server),
    ]
)
async def subject(request: pytest.FixtureRequest, tiny: Path, tmp_path: Path) -> AsyncIterator[Subject]:
    if request.param == "echo":
        yield _echo()
        return
    if request.param == "lmstudio":
        async with _lmstudio() as found:
            yield found
        return
    if request.param == "ollama":
        async with _ollama() as found:
            yield found
        return
    if request.param == "hosted":
        async with _hosted(tmp_path) as found:
            yield found
        return
    server = None
    if request.param == "llama-server's double":
        server = LlamaServer.probe(install(tmp_path), dict(os.environ))
    if request.param == "llama-server":
        program = shutil.which("llama-server")
        if program is None:
            pytest.skip("there is no llama-server on PATH")
        server = LlamaServer.probe(Path(program), dict(os.environ))
    async with opened_adapter(has_spare=request.param == "worker from a spare", server=server) as adapter:
        yield _llama(adapter, tiny, tmp_path)


@pytest.fixture
async def engine(subject: Subject) -> AsyncIterator[Engine]:
    """Started, and stopped afterwards."""
    started = subject.adapter.engine(subject.model)
    await started.start()
    yield started
    await started.stop()


class TestAnswering:
    async def test_an_answer_that_does_not_stream_is_one_piece_and_an_ending(self, engine: Engine) -> None:
        chunks = await ask(engine, chat("one two three", max_tokens=4))

        assert [type(chunk) for chunk in chunks[:-1]] == [Piece]
        assert done(chunks).usage.answer_tokens in range(1, 5)
        assert done(chunks).usage.prompt_tokens >= 3

    async def test_a_stream_is_pieces_and_an_ending(self, engine: Engine, subject: Subject) -> None:
        chunks = await ask(engine, chat("one two three", streams=True, **subject.long_answer(8)))

        assert len(documents(chunks)) > 2
        assert all(document["object"] == "chat.completion.chunk" for document in documents(chunks))
        assert done(chunks).usage.answer_tokens == 8

    async def test_a_stream_says_what_the_whole_answer_says(self, engine: Engine) -> None:
        whole = await ask(engine, completion("one two three", max_tokens=6, temperature=0))
        streamed = await ask(engine, completion("one two three", streams=True, max_tokens=6, temperature=0))

        assert said(streamed) == said(whole) != ""

    async def test_a_shortcut_is_used_in_turn_with_the_stream_or_not_at_all(
        self, engine: Engine, subject: Subject
    ) -> None:
        asked = completion("one two three", streams=True, **subject.long_answer(24))
        heard: list[Chunk] = []
        moods = cycle((True, True, False))

        def shortcut(data: bytes) -> bool:
            is_open = bool(heard) and next(moods)  # never before the first piece
            if is_open:
                heard.append(Piece(data))
            return is_open

        plain = await ask(engine, asked)
        async with aclosing(engine.run(replace(asked, shortcut=shortcut))) as chunks:
            async for chunk in chunks:
                heard.append(chunk)  # noqa: PERF401  the shortcut adds to it meanwhile

        assert said(heard) == said(plain) != ""
        assert len(documents(heard)) == len(documents(plain))
        assert done(heard).usage.answer_tokens == done(plain).usage.answer_tokens

    async def test_answers_name_the_model_by_its_id(self, engine: Engine, subject: Subject) -> None:
        (document,) = documents(await ask(engine, chat("one", max_tokens=2)))

        assert document["model"] == subject.model.id

    async def test_usage_is_sent_when_the_caller_asks_for_it(self, engine: Engine) -> None:
        chunks = await ask(engine, chat("one", streams=True, max_tokens=2, stream_options={"include_usage": True}))

        assert documents(chunks)[-1]["usage"]["completion_tokens"] == done(chunks).usage.answer_tokens

    async def test_several_are_answered_at_the_same_time(self, engine: Engine) -> None:
        answers = await asyncio.gather(*(ask(engine, chat(f"number {i}", max_tokens=3)) for i in range(6)))

        assert [done(chunks).usage.answer_tokens > 0 for chunks in answers] == [True] * 6

    async def test_a_caller_who_leaves_does_not_disturb_the_next(self, engine: Engine, subject: Subject) -> None:
        """C68, the simple half: what was begun for somebody who left is not in the way."""
        async with aclosing(engine.run(chat("one", streams=True, **subject.long_answer(150)))) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, Piece):
                    break

        async with asyncio.timeout(LIMIT_S):
            assert done(await ask(engine, chat("two", max_tokens=2))).usage.answer_tokens > 0


class TestRefusing:
    @pytest.mark.parametrize("streams", [False, True])
    async def test_a_prompt_that_is_too_long_is_refused_with_both_numbers(self, engine: Engine, streams: bool) -> None:
        with pytest.raises(PromptTooLong) as refused:
            await ask(engine, completion("word " * 2000, streams=streams))

        assert refused.value.numbers["limit_tokens"] == LIMIT_TOKENS
        assert int(refused.value.numbers["needed_tokens"] or 0) >= 2000

    async def test_a_kind_of_work_it_cannot_do_is_refused(self, engine: Engine) -> None:
        with pytest.raises(NotSupported):
            await ask(engine, embedding("one"))

    async def test_fields_of_the_wrong_type_are_the_callers_mistake(self, engine: Engine) -> None:
        with pytest.raises(InvalidRequest):
            await ask(engine, completion({"not": "text"}))

    async def test_a_refused_request_leaves_the_engine_well(self, engine: Engine) -> None:
        with pytest.raises(InvalidRequest):
            await ask(engine, completion(None))

        assert done(await ask(engine, chat("one", max_tokens=2))).usage.answer_tokens > 0


class TestLoading:
    async def test_a_load_that_fails_says_why_and_can_be_stopped(self, subject: Subject) -> None:
        engine = subject.adapter.engine(subject.broken)

        with pytest.raises(LoadFailed, match="broken"):
            await engine.start()

        async with asyncio.timeout(LIMIT_S):
            await engine.stop()
            assert await engine.gone()

    async def test_a_start_may_be_cancelled(self, subject: Subject) -> None:
        """C55"""
        engine = subject.adapter.engine(subject.model)
        starting = asyncio.create_task(engine.start(), name="start")
        await asyncio.sleep(0)  # one turn of the loop: the start has begun
        starting.cancel()

        async with asyncio.timeout(5):
            await asyncio.gather(starting, return_exceptions=True)
            await engine.stop()
            assert await engine.gone()

    async def test_what_it_holds_is_read_while_it_runs_and_only_then(self, subject: Subject) -> None:
        if subject.kill is None:
            pytest.skip("it holds nothing here")
        engine = subject.adapter.engine(subject.model)
        before = engine.holding()
        await engine.start()
        running = engine.holding()
        await engine.stop()

        assert (before, engine.holding()) == (None, None)
        if not subject.tells_what_it_holds:
            assert running is None
            return
        assert running is not None
        assert running.peak["ram"] >= running.now["ram"] > 0

    async def test_its_needs_are_known_before_the_first_load(self, subject: Subject) -> None:
        needs = await asyncio.to_thread(subject.adapter.footprint, subject.model)  # may ask files or a server

        assert needs.bytes.get("ram", 0) > 0 or subject.kill is None
        assert subject.adapter.load_s(subject.model) >= 0


class TestLeaving:
    async def test_stopping_is_safe_before_a_start_and_as_often_as_one_likes(self, subject: Subject) -> None:
        engine = subject.adapter.engine(subject.model)

        await engine.stop()
        await engine.stop()

        assert await engine.gone()

    async def test_a_stopped_engine_is_gone_for_everybody_who_waits(self, subject: Subject) -> None:
        """C56: several stops at once end together."""
        engine = subject.adapter.engine(subject.model)
        await engine.start()
        waiting = [asyncio.create_task(engine.gone(), name=f"waiter {i}") for i in range(3)]

        async with asyncio.timeout(LIMIT_S):
            await asyncio.gather(*(engine.stop() for _ in range(3)))
            reasons = await asyncio.gather(*waiting)

        assert set(reasons) == {"stopped"}

    async def test_a_stop_ends_streams_with_an_error(self, subject: Subject, engine: Engine) -> None:
        """C60, C67"""
        async with aclosing(engine.run(chat("one", streams=True, **subject.long_answer(150)))) as chunks:
            await anext(chunks)
            await engine.stop()

            with pytest.raises(EngineDied):
                await rest(chunks)

    async def test_many_answers_and_stops_at_once_all_end(self, subject: Subject) -> None:
        """C56"""
        engine = subject.adapter.engine(subject.model)
        await engine.start()
        asking = [ask(engine, chat(f"number {i}", streams=False, **subject.long_answer(50))) for i in range(10)]
        stopping = [engine.stop() for _ in range(10)]

        async with asyncio.timeout(LIMIT_S):
            ended = await asyncio.gather(*asking, *stopping, return_exceptions=True)

        assert all(end is None or isinstance(end, (list, EngineDied)) for end in ended), ended

    async def test_a_death_is_told_with_its_reason(self, subject: Subject, engine: Engine) -> None:
        """C58: an idle crash is seen without anybody asking."""
        if subject.kill is None:
            pytest.skip("nothing of it here can die")
        subject.kill(engine)

        async with asyncio.timeout(LIMIT_S):
            assert subject.death in await engine.gone()
        assert engine.holding() is None

    async def test_a_death_in_mid_answer_is_an_error_and_not_an_ending(self, subject: Subject, engine: Engine) -> None:
        """C57"""
        if subject.kill is None:
            pytest.skip("nothing of it here can die")
        async with aclosing(engine.run(chat("one", streams=True, **subject.long_answer(150)))) as chunks:
            assert isinstance(await anext(chunks), Piece)
            subject.kill(engine)

            with pytest.raises(EngineDied, match=subject.death):
                await rest(chunks)

    async def test_nobody_is_answered_by_the_dead(self, subject: Subject, engine: Engine) -> None:
        if subject.kill is None:
            pytest.skip("nothing of it here can die")
        subject.kill(engine)
        await engine.gone()

        with pytest.raises(EngineDied):
            await ask(engine, chat("one"))
