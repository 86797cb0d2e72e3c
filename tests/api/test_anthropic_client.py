"""The real Anthropic client against the real door on a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anthropic
import pytest
from anthropic import Anthropic, AsyncAnthropic
from anthropic.types import MessageParam, ToolParam

from innkeeper.api.key_file import KeyFile
from innkeeper.api.options import ApiOptions
from innkeeper.runtime.engine import Engine
from innkeeper.runtime.engines.echo import Echo
from innkeeper.runtime.errors import EngineDied, LoadFailed, QueueFull
from innkeeper.runtime.messages import Began, Chunk, Done, Piece, Request, Usage
from tests.api.doubles import NARRATOR, Door, Script, ScriptedRuntime, chat_chunk, fails_with, wire_to
from tests.api.house import OpenHouse, endings
from tests.runtime.conftest import echo_model

WELL_MET: list[MessageParam] = [{"role": "user", "content": "well met"}]
ROLL: ToolParam = {
    "name": "roll",
    "description": "Roll a die.",
    "input_schema": {"type": "object", "properties": {"sides": {"type": "integer"}}},
}


@asynccontextmanager
async def client_of(door: Door, key: str = "none") -> AsyncIterator[AsyncAnthropic]:
    async with AsyncAnthropic(base_url=door.url, api_key=key, max_retries=0) as client:
        yield client


def streams(*deltas: dict[str, object], ending: str = "stop", usage: Usage | None = None) -> Script:
    """An engine that says these, in OpenAI's pieces."""

    async def script(request: Request) -> AsyncGenerator[Chunk, None]:
        yield Began(NARRATOR, "", 0.0, 0.0)
        for delta in deltas:
            yield Piece(json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}).encode())
        yield Piece(json.dumps({"choices": [{"index": 0, "delta": {}, "finish_reason": ending}]}).encode())
        yield Done(usage or Usage())

    return script


class CannotCount:
    """An engine that has what the port asks for, and no more."""

    def __init__(self, engine: Engine) -> None:
        self.start, self.run, self.stop = engine.start, engine.run, engine.stop
        self.gone, self.holding = engine.gone, engine.holding


class TestTheClient:
    async def test_gets_a_message(self, open_house: OpenHouse) -> None:
        async with open_house(echo_model("narrator")) as (inn, door), client_of(door) as client:
            message = await client.messages.create(
                model="narrator", max_tokens=9, system="Be brief.", messages=WELL_MET
            )

        assert [block.text for block in message.content if block.type == "text"] == ["well met"]
        assert (message.model, message.stop_reason, message.role) == ("narrator", "end_turn", "assistant")
        assert (message.usage.input_tokens, message.usage.output_tokens) == (4, 2)
        assert endings(inn) == ["answered"]

    async def test_that_is_not_asynchronous_gets_the_same(self, open_house: OpenHouse) -> None:
        def both(url: str) -> tuple[str, str]:
            with Anthropic(base_url=url, api_key="none", max_retries=0) as client:
                [block] = client.messages.create(model="narrator", max_tokens=9, messages=WELL_MET).content
                with client.messages.stream(model="narrator", max_tokens=9, messages=WELL_MET) as stream:
                    streamed = "".join(stream.text_stream)
                return block.text if block.type == "text" else "", streamed

        async with open_house(echo_model("narrator")) as (_, door):
            assert await asyncio.to_thread(both, door.url) == ("well met", "well met")

    async def test_streams_with_its_helper(self, open_house: OpenHouse) -> None:
        async with (
            open_house(echo_model("narrator")) as (_, door),
            client_of(door) as client,
            client.messages.stream(model="narrator", max_tokens=1, messages=WELL_MET) as stream,
        ):
            words = [text async for text in stream.text_stream]
            message = await stream.get_final_message()

        assert words == ["well"]
        assert (message.stop_reason, message.usage.input_tokens, message.usage.output_tokens) == ("max_tokens", 2, 1)

    async def test_hears_the_events_in_their_order(self, open_house: OpenHouse) -> None:
        async with open_house(echo_model("narrator")) as (_, door), client_of(door) as client:
            stream = await client.messages.create(model="narrator", max_tokens=9, messages=WELL_MET, stream=True)
            events = [event.type async for event in stream]

        assert events == [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]

    async def test_is_called_for_tools_after_words_and_thoughts(self, door: Door, runtime: ScriptedRuntime) -> None:
        runtime.script = streams(
            {"reasoning_content": "A die it is."},
            {"content": "I roll."},
            {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "roll", "arguments": ""}}]},
            {"tool_calls": [{"index": 0, "function": {"arguments": '{"sides"'}}]},
            {"tool_calls": [{"index": 1, "id": "c2", "function": {"name": "roll", "arguments": "{}"}}]},
            {"tool_calls": [{"index": 0, "function": {"arguments": ": 20}"}}]},
            ending="tool_calls",
            usage=Usage(prompt_tokens=9, answer_tokens=4, cached_tokens=5),
        )
        async with (
            client_of(door) as client,
            client.messages.stream(
                model=NARRATOR,
                max_tokens=2048,
                messages=WELL_MET,
                tools=[ROLL],
                tool_choice={"type": "any", "disable_parallel_tool_use": True},
                thinking={"type": "enabled", "budget_tokens": 1024},
            ) as stream,
        ):
            message = await stream.get_final_message()

        thought, said, first, second = message.content
        assert thought.type == "thinking"
        assert said.type == "text"
        assert first.type == second.type == "tool_use"
        assert (thought.thinking, said.text) == ("A die it is.", "I roll.")
        assert [(call.id, call.name, call.input) for call in (first, second)] == [
            ("c1", "roll", {"sides": 20}),
            ("c2", "roll", {}),
        ]
        assert message.stop_reason == "tool_use"
        assert (message.usage.input_tokens, message.usage.cache_read_input_tokens) == (4, 5)
        body = runtime.asked[0].body
        assert (body["tool_choice"], body["parallel_tool_calls"]) == ("required", False)
        assert body["tools"][0]["function"]["parameters"] == ROLL["input_schema"]

    async def test_does_not_see_thoughts_that_it_did_not_ask_for(self, door: Door, runtime: ScriptedRuntime) -> None:
        runtime.script = streams({"reasoning_content": "Hm."}, {"content": "Yes."})
        async with (
            client_of(door) as client,
            client.messages.stream(model=NARRATOR, max_tokens=9, messages=WELL_MET) as stream,
        ):
            message = await stream.get_final_message()

        assert [block.type for block in message.content] == ["text"]

    async def test_lists_models_in_its_own_shape_where_openais_client_sees_its_own(self, door: Door) -> None:
        async with client_of(door) as client, wire_to(door) as wire:
            listed = [model.id async for model in client.models.list()]
            one = await client.models.retrieve(NARRATOR)
            await wire.ask("GET", "/v1/models")
            for_openai = json.loads((await wire.answer()).body)

        assert NARRATOR in listed
        assert (one.type, one.display_name, one.max_input_tokens) == ("model", NARRATOR, 512)
        assert for_openai["object"] == "list"

    async def test_brings_its_key_in_its_own_header(self, open_house: OpenHouse, tmp_path: Path) -> None:
        async with open_house(echo_model("narrator")) as (_, door):
            token = KeyFile(tmp_path / "keys.json").add("guest")
            async with client_of(door, token) as client:
                message = await client.messages.create(model="narrator", max_tokens=9, messages=WELL_MET)
            async with client_of(door, "ik-wrong") as stranger:
                with pytest.raises(anthropic.AuthenticationError, match="not known here"):
                    await stranger.messages.create(model="narrator", max_tokens=9, messages=WELL_MET)

        assert message.stop_reason == "end_turn"

    async def test_is_kept_waiting_with_pings_that_it_skips(self, open_house: OpenHouse) -> None:
        """C64."""
        options = ApiOptions(heartbeat_s=0.004, shutdown_within_s=5)
        slow = echo_model("narrator", prompt_s=0.05)
        async with open_house(slow, options=options) as (_, door):
            async with (
                client_of(door) as client,
                client.messages.stream(model="narrator", max_tokens=9, messages=WELL_MET) as stream,
            ):
                message = await stream.get_final_message()
            async with wire_to(door) as wire:
                asks = {"model": "narrator", "max_tokens": 9, "messages": WELL_MET, "stream": True}
                await wire.ask("POST", "/v1/messages", asks)
                answer = await wire.answer()

        assert message.stop_reason == "end_turn"
        assert b'event: ping\ndata: {"type": "ping"}\n\n' in answer.body
        assert answer.body.endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')


class TestCounting:
    async def test_is_done_by_the_model_that_would_answer(self, open_house: OpenHouse) -> None:
        async with open_house(echo_model("narrator")) as (inn, door), client_of(door) as client:
            counted = await client.messages.count_tokens(model="narrator", system="Be brief.", messages=WELL_MET)

            assert (counted.input_tokens, endings(inn)) == (4, [])
            assert inn.runtime.view().serving == 0

    async def test_sees_no_model_that_the_key_does_not(self, open_house: OpenHouse, tmp_path: Path) -> None:
        """C83."""
        async with open_house(echo_model("narrator"), echo_model("scribe")) as (_, door):
            token = KeyFile(tmp_path / "keys.json").add("guest", models=("scribe",))
            async with client_of(door, token) as client:
                with pytest.raises(anthropic.NotFoundError):
                    await client.messages.count_tokens(model="narrator", messages=WELL_MET)

    async def test_ends_when_its_caller_leaves(self, open_house: OpenHouse) -> None:
        """C65."""
        async with open_house(echo_model("narrator", load_s=3600.0)) as (inn, door):
            async with wire_to(door) as wire:
                await wire.ask("POST", "/v1/messages/count_tokens", {"model": "narrator", "messages": WELL_MET})
                await inn.until(lambda: inn.runtime.view().waiting == 1)
            await inn.until(lambda: inn.runtime.view().waiting == 0)

            assert inn.runtime.view().serving == 0

    async def test_that_an_engine_cannot_do_is_refused(
        self, open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = Echo.engine
        monkeypatch.setattr(Echo, "engine", lambda *of: CannotCount(made(*of)))
        async with open_house(echo_model("narrator")) as (_, door), client_of(door) as client:
            with pytest.raises(anthropic.BadRequestError, match="cannot count"):
                await client.messages.count_tokens(model="narrator", messages=WELL_MET)


class TestTheClientRaises:
    """C81: errors in the shape of the API called."""

    async def test_not_found_for_a_model_that_is_not_there(self, door: Door) -> None:
        """C02."""
        async with client_of(door) as client:
            with pytest.raises(anthropic.NotFoundError, match="There is no model 'nobody'"):
                await client.messages.create(model="nobody", max_tokens=9, messages=WELL_MET)

    @pytest.mark.parametrize(
        ("error", "raised", "kind"),
        [
            (QueueFull("full", retry_after_s=2), anthropic.RateLimitError, "rate_limit_error"),
            (LoadFailed("broken"), anthropic.InternalServerError, "api_error"),
        ],
    )
    @pytest.mark.parametrize("stream", [False, True])
    async def test_its_own_error_for_ours_before_the_first_word(
        self,
        door: Door,
        runtime: ScriptedRuntime,
        error: QueueFull | LoadFailed,
        raised: type[anthropic.APIStatusError],
        kind: str,
        stream: bool,
    ) -> None:
        runtime.script = fails_with(error)
        async with client_of(door) as client:
            with pytest.raises(raised) as caught:
                await client.messages.create(model=NARRATOR, max_tokens=9, messages=WELL_MET, stream=stream)

        assert isinstance(caught.value.body, dict)
        assert caught.value.body["error"] == {"type": kind, "message": error.message, "code": error.code}

    async def test_an_error_in_the_middle_after_the_words_before_it(self, door: Door, runtime: ScriptedRuntime) -> None:
        """C57, C67."""

        async def dies(request: Request) -> AsyncGenerator[Chunk, None]:
            yield Began(NARRATOR, "", 0.0, 0.0)
            yield chat_chunk("Once")
            raise EngineDied("the process was killed (signal 9)")

        runtime.script = dies
        async with client_of(door) as client:
            stream = await client.messages.create(model=NARRATOR, max_tokens=9, messages=WELL_MET, stream=True)
            events = aiter(stream)
            heard = [(await anext(events)).type for _ in range(3)]
            with pytest.raises(anthropic.APIStatusError, match="signal 9"):
                await anext(events)

        assert heard == ["message_start", "content_block_start", "content_block_delta"]


class TestOnTheWire:
    @pytest.mark.parametrize(
        ("method", "path", "status", "kind"),
        [
            ("GET", "/v1/messages", 405, "invalid_request_error"),
            ("POST", "/v1/messages/batches", 404, "not_found_error"),
        ],
    )
    async def test_an_address_that_is_not_there_is_told_in_anthropics_shape(
        self, door: Door, method: str, path: str, status: int, kind: str
    ) -> None:
        """C81."""
        async with wire_to(door) as wire:
            await wire.ask(method, path)
            answer = await wire.answer()

        assert (answer.status, answer.error["type"]) == (status, kind)
        assert json.loads(answer.body)["type"] == "error"

    async def test_a_body_that_is_too_large_is_told_so(self, open_house: OpenHouse) -> None:
        """C81."""
        options = ApiOptions(body_limit_bytes=100, shutdown_within_s=5)
        async with open_house(echo_model("narrator"), options=options) as (_, door), wire_to(door) as wire:
            await wire.ask("POST", "/v1/messages", b"x" * 101)
            answer = await wire.answer()

        assert (answer.status, answer.error["type"]) == (413, "request_too_large")

    @pytest.mark.parametrize(
        ("change", "param"),
        [
            ({"max_tokens": None}, "max_tokens"),
            ({"max_tokens": 0}, "max_tokens"),
            ({"max_tokens": "many"}, "max_tokens"),
            ({"max_tokens": 10**30}, "max_tokens"),
            ({"model": 5}, "model"),
            ({"messages": []}, "messages"),
            ({"messages": "hello"}, "messages"),
            ({"messages": ["hello"]}, "messages[0]"),
            ({"messages": [{"role": "user"}]}, "messages[0].content"),
            ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0].role"),
            ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
            ({"messages": [{"role": "user", "content": [{}]}]}, "messages[0].content[0].type"),
            ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
            ({"messages": [{"role": "user", "content": [{"type": "sound"}]}]}, "messages[0].content[0].type"),
            (
                {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "file"}}]}]},
                "messages[0].content[0].source.type",
            ),
            ({"system": 5}, "system"),
            ({"system": [{"type": "image"}]}, "system[0].type"),
            ({"stream": "yes"}, "stream"),
            ({"temperature": "hot"}, "temperature"),
            ({"top_k": 1.5}, "top_k"),
            ({"stop_sequences": [5]}, "stop_sequences[0]"),
            ({"tools": [{"name": "x"}]}, "tools[0].input_schema"),
            ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools[0].type"),
            ({"tool_choice": {"type": "some"}}, "tool_choice.type"),
            ({"thinking": {"type": "deep"}}, "thinking.type"),
            ({"metadata": []}, "metadata"),
            ({"output_config": {"format": {"type": "xml"}}}, "output_config.format.type"),
            ({"mcp_servers": [{}]}, "mcp_servers"),
        ],
    )
    async def test_bad_input_is_told_by_the_name_of_its_field(
        self, door: Door, runtime: ScriptedRuntime, change: dict[str, object], param: str
    ) -> None:
        """C81."""
        body = {"model": NARRATOR, "max_tokens": 9, "messages": WELL_MET} | change
        async with wire_to(door) as wire:
            await wire.ask("POST", "/v1/messages", body)
            answer = await wire.answer()

        assert (answer.status, answer.error["type"]) == (400, "invalid_request_error")
        assert answer.error["param"] == param
        assert param in str(answer.error["message"])
        assert runtime.asked == []
