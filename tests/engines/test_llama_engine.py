"""LlamaCppEngine: what it makes of children that misbehave."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

import pytest

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.engines.launch import Launch
from innkeeper.runtime.engines.llama_cpp import LlamaCpp
from innkeeper.runtime.engines.llama_engine import LlamaCppEngine, Process
from innkeeper.runtime.engines.log_ring import LogRing
from innkeeper.runtime.engines.worker_process import Task, WorkerProcess
from innkeeper.runtime.errors import EngineDied, EngineFailed, LoadFailed
from innkeeper.runtime.memory.host import Gpus
from innkeeper.runtime.messages import Kind
from tests.engines.asking import ask, completion
from tests.engines.test_llama_server import LAUNCH

MODEL = Model("tiny", "llama_cpp", frozenset({Kind.COMPLETION}))


class NoRoom:
    """A system that has no room for another process."""

    def take(self, log: LogRing) -> Process:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    def refill(self) -> None:
        pass


class SomebodyElse:
    """A worker that is ready at once; what answers on its socket is the test's own server."""

    def take(self, log: LogRing) -> Process:
        return _Ready(log)

    def refill(self) -> None:
        pass


class _Ready(WorkerProcess):
    async def load(self, task: Task) -> None:
        await self.idle()


def engine_with(processes: NoRoom | SomebodyElse, socket: Path) -> LlamaCppEngine:
    launch = Launch.from_json(LAUNCH.to_json().replace(b"/tmp/x.sock", str(socket).encode()))
    return LlamaCppEngine(MODEL, lambda: launch, processes, LogRing(), Gpus())


class TestStarting:
    async def test_no_room_for_a_process_is_a_failed_load(self, short_path: Path) -> None:
        engine = engine_with(NoRoom(), short_path / "s.sock")

        with pytest.raises(LoadFailed, match="temporarily unavailable"):
            await engine.start()
        await engine.stop()

        assert await engine.gone() == "stopped before it was started"

    async def test_what_was_stopped_is_not_started(self, adapter: LlamaCpp, tiny: Path) -> None:
        engine = adapter.engine(Model("tiny", "llama_cpp", frozenset({Kind.CHAT}), file=tiny))
        await engine.stop()

        with pytest.raises(LoadFailed, match="stopped before"):
            await engine.start()

    async def test_a_model_without_a_file_is_a_failed_load(self, adapter: LlamaCpp) -> None:
        engine = adapter.engine(MODEL)

        with pytest.raises(LoadFailed, match="has no file"):
            await engine.start()
        await engine.stop()

    async def test_who_was_never_started_answers_nobody(self, adapter: LlamaCpp, tiny: Path) -> None:
        engine = adapter.engine(Model("tiny", "llama_cpp", frozenset({Kind.COMPLETION}), file=tiny))

        with pytest.raises(EngineDied, match="never started"):
            await ask(engine, completion("one"))


class TestAnswersThatGoWrong:
    @pytest.mark.parametrize(
        ("answer", "told"),
        [
            (b"", "lives but closed"),
            (b"data: {}\n\n", "in the middle"),
            (b'data: {}\n\ndata: {"error":{"message":"no more","type":"server_error"}}\n\n', "no more"),
        ],
        ids=["a closed connection", "a stream without its end", "an error in the stream"],
    )
    async def test_an_engine_that_lives_but_fails_is_told_from_a_dead_one(
        self, short_path: Path, answer: bytes, told: str
    ) -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            if answer:
                head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n" % len(answer)
                writer.write(head + answer)
            writer.close()

        engine = engine_with(SomebodyElse(), short_path / "s.sock")
        await engine.start()
        async with await asyncio.start_unix_server(talk, short_path / "s.sock"):
            with pytest.raises(EngineFailed, match=told):
                await ask(engine, completion("one", streams=True))
        await engine.stop()
