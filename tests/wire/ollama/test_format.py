"""Ollama's bodies become requests in OpenAI's fields."""

from __future__ import annotations

import json
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.runtime.catalog import Catalog, Model
from innkeeper.runtime.errors import InnkeeperError, InvalidRequest, NotSupported
from innkeeper.runtime.messages import Kind
from innkeeper.runtime.wire.fields import Fields
from innkeeper.runtime.wire.format import Arrival, Question, Stay
from innkeeper.runtime.wire.hints import Hints
from innkeeper.runtime.wire.ollama.answers import Clocks
from innkeeper.runtime.wire.ollama.format import ChatFormat, EmbedFormat, GenerateFormat, OlderEmbedFormat
from innkeeper.runtime.wire.ollama.keep_alive import parse_keep_alive

CATALOG = Catalog(
    (
        Model("narrator", "echo", frozenset({Kind.CHAT, Kind.COMPLETION}), context=512),
        Model("stories", "echo", frozenset({Kind.COMPLETION})),
        Model("tagged:latest", "echo", frozenset({Kind.CHAT})),
    ),
    default="narrator",
)
CLOCKS = Clocks(lambda: 0.0, lambda: 1_700_000_000.0)
ARRIVAL = Arrival("r-1", "mira", Hints(task="story"))
HI = [{"role": "user", "content": "Hi"}]

AnyFormat = ChatFormat | GenerateFormat | EmbedFormat


def parsed(form: type[AnyFormat], body: dict[str, object]) -> Question | Stay:
    return form(lambda: CATALOG, CLOCKS).parse(json.dumps(body).encode(), ARRIVAL)


def question(form: type[AnyFormat], **body: object) -> Question:
    found = parsed(form, {"model": "narrator", **body})
    assert isinstance(found, Question)
    return found


def chat(**body: object) -> dict[str, Any]:
    return dict(question(ChatFormat, **{"messages": HI, **body}).request.body)


class TestAChat:
    def test_streams_unless_it_says_otherwise(self) -> None:
        assert question(ChatFormat, messages=HI).request.streams
        assert not question(ChatFormat, messages=HI, stream=False).request.streams

    def test_carries_what_its_headers_say(self) -> None:
        request = question(ChatFormat, messages=HI).request
        assert (request.id, request.client, request.task) == ("r-1", "mira", "story")

    def test_keeps_its_sampling_options_under_the_names_of_the_engine(self) -> None:
        options = {"num_predict": 9, "top_k": 40, "min_p": 0.1, "repeat_penalty": 1.1, "seed": 7, "stop": "END"}
        told = chat(options=options)
        assert {name: told[name] for name in ("max_tokens", "top_k", "min_p", "repeat_penalty", "seed", "stop")} == {
            "max_tokens": 9,
            "top_k": 40,
            "min_p": 0.1,
            "repeat_penalty": 1.1,
            "seed": 7,
            "stop": ["END"],
        }

    @pytest.mark.parametrize("endless", [-1, -2])
    def test_without_end_has_no_limit(self, endless: int) -> None:
        assert "max_tokens" not in chat(options={"num_predict": endless})

    def test_that_wants_more_context_than_there_is_is_told_how_much_there_is(self) -> None:
        notes = question(ChatFormat, messages=HI, options={"num_ctx": 4096, "num_gpu": 1, "novel": 2}).notes
        assert notes == (
            "num_ctx 4096 was asked for; narrator takes 512 tokens a request",
            "ignored: novel, num_gpu",
        )
        assert question(ChatFormat, messages=HI, options={"num_ctx": 512}).notes == ()

    def test_asks_for_json_or_for_a_schema(self) -> None:
        schema = {"type": "object", "properties": {"dice": {"type": "integer"}}}
        assert chat(format="json")["response_format"] == {"type": "json_object"}
        assert chat(format=schema)["response_format"]["json_schema"]["schema"] == schema
        assert "response_format" not in chat(format="")

    def test_thinks_or_does_not(self) -> None:
        assert chat(think=False)["chat_template_kwargs"] == {"enable_thinking": False}
        assert chat(think="high")["reasoning_effort"] == "high"

    def test_shows_pictures_beside_the_words(self) -> None:
        [message] = chat(messages=[{"role": "user", "content": "What is it?", "images": ["iVBORw0KGgo="]}])["messages"]
        assert message["content"] == [
            {"type": "text", "text": "What is it?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
        ]

    def test_gives_calls_the_names_by_which_their_results_are_known(self) -> None:
        """Ollama's messages carry none: the results come in the order of the calls, or by the tool's name."""
        calls = [{"function": {"name": name, "arguments": {"sides": 20}}} for name in ("roll", "draw", "roll")]
        results = [{"role": "tool", "content": "7", "tool_name": name} for name in ("draw", "roll")]
        messages = chat(messages=[*HI, {"role": "assistant", "tool_calls": calls}, *results, {"role": "tool"}])[
            "messages"
        ]

        made = [(call["id"], call["function"]["name"]) for call in messages[1]["tool_calls"]]
        assert messages[1]["tool_calls"][0]["function"]["arguments"] == '{"sides": 20}'
        assert [message["tool_call_id"] for message in messages[2:]] == [made[1][0], made[0][0], made[2][0]]

    def test_without_messages_is_no_question(self) -> None:
        assert parsed(ChatFormat, {"model": "narrator", "messages": [], "keep_alive": -1}) == Stay(
            "narrator",
            inf,
            b'{"model":"narrator","created_at":"2023-11-14T22:13:20.000000Z",'
            b'"message":{"role":"assistant","content":""},"done":true,"done_reason":"load"}',
        )

    @pytest.mark.parametrize(("asked", "known"), [("narrator:latest", "narrator"), ("tagged", "tagged:latest")])
    def test_finds_its_model_with_and_without_latest(self, asked: str, known: str) -> None:
        assert question(ChatFormat, model=asked, messages=HI).request.model == known

    def test_without_a_model_goes_where_the_routing_sends_it(self) -> None:
        found = parsed(ChatFormat, {"messages": HI})
        assert isinstance(found, Question)
        assert found.request.model is None

    def test_with_logprobs_is_refused_rather_than_answered_without(self) -> None:
        with pytest.raises(NotSupported):
            chat(logprobs=True)


class TestAPrompt:
    def test_is_made_a_chat_of(self) -> None:
        request = question(GenerateFormat, prompt="Hi", system="Be brief.").request
        assert request.kind is Kind.CHAT
        assert request.body["messages"] == [{"role": "system", "content": "Be brief."}, *HI]

    def test_that_is_raw_reaches_the_engine_as_it_is(self) -> None:
        request = question(GenerateFormat, prompt="Hi", system="ignored", raw=True).request
        assert (request.kind, request.body["prompt"]) == (Kind.COMPLETION, "Hi")

    def test_for_a_model_without_a_template_is_completed(self) -> None:
        request = question(GenerateFormat, model="stories", prompt="Once", system="A tale.").request
        assert (request.kind, request.body["prompt"]) == (Kind.COMPLETION, "A tale.\n\nOnce")

    def test_that_is_raw_cannot_have_a_format(self) -> None:
        with pytest.raises(NotSupported, match="raw is true"):
            question(GenerateFormat, prompt="Hi", raw=True, format="json")


class TestTexts:
    def test_are_embedded_as_numbers(self) -> None:
        request = question(EmbedFormat, input=["a", "b"], dimensions=8).request
        assert request.kind is Kind.EMBEDDING
        assert {**request.body} == {
            "model": "narrator",
            "input": ["a", "b"],
            "dimensions": 8,
            "encoding_format": "float",
        }

    def test_that_are_none_load_the_model(self) -> None:
        stay = parsed(OlderEmbedFormat, {"model": "narrator"})
        assert isinstance(stay, Stay)
        assert stay.document == b'{"embedding":[]}'


class TestKeepAlive:
    @pytest.mark.parametrize(
        ("written", "seconds"),
        [
            (None, None),
            ("", None),
            (0, 0.0),
            (300, 300.0),
            (1.5, 1.5),
            ("0", 0.0),
            ("300", 300.0),
            ("5m", 300.0),
            ("1h30m", 5400.0),
            ("1.5h", 5400.0),
            ("250ms", 0.25),
            (-1, inf),
            ("-1", inf),
            ("-1m", inf),
            (10**30, inf),
        ],
    )
    def test_is_read_as_ollama_reads_it(self, written: object, seconds: float | None) -> None:
        assert parse_keep_alive(Fields({"keep_alive": written})) == seconds

    @pytest.mark.parametrize("written", ["soon", "5 m", "5x", "m", True, [], {}, "9" * 61, "1h30"])
    def test_that_makes_no_sense_is_refused(self, written: object) -> None:
        with pytest.raises(InvalidRequest):
            parse_keep_alive(Fields({"keep_alive": written}))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(["model", "messages", "prompt", "input", "options", "tools", "format", "think", "keep_alive"])


@pytest.mark.parametrize("form", [ChatFormat, GenerateFormat, EmbedFormat, OlderEmbedFormat])
@given(body=st.dictionaries(NAMES, JSON))
def test_whatever_comes_is_understood_or_refused(form: type[AnyFormat], body: dict[str, object]) -> None:
    raw = json.dumps(body).encode()
    try:
        form(lambda: CATALOG, CLOCKS).parse(raw, ARRIVAL)
    except InnkeeperError as refused:
        assert 400 <= refused.status < 500  # noqa: PT017  both ways are fine; a traceback is not
