"""OpenAI's requests: what we read of them, and what goes through untouched."""

from __future__ import annotations

import json
from typing import Any

import pytest

from innkeeper.runtime.errors import InvalidRequest
from innkeeper.runtime.messages import Kind, Request
from innkeeper.runtime.wire.hints import Hints, parse_hints
from innkeeper.runtime.wire.openai.requests import parse_request

HELLO: dict[str, Any] = {"model": "narrator", "messages": [{"role": "user", "content": "Hello"}]}  # JSON
GOOD: dict[Kind, dict[str, Any]] = {  # JSON
    Kind.CHAT: HELLO,
    Kind.COMPLETION: {"model": "narrator", "prompt": "Once"},
    Kind.EMBEDDING: {"model": "embedder", "input": ["one", "two"]},
    Kind.RERANK: {"model": "ranker", "query": "who?", "documents": ["he", {"text": "she"}]},
    Kind.TRANSCRIPTION: {"model": "ear", "file": "/uploads/1"},
}


def parsed(kind: Kind, body: dict[str, Any], hints: Hints | None = None) -> Request:  # JSON
    return parse_request(kind, json.dumps(body).encode(), request_id="r-1", client="anna", hints=hints)


def refused(kind: Kind, body: dict[str, Any]) -> InvalidRequest:  # JSON
    with pytest.raises(InvalidRequest) as caught:
        parsed(kind, body)
    return caught.value


class TestARequest:
    @pytest.mark.parametrize("kind", GOOD)
    def test_of_every_kind_is_understood(self, kind: Kind) -> None:
        request = parsed(kind, GOOD[kind])

        assert request == Request(id="r-1", kind=kind, body=GOOD[kind], model=GOOD[kind]["model"], client="anna")

    def test_keeps_fields_nobody_here_knows(self) -> None:
        body = HELLO | {"tools": [{"type": "function"}], "grammar": "root ::= x", "min_p": 0.05, "cache_prompt": True}

        assert parsed(Kind.CHAT, body).body == body

    def test_without_a_model_leaves_the_choice_to_the_router(self) -> None:
        assert parsed(Kind.COMPLETION, {"prompt": "x"}).model is None

    def test_that_streams_says_so(self) -> None:
        assert parsed(Kind.CHAT, HELLO | {"stream": True}).streams

    def test_for_embeddings_never_streams(self) -> None:
        assert not parsed(Kind.EMBEDDING, GOOD[Kind.EMBEDDING] | {"stream": True}).streams

    def test_takes_task_conversation_and_priority_from_its_body(self) -> None:
        metadata = {"task": "combat", "conversation": "evening/1"}
        request = parsed(Kind.CHAT, HELLO | {"metadata": metadata, "priority": 5})

        assert (request.task, request.conversation, request.priority) == ("combat", "evening/1", 5)

    def test_believes_its_headers_more_than_its_body(self) -> None:
        hints = Hints(task="story", conversation="c", priority=0, patience_s=3.0, wait_at_most_s=20.0, hold_s=0.0)

        metadata = {"task": "combat", "conversation": "evening/1"}
        request = parsed(Kind.CHAT, HELLO | {"metadata": metadata, "priority": 5}, hints)

        assert (request.task, request.conversation, request.priority) == ("story", "c", 0)
        assert (request.patience_s, request.wait_at_most_s, request.hold_s) == (3.0, 20.0, 0.0)

    def test_treats_null_as_not_given(self) -> None:
        body = HELLO | {"model": None, "stream": None, "max_tokens": None, "metadata": None, "priority": None}

        request = parsed(Kind.CHAT, body)

        assert (request.model, request.streams, request.priority) == (None, False, 0)

    def test_may_show_pictures_and_tool_calls(self) -> None:
        parts = [{"type": "text", "text": "what is it?"}, {"type": "image_url", "image_url": {"url": "data:…"}}]
        messages = [{"role": "user", "content": parts}, {"role": "assistant", "content": None, "tool_calls": []}]

        assert parsed(Kind.CHAT, {"messages": messages}).body == {"messages": messages}

    @pytest.mark.parametrize("prompt", ["x", ["x", "y"], [1, 2, 3], [[1, 2], [3]], ["x", 5]])
    def test_may_give_its_prompt_as_text_or_tokens(self, prompt: object) -> None:
        assert parsed(Kind.COMPLETION, {"prompt": prompt}).body["prompt"] == prompt


class TestABadRequest:
    @pytest.mark.parametrize(
        ("kind", "change", "param"),
        [
            (Kind.CHAT, {"model": 7}, "model"),
            (Kind.CHAT, {"model": ""}, "model"),
            (Kind.CHAT, {"model": ["a"]}, "model"),
            (Kind.CHAT, {"stream": "yes"}, "stream"),
            (Kind.CHAT, {"stream": 1}, "stream"),
            (Kind.CHAT, {"messages": None}, "messages"),
            (Kind.CHAT, {"messages": []}, "messages"),
            (Kind.CHAT, {"messages": "hello"}, "messages"),
            (Kind.CHAT, {"messages": ["hello"]}, "messages[0]"),
            (Kind.CHAT, {"messages": [{"content": "x"}]}, "messages[0].role"),
            (Kind.CHAT, {"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
            (Kind.CHAT, {"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content[0]"),
            (Kind.CHAT, {"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
            (Kind.CHAT, {"messages": [{"role": "assistant", "tool_calls": 5}]}, "messages[0].tool_calls"),
            (Kind.CHAT, {"messages": [{"role": "assistant", "tool_calls": ["x"]}]}, "messages[0].tool_calls[0]"),
            (Kind.CHAT, {"tools": {}}, "tools"),
            (Kind.CHAT, {"tools": [7]}, "tools[0]"),
            (Kind.CHAT, {"stream_options": True}, "stream_options"),
            (Kind.CHAT, {"response_format": "json"}, "response_format"),
            (Kind.CHAT, {"stop": {"a": 1}}, "stop"),
            (Kind.CHAT, {"stop": [1]}, "stop"),
            (Kind.CHAT, {"metadata": "story"}, "metadata"),
            (Kind.CHAT, {"metadata": {"task": 7}}, "metadata.task"),
            (Kind.CHAT, {"metadata": {"task": "../etc"}}, "metadata.task"),
            (Kind.CHAT, {"metadata": {"conversation": 7}}, "metadata.conversation"),
            (Kind.CHAT, {"metadata": {"conversation": "two words"}}, "metadata.conversation"),
            (Kind.COMPLETION, {"prompt": None}, "prompt"),
            (Kind.COMPLETION, {"prompt": {}}, "prompt"),
            (Kind.COMPLETION, {"prompt": [True]}, "prompt[0]"),
            (Kind.COMPLETION, {"prompt": [[]]}, "prompt[0]"),
            (Kind.COMPLETION, {"prompt": [[1, -1]]}, "prompt[0]"),
            (Kind.EMBEDDING, {"input": []}, "input"),
            (Kind.EMBEDDING, {"input": 7}, "input"),
            (Kind.RERANK, {"query": None}, "query"),
            (Kind.RERANK, {"query": ["x"]}, "query"),
            (Kind.RERANK, {"documents": "x"}, "documents"),
            (Kind.RERANK, {"documents": ["x", 7]}, "documents[1]"),
        ],
        ids=str,
    )
    def test_names_the_field(self, kind: Kind, change: dict[str, object], param: str) -> None:
        assert refused(kind, GOOD[kind] | change).param == param

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("max_tokens", 10**30),
            ("max_tokens", -1),
            ("max_tokens", 1.5),
            ("max_tokens", "many"),
            ("max_tokens", True),
            ("max_completion_tokens", 2**31),
            ("n", 0),
            ("temperature", -0.1),
            ("temperature", "hot"),
            ("temperature", False),
            ("top_p", 1.01),
            ("seed", 2**64),
            ("dimensions", 0),
            ("priority", 1001),
        ],
    )
    def test_with_an_absurd_number_names_it_and_its_range(self, name: str, value: object) -> None:
        error = refused(Kind.CHAT, HELLO | {name: value})

        assert error.param == name
        assert "from" in error.message
        assert len(error.message) < 200

    def test_with_a_huge_number_does_not_repeat_all_its_digits(self) -> None:
        assert "one of 31 digits" in refused(Kind.CHAT, HELLO | {"max_tokens": 10**30}).message


class TestHints:
    def test_are_read_from_headers(self) -> None:
        headers = {
            b"x-innkeeper-task": b"story",
            b"x-innkeeper-conversation": b"c-4711",
            b"x-innkeeper-priority": b"-3",
            b"x-innkeeper-patience-s": b"2.5",
            b"x-innkeeper-wait-at-most-s": b"30",
            b"x-innkeeper-hold-s": b"0",
            b"x-innkeeper-deadline-s": b"1.5",
            b"x-innkeeper-wait": b"false",
            b"x-innkeeper-substitute": b"allow",
            b"x-innkeeper-max-cost": b"0.02",
            b"x-innkeeper-context": b"evening",
        }

        assert parse_hints(headers) == Hints(
            "story",
            "c-4711",
            -3,
            2.5,
            30.0,
            hold_s=0.0,
            context="evening",
            deadline_s=1.5,
            wait=False,
            substitute=True,
            max_cost=0.02,
        )

    def test_are_read_from_the_body_where_no_header_says_otherwise(self) -> None:
        body = HELLO | {"wait": False, "metadata": {"deadline_s": "2", "substitute": "allow", "max_cost": 0.5}}
        request = parsed(Kind.CHAT, body)

        assert (request.waits, request.deadline_s, request.allows_substitute, request.max_cost) == (False, 2, True, 0.5)
        assert "wait" not in request.body
        told = parsed(Kind.CHAT, body, Hints(wait=True, deadline_s=9.0, substitute=False, max_cost=1.0))
        assert (told.waits, told.deadline_s, told.allows_substitute, told.max_cost) == (True, 9.0, False, 1.0)

    def test_that_nobody_gives_leave_the_usual(self) -> None:
        request = parsed(Kind.CHAT, HELLO)

        assert (request.waits, request.deadline_s, request.may_substitute, request.max_cost) == (
            True,
            None,
            False,
            None,
        )

    def test_that_are_absent_differ_from_zero(self) -> None:
        """C25 at the door."""
        assert parse_hints({}).hold_s is None

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("x-innkeeper-task", b"two words"),
            ("x-innkeeper-task", b""),
            ("x-innkeeper-task", b"\xff"),
            ("x-innkeeper-conversation", b"two words"),
            ("x-innkeeper-context", b"two words"),
            ("x-innkeeper-conversation", b""),
            ("x-innkeeper-conversation", b"x" * 201),
            ("x-innkeeper-priority", b"high"),
            ("x-innkeeper-priority", b"99999"),
            ("x-innkeeper-patience-s", b"-1"),
            ("x-innkeeper-patience-s", b"nan"),
            ("x-innkeeper-hold-s", b"inf"),
            ("x-innkeeper-hold-s", b"5 minutes"),
            ("x-innkeeper-wait-at-most-s", b"1e9"),
            ("x-innkeeper-deadline-s", b"soon"),
            ("x-innkeeper-wait", b"no"),
            ("x-innkeeper-substitute", b"yes"),
            ("x-innkeeper-max-cost", b"-1"),
            ("x-innkeeper-max-cost", b"inf"),
        ],
    )
    def test_that_make_no_sense_are_refused_by_name(self, name: str, value: bytes) -> None:
        with pytest.raises(InvalidRequest) as caught:
            parse_hints({name.encode(): value})

        assert caught.value.param == name
