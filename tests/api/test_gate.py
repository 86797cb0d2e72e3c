"""Who may come in: keys, browsers, names, scopes and limits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from innkeeper.api.exposure import check_exposure, is_loopback, is_safe_name, is_same_origin
from innkeeper.api.key_file import KeyFile
from innkeeper.api.options import ApiOptions
from innkeeper.runtime.errors import BadSettings
from innkeeper.runtime.messages import Chunk, Request
from tests.api.doubles import EMBEDDER, NARRATOR, SECRET, Door, ScriptedRuntime, open_door, wire_to

PROMPT: dict[str, object] = {"model": NARRATOR, "prompt": "x"}


def bearer(token: str) -> str:
    return f"Bearer {token}"


class TestAServerWithKeys:
    @pytest.fixture
    def keys(self, tmp_path: Path) -> KeyFile:
        return KeyFile(tmp_path / "keys.json")

    @pytest.mark.parametrize(
        "authorization", [None, "", "Bearer", "Bearer ", "Bearer ik-wrong", "Basic ik-wrong", "Bearer \xff\xfe"]
    )
    async def test_answers_nobody_without_one(
        self, keys: KeyFile, runtime: ScriptedRuntime, tmp_path: Path, authorization: str | None
    ) -> None:
        keys.add("anna")
        headers = {} if authorization is None else {"authorization": authorization}
        async with open_door(runtime, tmp_path) as door, wire_to(door) as wire:
            await wire.ask("POST", "/v1/completions", PROMPT, **headers)
            answer = await wire.answer()

        assert (answer.status, answer.error["code"]) == (401, "invalid_api_key")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert runtime.asked == []

    async def test_knows_its_callers_by_name(self, keys: KeyFile, runtime: ScriptedRuntime, tmp_path: Path) -> None:
        token = keys.add("anna")
        async with open_door(runtime, tmp_path) as door, wire_to(door) as wire:
            await wire.ask("POST", "/v1/completions", PROMPT, authorization=bearer(token))
            answer = await wire.answer()

        assert answer.status == 200
        assert runtime.asked[0].client == "anna"

    async def test_goes_by_any_name(self, keys: KeyFile, runtime: ScriptedRuntime, tmp_path: Path) -> None:
        token = keys.add("anna")
        async with open_door(runtime, tmp_path) as door, wire_to(door) as wire:
            await wire.ask("POST", "/v1/completions", PROMPT, authorization=bearer(token), host="inn.example.org")

            assert (await wire.answer()).status == 200

    async def test_notices_new_and_removed_keys_while_it_runs(
        self, keys: KeyFile, runtime: ScriptedRuntime, tmp_path: Path
    ) -> None:
        statuses = []
        async with open_door(runtime, tmp_path) as door, wire_to(door) as wire:
            for change in (lambda: None, lambda: keys.add("anna"), lambda: keys.remove("anna")):
                change()
                await wire.ask("GET", "/v1/models")
                statuses.append((await wire.answer()).status)

        assert statuses == [200, 401, 401]  # closed for good: an open server was never meant

    async def test_lets_nobody_in_while_the_file_cannot_be_understood(
        self, runtime: ScriptedRuntime, tmp_path: Path
    ) -> None:
        (tmp_path / "keys.json").write_text("{")
        async with open_door(runtime, tmp_path) as door, wire_to(door) as wire:
            await wire.ask("GET", "/v1/models")
            answer = await wire.answer()

        assert (answer.status, answer.error["code"]) == (500, "state_unusable")

    async def test_tells_anybody_that_it_lives(self, keys: KeyFile, runtime: ScriptedRuntime, tmp_path: Path) -> None:
        keys.add("anna")
        async with open_door(runtime, tmp_path) as door, wire_to(door) as wire:
            await wire.ask("GET", "/health/live")

            assert (await wire.answer()).status == 200


class TestAKeyForSomeModels:
    """C83."""

    @pytest.fixture
    async def token(self, tmp_path: Path) -> str:
        return KeyFile(tmp_path / "keys.json").add("anna", models=(NARRATOR, EMBEDDER))

    async def test_sees_only_those(self, token: str, door: Door) -> None:
        async with wire_to(door) as wire:
            await wire.ask("GET", "/v1/models", authorization=bearer(token))
            listed = json.loads((await wire.answer()).body)
            await wire.ask("GET", f"/v1/models/{SECRET}", authorization=bearer(token))
            hidden = await wire.answer()

        assert [model["id"] for model in listed["data"]] == [NARRATOR, EMBEDDER]
        assert SECRET.encode() not in hidden.body.replace(f"'{SECRET}'".encode(), b"", 1)
        assert (hidden.status, hidden.error["code"]) == (404, "model_not_found")

    async def test_uses_only_those(self, token: str, door: Door, runtime: ScriptedRuntime) -> None:
        async with wire_to(door) as wire:
            await wire.ask("POST", "/v1/completions", PROMPT | {"model": SECRET}, authorization=bearer(token))
            answer = await wire.answer()

        assert (answer.status, answer.error["code"]) == (404, "model_not_found")
        assert runtime.asked == []

    async def test_gets_the_default_when_it_names_none(self, token: str, door: Door, runtime: ScriptedRuntime) -> None:
        async with wire_to(door) as wire:
            await wire.ask("POST", "/v1/completions", {"prompt": "x"}, authorization=bearer(token))
            await wire.answer()

        assert (runtime.asked[0].may_use, runtime.routes) == (
            frozenset({NARRATOR, EMBEDDER}),
            {runtime.asked[0].id: NARRATOR},
        )

    async def test_must_name_one_when_the_default_is_not_among_them(self, tmp_path: Path, door: Door) -> None:
        token = KeyFile(tmp_path / "keys.json").add("ben", models=(EMBEDDER,))
        async with wire_to(door) as wire:
            await wire.ask("POST", "/v1/completions", {"prompt": "x"}, authorization=bearer(token))
            answer = await wire.answer()

        assert (answer.status, answer.error["param"]) == (400, "model")

    async def test_is_not_told_of_others_when_its_own_cannot_do_the_work(self, token: str, door: Door) -> None:
        body: dict[str, object] = {"model": EMBEDDER, "messages": [{"role": "user", "content": "Hi"}]}
        async with wire_to(door) as wire:
            await wire.ask("POST", "/v1/chat/completions", body, authorization=bearer(token))
            answer = await wire.answer()

        assert (answer.status, answer.error["code"]) == (400, "not_supported")
        assert SECRET.encode() not in answer.body

    async def test_does_not_operate_the_server(self, token: str, door: Door, runtime: ScriptedRuntime) -> None:
        async with wire_to(door) as wire:
            for method, path in (("GET", "/ps"), ("POST", f"/models/{NARRATOR}/unload"), ("GET", "/metrics")):
                await wire.ask(method, path, authorization=bearer(token))
                answer = await wire.answer()
                assert (answer.status, answer.error["code"]) == (403, "not_allowed")

        assert runtime.told == []

    async def test_of_an_operator_does(self, tmp_path: Path, door: Door, runtime: ScriptedRuntime) -> None:
        token = KeyFile(tmp_path / "keys.json").add("root", operator=True)
        async with wire_to(door) as wire:
            await wire.ask("POST", f"/models/{NARRATOR}/unload", authorization=bearer(token))

            assert (await wire.answer()).status == 200


class TestLimits:
    async def test_of_a_key_s_rate_are_429_with_the_time_to_come_back(self, tmp_path: Path, door: Door) -> None:
        token = KeyFile(tmp_path / "keys.json").add("anna", per_minute=2)
        async with wire_to(door) as wire:
            answers = []
            for _ in range(3):
                await wire.ask("POST", "/v1/completions", PROMPT, authorization=bearer(token))
                answers.append(await wire.answer())

        assert [answer.status for answer in answers] == [200, 200, 429]
        assert answers[2].error["code"] == "rate_limit_exceeded"
        assert 1 <= int(answers[2].headers["retry-after"]) <= 30

    async def test_of_requests_at_once_hold_until_one_ends(self, tmp_path: Path, runtime: ScriptedRuntime) -> None:
        """C28 at the door: what waits counts, and leaving frees the place."""
        well = runtime.script
        goes_on = asyncio.Event()

        async def waits(request: Request) -> AsyncGenerator[Chunk, None]:
            await goes_on.wait()
            async for chunk in well(request):
                yield chunk

        runtime.script = waits
        options = ApiOptions(requests_at_once=1, shutdown_within_s=5)
        async with open_door(runtime, tmp_path, options) as door, wire_to(door) as one, wire_to(door) as other:
            await one.ask("POST", "/v1/completions", PROMPT)
            await runtime.was_asked()
            await other.ask("POST", "/v1/completions", PROMPT)
            refused = await other.answer()
            goes_on.set()
            served = await one.answer()
            await other.ask("POST", "/v1/completions", PROMPT)
            served_later = await other.answer()

        assert (refused.status, refused.headers["retry-after"]) == (429, "1")
        assert (served.status, served_later.status) == (200, 200)

    async def test_of_26_callers_where_16_may_come_lose_nobody(self, tmp_path: Path, runtime: ScriptedRuntime) -> None:
        """C29 at the door: some are told to come back, no connection is reset."""
        well = runtime.script
        goes_on = asyncio.Event()

        async def waits(request: Request) -> AsyncGenerator[Chunk, None]:
            await goes_on.wait()
            async for chunk in well(request):
                yield chunk

        runtime.script = waits
        options = ApiOptions(requests_at_once=16, shutdown_within_s=5)

        async def ask(door: Door) -> int:
            async with wire_to(door) as wire:
                await wire.ask("POST", "/v1/completions", PROMPT)
                return (await wire.answer()).status

        async with open_door(runtime, tmp_path, options) as door:
            asking = [asyncio.create_task(ask(door)) for _ in range(26)]
            done: set[asyncio.Task[int]] = set()
            while len(done) < 10:
                done, _ = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED, timeout=1)
            goes_on.set()
            statuses = [await task for task in asking]

        assert sorted(statuses) == [200] * 16 + [429] * 10


class TestAServerWithoutKeys:
    """It is open to this machine, and only to programs, not to pages of somebody else."""

    @pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000", "192.168.0.7"])
    async def test_answers_to_its_own_names(self, door: Door, host: str) -> None:
        async with wire_to(door) as wire:
            await wire.ask("GET", "/v1/models", host=host)

            assert (await wire.answer()).status == 200

    @pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "localhost.evil.example", "", "127.0.0.1.x"])
    async def test_does_not_answer_to_a_name_that_a_page_made_up(self, door: Door, host: str) -> None:
        async with wire_to(door) as wire:
            await wire.ask("GET", "/v1/models", host=host)
            answer = await wire.answer()

        assert (answer.status, answer.error["code"]) == (403, "not_allowed")

    async def test_answers_to_a_name_from_the_settings(self, runtime: ScriptedRuntime, tmp_path: Path) -> None:
        options = replace(ApiOptions(shutdown_within_s=5), allowed_hosts=("Inn.example",))
        async with open_door(runtime, tmp_path, options) as door, wire_to(door) as wire:
            await wire.ask("GET", "/v1/models", host="inn.example:80")

            assert (await wire.answer()).status == 200

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9", "file://"])
    async def test_refuses_a_page_of_somebody_else(self, door: Door, runtime: ScriptedRuntime, origin: str) -> None:
        async with wire_to(door) as wire:
            await wire.ask("POST", f"/models/{NARRATOR}/unload", origin=origin)
            answer = await wire.answer()

        assert answer.status == 403
        assert "access-control-allow-origin" not in answer.headers
        assert runtime.told == []

    async def test_lets_its_own_pages_ask(self, door: Door) -> None:
        async with wire_to(door) as wire:
            await wire.ask("GET", "/v1/models", host="localhost:8000", origin="http://localhost:8000")

            assert (await wire.answer()).status == 200


class TestExposure:
    @pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST"])
    def test_of_this_machine_alone_needs_nothing(self, host: str) -> None:
        check_exposure(host, has_keys=False, consent=False)

        assert is_loopback(host)

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.0.7", "inn.example", "localhost.example"])
    def test_to_others_is_refused_without_keys_and_says_what_to_do(self, host: str) -> None:
        with pytest.raises(BadSettings, match=r"innkeeper keys add.*127\.0\.0\.1"):
            check_exposure(host, has_keys=False, consent=False)

    @pytest.mark.parametrize(("has_keys", "consent"), [(True, False), (False, True)])
    def test_to_others_is_allowed_with_keys_or_in_plain_words(self, has_keys: bool, consent: bool) -> None:
        check_exposure("0.0.0.0", has_keys=has_keys, consent=consent)

        assert not is_loopback("0.0.0.0")

    def test_of_a_page_is_judged_by_the_whole_authority(self) -> None:
        assert is_same_origin("http://localhost:8000", "localhost:8000")
        assert not is_same_origin("http://localhost:8000.evil", "localhost:8000")
        assert not is_safe_name("[evil.example]", ())
