"""What a person at a terminal sees: a conversation, a picture that is redrawn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

from innkeeper.runtime.messages import Began, Chunk, Done, Request
from tests.api.doubles import NARRATOR, Door, ScriptedRuntime, chat_chunk
from tests.cli.terminal import terminal


def port_of(door: Door) -> dict[str, str]:
    return {"INNKEEPER_PORT": str(door.port)}


class TestConversation:
    async def test_it_remembers_what_was_said_and_ends_with_ctrl_d(
        self, server: Door, runtime: ScriptedRuntime, tmp_path: Path
    ) -> None:
        def talk() -> int:
            with terminal(tmp_path, "run", NARRATOR, environ=port_of(server)) as screen:
                screen.until(r"Ctrl-D ends")
                screen.is_asked()
                screen.type("Who are you?\r")
                screen.until("Once upon")
                screen.is_asked(times=2)
                screen.type("And then?\r")
                screen.until("Once upon", times=2)
                screen.is_asked(times=3)
                screen.type("\x04")
                return screen.end()

        assert await asyncio.to_thread(talk) == 0
        assert [[message["content"] for message in request.body["messages"]] for request in runtime.asked] == [
            ["Who are you?"],
            ["Who are you?", "Once upon", "And then?"],
        ]

    async def test_ctrl_c_ends_an_answer_and_not_the_conversation(
        self, server: Door, runtime: ScriptedRuntime, tmp_path: Path
    ) -> None:
        async def endless(request: Request) -> AsyncGenerator[Chunk, None]:
            yield Began(NARRATOR, "it was asked for", 0.0, 0.0)
            while True:
                yield chat_chunk("on and on ")
                await asyncio.sleep(0.01)

        runtime.script = endless

        def talk() -> int:
            with terminal(tmp_path, "run", NARRATOR, environ=port_of(server)) as screen:
                screen.is_asked()
                screen.type("Speak\r")
                screen.until("on and on", times=3)
                screen.type("\x03")
                screen.is_asked(times=2)
                screen.type("\x04")
                return screen.end()

        assert await asyncio.to_thread(talk) == 0
        await asyncio.wait_for(runtime.ended.wait(), 10)

    async def test_a_failure_is_told_and_the_conversation_goes_on(
        self, server: Door, runtime: ScriptedRuntime, tmp_path: Path
    ) -> None:
        async def once(request: Request) -> AsyncGenerator[Chunk, None]:
            yield Began(NARRATOR, "it was asked for", 0.0, 0.0)
            yield chat_chunk("fine")
            yield Done()

        def talk() -> int:
            with terminal(tmp_path, "run", "nobody", environ=port_of(server)) as screen:
                screen.is_asked()
                screen.type("Hello\r")
                screen.until("There is no model 'nobody'")
                screen.is_asked(times=2)
                screen.type("\x04")
                return screen.end()

        runtime.script = once
        assert await asyncio.to_thread(talk) == 0


class TestWatching:
    async def test_the_picture_is_drawn_again_until_ctrl_c(
        self, server: Door, runtime: ScriptedRuntime, tmp_path: Path
    ) -> None:
        def watch() -> tuple[int, str]:
            with terminal(tmp_path, "ps", "--watch", "--every-s", "0.1", environ=port_of(server)) as screen:
                screen.until("cold")
                runtime.state = "ready"
                screen.until("ready")
                screen.type("\x03")
                return screen.end(), screen.raw

        code, raw = await asyncio.to_thread(watch)
        assert code == 0
        assert "\x1b[" in raw

    async def test_no_line_is_wider_than_the_terminal(self, server: Door, tmp_path: Path) -> None:
        def look() -> str:
            with terminal(tmp_path, "ps", environ=port_of(server)) as screen:
                screen.end()
                return screen.text

        lines = (await asyncio.to_thread(look)).splitlines()
        assert lines
        assert max(map(len, lines)) <= 80
