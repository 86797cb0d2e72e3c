"""`innkeeper why`: who would answer, and why."""

from __future__ import annotations

import json

import pytest

from innkeeper.runtime.messages import Request
from tests.api.doubles import NARRATOR, ScriptedRuntime
from tests.cli.command import CommandLine
from tests.cli.test_operating import give


def asked(runtime: ScriptedRuntime) -> Request:
    [(what, request)] = runtime.told
    assert what == "explain"
    assert isinstance(request, Request)
    return request


@pytest.mark.usefixtures("server")
class TestWhy:
    async def test_tells_who_would_answer_and_what_each_model_would_take(self, innkeeper: CommandLine) -> None:
        shown = await give(innkeeper, "why", "tell me a story")

        assert shown.code == 0
        who, because, due, _, _, first, second = shown.out.splitlines()
        assert who == f"{NARRATOR} would answer."
        assert because == "Because it was asked for."
        assert due == "First words are due within 5 s (the target)."
        assert first.split() == f"{NARRATOR} cold 1.00 3.5 s 0.0 s 3.0 s 0.4 s 0.1 s 0.9 s".split()
        assert second.split() == ["tiny/other", "cold", "0.35", "it", "is", "too", "bad"]

    async def test_asks_for_what_the_options_say(self, innkeeper: CommandLine, runtime: ScriptedRuntime) -> None:
        options = ("--model", "m", "--task", "story", "--conversation", "c", "--deadline-s", "2")
        await give(innkeeper, "why", "go on", *options, "--no-wait", "--substitute")

        request = asked(runtime)
        assert (request.model, request.task, request.conversation, request.deadline_s) == ("m", "story", "c", 2.0)
        assert (request.waits, request.allows_substitute) == (False, True)
        assert request.body["messages"] == [{"role": "user", "content": "go on"}]

    async def test_can_be_read_by_a_program(self, innkeeper: CommandLine) -> None:
        told = json.loads((await give(innkeeper, "why", "x", "--json")).out)

        assert (told["right"], told["due_s"], told["options"][1]["skipped"]) == (NARRATOR, 5.0, "it is too bad")
