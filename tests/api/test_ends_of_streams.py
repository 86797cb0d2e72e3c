"""Streams on a raw socket: callers who leave, two of one name, a server that closes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from innkeeper.api.options import ApiOptions
from innkeeper.runtime.messages import Chunk, Done, Piece, Request
from tests.api.doubles import (
    Door,
    ScriptedRuntime,
    chat_chunk,
    open_door,
    whole_answer,
    wire_to,
)
from tests.api.telling import ASKS, BEGAN, CHAT, IMPATIENT, Teller, next_events


class TestACallerWhoLeaves:
    """C65, C66, C68 at the door: whatever the runtime is doing for the caller, it is told to stop."""

    @pytest.mark.parametrize("streams", [True, False], ids=["streaming", "not streaming"])
    async def test_while_nothing_has_come_ends_the_request(
        self, door: Door, runtime: ScriptedRuntime, teller: Teller, streams: bool
    ) -> None:
        async with wire_to(door) as wire:
            await wire.ask("POST", CHAT, ASKS | {"stream": streams})
            await runtime.was_asked()

        await asyncio.wait_for(runtime.ended.wait(), 5)

    async def test_in_the_middle_of_a_stream_ends_the_request(
        self, door: Door, runtime: ScriptedRuntime, teller: Teller
    ) -> None:
        teller.say(BEGAN, chat_chunk("Once"))
        async with wire_to(door) as wire:
            await wire.ask("POST", CHAT, ASKS)
            await wire.head()
            await wire.chunk()

        await asyncio.wait_for(runtime.ended.wait(), 5)

    async def test_during_heartbeats_ends_the_request(
        self, runtime: ScriptedRuntime, teller: Teller, tmp_path: Path
    ) -> None:
        async with open_door(runtime, tmp_path, IMPATIENT) as door:
            async with wire_to(door) as wire:
                await wire.ask("POST", CHAT, ASKS)
                await wire.head()
                await wire.chunk()

            await asyncio.wait_for(runtime.ended.wait(), 5)

    async def test_and_reads_nothing_holds_the_engine_back_and_still_ends_the_request(
        self, door: Door, runtime: ScriptedRuntime
    ) -> None:
        said = 0

        async def talks_for_ever(request: Request) -> AsyncGenerator[Chunk, None]:
            nonlocal said
            yield BEGAN
            while True:
                said += 1
                await asyncio.sleep(0)  # as an engine's socket does
                yield Piece(b'"' + b"x" * 65536 + b'"')

        runtime.script = talks_for_ever
        async with wire_to(door) as wire:
            await wire.ask("POST", CHAT, ASKS)
            await wire.head()
            before = -1
            while said != before:  # until the pipe is full
                before = said
                await asyncio.sleep(0.05)
            assert said < 2000

        await asyncio.wait_for(runtime.ended.wait(), 5)

    async def test_frees_the_place_it_took(self, runtime: ScriptedRuntime, teller: Teller, tmp_path: Path) -> None:
        options = replace(IMPATIENT, requests_at_once=1)
        async with open_door(runtime, tmp_path, options) as door:
            async with wire_to(door) as wire:
                await wire.ask("POST", CHAT, ASKS)
                await wire.head()
            await asyncio.wait_for(runtime.ended.wait(), 5)
            teller.say(BEGAN, whole_answer(runtime.asked[0]), Done())
            async with wire_to(door) as wire:
                await wire.ask("POST", CHAT, ASKS | {"stream": False})

                assert (await wire.answer()).status == 200


class TestRequestsOfOneName:
    async def test_are_told_apart_while_both_are_under_way(
        self, door: Door, runtime: ScriptedRuntime, teller: Teller
    ) -> None:
        async with wire_to(door) as one, wire_to(door) as other:
            await one.ask("POST", CHAT, ASKS, x_request_id="turn-1")
            await other.ask("POST", CHAT, ASKS, x_request_id="turn-1")
            await runtime.was_asked(times=2)

        assert {request.id for request in runtime.asked} == {"turn-1", "turn-1.2"}

    async def test_that_cannot_be_in_a_header_gets_another(self, door: Door, runtime: ScriptedRuntime) -> None:
        async with wire_to(door) as wire:
            await wire.ask("POST", CHAT, ASKS, x_request_id="../" * 60)
            answer = await wire.answer()

        assert answer.headers["x-request-id"] == runtime.asked[0].id
        assert runtime.asked[0].id.startswith("r-")


class TestClosing:
    async def test_lets_a_live_stream_end(self, runtime: ScriptedRuntime, teller: Teller, tmp_path: Path) -> None:
        """C60 at the door."""
        async with open_door(runtime, tmp_path) as door, wire_to(door) as wire:
            teller.say(BEGAN, chat_chunk("Once"))
            await wire.ask("POST", CHAT, ASKS)
            await wire.head()
            await wire.chunk()
            door.server.close()
            teller.say(chat_chunk(" upon"), Done())

            events = await next_events(wire, b"[DONE]")

        assert events[0] == b"data: " + chat_chunk(" upon").data + b"\n\n"

    async def test_tells_a_stream_that_does_not_end(
        self, runtime: ScriptedRuntime, teller: Teller, tmp_path: Path
    ) -> None:
        """C60, C67: the last event is an error, then the stream ends as any other."""
        async with open_door(runtime, tmp_path, ApiOptions(shutdown_within_s=0.05)) as door, wire_to(door) as wire:
            teller.say(BEGAN, chat_chunk("Once"))
            await wire.ask("POST", CHAT, ASKS)
            await wire.head()
            await wire.chunk()
            door.server.close()

            *_, last = await next_events(wire, b"[DONE]")
            assert b'"code": "shutting_down"' in last
            assert await wire.chunk() == b""
        assert runtime.ended.is_set()

    async def test_answers_a_caller_who_still_waits(
        self, runtime: ScriptedRuntime, teller: Teller, tmp_path: Path
    ) -> None:
        async with open_door(runtime, tmp_path, ApiOptions(shutdown_within_s=0.05)) as door, wire_to(door) as wire:
            await wire.ask("POST", CHAT, ASKS | {"stream": False})
            await runtime.was_asked()
            door.server.close()
            answer = await wire.answer()

        assert (answer.status, answer.error["code"]) == (503, "shutting_down")
        assert answer.headers["retry-after"] == "5"
