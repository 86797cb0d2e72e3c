"""The text a request is judged by."""

from __future__ import annotations

from typing import Any

import pytest

from innkeeper.runtime.messages import Kind, Request
from innkeeper.runtime.routing.asked_text import END_CHARACTERS, asked_text, is_in_tool_loop


def request(kind: Kind, **body: Any) -> Request:  # JSON
    return Request("r-1", kind, body)


def said(*messages: tuple[str, Any]) -> Request:  # JSON
    return request(Kind.CHAT, messages=[{"role": role, "content": content} for role, content in messages])


class TestOfAChat:
    def test_is_the_last_message_of_the_user(self) -> None:
        assert asked_text(said(("system", "a"), ("user", "b"), ("assistant", "c"), ("user", "d"), ("tool", "e"))) == "d"

    def test_joins_the_texts_of_its_parts(self) -> None:
        picture = {"type": "image_url", "image_url": {"url": "data:"}}
        parts = [{"type": "text", "text": "what is"}, picture, {"type": "text", "text": "this?"}]

        assert asked_text(said(("user", parts))) == "what is\nthis?"

    @pytest.mark.parametrize(
        "messages", [None, [], "x", [None], [{"role": "system", "content": "a"}], [{"role": "user"}]]
    )
    def test_is_empty_where_the_user_says_nothing(self, messages: object) -> None:
        assert asked_text(request(Kind.CHAT, messages=messages)) == ""


class TestOfOtherRequests:
    def test_is_the_prompt_the_input_or_the_query(self) -> None:
        assert asked_text(request(Kind.COMPLETION, prompt="a")) == "a"
        assert asked_text(request(Kind.EMBEDDING, input=["a", "b"])) == "a\nb"
        assert asked_text(request(Kind.RERANK, query="a", documents=["b"])) == "a"

    def test_is_empty_for_tokens(self) -> None:
        assert asked_text(request(Kind.COMPLETION, prompt=[1, 2, 3])) == ""
        assert asked_text(request(Kind.EMBEDDING, input=[[1, 2], [3]])) == ""


class TestALongOne:
    """C71: too much is not read."""

    def test_is_read_at_both_ends(self) -> None:
        text = asked_text(said(("user", "first " + "between " * 200_000 + "last")))

        assert text.startswith("first ")
        assert text.endswith(" last")
        assert len(text) <= 2 * END_CHARACTERS + 1

    def test_is_not_cut_inside_a_word(self) -> None:
        words = set(asked_text(said(("user", "traces " * 100_000))).split())

        assert words == {"traces"}

    def test_in_many_parts_is_read_at_both_ends_too(self) -> None:
        text = asked_text(request(Kind.EMBEDDING, input=["first", *["x" * 100] * 50_000, "last"]))

        assert text.startswith("first\n")
        assert text.endswith("\nlast")
        assert len(text) <= 2 * END_CHARACTERS + 1


class TestAToolLoop:
    @pytest.mark.parametrize(("role", "is_in_one"), [("tool", True), ("function", True), ("user", False)])
    def test_is_told_by_the_last_message(self, role: str, is_in_one: bool) -> None:
        assert is_in_tool_loop(said(("user", "a"), ("assistant", None), (role, "7"))) is is_in_one

    def test_is_none_outside_a_chat(self) -> None:
        assert not is_in_tool_loop(request(Kind.COMPLETION, prompt="a", messages=[{"role": "tool"}]))
        assert not is_in_tool_loop(request(Kind.CHAT, messages=[]))
