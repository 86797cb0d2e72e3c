"""Anthropic's bodies become requests in OpenAI's fields."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from innkeeper.runtime.errors import InnkeeperError
from innkeeper.runtime.wire.anthropic.format import MessagesFormat
from innkeeper.runtime.wire.format import Arrival
from innkeeper.runtime.wire.hints import Hints

ARRIVAL = Arrival("r-1", "mira", Hints(conversation="c-7"))
HI = [{"role": "user", "content": "Hi"}]


def body(**fields: object) -> dict[str, Any]:
    raw = json.dumps({"model": "narrator", "max_tokens": 9, "messages": HI, **fields}).encode()
    return dict(MessagesFormat().parse(raw, ARRIVAL).request.body)


class TestABody:
    def test_has_its_system_prompt_first_and_in_one(self) -> None:
        blocks = [
            {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": "Be kind."},
        ]
        assert body(system=blocks)["messages"] == [{"role": "system", "content": "Be brief.\n\nBe kind."}, *HI]
        assert body(system="Be brief.")["messages"][0] == {"role": "system", "content": "Be brief."}

    def test_carries_what_its_headers_say(self) -> None:
        raw = json.dumps({"max_tokens": 9, "messages": HI}).encode()
        request = MessagesFormat().parse(raw, ARRIVAL).request
        assert (request.id, request.client, request.conversation, request.model) == ("r-1", "mira", "c-7", None)

    def test_gives_calls_and_their_results_back_as_the_engine_knows_them(self) -> None:
        turns = [
            *HI,
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "A die.", "signature": ""},
                    {"type": "text", "text": "I roll."},
                    {"type": "tool_use", "id": "c1", "name": "roll", "input": {"sides": 20}},
                    {"type": "tool_use", "id": "c2", "name": "draw", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "content": "17"},
                    {
                        "type": "tool_result",
                        "tool_use_id": "c2",
                        "is_error": True,
                        "content": [{"type": "text", "text": "no cards"}],
                    },
                    {"type": "text", "text": "And now?"},
                ],
            },
        ]
        assert body(messages=turns)["messages"][1:] == [
            {
                "role": "assistant",
                "content": "I roll.",
                "reasoning_content": "A die.",
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "roll", "arguments": '{"sides": 20}'}},
                    {"id": "c2", "type": "function", "function": {"name": "draw", "arguments": "{}"}},
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "17"},
            {"role": "tool", "tool_call_id": "c2", "content": "Error: no cards"},
            {"role": "user", "content": "And now?"},
        ]

    def test_shows_pictures(self) -> None:
        source = {"type": "base64", "media_type": "image/png", "data": "iVBO"}
        [message] = body(messages=[{"role": "user", "content": [{"type": "image", "source": source}]}])["messages"]
        assert message["content"] == [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}}]

    def test_keeps_its_sampling_and_names_its_user(self) -> None:
        told = body(temperature=0.5, top_p=0.9, top_k=40, stop_sequences=["END"], metadata={"user_id": "u-1"})
        wanted = {"temperature": 0.5, "top_p": 0.9, "top_k": 40, "stop": ["END"], "user": "u-1", "max_tokens": 9}
        assert {name: told[name] for name in wanted} == wanted

    def test_asks_for_a_schema(self) -> None:
        schema = {"type": "object"}
        told = body(output_config={"format": {"type": "json_schema", "schema": schema}})
        assert told["response_format"]["json_schema"]["schema"] == schema

    def test_chooses_a_tool_by_its_name(self) -> None:
        assert body(tool_choice={"type": "tool", "name": "roll"})["tool_choice"]["function"] == {"name": "roll"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["text", "user", "tool_result"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "role", "content", "text", "source", "name"]), inner, max_size=4)
    ),
    max_leaves=8,
)
NAMES = st.sampled_from(["messages", "system", "tools", "tool_choice", "thinking", "metadata", "output_config"])


@given(fields=st.dictionaries(NAMES, JSON))
def test_whatever_comes_is_understood_or_refused(fields: dict[str, object]) -> None:
    try:
        body(**fields)
    except InnkeeperError as refused:
        assert 400 <= refused.status < 500  # noqa: PT017  both ways are fine; a traceback is not
