"""A running server as the command line sees it, over a real socket and the real HTTP door."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import pytest

from innkeeper.api.options import ApiOptions
from innkeeper.client.answers import error_of, view_of
from innkeeper.client.operator import Heard, Operator, Waiting, Words
from innkeeper.runtime.errors import (
    ChainExhausted,
    EngineDied,
    InnkeeperError,
    InvalidRequest,
    ModelInUse,
    ServerAbsent,
    UnknownModel,
)
from innkeeper.runtime.facts import ModelLoaded
from innkeeper.runtime.messages import Began, Chunk, Done, Request
from innkeeper.runtime.wire.format import error_body
from innkeeper.runtime.wire.openai.errors import error_document
from tests.api.doubles import NARRATOR, ScriptedRuntime, chat_chunk, fails_with, open_door

QUESTION = [{"role": "user", "content": "Who are you?"}]


@pytest.fixture
def runtime() -> ScriptedRuntime:
    return ScriptedRuntime()


@pytest.fixture
async def server(runtime: ScriptedRuntime, tmp_path: Path) -> AsyncIterator[Operator]:
    async with open_door(runtime, tmp_path, ApiOptions(heartbeat_s=0.01, shutdown_within_s=5)) as door:
        yield Operator("127.0.0.1", door.port)


def heard(server: Operator, at_most: int | None = None) -> list[Heard]:
    """The answer to one question, all of it or its beginning."""
    answer = server.chat(NARRATOR, QUESTION)
    parts: list[Heard] = []
    for part in answer:
        parts.append(part)
        if len(parts) == at_most:
            break
    answer.close()
    return parts


class TestState:
    async def test_the_view_is_the_one_the_runtime_showed(self, server: Operator, runtime: ScriptedRuntime) -> None:
        assert await asyncio.to_thread(server.view) == runtime.view()

    def test_what_a_newer_server_adds_is_left_away(self) -> None:
        said = {"version": "9", "up_s": 1.0, "pools": [], "models": [], "waiting": 0, "serving": 0, "moon": "full"}
        assert view_of(said).version == "9"


class TestCommands:
    async def test_models_are_loaded_unloaded_and_pinned_by_ids_with_slashes_and_colons(
        self, server: Operator, runtime: ScriptedRuntime
    ) -> None:
        await asyncio.to_thread(server.load, NARRATOR)
        await asyncio.to_thread(lambda: server.unload(NARRATOR, force=True))
        await asyncio.to_thread(lambda: server.pin(NARRATOR, pinned=True))
        await asyncio.to_thread(lambda: server.pin(NARRATOR, pinned=False))
        assert runtime.told == [
            ("load", NARRATOR),
            ("unload", NARRATOR, True),
            ("pin", NARRATOR, True),
            ("pin", NARRATOR, False),
        ]

    async def test_a_busy_model_is_refused_with_its_own_error(self, server: Operator, runtime: ScriptedRuntime) -> None:
        runtime.busy = frozenset({NARRATOR})
        with pytest.raises(ModelInUse, match="answers 1 request") as caught:
            await asyncio.to_thread(server.unload, NARRATOR)
        assert caught.value.numbers == {"leases": 1}

    async def test_a_story_is_told_in_facts(self, server: Operator, runtime: ScriptedRuntime) -> None:
        runtime.journal.record(ModelLoaded(NARRATOR, 1, 0.5))
        (entry,) = await asyncio.to_thread(server.story, NARRATOR)
        assert (entry.number, entry.at, entry.fact) == (1, 1_700_000_000.5, ModelLoaded(NARRATOR, 1, 0.5))


class TestAnswers:
    async def test_words_come_as_they_are_made(self, server: Operator) -> None:
        assert await asyncio.to_thread(heard, server) == [Words("Once"), Words(" upon")]

    async def test_waiting_is_told_before_the_first_word(self, server: Operator, runtime: ScriptedRuntime) -> None:
        waited = asyncio.Event()

        async def script(request: Request) -> AsyncGenerator[Chunk, None]:
            runtime.positions[request.id] = 2
            await waited.wait()
            yield Began(NARRATOR, "it was asked for", 0.1, 0.0)
            yield chat_chunk("Hello")
            yield Done()

        runtime.script = script
        answer = server.chat(NARRATOR, QUESTION)
        first = await asyncio.to_thread(next, answer)
        waited.set()
        rest = await asyncio.to_thread(list, answer)
        assert isinstance(first, Waiting)
        assert "position 2" in first.what
        assert [one for one in rest if not isinstance(one, Waiting) or "x-innkeeper" in one.what] == [Words("Hello")]

    async def test_leaving_early_ends_the_work(self, server: Operator, runtime: ScriptedRuntime) -> None:
        async def script(request: Request) -> AsyncGenerator[Chunk, None]:
            yield Began(NARRATOR, "it was asked for", 0.0, 0.0)
            while True:
                yield chat_chunk("on and on ")
                await asyncio.sleep(0.001)

        runtime.script = script
        assert len(await asyncio.to_thread(heard, server, 3)) == 3
        await asyncio.wait_for(runtime.ended.wait(), 10)

    async def test_an_error_before_the_first_word_is_the_error_itself(self, server: Operator) -> None:
        with pytest.raises(UnknownModel):
            await asyncio.to_thread(lambda: list(server.chat("nobody", QUESTION)))

    async def test_an_error_in_the_middle_is_the_error_itself(self, server: Operator, runtime: ScriptedRuntime) -> None:
        async def script(request: Request) -> AsyncGenerator[Chunk, None]:
            yield Began(NARRATOR, "it was asked for", 0.0, 0.0)
            yield chat_chunk("Once")
            raise EngineDied("its process is gone")

        runtime.script = script
        answer = server.chat(NARRATOR, QUESTION)
        assert await asyncio.to_thread(next, answer) == Words("Once")
        with pytest.raises(EngineDied, match="its process is gone"):
            await asyncio.to_thread(list, answer)

    async def test_the_key_is_shown(self, runtime: ScriptedRuntime, tmp_path: Path) -> None:
        from innkeeper.api.key_file import KeyFile

        token = KeyFile(tmp_path / "keys.json").add("me", operator=True)
        async with open_door(runtime, tmp_path) as door:
            with pytest.raises(InnkeeperError) as refused:
                await asyncio.to_thread(Operator("127.0.0.1", door.port).view)
            assert refused.value.status == 401
            assert await asyncio.to_thread(Operator("127.0.0.1", door.port, token).view) == runtime.view()


class TestNoServer:
    @pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
    def test_a_server_that_is_not_there_says_how_to_start_one(self, host: str) -> None:
        with pytest.raises(ServerAbsent, match="Start one with `innkeeper up`"):
            Operator(host, 9).view()

    async def test_something_else_at_that_port_is_told(self) -> None:
        async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"SSH-2.0-OpenSSH\r\n")
            writer.close()

        other = await asyncio.start_server(hang_up, "127.0.0.1", 0)
        async with other:
            port = other.sockets[0].getsockname()[1]
            with pytest.raises(ServerAbsent, match="cannot be reached or went away"):
                await asyncio.to_thread(Operator("127.0.0.1", port).view)


class TestErrors:
    @pytest.mark.parametrize(
        "error",
        [InvalidRequest("no", param="model"), ModelInUse("busy", leases=3), EngineDied("gone")],
        ids=lambda error: type(error).__name__,
    )
    def test_an_error_arrives_as_what_it_was(self, error: InnkeeperError) -> None:
        arrived = error_of(error.status, error_body(error, error_document))
        assert (type(arrived), arrived.message, arrived.param, arrived.numbers) == (
            type(error),
            error.message,
            error.param,
            error.numbers,
        )

    def test_a_chain_of_failures_arrives_as_words(self) -> None:
        error = ChainExhausted((("a", EngineDied("gone")),))
        assert error_of(502, error_body(error, error_document)).message == error.message

    @pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error": 3}', b"\xff"])
    def test_an_answer_that_is_not_ours_is_shown(self, body: bytes) -> None:
        assert "The server answered 502" in error_of(502, body).message


async def test_a_failing_model_is_told_as_its_own_error(server: Operator, runtime: ScriptedRuntime) -> None:
    runtime.script = fails_with(InvalidRequest("temperature is too high", param="temperature"))
    with pytest.raises(InvalidRequest, match="temperature is too high"):
        await asyncio.to_thread(lambda: list(server.chat(NARRATOR, QUESTION)))
