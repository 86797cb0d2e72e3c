"""Streams on a raw socket: what is sent, and when."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path

from innkeeper.api.options import ApiOptions
from innkeeper.runtime.errors import EngineDied, LoadFailed
from innkeeper.runtime.messages import Began, Chunk, Done, Piece, Request
from tests.api.doubles import (
    NARRATOR,
    Door,
    ScriptedRuntime,
    answers_well,
    chat_chunk,
    open_door,
    wire_to,
)
from tests.api.telling import ASKS, BEGAN, CHAT, IMPATIENT, Teller, next_events


class TestAStream:
    async def test_says_how_it_is_to_be_relayed(self, door: Door) -> None:
        """C63."""
        async with wire_to(door) as wire:
            await wire.ask("POST", CHAT, ASKS, x_request_id="turn-1")
            answer = await wire.answer()

        assert answer.status == 200
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["x-accel-buffering"] == "no"
        assert answer.headers["x-request-id"] == "turn-1"
        assert answer.headers["x-innkeeper-model"] == NARRATOR

    async def test_relays_each_piece_before_the_next_is_made(self, door: Door, teller: Teller) -> None:
        """C63."""
        async with wire_to(door) as wire:
            await wire.ask("POST", CHAT, ASKS)
            for word in ("Once", " upon", " a"):
                teller.say(BEGAN, chat_chunk(word)) if word == "Once" else teller.say(chat_chunk(word))
                if word == "Once":
                    await wire.head()
                assert await wire.chunk() == b"data: " + chat_chunk(word).data + b"\n\n"
            teller.say(Done())

            assert await wire.chunk() == b"data: [DONE]\n\n"

    async def test_ends_and_leaves_the_connection_for_the_next_request(self, door: Door) -> None:
        """C67."""
        async with wire_to(door) as wire:
            for _ in range(3):
                await wire.ask("POST", CHAT, ASKS)
                assert (await wire.answer()).body.endswith(b"data: [DONE]\n\n")

    async def test_of_an_error_after_its_first_piece_ends_with_the_error(self, door: Door, teller: Teller) -> None:
        """C57, C67."""
        teller.say(BEGAN, chat_chunk("Once"), EngineDied("killed"))
        async with wire_to(door) as wire:
            await wire.ask("POST", CHAT, ASKS)
            body = (await wire.answer()).body

        *_, error, done = body.strip().split(b"\n\n")
        assert json.loads(error.removeprefix(b"data: "))["error"]["code"] == "engine_died"
        assert done == b"data: [DONE]"

    async def test_of_an_error_before_its_first_piece_is_an_ordinary_error(self, door: Door, teller: Teller) -> None:
        teller.say(LoadFailed("broken"))
        async with wire_to(door) as wire:
            await wire.ask("POST", CHAT, ASKS)
            answer = await wire.answer()

        assert (answer.status, answer.error["code"]) == (502, "load_failed")

    async def test_goes_out_in_order_when_requests_are_pipelined(self, door: Door) -> None:
        async with wire_to(door) as wire:
            await wire.ask("POST", CHAT, ASKS, x_request_id="first")
            await wire.ask("POST", CHAT, ASKS, x_request_id="second")
            answers = [await wire.answer(), await wire.answer()]

        assert [answer.headers["x-request-id"] for answer in answers] == ["first", "second"]

    async def test_without_any_piece_still_ends(self, door: Door, teller: Teller) -> None:
        teller.say(BEGAN, Done())
        async with wire_to(door) as wire:
            await wire.ask("POST", CHAT, ASKS)

            assert (await wire.answer()).body == b"data: [DONE]\n\n"


class TestTheShortcut:
    """Pieces that an engine sends past everything in between, once the first is out."""

    async def test_carries_pieces_in_order_with_those_that_are_yielded(
        self, door: Door, runtime: ScriptedRuntime
    ) -> None:
        """C63."""
        took: list[bool] = []

        async def script(request: Request) -> AsyncGenerator[Chunk, None]:
            assert request.shortcut is not None
            took.append(request.shortcut(b'"too early"'))
            yield BEGAN
            took.append(request.shortcut(b'"too early"'))
            yield Piece(b'"one"')
            took.append(request.shortcut(b'"two"'))
            took.append(request.shortcut(b'"three"'))
            yield Piece(b'"four"')
            took.append(request.shortcut(b'"five"'))
            yield Done()

        runtime.script = script
        async with wire_to(door) as wire:
            await wire.ask("POST", CHAT, ASKS)
            body = (await wire.answer()).body
            runtime.script = answers_well
            await wire.ask("POST", CHAT, ASKS)  # the connection is as it was

            assert (await wire.answer()).body.endswith(b"data: [DONE]\n\n")
        assert took == [False, False, True, True, True]
        assert body == b"".join(
            b"data: %b\n\n" % data for data in (b'"one"', b'"two"', b'"three"', b'"four"', b'"five"', b"[DONE]")
        )

    async def test_waits_for_a_comment_that_is_under_way(
        self, runtime: ScriptedRuntime, teller: Teller, tmp_path: Path
    ) -> None:
        """C64."""
        teller.say(BEGAN, chat_chunk("Once"))
        async with open_door(runtime, tmp_path, IMPATIENT) as door, wire_to(door) as wire:
            await wire.ask("POST", CHAT, ASKS)
            await wire.head()
            await next_events(wire, b": loading")
            (request,) = runtime.asked
            assert request.shortcut is not None
            after_a_comment = request.shortcut(b'"no"')
            teller.say(chat_chunk(" upon"))
            events = await next_events(wire, b" upon")
            teller.say(Done())
            events += await next_events(wire, b"[DONE]")

        assert not after_a_comment
        assert not any(b'"no"' in event for event in events)

    async def test_is_no_silence(self, runtime: ScriptedRuntime, tmp_path: Path) -> None:
        """C64."""

        async def script(request: Request) -> AsyncGenerator[Chunk, None]:
            assert request.shortcut is not None
            yield BEGAN
            yield Piece(b'"one"')
            for _ in range(70):  # longer than a heartbeat
                await asyncio.sleep(0.01)
                assert request.shortcut(b'"more"')
            yield Done()

        runtime.script = script
        options = ApiOptions(heartbeat_s=0.5, shutdown_within_s=5)
        async with open_door(runtime, tmp_path, options) as door, wire_to(door) as wire:
            await wire.ask("POST", CHAT, ASKS)
            body = (await wire.answer()).body

        assert body.count(b'"more"') == 70
        assert b"\n: " not in body

    async def test_closes_for_a_caller_who_does_not_read(self, door: Door, runtime: ScriptedRuntime) -> None:
        took = 0

        async def script(request: Request) -> AsyncGenerator[Chunk, None]:
            nonlocal took
            assert request.shortcut is not None
            yield BEGAN
            yield Piece(b'"one"')
            while request.shortcut(b'"' + b"x" * 65536 + b'"'):
                took += 1
            yield Piece(b'"waits"')
            yield Done()

        runtime.script = script
        async with wire_to(door) as wire:
            await wire.ask("POST", CHAT, ASKS)
            await wire.head()
            heard = await next_events(wire, b"[DONE]")

        assert 0 < took < 2000
        assert sum(b"xxx" in event for event in heard) == took
        assert heard[-2] == b'data: "waits"\n\n'

    async def test_is_closed_to_a_caller_who_has_left_and_to_an_answer_that_is_over(
        self, door: Door, runtime: ScriptedRuntime, teller: Teller
    ) -> None:
        teller.say(BEGAN, chat_chunk("Once"))
        async with wire_to(door) as wire:
            await wire.ask("POST", CHAT, ASKS)
            await wire.head()
        await asyncio.wait_for(runtime.ended.wait(), 5)
        teller.say(BEGAN, chat_chunk("Once"), Done())
        async with wire_to(door) as wire:
            await wire.ask("POST", CHAT, ASKS)
            await wire.answer()
            shortcuts = [request.shortcut for request in runtime.asked]

            assert [shortcut is not None and shortcut(b'"late"') for shortcut in shortcuts] == [False, False]


class TestTheHeadersOfAnAnswer:
    async def test_can_tell_any_name_and_any_reason(self, door: Door, teller: Teller) -> None:
        teller.say(Began("σκηνή", "the player writes Greek\nwith 100 %", 0.0, 0.0), chat_chunk("Once"), Done())
        async with wire_to(door) as wire:
            await wire.ask("POST", CHAT, ASKS)
            headers = (await wire.answer()).headers

        assert headers["x-innkeeper-model"] == "%CF%83%CE%BA%CE%B7%CE%BD%CE%AE"
        assert headers["x-innkeeper-route"] == "the player writes Greek%0Awith 100 %25"


class TestAQuietStream:
    """C64: comments while there is nothing to say; never a fake data line."""

    async def test_tells_the_place_in_the_queue_then_that_it_loads(
        self, runtime: ScriptedRuntime, teller: Teller, tmp_path: Path
    ) -> None:
        async with open_door(runtime, tmp_path, IMPATIENT) as door, wire_to(door) as wire:
            runtime.positions["turn-1"] = 2
            await wire.ask("POST", CHAT, ASKS, x_request_id="turn-1")
            status, headers = await wire.head()
            waiting = await wire.chunk()
            runtime.positions["turn-1"] = 0
            loading = await next_events(wire, b": loading")

        assert status == 200
        assert "x-innkeeper-model" not in headers
        assert waiting == b": waiting, position 2\n\n"
        assert loading[-1] == b": loading\n\n"

    async def test_says_working_when_the_model_is_ready(
        self, runtime: ScriptedRuntime, teller: Teller, tmp_path: Path
    ) -> None:
        runtime.state = "ready"
        async with open_door(runtime, tmp_path, IMPATIENT) as door, wire_to(door) as wire:
            await wire.ask("POST", CHAT, ASKS)
            await wire.head()

            assert await wire.chunk() == b": working\n\n"

    async def test_tells_who_answers_in_a_comment_when_the_headers_are_out(
        self, runtime: ScriptedRuntime, teller: Teller, tmp_path: Path
    ) -> None:
        async with open_door(runtime, tmp_path, IMPATIENT) as door, wire_to(door) as wire:
            await wire.ask("POST", CHAT, ASKS)
            await wire.head()
            teller.say(BEGAN, chat_chunk("Once"), Done())
            events = await next_events(wire, b"[DONE]")

        told = [event for event in events if b"x-innkeeper-model" in event]
        assert b"".join(told) == (
            b": x-innkeeper-model=tiny/narrator:q8_0 x-innkeeper-route=it was asked for "
            b"x-innkeeper-waited-ms=3000.0 x-innkeeper-load-ms=2500.0\n\n"
        )
        assert [event for event in events if event.startswith(b"data")] == [
            b"data: " + chat_chunk("Once").data + b"\n\n",
            b"data: [DONE]\n\n",
        ]

    async def test_fills_a_silence_between_two_pieces_too(
        self, runtime: ScriptedRuntime, teller: Teller, tmp_path: Path
    ) -> None:
        async with open_door(runtime, tmp_path, IMPATIENT) as door, wire_to(door) as wire:
            teller.say(BEGAN, chat_chunk("Once"))
            await wire.ask("POST", CHAT, ASKS)
            await wire.head()
            await next_events(wire, b"Once")
            silence = [await wire.chunk(), await wire.chunk()]
            teller.say(Done())
            await next_events(wire, b"[DONE]")

        assert all(event.startswith(b": ") for event in silence)

    async def test_that_fails_ends_with_an_error_event(
        self, runtime: ScriptedRuntime, teller: Teller, tmp_path: Path
    ) -> None:
        async with open_door(runtime, tmp_path, IMPATIENT) as door, wire_to(door) as wire:
            await wire.ask("POST", CHAT, ASKS)
            await wire.head()
            teller.say(LoadFailed("broken"))
            events = await next_events(wire, b"[DONE]")

        assert b'"code": "load_failed"' in events[-1]

    async def test_has_no_comments_when_nothing_is_late(self, door: Door) -> None:
        async with wire_to(door) as wire:
            await wire.ask("POST", CHAT, ASKS)

            assert b"\n: " not in (await wire.answer()).body
