"""OpenAI's responses, asked by the real client on a real socket."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import openai
import pytest
from openai import AsyncOpenAI
from openai.types.responses import FunctionToolParam

from innkeeper.runtime.errors import EngineDied, LoadFailed
from innkeeper.runtime.messages import Began, Chunk, Done, Piece, Request, Usage
from tests.api.doubles import NARRATOR, Door, Script, ScriptedRuntime, chat_chunk, fails_with, wire_to
from tests.api.house import OpenHouse, endings
from tests.runtime.conftest import echo_model

ROLL: FunctionToolParam = {
    "type": "function",
    "name": "roll",
    "description": "Roll a die.",
    "parameters": {"type": "object", "properties": {"sides": {"type": "integer"}}},
    "strict": False,
}


@asynccontextmanager
async def client_of(door: Door) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{door.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def calls_of(choice: str) -> Script:
    """An engine that speaks and calls two functions: streamed in parts, else in one."""

    async def script(request: Request) -> AsyncGenerator[Chunk, None]:
        yield Began(NARRATOR, "", 0.0, 0.0)
        first = {"index": 0, "id": "c1", "function": {"name": "roll", "arguments": '{"sides": 20}'}}
        second = {"index": 1, "id": "c2", "function": {"name": "roll", "arguments": "{}"}}
        if request.streams:
            parts: list[dict[str, object]] = [
                {"content": "I "},
                {"content": "roll."},
                {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "roll", "arguments": '{"sides"'}}]},
                {"tool_calls": [{"index": 0, "function": {"arguments": ": 20}"}}]},
                {"tool_calls": [second]},
            ]
            for part in parts:
                yield Piece(json.dumps({"choices": [{"delta": part, "finish_reason": None}]}).encode())
            yield Piece(json.dumps({"choices": [{"delta": {}, "finish_reason": choice}]}).encode())
        else:
            message = {"content": "I roll.", "tool_calls": [first, second]}
            yield Piece(json.dumps({"choices": [{"message": message, "finish_reason": choice}]}).encode())
        yield Done(Usage(prompt_tokens=9, answer_tokens=4, cached_tokens=5))

    return script


class TestTheClient:
    async def test_gets_a_response(self, open_house: OpenHouse) -> None:
        async with open_house(echo_model("narrator")) as (inn, door), client_of(door) as client:
            response = await client.responses.create(model="narrator", instructions="Be brief.", input="well met")

        assert (response.output_text, response.status, response.model) == ("well met", "completed", "narrator")
        assert response.usage is not None
        assert (response.usage.input_tokens, response.usage.output_tokens) == (4, 2)
        assert (response.instructions, response.created_at > 1_700_000_000) == ("Be brief.", True)
        assert endings(inn) == ["answered"]

    async def test_hears_the_events_in_their_order(self, open_house: OpenHouse) -> None:
        async with open_house(echo_model("narrator")) as (_, door), client_of(door) as client:
            stream = await client.responses.create(model="narrator", input="well met", stream=True)
            events = [event async for event in stream]

        assert [event.type for event in events] == [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
        assert [event.sequence_number for event in events] == list(range(10))
        last = events[-1]
        assert last.type == "response.completed"
        assert last.response.output_text == "well met"

    @pytest.mark.parametrize("streams", [False, True])
    async def test_is_called_for_functions_after_words(
        self, door: Door, runtime: ScriptedRuntime, streams: bool
    ) -> None:
        """Whole and streamed, with the helper that checks the order of everything, it is the same response."""
        runtime.script = calls_of("tool_calls")
        async with client_of(door) as client:
            if streams:
                async with client.responses.stream(model=NARRATOR, input="Roll!", tools=[ROLL]) as stream:
                    output = [item.to_dict() for item in (await stream.get_final_response()).output]
            else:
                response = await client.responses.create(model=NARRATOR, input="Roll!", tools=[ROLL])
                output = [item.to_dict() for item in response.output]

        assert [item["type"] for item in output] == ["message", "function_call", "function_call"]
        assert [(item["call_id"], item["arguments"]) for item in output[1:]] == [("c1", '{"sides": 20}'), ("c2", "{}")]
        assert runtime.asked[0].body["tools"][0]["function"]["name"] == "roll"

    async def test_learns_that_an_answer_was_cut(self, open_house: OpenHouse) -> None:
        async with open_house(echo_model("narrator")) as (_, door), client_of(door) as client:
            response = await client.responses.create(model="narrator", input="well met", max_output_tokens=1)
            stream = await client.responses.create(model="narrator", input="well met", max_output_tokens=1, stream=True)
            last = [event.type async for event in stream][-1]

        assert (response.status, response.output_text, last) == ("incomplete", "well", "response.incomplete")
        assert response.incomplete_details is not None
        assert response.incomplete_details.reason == "max_output_tokens"

    async def test_sends_a_conversation_of_items(self, door: Door, runtime: ScriptedRuntime) -> None:
        async with client_of(door) as client:
            await client.responses.create(
                model=NARRATOR,
                input=[
                    {"role": "developer", "content": "Be brief."},
                    {"role": "user", "content": [{"type": "input_text", "text": "Roll!"}]},
                    {"type": "function_call", "call_id": "c1", "name": "roll", "arguments": "{}"},
                    {"type": "function_call", "call_id": "c2", "name": "roll", "arguments": "{}"},
                    {"type": "function_call_output", "call_id": "c1", "output": "17"},
                    {"type": "function_call_output", "call_id": "c2", "output": "3"},
                ],
                text={"format": {"type": "json_schema", "name": "dice", "schema": {"type": "object"}}},
                tool_choice={"type": "function", "name": "roll"},
                reasoning={"effort": "low"},
            )

        body = runtime.asked[0].body
        assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "tool", "tool"]
        assert [call["id"] for call in body["messages"][2]["tool_calls"]] == ["c1", "c2"]
        assert body["messages"][1]["content"] == "Roll!"
        assert body["response_format"]["json_schema"]["name"] == "dice"
        assert body["tool_choice"] == {"type": "function", "function": {"name": "roll"}}
        assert body["reasoning_effort"] == "low"


class TestTheClientRaises:
    async def test_not_found_for_a_model_that_is_not_there(self, door: Door) -> None:
        """C02, C81."""
        async with client_of(door) as client:
            with pytest.raises(openai.NotFoundError, match="There is no model 'nobody'"):
                await client.responses.create(model="nobody", input="well met")

    async def test_an_error_of_a_stream_that_has_not_begun_with_its_status(
        self, door: Door, runtime: ScriptedRuntime
    ) -> None:
        runtime.script = fails_with(LoadFailed("the file is truncated"))
        async with client_of(door) as client:
            with pytest.raises(openai.InternalServerError) as caught:
                await client.responses.create(model=NARRATOR, input="well met", stream=True)

        assert caught.value.code == "load_failed"

    async def test_an_error_in_the_middle_after_the_words_before_it(self, door: Door, runtime: ScriptedRuntime) -> None:
        """C57, C67."""

        async def dies(request: Request) -> AsyncGenerator[Chunk, None]:
            yield Began(NARRATOR, "", 0.0, 0.0)
            yield chat_chunk("Once")
            raise EngineDied("the process was killed (signal 9)")

        runtime.script = dies
        async with client_of(door) as client:
            stream = await client.responses.create(model=NARRATOR, input="well met", stream=True)
            events = aiter(stream)
            heard = [(await anext(events)).type for _ in range(5)]
            with pytest.raises(openai.APIError, match="signal 9") as caught:
                await anext(events)

        assert heard[-1] == "response.output_text.delta"
        assert caught.value.code == "engine_died"


class TestOnTheWire:
    @pytest.mark.parametrize(
        ("change", "param"),
        [
            ({"input": None}, "input"),
            ({"input": []}, "input"),
            ({"input": 5}, "input"),
            ({"input": ["hello"]}, "input[0]"),
            ({"input": [{"role": "wizard", "content": "x"}]}, "input[0].role"),
            ({"input": [{"role": "user"}]}, "input[0].content"),
            ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
            ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0].type"),
            ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type"),
            ({"input": [{"type": "function_call_output", "output": "x"}]}, "input[0].call_id"),
            ({"model": 5}, "model"),
            ({"instructions": 5}, "instructions"),
            ({"max_output_tokens": 0}, "max_output_tokens"),
            ({"max_output_tokens": 10**30}, "max_output_tokens"),
            ({"temperature": "hot"}, "temperature"),
            ({"stream": "yes"}, "stream"),
            ({"previous_response_id": "resp_1"}, "previous_response_id"),
            ({"conversation": "conv_1"}, "conversation"),
            ({"background": True}, "background"),
            ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
            ({"tools": [{"type": "function"}]}, "tools[0].name"),
            ({"tool_choice": "some"}, "tool_choice"),
            ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
            ({"top_logprobs": 2}, "top_logprobs"),
        ],
    )
    async def test_bad_input_is_told_by_the_name_of_its_field(
        self, door: Door, runtime: ScriptedRuntime, change: dict[str, object], param: str
    ) -> None:
        """C81."""
        async with wire_to(door) as wire:
            await wire.ask("POST", "/v1/responses", {"model": NARRATOR, "input": "well met"} | change)
            answer = await wire.answer()

        assert (answer.status, answer.error["param"]) == (400, param)
        assert runtime.asked == []

    async def test_what_is_not_kept_is_noted(self, door: Door) -> None:
        async with wire_to(door) as wire:
            await wire.ask("POST", "/v1/responses", {"model": NARRATOR, "input": "well met", "store": True})
            answer = await wire.answer()

        assert answer.headers["x-innkeeper-note"] == "store: nothing is kept here"
        assert json.loads(answer.body)["store"] is False

    async def test_a_wish_to_become_a_websocket_is_not_granted(self, door: Door) -> None:
        """C84: there are no sessions beside requests, so nothing can be in flight unseen."""
        async with wire_to(door) as wire:
            await wire.ask(
                "GET",
                "/v1/realtime?model=narrator",
                connection="Upgrade",
                upgrade="websocket",
                sec_websocket_version="13",
                sec_websocket_key="dGhlIHNhbXBsZSBub25jZQ==",
            )
            answer = await wire.answer()

        assert (answer.status, answer.error["code"]) == (404, "not_found")
