"""The real Ollama client against the real door on a real socket, with a whole runtime behind it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import ollama
import pytest

from innkeeper.api.key_file import KeyFile
from innkeeper.api.options import ApiOptions
from innkeeper.runtime import facts
from innkeeper.runtime.catalog import Model
from innkeeper.runtime.errors import EngineDied, LoadFailed
from innkeeper.runtime.messages import Began, Chunk, Done, Kind, Piece, Request
from tests.api.doubles import NARRATOR, Door, ScriptedRuntime, chat_chunk, fails_with, wire_to
from tests.api.house import OpenHouse, endings, state
from tests.runtime.conftest import echo_model

WELL_MET = [{"role": "user", "content": "well met"}]


@asynccontextmanager
async def client_of(door: Door, **headers: str) -> AsyncIterator[ollama.AsyncClient]:
    client = ollama.AsyncClient(host=door.url, headers=headers)
    async with client:
        yield client


def embedder(name: str) -> Model:
    return Model(name, "echo", frozenset({Kind.EMBEDDING}), options={"needs_ram": 100})


async def only_ollama_can(client: ollama.AsyncClient, what: str) -> None:
    match what:
        case "pull":
            await client.pull("nobody")
        case "push":
            await client.push("nobody")
        case "delete":
            await client.delete("nobody")
        case "copy":
            await client.copy("nobody", "somebody")
        case _:
            await client.create("nobody", from_="somebody")


class TestTheClient:
    async def test_chats(self, open_house: OpenHouse) -> None:
        async with open_house(echo_model("narrator")) as (inn, door), client_of(door) as client:
            answer = await client.chat("narrator", WELL_MET)

        assert answer.message.content == "well met"
        assert (answer.model, answer.done, answer.done_reason) == ("narrator", True, "stop")
        assert (answer.prompt_eval_count, answer.eval_count) == (2, 2)
        assert answer.created_at is not None
        assert datetime.fromisoformat(answer.created_at).year >= 2024
        assert endings(inn) == ["answered"]

    async def test_gets_the_pieces_of_a_chat_and_figures_at_the_end(self, open_house: OpenHouse) -> None:
        async with open_house(echo_model("narrator")) as (_, door), client_of(door) as client:
            parts = [part async for part in await client.chat("narrator", WELL_MET, stream=True)]

        assert [part.message.content for part in parts] == ["well", " met", ""]
        assert [part.done for part in parts] == [False, False, True]
        last = parts[-1]
        assert last.total_duration is not None
        assert last.load_duration is not None
        assert last.eval_duration is not None
        assert 0 <= last.load_duration <= last.total_duration
        assert (last.eval_count, last.done_reason) == (2, "stop")

    async def test_that_is_not_asynchronous_does_the_same(self, open_house: OpenHouse) -> None:
        def everything(url: str) -> tuple[str | None, list[str | None], list[str | None]]:
            with ollama.Client(host=url) as client:
                chat = client.chat("narrator", WELL_MET)
                stream = [part.response for part in client.generate("narrator", "well met", stream=True)]
                return chat.message.content, stream, [model.model for model in client.list().models]

        async with open_house(echo_model("narrator")) as (_, door):
            chat, stream, models = await asyncio.to_thread(everything, door.url)

        assert (chat, stream, models) == ("well met", ["well", " met", ""], ["narrator"])

    @pytest.mark.parametrize("raw", [False, True])
    async def test_generates(self, open_house: OpenHouse, raw: bool) -> None:
        async with open_house(echo_model("narrator")) as (_, door), client_of(door) as client:
            answer = await client.generate("narrator", "well met", system="Be brief.", raw=raw)

        assert (answer.response, answer.done) == ("well met", True)
        assert answer.prompt_eval_count == (2 if raw else 4)

    async def test_embeds_one_text_and_many(self, open_house: OpenHouse) -> None:
        async with open_house(embedder("scribe")) as (_, door), client_of(door) as client:
            one = await client.embed("scribe", "well")
            many = await client.embed("scribe", ["well", "met"])
            older = await client.embeddings("scribe", "well")

        assert (len(one.embeddings), len(many.embeddings)) == (1, 2)
        assert list(many.embeddings[0]) == list(one.embeddings[0]) == list(older.embedding)
        assert one.prompt_eval_count == 1

    async def test_calls_tools_with_whole_arguments(self, door: Door, runtime: ScriptedRuntime) -> None:
        """Ollama's calls come whole and parsed, however the engine cut them."""

        async def calls(request: Request) -> AsyncGenerator[Chunk, None]:
            yield Began(NARRATOR, "", 0.0, 0.0)
            for part in (
                b'{"id": "c1", "index": 0, "function": {"name": "roll", "arguments": "{\\"sides\\""}}',
                b'{"index": 0, "function": {"arguments": ": 20}"}}',
            ):
                yield Piece(b'{"choices": [{"index": 0, "delta": {"tool_calls": [%b]}}]}' % part)
            yield Piece(b'{"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}')
            yield Done()

        runtime.script = calls

        def roll(sides: int) -> int:
            """Roll a die.

            Args:
                sides: How many sides it has.
            """
            return sides

        async with client_of(door) as client:
            parts = [part async for part in await client.chat(NARRATOR, WELL_MET, tools=[roll], stream=True)]

        [call] = parts[0].message.tool_calls or []
        assert (call.function.name, call.function.arguments) == ("roll", {"sides": 20})
        assert runtime.asked[0].body["tools"][0]["function"]["name"] == "roll"
        assert parts[-1].done_reason == "stop"

    async def test_knows_a_model_as_the_latest_of_its_name(self, open_house: OpenHouse) -> None:
        async with open_house(echo_model("narrator")) as (_, door), client_of(door) as client:
            answer = await client.chat("narrator:latest", WELL_MET)
            shown = await client.show("narrator:latest")

        assert answer.model == "narrator:latest"
        assert shown.capabilities == ["completion", "tools"]

    async def test_finds_a_model_that_is_here_pulled_already(self, open_house: OpenHouse) -> None:
        async with open_house(echo_model("narrator")) as (_, door), client_of(door) as client:
            pulled = await client.pull("narrator")

        assert pulled.status == "success"


class TestKeepAlive:
    @pytest.mark.parametrize("keep_alive", ["5m", 300, "300", "1h", -1, "-1", "-1m"])
    async def test_keeps_the_model_that_answers(self, open_house: OpenHouse, keep_alive: str | float) -> None:
        async with open_house(echo_model("narrator")) as (inn, door), client_of(door) as client:
            await client.chat("narrator", WELL_MET, keep_alive=keep_alive)
            [shown] = (await client.ps()).models

            assert state(inn, "narrator") == "ready"
        assert shown.expires_at is not None
        ahead = shown.expires_at - datetime.now(UTC)
        assert ahead > timedelta(days=1000) if str(keep_alive).startswith("-") else ahead < timedelta(hours=1)

    @pytest.mark.parametrize("keep_alive", [1e12, "9999999h", "9" * 50])
    async def test_beyond_the_calendar_is_for_ever(self, open_house: OpenHouse, keep_alive: str | float) -> None:
        async with open_house(echo_model("narrator")) as (_, door), client_of(door) as client:
            await client.chat("narrator", WELL_MET, keep_alive=keep_alive)
            [shown] = (await client.ps()).models

        assert shown.expires_at is not None
        assert shown.expires_at.year == 2318

    async def test_of_zero_lets_it_go_after_the_answer(self, open_house: OpenHouse) -> None:
        async with open_house(echo_model("narrator")) as (inn, door), client_of(door) as client:
            answer = await client.chat("narrator", WELL_MET, keep_alive=0)
            await inn.until(lambda: state(inn, "narrator") == "cold")

        assert answer.message.content == "well met"

    async def test_without_a_prompt_loads_and_unloads(self, open_house: OpenHouse) -> None:
        async with open_house(echo_model("narrator")) as (inn, door), client_of(door) as client:
            loaded = await client.generate("narrator", keep_alive=-1)
            after_the_load = state(inn, "narrator")
            gone = await client.chat("narrator", keep_alive=0)
            await inn.until(lambda: state(inn, "narrator") == "cold")

        assert (loaded.done_reason, after_the_load, gone.done_reason) == ("load", "ready", "unload")
        assert not [fact for fact in inn.facts() if isinstance(fact, facts.Asked)]

    async def test_that_makes_no_sense_is_refused(self, door: Door, runtime: ScriptedRuntime) -> None:
        async with client_of(door) as client:
            with pytest.raises(ollama.ResponseError, match="keep_alive must be") as caught:
                await client.chat(NARRATOR, WELL_MET, keep_alive="soon")

        assert caught.value.status_code == 400
        assert runtime.asked == []


class TestWhatIsThere:
    async def test_is_listed_without_what_the_key_may_not_see(self, open_house: OpenHouse, tmp_path: Path) -> None:
        """C83."""
        async with open_house(echo_model("narrator"), echo_model("scribe")) as (_, door):
            token = KeyFile(tmp_path / "keys.json").add("guest", models=("scribe",))
            async with client_of(door, authorization=f"Bearer {token}") as client:
                await client.chat("scribe", WELL_MET)
                listed = [model.model for model in (await client.list()).models]
                there = [model.model for model in (await client.ps()).models]
                with pytest.raises(ollama.ResponseError) as caught:
                    await client.show("narrator")

        assert (listed, there) == (["scribe"], ["scribe"])
        assert caught.value.status_code == 404

    async def test_is_in_memory_with_its_size_and_its_end(self, open_house: OpenHouse) -> None:
        async with open_house(echo_model("narrator", size=700)) as (_, door), client_of(door) as client:
            before = (await client.ps()).models
            await client.chat("narrator", WELL_MET, keep_alive=60)
            [shown] = (await client.ps()).models

        assert before == []
        assert (shown.name, shown.size, shown.size_vram) == ("narrator", 700, 0)
        assert shown.expires_at is not None
        assert shown.expires_at - datetime.now(UTC) <= timedelta(seconds=60)

    async def test_tells_a_version_that_clients_accept_and_greets_them(self, door: Door) -> None:
        async with wire_to(door) as wire:
            await wire.ask("GET", "/api/version")
            version = await wire.answer()
            await wire.ask("GET", "/")
            greeting = await wire.answer()

        assert b'"version": "0.12' in version.body
        assert greeting.body == b"Ollama is running"


class TestTheClientRaises:
    """C81: errors in the shape of the API called."""

    async def test_not_found_for_a_model_that_is_not_there(self, door: Door) -> None:
        """C02."""
        async with client_of(door) as client:
            with pytest.raises(ollama.ResponseError, match="There is no model 'nobody'") as caught:
                await client.chat("nobody", WELL_MET)

        assert caught.value.status_code == 404

    async def test_what_went_wrong_before_the_first_word_with_its_status(
        self, door: Door, runtime: ScriptedRuntime
    ) -> None:
        runtime.script = fails_with(LoadFailed("the file is truncated"))
        async with client_of(door) as client:
            with pytest.raises(ollama.ResponseError, match="truncated") as caught:
                _ = [part async for part in await client.chat(NARRATOR, WELL_MET, stream=True)]

        assert caught.value.status_code == 502

    async def test_what_went_wrong_in_the_middle_after_the_words_before_it(
        self, door: Door, runtime: ScriptedRuntime
    ) -> None:
        """C57, C67."""

        async def dies(request: Request) -> AsyncGenerator[Chunk, None]:
            yield Began(NARRATOR, "", 0.0, 0.0)
            yield chat_chunk("Once")
            raise EngineDied("the process was killed (signal 9)")

        runtime.script = dies
        heard: list[str | None] = []
        async with client_of(door) as client:
            with pytest.raises(ollama.ResponseError, match="signal 9"):
                heard += [part.message.content async for part in await client.chat(NARRATOR, WELL_MET, stream=True)]

    async def test_that_a_key_is_missing(self, open_house: OpenHouse, tmp_path: Path) -> None:
        async with open_house(echo_model("narrator")) as (_, door):
            KeyFile(tmp_path / "keys.json").add("guest")
            async with client_of(door) as client:
                with pytest.raises(ollama.ResponseError, match="needs an API key") as caught:
                    await client.list()

        assert caught.value.status_code == 401

    @pytest.mark.parametrize("what", ["pull", "push", "delete", "copy", "create"])
    async def test_that_only_ollama_itself_can_do_something_and_what_to_do_instead(self, door: Door, what: str) -> None:
        async with client_of(door) as client:
            with pytest.raises(ollama.ResponseError, match=re.compile("innkeeper|not given away")) as caught:
                await only_ollama_can(client, what)

        assert caught.value.status_code == 400


class TestOnTheWire:
    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [("GET", "/api/nothing", 404), ("GET", "/api/chat", 405), ("DELETE", "/api/tags", 405), ("GET", "/api", 404)],
    )
    async def test_an_address_that_is_not_there_is_told_in_ollamas_shape(
        self, door: Door, method: str, path: str, status: int
    ) -> None:
        """C81."""
        async with wire_to(door) as wire:
            await wire.ask(method, path)
            answer = await wire.answer()

        assert answer.status == status
        assert isinstance(json.loads(answer.body)["error"], str)

    @pytest.mark.parametrize(
        ("path", "body", "param"),
        [
            ("/api/chat", {"messages": "hello"}, "messages"),
            ("/api/chat", {"messages": ["hello"]}, "messages[0]"),
            ("/api/chat", {"messages": [{"content": "x"}]}, "messages[0].role"),
            ("/api/chat", {"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
            ("/api/chat", {"messages": WELL_MET, "stream": "yes"}, "stream"),
            ("/api/chat", {"messages": WELL_MET, "options": {"temperature": "hot"}}, "options.temperature"),
            ("/api/chat", {"messages": WELL_MET, "options": {"num_predict": 10**30}}, "options.num_predict"),
            ("/api/chat", {"messages": WELL_MET, "options": []}, "options"),
            ("/api/chat", {"messages": WELL_MET, "format": 5}, "format"),
            ("/api/chat", {"messages": WELL_MET, "think": 5}, "think"),
            ("/api/chat", {"messages": [{"role": "user", "images": ["nonsense"]}]}, "messages[0].images[0]"),
            ("/api/chat", {"model": 5, "messages": WELL_MET}, "model"),
            ("/api/generate", {"prompt": ["x"]}, "prompt"),
            ("/api/generate", {"prompt": "x", "suffix": "y"}, "suffix"),
            ("/api/generate", {"prompt": "x", "context": [1, 2]}, "context"),
            ("/api/generate", {"prompt": "x", "template": "{{ .Prompt }}"}, "template"),
            ("/api/embed", {"input": [5]}, "input[0]"),
            ("/api/embeddings", {"prompt": 5}, "prompt"),
            ("/api/show", {}, "name"),
        ],
    )
    async def test_bad_input_is_told_by_the_name_of_its_field(
        self, door: Door, runtime: ScriptedRuntime, path: str, body: dict[str, object], param: str
    ) -> None:
        """C81."""
        async with wire_to(door) as wire:
            await wire.ask("POST", path, body)
            answer = await wire.answer()

        told = json.loads(answer.body)
        assert (answer.status, told["param"]) == (400, param)
        assert param in told["error"]
        assert runtime.asked == []

    async def test_a_silence_stays_one_because_clients_parse_every_line(self, open_house: OpenHouse) -> None:
        """C64: a heartbeat would break them."""
        options = ApiOptions(heartbeat_s=0.004, shutdown_within_s=5)
        slow = echo_model("narrator", piece_s=0.05)
        async with open_house(slow, options=options) as (_, door), wire_to(door) as wire:
            await wire.ask("POST", "/api/chat", {"model": "narrator", "messages": WELL_MET})
            answer = await wire.answer()

        assert answer.headers["content-type"] == "application/x-ndjson"
        assert answer.headers["x-innkeeper-model"] == "narrator"
        assert [line.startswith(b"{") for line in answer.body.splitlines()] == [True, True, True]

    async def test_what_is_not_done_is_noted_beside_the_answer(self, open_house: OpenHouse) -> None:
        model = Model("narrator", "echo", frozenset({Kind.CHAT}), context=512, options={"needs_ram": 100})
        asks = {"messages": WELL_MET, "options": {"num_ctx": 32768, "num_gpu": 99}, "stream": False}
        async with open_house(model) as (_, door), wire_to(door) as wire:
            await wire.ask("POST", "/api/chat", {"model": "narrator", **asks})
            status, _ = head = await wire.head()

        assert status == 200
        assert "ignored: num_gpu" in str(head)

    async def test_a_caller_who_leaves_ends_the_work(self, open_house: OpenHouse) -> None:
        """C68."""
        async with open_house(echo_model("narrator", piece_s=3600.0)) as (inn, door):
            async with wire_to(door) as wire:
                await wire.ask("POST", "/api/chat", {"model": "narrator", "messages": WELL_MET})
                await wire.head()
                await wire.chunk()
            await inn.until(lambda: inn.runtime.view().serving == 0)

            assert endings(inn) == ["abandoned"]
