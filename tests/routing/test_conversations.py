"""Conversations: who spoke last."""

from __future__ import annotations

from innkeeper.runtime.messages import Kind, Request
from innkeeper.runtime.routing.conversations import REMEMBERED, Conversations


def turn(conversation: str | None, client: str = "anna", kind: Kind = Kind.CHAT) -> Request:
    return Request("r-1", kind, {}, conversation=conversation, client=client)


class TestAConversation:
    """C73."""

    def test_remembers_who_answered_last(self) -> None:
        conversations = Conversations()
        conversations.answered(turn("c"), "alpha")
        conversations.answered(turn("c"), "beta")

        assert conversations.last(turn("c")) == "beta"

    def test_belongs_to_its_caller_and_its_kind(self) -> None:
        conversations = Conversations()
        conversations.answered(turn("c"), "alpha")

        assert conversations.last(turn("c", client="ben")) is None
        assert conversations.last(turn("c", kind=Kind.EMBEDDING)) is None

    def test_without_a_name_is_none(self) -> None:
        conversations = Conversations()
        conversations.answered(turn(None), "alpha")

        assert conversations.last(turn(None)) is None

    def test_that_is_silent_longest_is_forgotten_first(self) -> None:
        conversations = Conversations()
        for number in range(REMEMBERED):
            conversations.answered(turn(str(number)), "alpha")
        conversations.answered(turn("0"), "beta")
        conversations.answered(turn("new"), "alpha")

        assert conversations.last(turn("0")) == "beta"
        assert conversations.last(turn("1")) is None
        assert conversations.last(turn("2")) == "alpha"
