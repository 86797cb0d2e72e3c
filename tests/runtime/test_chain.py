"""The chain: the candidates of a request, one after the other, until one has spoken."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from innkeeper.runtime import facts
from innkeeper.runtime.catalog import Catalog, Model
from innkeeper.runtime.chain import Chain, Limits
from innkeeper.runtime.errors import ChainExhausted, EngineDied, InvalidRequest, LoadFailed, UnknownModel
from innkeeper.runtime.messages import Began, Chunk, Done, Kind, Request
from innkeeper.runtime.routing.choice import Choice
from innkeeper.runtime.routing.deadlines import Due
from tests.runtime.conftest import Inn, OpenInn, echo_model

PRIMARY = echo_model("primary")


def greek(**options: Any) -> Model:  # options of the echo engine
    return replace(echo_model("meltemi", **options), languages=frozenset({"el"}))


def dice(**options: Any) -> Model:  # as above
    return replace(echo_model("dice", **options), tasks=frozenset({"mechanics"}))


def question(text: str, **more: Any) -> Request:  # any field
    return Request(more.pop("request_id", "r-1"), Kind.COMPLETION, {"prompt": text}, streams=True, **more)


async def answer(inn: Inn, request: Request) -> list[Chunk]:
    async with aclosing(inn.runtime.serve(request)) as chunks:
        return [chunk async for chunk in chunks]


async def who_answers(inn: Inn, request: Request) -> tuple[str, str]:
    first, *_, last = await answer(inn, request)
    assert isinstance(first, Began)
    assert isinstance(last, Done)
    return first.model, first.because


def attempts(inn: Inn) -> list[tuple[str, str]]:
    return [(fact.model, fact.code) for fact in inn.facts() if isinstance(fact, facts.AttemptFailed)]


class TestTheBestCandidate:
    async def test_answers_what_it_declares(self, open_inn: OpenInn) -> None:
        async with open_inn(PRIMARY, greek(), dice(), default="primary") as inn:
            assert await who_answers(inn, question("Πού πάμε;")) == (
                "meltemi",
                "the text is Greek by its letters; meltemi speaks it",
            )
            assert (await who_answers(inn, question("roll 2d6+3")))[0] == "dice"
            assert await who_answers(inn, question("good evening")) == ("primary", "the default model")

    async def test_is_written_down_with_those_behind_it(self, open_inn: OpenInn) -> None:
        async with open_inn(PRIMARY, greek(), default="primary") as inn:
            await answer(inn, question("Πού πάμε;"))

            (routed,) = [fact for fact in inn.facts() if isinstance(fact, facts.Routed)]
            assert routed == facts.Routed(
                "r-1", ("meltemi", "primary"), "the text is Greek by its letters; meltemi speaks it"
            )


class TestWhenTheBestFails:
    """C74: the next candidate answers, and every attempt is a fact."""

    @pytest.mark.parametrize(
        ("meltemi", "code"),
        [
            (greek(fails_loads=1), "load_failed"),
            (greek(dies_after_pieces=0), "engine_died"),
            (greek(size=5_000), "budget_too_small"),
            (replace(greek(), context=1), "context_length_exceeded"),
        ],
        ids=["its load", "before its first word", "it never fits", "its context"],
    )
    async def test_the_default_answers(self, open_inn: OpenInn, meltemi: Model, code: str) -> None:
        async with open_inn(PRIMARY, meltemi, default="primary") as inn:
            model, because = await who_answers(inn, question("Πού πάμε;"))

            assert model == "primary"
            assert because == f"the text is Greek by its letters; meltemi speaks it; meltemi could not ({code})"
            assert attempts(inn) == [("meltemi", code)]

    async def test_one_that_cools_down_is_passed_over_at_once(self, open_inn: OpenInn) -> None:
        async with open_inn(PRIMARY, greek(fails_loads=9), default="primary") as inn:
            await who_answers(inn, question("Πού πάμε;"))
            await who_answers(inn, question("Πού πάμε;", request_id="r-2"))

            assert [code for _, code in attempts(inn)] == ["load_failed", "load_cooling_down"]
            assert inn.echo.loads["meltemi"] == 1

    async def test_nobody_stands_in_for_a_model_that_was_named(self, open_inn: OpenInn) -> None:
        async with open_inn(PRIMARY, greek(fails_loads=1), default="primary") as inn:
            with pytest.raises(LoadFailed):
                await answer(inn, question("Πού πάμε;", model="meltemi"))
            assert inn.echo.loads["primary"] == 0

    async def test_nobody_takes_over_after_the_first_words(self, open_inn: OpenInn) -> None:
        async with open_inn(PRIMARY, greek(dies_after_pieces=1), default="primary") as inn:
            with pytest.raises(EngineDied):
                await answer(inn, question("Πού πάμε;"))
            assert inn.echo.loads["primary"] == 0
            assert attempts(inn) == [("meltemi", "engine_died")]


class TestWhenAllFail:
    async def test_the_error_says_who_was_tried_why_each_failed_and_what_to_do(self, open_inn: OpenInn) -> None:
        primary = echo_model("primary", dies_after_pieces=0)
        async with open_inn(primary, greek(fails_loads=1), default="primary") as inn:
            with pytest.raises(ChainExhausted) as raised:
                await answer(inn, question("Πού πάμε;"))

            assert [(model, error.code) for model, error in raised.value.failures] == [
                ("meltemi", "load_failed"),
                ("primary", "engine_died"),
            ]
            message = raised.value.message
            assert message.startswith("No model could answer. meltemi: ")
            assert " primary: " in message
            assert message.endswith("See `innkeeper story meltemi`, and `innkeeper doctor` for the machine.")
            (ending,) = [fact for fact in inn.facts() if isinstance(fact, facts.Finished)]
            assert ending.outcome == "all_candidates_failed"

    async def test_what_passes_by_itself_says_when_to_ask_again(self, open_inn: OpenInn) -> None:
        primary = echo_model("primary", fails_loads=9)
        async with open_inn(primary, greek(fails_loads=9), default="primary") as inn:
            with pytest.raises(ChainExhausted):
                await answer(inn, question("Πού πάμε;"))
            with pytest.raises(ChainExhausted, match=r"Ask again in a while\.$") as raised:
                await answer(inn, question("Πού πάμε;", request_id="r-2"))

            waits_s = [error.retry_after_s for _, error in raised.value.failures]
            assert raised.value.retry_after_s == min(wait_s for wait_s in waits_s if wait_s is not None)


class TestAConversation:
    """C73."""

    async def test_stays_with_the_model_that_answered(self, open_inn: OpenInn) -> None:
        async with open_inn(PRIMARY, greek(), dice(), default="primary") as inn:
            await answer(inn, question("roll 2d6+3", conversation="c"))

            assert await who_answers(inn, question("go on", conversation="c")) == (
                "dice",
                "the conversation stays with dice",
            )
            assert (await who_answers(inn, question("go on")))[0] == "primary"
            assert (await who_answers(inn, question("go on", conversation="c", client="ben")))[0] == "primary"

    async def test_stays_with_the_substitute_when_the_best_failed(self, open_inn: OpenInn) -> None:
        deep = replace(echo_model("deep", fails_loads=1), tasks=frozenset({"story"}))
        async with open_inn(PRIMARY, deep, default="primary") as inn:
            await answer(inn, question("tell me a story", conversation="c"))

            assert (await who_answers(inn, question("go on", conversation="c")))[0] == "primary"


class TestACallersScope:
    """C83."""

    async def test_holds_for_every_candidate(self, open_inn: OpenInn) -> None:
        async with open_inn(PRIMARY, greek(), dice(), default="primary") as inn:
            only_dice = frozenset({"dice"})
            assert (await who_answers(inn, question("Πού πάμε;", may_use=only_dice)))[0] == "dice"
            with pytest.raises(UnknownModel):
                await answer(inn, question("hello", model="primary", may_use=only_dice))
            with pytest.raises(InvalidRequest):
                await answer(inn, question("hello", may_use=frozenset({"dice", "meltemi"})))
            assert set(inn.echo.loads) == {"dice"}


class TestWhoIsAsked:
    async def test_is_known_while_the_request_waits(self, open_inn: OpenInn) -> None:
        async with open_inn(PRIMARY, default="primary") as inn:
            assert inn.runtime.candidate("r-1") is None
            async with aclosing(inn.runtime.serve(question("roll on", request_id="r-2"))) as chunks:
                await anext(chunks)
                assert inn.runtime.candidate("r-2") == "primary"
            assert inn.runtime.candidate("r-2") is None


class TestAReload:
    async def test_that_changes_what_a_model_is_for_leaves_it_running(self, open_inn: OpenInn) -> None:
        async with open_inn(PRIMARY, dice(), default="primary") as inn:
            await answer(inn, question("roll 2d6+3"))
            await inn.runtime.reload(Catalog((PRIMARY, replace(dice(), tasks=frozenset({"story"}))), "primary"))

            assert (await who_answers(inn, question("tell me a story")))[0] == "dice"
            assert (await who_answers(inn, question("roll 2d6+3")))[0] == "primary"
            assert inn.echo.loads["dice"] == 1


class TestTheLimits:
    """C74: one deadline and one cost ceiling for the whole chain."""

    DUE = Due(5.0, "the target")
    REQUEST = Request("r-1", Kind.CHAT, {}, streams=True, wait_at_most_s=60.0, max_cost=1.0)

    def chain(self, now: list[float], request: Request | None = None) -> Chain:
        choice = Choice(("a", "b", "c"), "so", "a", self.DUE, ())
        return Chain(choice, request or self.REQUEST, Limits(), lambda: now[0])

    def test_of_the_wait_is_for_all_candidates_together(self) -> None:
        now = [0.0]
        attempts = iter(self.chain(now))
        waits_s = []
        for waited_s in (0.0, 20.0, 50.0):
            now[0] = waited_s
            waits_s.append(next(attempts).wait_at_most_s)

        assert waits_s == [55.0, 35.0, 10.0]  # five seconds are kept for the next

    def test_of_the_wait_is_over_for_everybody_at_once(self) -> None:
        now = [90.0]
        chain = self.chain(now)
        now[0] = 190.0

        assert [attempt.wait_at_most_s for attempt in chain] == [0.0, 0.0, 0.0]

    def test_of_the_cost_is_what_the_failed_ones_have_left(self) -> None:
        chain = self.chain([0.0])
        left = []
        for attempt in chain:
            left.append(attempt.request.max_cost)
            error = EngineDied("gone")
            error.numbers["cost"] = 0.4
            assert chain.failed(attempt, error)

        assert left == [1.0, 0.6, pytest.approx(0.2)]

    def test_no_next_candidate_after_the_first_words(self) -> None:
        chain = self.chain([0.0])
        attempt = next(iter(chain))
        attempt.has_spoken = True

        assert not chain.failed(attempt, EngineDied("gone"))

    def test_a_stuck_engine_is_left_sooner_where_another_could_answer(self) -> None:
        limits_s = [attempt.first_words_within_s for attempt in self.chain([0.0])]

        assert limits_s == [Limits().stuck_s, Limits().stuck_s, Limits().silence_s]

    def test_a_whole_answer_may_take_its_time(self) -> None:
        request = replace(self.REQUEST, streams=False)

        assert {attempt.first_words_within_s for attempt in self.chain([0.0], request)} == {Limits().whole_answer_s}

    def test_the_callers_deadline_leaves_the_next_its_share(self) -> None:
        request = replace(self.REQUEST, deadline_s=4.0)

        assert next(iter(self.chain([0.0], request))).first_words_within_s == 2.0
