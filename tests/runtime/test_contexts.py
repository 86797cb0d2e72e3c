"""Contexts: what is loaded when a campaign or a feed is opened."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from innkeeper.runtime.catalog import Catalog
from innkeeper.runtime.contexts import REMEMBERED, SHUT_AFTER_S, Contexts
from innkeeper.runtime.facts import Preloaded
from innkeeper.runtime.messages import Kind, Request
from tests.runtime.conftest import OpenInn, echo_model

DECLARED = {"evening": ("narrator", "mechanics")}


@pytest.fixture
def contexts() -> Contexts:
    return Contexts()


class TestADeclaredContext:
    def test_opening_it_wants_what_the_settings_name(self, contexts: Contexts) -> None:
        likely = contexts.opened("evening", "alice", DECLARED, 0)
        assert (likely.models, likely.is_declared) == (("narrator", "mechanics"), True)

    def test_its_first_request_opens_it_and_the_next_does_not(self, contexts: Contexts) -> None:
        assert contexts.asked("evening", "alice", "narrator", 0)
        assert not contexts.asked("evening", "alice", "narrator", SHUT_AFTER_S)

    def test_after_ten_silent_minutes_it_is_opened_anew(self, contexts: Contexts) -> None:
        contexts.asked("evening", "alice", "narrator", 0)
        assert contexts.asked("evening", "alice", "narrator", SHUT_AFTER_S + 1)

    def test_one_that_was_opened_by_hand_is_not_opened_again_by_its_first_request(self, contexts: Contexts) -> None:
        contexts.opened("evening", "alice", DECLARED, 0)
        assert not contexts.asked("evening", "alice", "narrator", 5)


class TestALearnedContext:
    def test_nothing_is_known_of_it_at_first(self, contexts: Contexts) -> None:
        assert contexts.opened("feed", "alice", {}, 0).models == ()

    def test_it_wants_the_models_it_was_used_for_the_most_used_first(self, contexts: Contexts) -> None:
        for model in ["embedder"] * 6 + ["writer"] * 5 + ["rare"]:
            contexts.asked("feed", "alice", model, 0)
        likely = contexts.opened("feed", "alice", {}, 1)
        assert (likely.models, likely.is_declared) == (("embedder", "writer"), False)

    def test_what_is_no_longer_used_is_forgotten(self, contexts: Contexts) -> None:
        for model in ["old"] * 20 + ["new"] * 300:
            contexts.asked("feed", "alice", model, 0)
        assert contexts.opened("feed", "alice", {}, 1).models == ("new",)

    def test_what_one_caller_does_says_nothing_about_another(self, contexts: Contexts) -> None:
        contexts.asked("feed", "alice", "writer", 0)
        assert contexts.opened("feed", "bob", {}, 1).models == ()

    def test_the_longest_unused_are_forgotten_where_there_are_too_many(self, contexts: Contexts) -> None:
        for number in range(REMEMBERED + 1):
            contexts.asked(f"feed-{number}", "alice", "writer", 0)
        assert contexts.opened("feed-0", "alice", {}, 1).models == ()
        assert contexts.opened(f"feed-{REMEMBERED}", "alice", {}, 1).models == ("writer",)


class TestInTheRuntime:
    async def test_opening_a_context_has_its_models_ready_before_anybody_asks(self, open_inn: OpenInn) -> None:
        async with open_inn(echo_model("alpha"), echo_model("beta")) as inn:
            await inn.runtime.reload(Catalog(tuple(inn.runtime.catalog), "alpha", contexts={"evening": ("beta",)}))
            assert inn.runtime.open_context("evening") == ("beta",)
            await inn.until(lambda: {one.id: one.state for one in inn.runtime.view().models}["beta"] == "ready")

    async def test_a_request_that_belongs_to_it_opens_it_once_it_is_answered(self, open_inn: OpenInn) -> None:
        messages = {"messages": [{"role": "user", "content": "one two three"}]}
        of_the_evening = Request("r-1", Kind.CHAT, messages, "alpha", context="evening")
        async with open_inn(echo_model("alpha"), echo_model("beta")) as inn:
            await inn.runtime.reload(Catalog(tuple(inn.runtime.catalog), "alpha", contexts={"evening": ("beta",)}))
            async with aclosing(inn.runtime.serve(of_the_evening)) as chunks:
                async for _ in chunks:
                    pass
            await inn.until(lambda: {one.id: one.state for one in inn.runtime.view().models}["beta"] == "ready")
        assert [fact.because for fact in inn.facts() if isinstance(fact, Preloaded)] == ["evening was opened"]

    async def test_one_of_which_nothing_is_known_loads_nothing(self, open_inn: OpenInn) -> None:
        async with open_inn(echo_model("alpha")) as inn:
            assert inn.runtime.open_context("unheard-of") == ()
