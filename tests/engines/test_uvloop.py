"""The server runs on uvloop, the other tests on asyncio's own loop: a whole life on the former."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import aclosing
from pathlib import Path

import uvloop

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.errors import EngineDied
from innkeeper.runtime.messages import Kind
from tests.engines.asking import ask, chat, done
from tests.engines.fixtures import opened_adapter

LIMIT_S = 20.0


async def _a_whole_life(file: Path) -> tuple[int, str, str, str]:
    async with opened_adapter(has_spare=True) as adapter, asyncio.timeout(LIMIT_S):
        await adapter.spare_ready()
        model = Model("tiny", "llama_cpp", frozenset({Kind.CHAT}), file=file, context=256)
        first = adapter.engine(model)
        await first.start()
        tokens = done(await ask(first, chat("one", streams=True, max_tokens=5, ignore_eos=True))).usage.answer_tokens
        await first.stop()

        second = adapter.engine(model)
        await second.start()
        how = ""
        async with aclosing(second.run(chat("one", streams=True, max_tokens=200, ignore_eos=True))) as chunks:
            await anext(chunks)
            os.kill(second.pid or 0, signal.SIGKILL)
            try:
                async for _ in chunks:
                    pass
            except EngineDied as died:
                how = died.code
        await second.stop()
        return tokens, await first.gone(), await second.gone(), how


class TestOnUvloop:
    def test_a_child_is_started_asked_stopped_and_mourned(self, tiny: Path) -> None:
        tokens, first, second, how = uvloop.run(_a_whole_life(tiny))

        assert (tokens, first, how) == (5, "stopped", "engine_died")
        assert second.startswith("killed by SIGKILL")
