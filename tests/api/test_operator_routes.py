"""The operator's routes: each does one thing and says what it did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest

from innkeeper.api.key_file import KeyFile
from innkeeper.runtime.facts import OperatorDid
from innkeeper.runtime.messages import Kind, Request
from tests.api.doubles import EMBEDDER, NARRATOR, Answer, Door, ScriptedRuntime, wire_to


async def ask(door: Door, method: str, path: str, body: dict[str, object] | None = None, **headers: str) -> Answer:
    async with wire_to(door) as wire:
        await wire.ask(method, path, body, **headers)
        return await wire.answer()


def told(answer: Answer) -> Any:  # JSON
    return json.loads(answer.body)


class TestAModel:
    async def test_is_loaded(self, door: Door, runtime: ScriptedRuntime) -> None:
        answer = await ask(door, "POST", f"/models/{NARRATOR}/load")

        assert told(answer) == {"model": NARRATOR, "state": "ready"}
        assert runtime.told == [("load", NARRATOR)]

    async def test_is_unloaded(self, door: Door, runtime: ScriptedRuntime) -> None:
        answer = await ask(door, "POST", f"/models/{NARRATOR}/unload")

        assert told(answer) == {"model": NARRATOR, "state": "cold"}
        assert runtime.told == [("unload", NARRATOR, False)]

    async def test_in_use_stays_unless_forced(self, door: Door, runtime: ScriptedRuntime) -> None:
        """C53."""
        runtime.busy = frozenset({NARRATOR})

        refused = await ask(door, "POST", f"/models/{NARRATOR}/unload")
        forced = await ask(door, "POST", f"/models/{NARRATOR}/unload?force=true")

        assert (refused.status, refused.error["code"]) == (409, "model_in_use")
        assert (forced.status, runtime.told) == (200, [("unload", NARRATOR, True)])

    async def test_is_not_unloaded_by_a_word_that_is_no_yes_or_no(self, door: Door, runtime: ScriptedRuntime) -> None:
        answer = await ask(door, "POST", f"/models/{NARRATOR}/unload?force=maybe")

        assert (answer.status, answer.error["param"], runtime.told) == (400, "force", [])

    async def test_is_pinned_and_unpinned(self, door: Door, runtime: ScriptedRuntime) -> None:
        pinned = await ask(door, "POST", f"/models/{NARRATOR}/pin")
        unpinned = await ask(door, "POST", f"/models/{NARRATOR}/unpin")

        assert (told(pinned)["pinned"], told(unpinned)["pinned"]) == (True, False)
        assert runtime.told == [("pin", NARRATOR, True), ("pin", NARRATOR, False)]

    async def test_may_have_its_slashes_and_colons_escaped(self, door: Door, runtime: ScriptedRuntime) -> None:
        await ask(door, "POST", "/models/tiny%2Fnarrator%3Aq8_0/load")

        assert runtime.told == [("load", NARRATOR)]

    async def test_is_preloaded_with_others(self, door: Door, runtime: ScriptedRuntime) -> None:
        body: dict[str, object] = {"models": [NARRATOR, EMBEDDER, NARRATOR], "because": "a campaign opened"}

        answer = await ask(door, "POST", "/models/preload", body)

        assert (answer.status, told(answer)) == (202, {"models": [NARRATOR, EMBEDDER]})
        assert runtime.told == [("preload", (NARRATOR, EMBEDDER), "a campaign opened")]

    async def test_is_preloaded_with_the_context_that_names_it(self, door: Door, runtime: ScriptedRuntime) -> None:
        answer = await ask(door, "POST", "/contexts/evening/open")

        assert (answer.status, told(answer)) == (202, {"context": "evening", "models": [NARRATOR]})
        [(what, name, _)] = runtime.told
        assert (what, name) == ("open", "evening")

    async def test_that_is_unknown_is_not_preloaded(self, door: Door, runtime: ScriptedRuntime) -> None:
        answer = await ask(door, "POST", "/models/preload", {"models": [NARRATOR, "nobody"]})

        assert (answer.status, runtime.told) == (404, [])


class TestALease:
    """C13 at the door."""

    async def test_is_lent_for_a_while_and_given_back(self, door: Door, runtime: ScriptedRuntime) -> None:
        lent = await ask(door, "POST", "/leases", {"model": NARRATOR, "for_s": 90})
        back = await ask(door, "DELETE", "/leases/lease-1")

        assert (lent.status, told(lent)) == (201, {"lease": "lease-1", "model": NARRATOR, "for_s": 90})
        assert told(back) == {"lease": "lease-1", "given_back": True}
        assert runtime.told == [("borrow", NARRATOR, 90.0, "127.0.0.1"), ("give back", "lease-1")]

    @pytest.mark.parametrize("for_s", [None, 0, -1, "60", True, 10**9, 1e308])
    async def test_without_a_sane_end_is_not_lent(self, door: Door, runtime: ScriptedRuntime, for_s: object) -> None:
        answer = await ask(door, "POST", "/leases", {"model": NARRATOR, "for_s": for_s})

        assert (answer.status, answer.error["param"], runtime.told) == (400, "for_s", [])


class TestPs:
    async def test_shows_pools_and_models_with_their_units(self, door: Door) -> None:
        shown = told(await ask(door, "GET", "/ps"))

        assert shown["pools"][0] == {
            "name": "ram",
            "budget_bytes": 1000,
            "ceiling_bytes": 900,
            "held_bytes": 400,
            "overhead_bytes": 50,
            "total_bytes": 2000,
            "free_bytes": 1500,
        }
        assert shown["models"][0]["id"] == NARRATOR
        assert shown["models"][0]["measured"] == {"ram": 390}
        assert shown["up_s"] == 12.5


class TestAnExplanation:
    HELLO: ClassVar[dict[str, object]] = {"messages": [{"role": "user", "content": "hello"}], "wait": False}

    async def test_is_of_the_request_that_is_sent(self, door: Door, runtime: ScriptedRuntime) -> None:
        answer = await ask(door, "POST", "/explain", self.HELLO | {"metadata": {"task": "story"}})

        assert told(answer)["because"] == "it was asked for"
        assert told(answer)["options"][0]["load_s"] == 3.0
        [(_, request)] = runtime.told
        assert isinstance(request, Request)
        assert (request.task, request.waits, request.kind) == ("story", False, Kind.CHAT)
        assert runtime.asked == []

    async def test_may_be_of_another_kind(self, door: Door) -> None:
        assert (await ask(door, "POST", "/explain?kind=embedding", {"input": "x"})).status == 200
        assert (await ask(door, "POST", "/explain?kind=song", {"input": "x"})).error["param"] == "kind"
        assert (await ask(door, "POST", "/explain", {"messages": []})).error["param"] == "messages"


class TestAStory:
    async def test_tells_the_facts_of_a_model_oldest_first(self, door: Door) -> None:
        await ask(door, "POST", f"/models/{NARRATOR}/pin")
        await ask(door, "POST", f"/models/{EMBEDDER}/pin")
        await ask(door, "POST", f"/models/{NARRATOR}/unpin")

        story = told(await ask(door, "GET", f"/story/{NARRATOR}"))

        assert story["subject"] == NARRATOR
        assert story["entries"][0] == {
            "number": 1,
            "at": 1_700_000_000.5,
            "kind": "OperatorDid",
            "fact": {"what": "pin", "model": NARRATOR, "who": "127.0.0.1"},
        }
        assert [entry["fact"]["what"] for entry in story["entries"]] == ["pin", "unpin"]

    async def test_names_the_key_that_did_it(self, door: Door, runtime: ScriptedRuntime, tmp_path: Path) -> None:
        token = KeyFile(tmp_path / "keys.json").add("root", operator=True)

        await ask(door, "POST", f"/models/{NARRATOR}/unload?force=1", authorization=f"Bearer {token}")

        assert [entry.fact for entry in runtime.journal.entries] == [OperatorDid("unload by force", NARRATOR, "root")]

    async def test_of_nobody_is_empty(self, door: Door) -> None:
        assert told(await ask(door, "GET", "/story/r-1")) == {"subject": "r-1", "entries": []}


class TestHealth:
    async def test_is_live_while_it_is_not_ready(self, door: Door, runtime: ScriptedRuntime) -> None:
        runtime.is_ready = False

        live, ready = await ask(door, "GET", "/health/live"), await ask(door, "GET", "/health/ready")

        assert (live.status, ready.status) == (200, 503)

    async def test_is_ready_when_the_runtime_is(self, door: Door) -> None:
        assert told(await ask(door, "GET", "/health/ready")) == {"status": "ready"}


class TestMetrics:
    async def test_are_the_text_they_are_given(self, door: Door) -> None:
        answer = await ask(door, "GET", "/metrics")

        assert answer.body == b"innkeeper_up 1\n"
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
