"""An engine that falls silent in the middle of an answer."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from innkeeper.runtime.chain import Limits
from innkeeper.runtime.errors import EngineTimedOut
from innkeeper.runtime.messages import Kind, Request
from innkeeper.runtime.silence import LOOKS, Silence
from tests.runtime.conftest import OpenInn, echo_model
from tests.runtime.test_chain import answer, attempts, question


class TestAnEngineThatFallsSilent:
    async def test_loses_its_answer_and_the_slot_is_free_again(self, open_inn: OpenInn) -> None:
        stuck = echo_model("stuck", piece_s=3600.0)
        async with open_inn(stuck, default="stuck", limits=Limits(silence_s=0.05)) as inn:
            with pytest.raises(EngineTimedOut, match=r"in the middle of its answer.*queue\.longest_silence_s"):
                await answer(inn, question("one two three"))

            assert attempts(inn) == [("stuck", "engine_timed_out")]
            assert not inn.residency.books.leases

    async def test_is_not_one_whose_caller_reads_slowly(self, open_inn: OpenInn) -> None:
        async with open_inn(echo_model("quick"), default="quick", limits=Limits(silence_s=0.02)) as inn:
            async with aclosing(inn.runtime.serve(question("one two three"))) as chunks:
                heard = []
                async for chunk in chunks:
                    heard.append(chunk)
                    await asyncio.wait([asyncio.create_task(asyncio.sleep(0.05))])

            assert len(heard) == 6


class TestSilence:
    async def test_leaves_a_cancellation_by_others_alone(self) -> None:
        async def waits() -> None:
            async with Silence("m", 3600.0) as silence:
                silence.listen()
                await asyncio.Event().wait()

        waiting = asyncio.create_task(waits())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    async def test_leaves_no_cancellation_behind(self) -> None:
        async def waits() -> None:
            async with Silence("m", 0.001) as silence:
                silence.listen()
                await asyncio.Event().wait()

        with pytest.raises(EngineTimedOut):
            await waits()
        task = asyncio.current_task()

        assert task is not None
        assert task.cancelling() == 0

    async def test_hears_pieces_that_go_the_short_way(self) -> None:
        sent: list[bytes] = []

        def shortcut(data: bytes) -> bool:
            sent.append(data)
            return True

        request = Request("r-1", Kind.CHAT, {}, shortcut=shortcut)
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        async with Silence("m", 0.04) as silence:
            silence.listen()
            heard = silence.heard_by(request)
            assert heard.shortcut is not None
            for piece in range(6 * LOOKS):
                loop.call_later(0.005 * piece, heard.shortcut, b"x")
            loop.call_later(0.005 * 6 * LOOKS, over.set)
            await over.wait()

        assert len(sent) == 6 * LOOKS
