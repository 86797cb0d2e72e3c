"""Local and hosted models stand in for each other, proven by failing each of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from innkeeper.runtime import facts
from innkeeper.runtime.catalog import Catalog, Model
from innkeeper.runtime.chain import Limits
from innkeeper.runtime.errors import (
    ChainExhausted,
    InnkeeperError,
    MustStayHere,
    NotNow,
    ProviderPaused,
    ProviderRefused,
    SpendingCeiling,
)
from innkeeper.runtime.messages import Began, Done, Kind, Request
from innkeeper.runtime.spending.purse import Ceilings
from tests.doubles.hosted_server import FAULTY, FULL, NO_CREDIT, NO_KEY, SILENT, Fault, full
from tests.engines.hosted_scene import CLOUD, Scene, hosted_scene
from tests.runtime.conftest import Inn, OpenInn, echo_model

PRIMARY = echo_model("primary")
LIMIT_S = 20.0


def greek(**options: Any) -> Model:  # options of the echo engine
    return replace(echo_model("meltemi", **options), languages=frozenset({"el"}))


GREEK_CLOUD = replace(CLOUD, languages=frozenset({"el"}), keep_for_s=None)


def question(text: str = "Πού πάμε;", **more: Any) -> Request:  # any field
    body = {"messages": [{"role": "user", "content": text}], "max_tokens": 10}
    return Request(more.pop("request_id", "r-1"), Kind.CHAT, body, streams=True, **more)


async def who_answers(inn: Inn, request: Request | None = None) -> str:
    async with asyncio.timeout(LIMIT_S), aclosing(inn.runtime.serve(request or question())) as chunks:
        first, *_, last = [chunk async for chunk in chunks]
    assert isinstance(first, Began)
    assert isinstance(last, Done)
    return first.model


def attempts(inn: Inn) -> list[tuple[str, str]]:
    return [(fact.model, fact.code) for fact in inn.facts() if isinstance(fact, facts.AttemptFailed)]


def skipped(inn: Inn, model: str, text: str) -> str | None:
    """Why `innkeeper why` says that the model would not be asked."""
    options = inn.runtime.explain(question(text)).options
    return next(option.skipped for option in options if option.model == model)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with hosted_scene(tmp_path, retries=0) as opened:
        yield opened


class TestWhenTheLocalModelFails:
    @pytest.mark.parametrize(
        ("local", "code"),
        [
            (greek(fails_loads=9), "load_failed"),
            (greek(fails_loads=9, out_of_memory=True), "load_failed"),
            (greek(dies_after_pieces=0), "engine_died"),
            (greek(size=5_000), "budget_too_small"),
            (replace(greek(), engine="absent"), "engine_missing"),
        ],
        ids=["its load", "its memory", "before its first word", "it never fits", "its engine"],
    )
    async def test_the_hosted_one_answers(self, open_inn: OpenInn, scene: Scene, local: Model, code: str) -> None:
        """C74"""
        async with open_inn(local, CLOUD, default="cloud", also=(scene.hosted,)) as inn:
            assert await who_answers(inn) == "cloud"
            assert all(attempt == ("meltemi", code) for attempt in attempts(inn))

    async def test_its_load_and_its_failure_say_nothing_about_the_provider(
        self, open_inn: OpenInn, scene: Scene
    ) -> None:
        """C76"""
        async with open_inn(greek(fails_loads=9), CLOUD, default="cloud", also=(scene.hosted,)) as inn:
            for number in range(6):
                assert await who_answers(inn, question(request_id=f"r-{number}")) == "cloud"

        assert scene.hosted.refusal("cloud") is None


class TestWhenTheHostedModelFails:
    @pytest.mark.parametrize(
        ("fault", "code"),
        [
            (NO_KEY, "provider_refused"),
            (NO_CREDIT, "provider_refused"),
            (FULL, "provider_paused"),
            (full("3600"), "provider_paused"),
            (FAULTY, "engine_failed"),
            (Fault(after_pieces=0), "engine_failed"),
            (Fault(after_pieces=0, how="cut"), "engine_failed"),
        ],
        ids=["401", "402", "429", "429 for an hour", "500", "200 with an error", "cut off"],
    )
    async def test_the_local_one_answers(self, open_inn: OpenInn, scene: Scene, fault: Fault, code: str) -> None:
        """C74, C75"""
        scene.server.faults = [fault]
        async with open_inn(PRIMARY, GREEK_CLOUD, default="primary", also=(scene.hosted,)) as inn:
            assert await who_answers(inn) == "primary"
            assert attempts(inn) == [("cloud", code)]

    async def test_the_local_one_answers_when_the_network_is_unplugged(self, open_inn: OpenInn, scene: Scene) -> None:
        scene.server.die()
        async with open_inn(PRIMARY, GREEK_CLOUD, default="primary", also=(scene.hosted,)) as inn:
            assert await who_answers(inn) == "primary"
            assert attempts(inn) == [("cloud", "engine_unreachable")]

    async def test_the_local_one_answers_when_nothing_comes_back(self, open_inn: OpenInn, tmp_path: Path) -> None:
        async with hosted_scene(tmp_path, first_words_within_s=0.1) as scene:
            scene.server.faults = [SILENT]
            async with open_inn(PRIMARY, GREEK_CLOUD, default="primary", also=(scene.hosted,)) as inn:
                assert await who_answers(inn) == "primary"

    async def test_what_its_silence_may_have_cost_is_not_spent_again(self, open_inn: OpenInn, scene: Scene) -> None:
        """C74, C75: one ceiling for the whole chain."""
        scene.server.faults = [SILENT]
        other = replace(CLOUD, id="other")
        just_enough = scene.spending.most(question(), CLOUD, 10)
        request = question(max_cost=just_enough)
        async with open_inn(
            GREEK_CLOUD, other, default="other", also=(scene.hosted,), limits=Limits(stuck_s=0.2)
        ) as inn:
            with pytest.raises(ChainExhausted):
                await who_answers(inn, request)
            assert attempts(inn) == [("cloud", "engine_timed_out"), ("other", "spending_ceiling")]

    async def test_the_local_one_answers_when_the_money_is_spent(self, open_inn: OpenInn, tmp_path: Path) -> None:
        """C75"""
        async with hosted_scene(tmp_path, Ceilings("USD", per_day=0.0)) as scene:
            async with open_inn(PRIMARY, GREEK_CLOUD, default="primary", also=(scene.hosted,)) as inn:
                assert await who_answers(inn) == "primary"
                assert attempts(inn) == [("cloud", "spending_ceiling")]
            assert scene.server.asked == []

    async def test_it_is_passed_over_while_it_is_left_alone(self, open_inn: OpenInn, scene: Scene) -> None:
        scene.server.faults = [NO_KEY]
        async with open_inn(PRIMARY, GREEK_CLOUD, default="primary", also=(scene.hosted,)) as inn:
            for number in range(3):
                assert await who_answers(inn, question(request_id=f"r-{number}")) == "primary"

        assert len(scene.sent()) == 1

    async def test_it_is_skipped_with_the_reason_and_the_time_left(self, open_inn: OpenInn, scene: Scene) -> None:
        scene.server.faults = [NO_KEY]
        refusal = scene.hosted.refusal
        async with open_inn(PRIMARY, GREEK_CLOUD, default="primary", also=(scene.hosted,), trouble=refusal) as inn:
            await who_answers(inn)

            assert skipped(inn, "cloud", "Πού πάμε;") == "cannot answer (provider_paused) for another 600 s"

    async def test_it_is_skipped_until_midnight_when_the_money_of_the_day_is_spent(
        self, open_inn: OpenInn, tmp_path: Path
    ) -> None:
        async with (
            hosted_scene(tmp_path, Ceilings("USD", per_day=0.0)) as scene,
            open_inn(PRIMARY, CLOUD, default="primary", also=(scene.hosted,), trouble=scene.hosted.refusal) as inn,
        ):
            assert skipped(inn, "cloud", "good evening") == "cannot answer (spending_ceiling) for another 43200 s"

    @pytest.mark.parametrize("fault", [NO_KEY, FULL])
    async def test_named_by_its_caller_it_fails_with_what_to_do(
        self, open_inn: OpenInn, scene: Scene, fault: Fault
    ) -> None:
        scene.server.faults = [fault]
        async with open_inn(PRIMARY, CLOUD, default="primary", also=(scene.hosted,)) as inn:
            with pytest.raises(ProviderRefused if fault is NO_KEY else ProviderPaused):
                await who_answers(inn, question(model="cloud"))

    async def test_with_all_others_the_error_names_each(self, open_inn: OpenInn, scene: Scene) -> None:
        scene.server.faults = [NO_KEY]
        async with open_inn(
            echo_model("primary", fails_loads=9), GREEK_CLOUD, default="primary", also=(scene.hosted,)
        ) as inn:
            with pytest.raises(ChainExhausted) as raised:
                await who_answers(inn)

        assert [(model, error.code) for model, error in raised.value.failures] == [
            ("cloud", "provider_refused"),
            ("primary", "load_failed"),
        ]

    async def test_a_ceiling_that_is_reached_is_told_with_its_numbers(self, open_inn: OpenInn, tmp_path: Path) -> None:
        async with (
            hosted_scene(tmp_path, Ceilings("USD", per_day=0.0)) as scene,
            open_inn(CLOUD, also=(scene.hosted,)) as inn,
        ):
            with pytest.raises(SpendingCeiling, match="midnight UTC"):
                await who_answers(inn)


class TestMemory:
    async def test_a_hosted_model_takes_none_and_sends_nobody_away(self, open_inn: OpenInn, scene: Scene) -> None:
        full_house = echo_model("primary", size=990)
        async with open_inn(full_house, CLOUD, default="primary", also=(scene.hosted,)) as inn:
            await inn.runtime.load("primary")
            assert await who_answers(inn, question(model="cloud")) == "cloud"

            held = {model.id: (model.state, dict(model.held)) for model in inn.runtime.view().models}
            assert held == {"primary": ("ready", {"ram": 990}), "cloud": ("ready", {})}

    async def test_its_slots_bound_how_many_are_asked_at_once(self, open_inn: OpenInn, scene: Scene) -> None:
        async with open_inn(replace(CLOUD, slots=2), also=(scene.hosted,)) as inn:
            await asyncio.gather(*(who_answers(inn, question(request_id=f"r-{number}")) for number in range(8)))

        assert scene.server.most_under_way == 2


class TestStayingOnThisMachine:
    """`never_leave_this_machine`: no way leads around it."""

    @pytest.fixture
    async def far(self, tmp_path: Path) -> AsyncIterator[Scene]:
        """A provider whose address is not this machine; what is sent there would be seen by `asked`."""
        async with hosted_scene(tmp_path, url="http://acme.example/v1", first_words_within_s=0.2) as opened:
            yield opened

    BARRED = replace(GREEK_CLOUD, must_stay=True, sent_to="acme.example", tasks=frozenset({"story"}))

    @pytest.mark.parametrize(
        "request_",
        [
            question(),
            question("tell me a story", task="story"),
            question("tell me a story"),
            question(conversation="c"),
            question(allows_substitute=True),
            question(deadline_s=0.001),
        ],
        ids=["language", "task", "words", "conversation", "substitute", "deadline"],
    )
    async def test_the_router_never_offers_it(self, open_inn: OpenInn, far: Scene, request_: Request) -> None:
        async with open_inn(PRIMARY, self.BARRED, default="primary", also=(far.hosted,)) as inn:
            assert await who_answers(inn, request_) == "primary"
            (routed,) = [fact for fact in inn.facts() if isinstance(fact, facts.Routed)]
            assert "cloud" not in routed.candidates

    async def test_a_caller_who_does_not_wait_is_rather_refused(self, open_inn: OpenInn, far: Scene) -> None:
        async with open_inn(PRIMARY, self.BARRED, default="primary", also=(far.hosted,)) as inn:
            with pytest.raises(NotNow):
                await who_answers(inn, question(waits=False))

    async def test_naming_it_is_refused(self, open_inn: OpenInn, far: Scene) -> None:
        async with open_inn(PRIMARY, self.BARRED, default="primary", also=(far.hosted,)) as inn:
            with pytest.raises(MustStayHere, match=r"would be sent to acme\.example"):
                await who_answers(inn, question(model="cloud"))

    async def test_it_is_no_fallback(self, open_inn: OpenInn, far: Scene) -> None:
        async with open_inn(greek(fails_loads=9), self.BARRED, default="cloud", also=(far.hosted,)) as inn:
            with pytest.raises(InnkeeperError):
                await who_answers(inn)
            assert not [fact for fact in inn.facts() if isinstance(fact, facts.Leased) and fact.model == "cloud"]

    async def test_nobody_can_load_preload_or_borrow_it(self, open_inn: OpenInn, far: Scene) -> None:
        async with open_inn(PRIMARY, self.BARRED, default="primary", also=(far.hosted,)) as inn:
            with pytest.raises(MustStayHere):
                await inn.runtime.load("cloud")
            with pytest.raises(MustStayHere):
                await inn.runtime.borrow("cloud", for_s=1.0, client="ann")
            inn.runtime.preload(("cloud",), "a test")
            for _ in range(20):
                await asyncio.sleep(0)
            assert {model.id: model.state for model in inn.runtime.view().models}["cloud"] == "cold"

    async def test_a_reload_that_sets_it_holds_at_once(self, open_inn: OpenInn, far: Scene) -> None:
        may_leave = replace(self.BARRED, must_stay=False)
        async with open_inn(PRIMARY, may_leave, default="primary", also=(far.hosted,)) as inn:
            await inn.runtime.load("cloud")
            await inn.runtime.reload(Catalog((PRIMARY, self.BARRED), "primary"))

            assert await who_answers(inn) == "primary"
            with pytest.raises(MustStayHere):
                await inn.runtime.load("cloud")

    async def test_a_model_that_is_not_marked_is_stopped_by_the_last_gate(self, open_inn: OpenInn, far: Scene) -> None:
        """The router believes it to be here; the adapter knows the address."""
        unmarked = replace(self.BARRED, sent_to=None)
        async with open_inn(PRIMARY, unmarked, default="primary", also=(far.hosted,)) as inn:
            assert await who_answers(inn) == "primary"
            with pytest.raises(MustStayHere):
                await who_answers(inn, question(model="cloud"))
