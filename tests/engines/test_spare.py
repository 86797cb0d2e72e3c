"""Spare: a worker that waits before anybody needs it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.engines.llama_cpp import LlamaCpp
from innkeeper.runtime.engines.log_ring import LogRing
from innkeeper.runtime.engines.process_memory import process_memory
from innkeeper.runtime.engines.spare import SPARE_BYTES, Spare
from innkeeper.runtime.messages import Kind
from tests.engines.asking import ask, chat, done
from tests.engines.fixtures import children, opened_adapter, until_gone

LIMIT_S = 20.0


@pytest.fixture
async def spare() -> AsyncIterator[Spare]:
    """Ready to hand out a worker that waits for work."""
    spare = Spare(is_wanted=True)
    spare.refill(rest_s=0)
    async with asyncio.timeout(LIMIT_S):
        await spare.ready()
    yield spare
    await spare.close()


def ends_early(pid: int) -> int:
    """How readily the system ends a process when memory runs out."""
    return int(Path(f"/proc/{pid}/oom_score_adj").read_text())


class TestSpare:
    async def test_the_worker_that_waited_is_the_one_handed_out(self, spare: Spare) -> None:
        (waiting,) = children()

        worker = spare.take(LogRing())

        assert worker.child.pid == waiting
        await worker.child.stop()
        worker.let_go()

    async def test_the_system_ends_it_before_the_server_when_memory_runs_out(self, spare: Spare) -> None:
        (waiting,) = children()

        assert ends_early(waiting) > ends_early(os.getpid())

    async def test_without_one_a_new_worker_is_started(self) -> None:
        spare = Spare(is_wanted=False)
        spare.refill(rest_s=0)

        worker = spare.take(LogRing())

        assert {worker.child.pid} == children()
        await worker.child.stop()
        worker.let_go()

    async def test_a_spare_that_died_is_replaced_by_a_living_one(self, spare: Spare) -> None:
        (waiting,) = children()
        os.kill(waiting, signal.SIGKILL)
        await until_gone(waiting)

        worker = spare.take(LogRing())

        assert worker.child.is_running
        await worker.child.stop()
        worker.let_go()

    async def test_it_costs_no_more_than_is_charged_for_it(self, spare: Spare) -> None:
        (waiting,) = children()
        held = process_memory(waiting)

        assert held is not None
        assert 0.5 * SPARE_BYTES < held.peak_bytes <= spare.overhead_bytes

    async def test_one_that_is_not_wanted_costs_nothing(self) -> None:
        assert Spare(is_wanted=False).overhead_bytes == 0

    async def test_closing_ends_it_and_starts_no_more(self, spare: Spare) -> None:
        await spare.close()
        spare.refill(rest_s=0)
        await asyncio.sleep(0)

        assert children() == set()


class TestAnAdapterWithASpare:
    async def test_a_load_takes_the_spare_and_the_next_one_is_made_afterwards(self, tiny: Path) -> None:
        async with opened_adapter(has_spare=True) as adapter, asyncio.timeout(LIMIT_S):
            await adapter.spare_ready()
            (waiting,) = children()
            engine = adapter.engine(_model(tiny))

            await engine.start()
            assert engine.pid == waiting
            assert done(await ask(engine, chat("one", max_tokens=2))).usage.answer_tokens > 0
            await adapter.spare_ready()
            assert len(children()) == 2

            await engine.stop()

    async def test_loads_one_after_the_other_need_not_wait_for_a_spare(self, tiny: Path) -> None:
        async with opened_adapter(has_spare=True) as adapter, asyncio.timeout(LIMIT_S):
            for _ in range(3):
                await _load_once(adapter, tiny)


def _model(file: Path) -> Model:
    return Model("tiny", "llama_cpp", frozenset({Kind.CHAT}), file=file, context=256)


async def _load_once(adapter: LlamaCpp, file: Path) -> None:
    engine = adapter.engine(_model(file))
    await engine.start()
    await engine.stop()
