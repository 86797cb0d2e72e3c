"""The way of a request: routed, leased, answered or refused, and ended exactly once."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import aclosing
from typing import Any

import pytest

from innkeeper.runtime import facts
from innkeeper.runtime.engines.echo import EchoEngine
from innkeeper.runtime.errors import (
    Closing,
    DoesNotFit,
    EngineDied,
    InnkeeperError,
    InvalidRequest,
    NotSupported,
    UnknownModel,
)
from innkeeper.runtime.messages import Began, Chunk, Done, Kind, Piece, Request
from tests.runtime.conftest import Inn, OpenInn, echo_model


def question(model: str | None = "alpha", *, request_id: str = "r-1", **more: Any) -> Request:  # any field
    return Request(request_id, more.pop("kind", Kind.COMPLETION), {"prompt": "one two"}, model, streams=True, **more)


async def answer(inn: Inn, request: Request) -> list[Chunk]:
    async with aclosing(inn.runtime.serve(request)) as chunks:
        return [chunk async for chunk in chunks]


def ending(inn: Inn, request_id: str = "r-1") -> facts.Finished:
    """The one ending of a request."""
    (only,) = [fact for fact in inn.facts() if isinstance(fact, facts.Finished) and fact.request == request_id]
    return only


class TestAnswering:
    async def test_it_says_who_answers_then_the_pieces_then_that_it_is_done(self, open_inn: OpenInn) -> None:
        async with open_inn(echo_model("alpha")) as inn:
            first, *pieces, last = await answer(inn, question())
            assert first == Began("alpha", "asked for by name", 0.0, 0.0)
            assert pieces
            assert all(isinstance(piece, Piece) for piece in pieces)
            assert isinstance(last, Done)
            assert last.usage.answer_tokens == 2

    async def test_the_journal_tells_the_whole_way(self, open_inn: OpenInn) -> None:
        async with open_inn(echo_model("alpha")) as inn:
            await answer(inn, question(task="mechanics", client="somebody"))
            story = [entry.fact for entry in inn.runtime.journal.story("r-1")]
            told = [type(fact).__name__ for fact in story if getattr(fact, "request", None) == "r-1"]
            assert told == ["Asked", "Routed", "Leased", "FirstWords", "Finished"]
            assert ending(inn).outcome == "answered"

    async def test_the_default_model_answers_when_none_is_named(self, open_inn: OpenInn) -> None:
        async with open_inn(echo_model("alpha"), echo_model("beta"), default="beta") as inn:
            first, *_ = await answer(inn, question(None))
            assert first == Began("beta", "the default model", 0.0, 0.0)

    async def test_after_it_the_model_is_ready_and_free(self, open_inn: OpenInn) -> None:
        async with open_inn(echo_model("alpha")) as inn:
            await answer(inn, question())
            (shown,) = inn.runtime.view().models
            assert (shown.state, shown.leases, shown.idle_s) == ("ready", 0, 0.0)


class TestRefusing:
    @pytest.mark.parametrize(
        ("asked", "error"),
        [
            (question("omega"), UnknownModel),
            (question("../../etc/passwd"), UnknownModel),
            (question("whale"), DoesNotFit),
            (question(kind=Kind.EMBEDDING), NotSupported),
            (question(None), InvalidRequest),
            (question(None, kind=Kind.RERANK), InvalidRequest),
        ],
        ids=["unknown", "path", "too large", "cannot embed", "none named", "nobody reranks"],
    )
    async def test_what_cannot_be_answered_ends_with_its_error_and_loads_nothing(
        self, open_inn: OpenInn, asked: Request, error: type[InnkeeperError]
    ) -> None:
        async with open_inn(echo_model("alpha"), echo_model("whale", 5_000)) as inn:
            with pytest.raises(error):
                await answer(inn, asked)
            assert ending(inn).outcome == error.code
            assert not inn.echo.loads

    async def test_a_runtime_that_is_closing_takes_nothing(self, open_inn: OpenInn) -> None:
        async with open_inn(echo_model("alpha")) as inn:
            inn.runtime.stop_taking()
            with pytest.raises(Closing):
                await answer(inn, question())
            assert ending(inn).outcome == "shutting_down"

    async def test_an_engine_that_dies_in_mid_answer_is_not_replaced(self, open_inn: OpenInn) -> None:
        """C57, C74: what was said cannot be unsaid."""
        async with open_inn(echo_model("alpha", dies_after_pieces=1)) as inn:
            heard: list[Chunk] = []

            async def listen() -> None:
                async with aclosing(inn.runtime.serve(question())) as chunks:
                    async for chunk in chunks:
                        heard.append(chunk)  # noqa: PERF401  what was heard before the error is the point

            with pytest.raises(EngineDied):
                await listen()
            assert [type(chunk) for chunk in heard] == [Began, Piece]
            assert ending(inn).outcome == "engine_died"

    async def test_a_fault_of_ours_is_not_taken_for_a_caller_who_left(
        self, open_inn: OpenInn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(EchoEngine, "run", lambda *_: 1 / 0)
        async with open_inn(echo_model("alpha")) as inn:
            with pytest.raises(ZeroDivisionError):
                await answer(inn, question())
            assert ending(inn).outcome == "internal"


class TestLeaving:
    async def test_a_caller_who_leaves_in_mid_answer_gives_the_model_back(self, open_inn: OpenInn) -> None:
        """C65"""
        async with open_inn(echo_model("alpha")) as inn:
            async with aclosing(inn.runtime.serve(question())) as chunks:
                await anext(chunks)
            assert ending(inn).outcome == "abandoned"
            assert not inn.residency.books.leases

    async def test_who_hangs_up_on_the_last_word_was_answered(self, open_inn: OpenInn) -> None:
        async with open_inn(echo_model("alpha")) as inn:
            async with aclosing(inn.runtime.serve(question())) as chunks:
                while not isinstance(await anext(chunks), Done):
                    pass
            assert ending(inn).outcome == "answered"
            assert not inn.residency.books.leases

    async def test_a_caller_who_leaves_while_waiting_is_an_ending_too(self, open_inn: OpenInn) -> None:
        """C65"""
        async with open_inn(echo_model("alpha", never_ready=True)) as inn:
            waiting = asyncio.create_task(answer(inn, question()))
            await inn.until(lambda: inn.runtime.position("r-1") == 0)
            waiting.cancel()
            await asyncio.wait([waiting])
            assert ending(inn).outcome == "abandoned"
            assert inn.runtime.position("r-1") is None


class TestManyAtOnce:
    async def test_every_request_has_exactly_one_ending(self, open_inn: OpenInn) -> None:
        """C31, C82"""
        models = [echo_model("alpha", 600), echo_model("beta", 600), echo_model("gamma", 600, fails_loads=1)]
        async with open_inn(*models) as inn:
            names = ["alpha", "beta", "gamma", "omega"]
            asked = [question(names[index % 4], request_id=f"r-{index}") for index in range(80)]
            await asyncio.gather(*(answer(inn, one) for one in asked), return_exceptions=True)
            endings = Counter(fact.request for fact in inn.facts() if isinstance(fact, facts.Finished))
            assert endings == Counter(one.id for one in asked)


class TestOperators:
    async def test_the_view_shows_what_is_held_and_by_whom(self, open_inn: OpenInn) -> None:
        async with open_inn(echo_model("alpha", 300), echo_model("beta", 2_000)) as inn:
            await inn.runtime.load("alpha")
            view = inn.runtime.view()
            alpha, beta = view.models
            assert (alpha.state, dict(alpha.held), alpha.sizing, alpha.trouble) == (
                "ready",
                {"ram": 300},
                "declared",
                None,
            )
            assert beta.trouble is not None
            assert "beta needs 2.0 KiB of ram" in beta.trouble
            (ram,) = view.pools
            assert (ram.budget_bytes, ram.held_bytes, ram.overhead_bytes) == (1_000, 300, 7)

    async def test_a_pinned_model_does_not_make_room(self, open_inn: OpenInn) -> None:
        """C34"""
        async with open_inn(echo_model("alpha", 600), echo_model("beta", 600)) as inn:
            await inn.runtime.load("alpha")
            inn.runtime.pin("alpha", True)  # noqa: FBT003  the operator's words
            with pytest.raises(InnkeeperError, match="pinned models \\(alpha\\) leave only 393 B"):
                await inn.runtime.load("beta")
            inn.runtime.pin("alpha", False)  # noqa: FBT003  the operator's words
            await inn.runtime.load("beta")

    async def test_a_lease_can_be_borrowed_and_given_back(self, open_inn: OpenInn) -> None:
        """C13"""
        async with open_inn(echo_model("alpha")) as inn:
            lease = await inn.runtime.borrow("alpha", for_s=60.0, client="worker")
            assert inn.runtime.view().serving == 1
            inn.runtime.give_back(lease)
            assert inn.runtime.view().serving == 0

    async def test_what_a_request_holds_is_no_lease_to_be_given_back(self, open_inn: OpenInn) -> None:
        """C05: its model would count as unused while it answers."""
        async with open_inn(echo_model("alpha")) as inn, aclosing(inn.runtime.serve(question())) as chunks:
            await anext(chunks)
            (ticket,) = inn.residency.books.leases
            with pytest.raises(InvalidRequest, match="never was a lease"):
                inn.runtime.give_back(f"l-{ticket}")
            assert inn.runtime.view().serving == 1

    @pytest.mark.parametrize("never", ["l-999", "l-x", "", "l--1", "l-" + "9" * 5_000])
    async def test_what_never_was_a_lease_is_named(self, open_inn: OpenInn, never: str) -> None:
        async with open_inn(echo_model("alpha")) as inn:
            with pytest.raises(InvalidRequest, match="never was a lease"):
                inn.runtime.give_back(never)

    async def test_a_preloaded_model_is_ready_before_it_is_asked_for(self, open_inn: OpenInn) -> None:
        async with open_inn(echo_model("alpha")) as inn:
            inn.runtime.preload(("alpha",), "a campaign opened")
            await inn.until(lambda: inn.runtime.view().models[0].state == "ready")
