"""`ps`, `load`, `unload`, `pin`, `unpin`, `story`, `run` against a running server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import asdict
from functools import partial

import pytest

from innkeeper.api.key_file import KeyFile
from innkeeper.runtime.errors import DoesNotFit, EngineDied
from innkeeper.runtime.facts import ModelLoaded
from innkeeper.runtime.messages import Began, Chunk, Done, Request
from tests.api.doubles import NARRATOR, Door, ScriptedRuntime, chat_chunk, fails_with
from tests.cli.command import CommandLine, Outcome


async def give(innkeeper: CommandLine, *arguments: str, stdin: str = "") -> Outcome:
    """Give a command while the server goes on in this thread."""
    return await asyncio.to_thread(partial(innkeeper, *arguments, stdin=stdin))


@pytest.mark.usefixtures("server")
class TestPs:
    async def test_each_memory_has_a_bar_and_each_model_a_line(
        self, innkeeper: CommandLine, runtime: ScriptedRuntime
    ) -> None:
        runtime.state = "ready"
        shown = await give(innkeeper, "ps")
        bar, _, titles, line, _, callers = shown.out.splitlines()
        assert bar.split("]")[1].strip() == "400 B of 900 B, 1.5 KiB free"
        assert titles.split() == ["MODEL", "STATE", "MEMORY", "BUSY", "IDLE", "LEAVES"]
        assert line.split() == [NARRATOR, "ready", "400", "B", "measured", "0/1", "2", "s", "5", "min"]
        assert callers == "0 requests under way, 0 waiting · up 12 s"

    async def test_json_is_what_the_server_said(self, innkeeper: CommandLine, runtime: ScriptedRuntime) -> None:
        shown = await give(innkeeper, "ps", "--json")
        assert json.loads(shown.out) == json.loads(json.dumps(asdict(runtime.view())))

    async def test_nothing_that_goes_into_a_pipe_has_control_codes(self, innkeeper: CommandLine) -> None:
        assert "\x1b" not in (await give(innkeeper, "ps")).out


@pytest.mark.usefixtures("server")
class TestCommands:
    async def test_an_operators_commands_reach_the_runtime(
        self, innkeeper: CommandLine, runtime: ScriptedRuntime
    ) -> None:
        for words in (["load"], ["unload", "--force"], ["pin"], ["unpin"]):
            assert (await give(innkeeper, words[0], NARRATOR, *words[1:])).code == 0
        assert runtime.told == [
            ("load", NARRATOR),
            ("unload", NARRATOR, True),
            ("pin", NARRATOR, True),
            ("pin", NARRATOR, False),
        ]

    async def test_a_busy_model_stays_and_the_message_says_how_to_insist(
        self, innkeeper: CommandLine, runtime: ScriptedRuntime
    ) -> None:
        runtime.busy = frozenset({NARRATOR})
        refused = await give(innkeeper, "unload", NARRATOR)
        assert (refused.code, refused.out) == (4, "")
        assert "answers 1 request" in refused.err

    async def test_an_unknown_model_is_told_with_the_nearest_name(self, innkeeper: CommandLine) -> None:
        refused = await give(innkeeper, "load", "tiny/narator:q8_0")
        assert refused.code == 4
        assert f"Did you mean '{NARRATOR}'" in refused.err

    async def test_a_story_is_told_in_sentences_with_their_time(
        self, innkeeper: CommandLine, runtime: ScriptedRuntime
    ) -> None:
        runtime.journal.record(ModelLoaded(NARRATOR, 1, 0.5))
        (line,) = (await give(innkeeper, "story", NARRATOR)).out.splitlines()
        assert line.startswith("2023-11-1")
        assert NARRATOR in line

    async def test_a_subject_nobody_knows_is_told(self, innkeeper: CommandLine) -> None:
        told = await give(innkeeper, "story", "r-none")
        assert told.code == 4
        assert "Nothing is known of 'r-none'" in told.err


@pytest.mark.usefixtures("server")
class TestRun:
    async def test_the_answer_is_printed_as_it_comes_and_nothing_else(
        self, innkeeper: CommandLine, runtime: ScriptedRuntime
    ) -> None:
        answered = await give(innkeeper, "run", NARRATOR, "Who", "are you?", "--system", "Be brief.")
        assert answered == Outcome(0, "Once upon\n", "")
        assert runtime.asked[0].body["messages"] == [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Who are you?"},
        ]

    async def test_a_pipe_is_the_prompt_and_follows_the_one_that_was_given(
        self, innkeeper: CommandLine, runtime: ScriptedRuntime
    ) -> None:
        await give(innkeeper, "run", NARRATOR, stdin="All of this.\n")
        await give(innkeeper, "run", NARRATOR, "Sum up:", stdin="All of this.\n")
        contents = [request.body["messages"][0]["content"] for request in runtime.asked]
        assert contents == ["All of this.", "Sum up:\n\nAll of this."]

    async def test_no_prompt_and_nobody_there_is_told(self, innkeeper: CommandLine) -> None:
        told = await give(innkeeper, "run", NARRATOR)
        assert told.code == 4
        assert "There is no prompt" in told.err

    async def test_a_model_cannot_steer_the_terminal(self, innkeeper: CommandLine, runtime: ScriptedRuntime) -> None:
        async def script(request: Request) -> AsyncGenerator[Chunk, None]:
            yield Began(NARRATOR, "it was asked for", 0.0, 0.0)
            yield chat_chunk("\x1b]0;gone\x07\x1b[2Jline\n\ttab ½ γεια 👋\r")
            yield Done()

        runtime.script = script
        assert (await give(innkeeper, "run", NARRATOR, "x")).out == "]0;gone[2Jline\n\ttab ½ γεια 👋\n"

    async def test_an_error_in_the_middle_keeps_what_was_said_and_ends_with_its_code(
        self, innkeeper: CommandLine, runtime: ScriptedRuntime
    ) -> None:
        async def script(request: Request) -> AsyncGenerator[Chunk, None]:
            yield Began(NARRATOR, "it was asked for", 0.0, 0.0)
            yield chat_chunk("Once")
            raise EngineDied("its process is gone")

        runtime.script = script
        ended = await give(innkeeper, "run", NARRATOR, "x")
        assert (ended.code, ended.out) == (6, "Once\n")
        assert ended.err.strip().splitlines()[-1] == "Error: its process is gone"

    async def test_no_room_has_its_own_exit_code(self, innkeeper: CommandLine, runtime: ScriptedRuntime) -> None:
        runtime.script = fails_with(DoesNotFit("it needs 9 GiB, models may hold 4 GiB"))
        assert (await give(innkeeper, "run", NARRATOR, "x")).code == 5


class TestKeys:
    async def test_the_key_of_the_environment_is_shown_to_the_server(
        self, innkeeper: CommandLine, server: Door
    ) -> None:
        token = KeyFile(innkeeper.folder / "state" / "keys.json").add("me", operator=True)
        assert (await give(innkeeper, "ps")).code == 4
        innkeeper.set({"INNKEEPER_API_KEY": token})
        assert (await give(innkeeper, "ps")).code == 0


class TestNoServer:
    @pytest.mark.parametrize("words", [["ps"], ["load", "m"], ["run", "m", "x"], ["story", "m"], ["ps", "--watch"]])
    def test_every_command_that_needs_one_says_how_to_start_it(self, innkeeper: CommandLine, words: list[str]) -> None:
        innkeeper.set({"INNKEEPER_PORT": "9"})
        told = innkeeper(*words)
        assert told.code == 3
        assert told.err.strip() == "Error: No server answers at 127.0.0.1:9. Start one with `innkeeper up`."
