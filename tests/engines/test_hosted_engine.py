"""A hosted model, asked on its provider's good and bad days."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from innkeeper.runtime import facts
from innkeeper.runtime.engines import remote_http
from innkeeper.runtime.engines.breaker import FIRST_LONG_PAUSE_S
from innkeeper.runtime.errors import (
    EngineDied,
    EngineFailed,
    EngineMissing,
    EngineTimedOut,
    EngineUnreachable,
    InvalidRequest,
    MustStayHere,
    NotSupported,
    ProviderPaused,
    ProviderRefused,
)
from innkeeper.runtime.messages import Piece
from tests.doubles.hosted_server import (
    CUT,
    FAULTY,
    FULL,
    KEY,
    NO_CREDIT,
    NO_KEY,
    NO_QUOTA,
    NO_SUCH_MODEL,
    SILENT,
    Fault,
    full,
)
from tests.engines.asking import ask, chat, completion, documents, done, embedding, rest, said
from tests.engines.hosted_scene import CLOUD, EMBEDDER, Scene, answer, hosted_scene, refusal

LIMIT_S = 20.0


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with hosted_scene(tmp_path) as opened:
        yield opened


class TestAnswers:
    async def test_the_provider_is_asked_with_its_own_name_for_the_model_and_with_the_key(self, scene: Scene) -> None:
        await answer(scene)

        assert scene.sent()[0]["model"] == "vendor/large"
        assert scene.server.keys_seen == [f"Bearer {KEY}"]

    async def test_comments_in_a_stream_are_nothing_to_the_caller(self, scene: Scene) -> None:
        scene.server.comments = True

        assert said(await answer(scene)) == "one two three"

    async def test_thoughts_and_refusals_pass_as_they_are(self, scene: Scene) -> None:
        scene.server.extra = {"reasoning": "hmm", "reasoning_content": "hm", "refusal": "I will not"}
        (document,) = documents(await answer(scene, chat("one")))

        message = document["choices"][0]["message"]
        assert (message["reasoning"], message["reasoning_content"], message["refusal"]) == ("hmm", "hm", "I will not")

    async def test_thoughts_alone_are_first_words(self, scene: Scene) -> None:
        scene.server.answer = ""
        scene.server.extra = {"reasoning": "hmm"}

        assert documents(await answer(scene, chat("one")))

    async def test_the_filter_that_ends_an_answer_is_told_by_its_reason(self, scene: Scene) -> None:
        scene.server.finish_reason = "content_filter"

        assert documents(await answer(scene))[-1]["choices"][0]["finish_reason"] == "content_filter"

    async def test_what_it_cannot_do_is_refused_before_anything_is_sent(self, scene: Scene) -> None:
        with pytest.raises(NotSupported):
            await answer(scene, embedding("one"))
        assert scene.server.asked == []

    async def test_a_provider_that_keeps_a_complete_answer_open_has_answered_all_the_same(self, scene: Scene) -> None:
        scene.server.lingers = True
        async with asyncio.timeout(LIMIT_S):
            for _ in range(3):  # as many failures would have it left alone
                assert said(await answer(scene)) == "one two three"

        assert scene.hosted.refusal("cloud") is None


class TestFigures:
    async def test_are_the_providers(self, scene: Scene) -> None:
        usage = done(await answer(scene)).usage

        assert (usage.prompt_tokens, usage.answer_tokens, usage.is_estimated) == (3, 3, False)
        assert usage.cost == pytest.approx((3 * 1.0 + 3 * 2.0) / 1e6)

    async def test_are_not_sent_to_a_caller_who_did_not_ask(self, scene: Scene) -> None:
        assert all(document["choices"] for document in documents(await answer(scene)))

    @pytest.mark.parametrize("streams", [True, False])
    async def test_are_estimated_and_said_to_be_where_there_are_none(self, scene: Scene, streams: bool) -> None:
        scene.server.counts = False
        options = {"stream_options": {"include_usage": True}} if streams else {}
        chunks = await answer(scene, chat("one two three", streams=streams, **options))

        assert done(chunks).usage.is_estimated
        assert documents(chunks)[-1]["usage"]["is_estimated"] is True
        assert done(chunks).usage.answer_tokens > 0

    async def test_the_cost_the_provider_tells_is_believed(self, scene: Scene) -> None:
        scene.server.cost = 0.125

        assert done(await answer(scene)).usage.cost == 0.125

    async def test_the_cost_the_provider_tells_is_in_dollars_and_nothing_else(self, tmp_path: Path) -> None:
        async with hosted_scene(tmp_path, counts_dollars=False) as scene:
            scene.server.cost = 0.125

            assert done(await answer(scene)).usage.cost == pytest.approx(9e-6)


class TestAParameterThatIsRefused:
    async def test_is_renamed_once_and_for_all(self, scene: Scene) -> None:
        scene.server.refused = {"max_tokens": "max_completion_tokens"}
        for _ in range(2):
            assert said(await answer(scene, chat("one two", streams=True, max_tokens=1))) == "one"

        assert [("max_tokens" in body, "max_completion_tokens" in body) for body in scene.sent()] == [
            (True, False),
            (False, True),
            (False, True),
        ]
        (adapted,) = [fact for fact in scene.facts if isinstance(fact, facts.Adapted)]
        assert (adapted.parameter, adapted.sent_as) == ("max_tokens", "max_completion_tokens")

    async def test_is_left_out_and_several_of_them_too(self, scene: Scene) -> None:
        scene.server.refused = {"temperature": None, "stream_options": None}

        assert said(await answer(scene)) == "one two three"
        assert not {"temperature", "stream_options"} & scene.sent()[-1].keys()

    async def test_that_is_the_question_itself_sends_the_caller_to_the_next_candidate(self, scene: Scene) -> None:
        scene.server.refused = {"tools": None}
        error = await refusal(scene, chat("one", tools=[{"type": "function"}]))

        assert isinstance(error, NotSupported)
        assert error.try_next
        assert len(scene.sent()) == 1


class TestTryingAgain:
    @pytest.mark.parametrize("fault", [FULL, FAULTY, Fault(after_pieces=0), Fault(after_pieces=0, how="cut")])
    async def test_an_answer_that_did_not_begin_is_asked_for_again(self, scene: Scene, fault: Fault) -> None:
        scene.server.faults = [fault]

        assert said(await answer(scene)) == "one two three"
        assert scene.pauses_s == [0.5]

    async def test_it_waits_as_long_as_it_is_told_to(self, scene: Scene) -> None:
        scene.server.faults = [full("7"), full("Sat, 31 Jan 2026 12:00:09 GMT")]

        assert said(await answer(scene)) == "one two three"
        assert scene.pauses_s == [7.0, 9.0]

    async def test_it_does_not_wait_longer_than_there_is_time(self, scene: Scene) -> None:
        scene.server.faults = [full("31")]
        error = await refusal(scene)

        assert isinstance(error, ProviderPaused)
        assert error.retry_after_s == 31.0
        assert scene.pauses_s == []

    async def test_the_callers_own_limit_counts(self, scene: Scene) -> None:
        scene.server.faults = [full("3")]
        await refusal(scene, replace(chat("one", streams=True), wait_at_most_s=2.0))

        assert scene.pauses_s == []

    @pytest.mark.parametrize("streams", [True, False])
    async def test_it_does_not_wait_beyond_the_limit_of_the_chain(self, scene: Scene, streams: bool) -> None:
        """C74"""
        scene.server.faults = [full("3")]
        error = await refusal(scene, replace(chat("one", streams=streams), first_words_within_s=2.0))

        assert isinstance(error, ProviderPaused)
        assert scene.pauses_s == []

    @pytest.mark.parametrize("streams", [True, False])
    async def test_a_caller_who_waits_for_no_slot_is_answered_where_none_is_needed(
        self, scene: Scene, streams: bool
    ) -> None:
        assert said(await answer(scene, replace(chat("one", streams=streams), wait_at_most_s=0.0))) == "one"

    async def test_it_ends_after_a_few(self, scene: Scene) -> None:
        scene.server.faults = [FAULTY] * 5
        error = await refusal(scene)

        assert isinstance(error, EngineFailed)
        assert len(scene.sent()) == 3

    async def test_never_after_the_first_words(self, scene: Scene) -> None:
        """C74"""
        scene.server.faults = [CUT]
        async with aclosing((await scene.engine()).run(chat("one two three four", streams=True))) as chunks:
            assert isinstance(await anext(chunks), Piece)
            with pytest.raises(EngineFailed, match="broke off"):
                await rest(chunks)

        assert len(scene.sent()) == 1

    async def test_an_error_inside_an_answer_of_status_200_is_an_error(self, scene: Scene) -> None:
        scene.server.faults = [Fault(error={"message": "No credit", "code": 402}, after_pieces=0)]

        assert isinstance(await refusal(scene, chat("one")), ProviderRefused)

    async def test_an_error_in_the_middle_of_a_stream_is_not_an_ending(self, scene: Scene) -> None:
        scene.server.faults = [Fault(error={"message": "Provider disconnected", "code": 502}, after_pieces=1)]

        assert "Provider disconnected" in (await refusal(scene)).message

    @pytest.mark.parametrize("how", ["end", "garbage"])
    async def test_a_stream_that_only_stops_is_not_an_ending(self, scene: Scene, how: str) -> None:
        scene.server.faults = [Fault(after_pieces=1, how=how)]

        assert isinstance(await refusal(scene), EngineFailed)

    async def test_a_line_without_end_is_not_collected(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(remote_http, "LONGEST_LINE_BYTES", 100_000)
        scene.server.faults = [Fault(after_pieces=1, how="huge")]

        assert "100000 bytes" in (await refusal(scene)).message


class TestAnEmptyAnswer:
    @pytest.mark.parametrize("streams", [True, False])
    async def test_is_no_answer(self, scene: Scene, streams: bool) -> None:
        scene.server.answer = ""
        error = await refusal(scene, chat("one", streams=streams))

        assert "empty answer" in error.message
        assert len(scene.sent()) == 3

    @pytest.mark.parametrize(("reason", "told"), [("content_filter", "filter"), ("length", "max_tokens")])
    async def test_says_why_where_that_is_known(self, scene: Scene, reason: str, told: str) -> None:
        scene.server.answer, scene.server.finish_reason = "", reason
        error = await refusal(scene)

        assert told in error.message
        assert error.try_next
        assert len(scene.sent()) == 1


class TestTime:
    async def test_first_words_that_do_not_come_in_time_are_not_waited_for(self, tmp_path: Path) -> None:
        async with hosted_scene(tmp_path, first_words_within_s=0.1) as scene:
            scene.server.faults = [SILENT]

            error = await refusal(scene)
            assert isinstance(error, EngineTimedOut)
            assert "within 0.1 s" in error.message
            assert "hosted.acme.first_words_within_s" in error.message
            assert len(scene.sent()) == 1

    async def test_a_whole_answer_has_a_limit_of_its_own(self, tmp_path: Path) -> None:
        async with hosted_scene(tmp_path, whole_answer_within_s=0.1) as scene:
            scene.server.faults = [SILENT]

            assert isinstance(await refusal(scene, chat("one")), EngineTimedOut)

    @pytest.mark.parametrize("streams", [True, False])
    async def test_the_limit_of_the_chain_ends_it_with_its_cost(self, scene: Scene, streams: bool) -> None:
        """C74: what may be charged counts towards the ceiling of the chain."""
        scene.server.faults = [SILENT]
        error = await refusal(scene, replace(chat("one", streams=streams), first_words_within_s=0.1))

        assert isinstance(error, EngineTimedOut)
        assert error.numbers["cost"]
        assert "next candidate" in error.message

    async def test_silence_in_the_middle_ends_an_answer(self, tmp_path: Path) -> None:
        async with hosted_scene(tmp_path, silence_s=0.1) as scene:
            scene.server.faults = [Fault(after_pieces=1, how="silent")]

            assert isinstance(await refusal(scene), EngineTimedOut)

    async def test_a_stop_ends_what_has_not_begun(self, scene: Scene) -> None:
        engine = await scene.engine()
        scene.server.gate = asyncio.Event()
        asking = asyncio.create_task(ask(engine, chat("one", streams=True)), name="ask")
        async with asyncio.timeout(LIMIT_S):
            while not scene.server.under_way:  # noqa: ASYNC110  the double's state, not an event
                await asyncio.sleep(0.001)
            await engine.stop()

            with pytest.raises(EngineDied):
                await asking


class TestLeavingAProviderAlone:
    @pytest.mark.parametrize("fault", [NO_KEY, NO_CREDIT, NO_QUOTA])
    async def test_at_once_and_with_all_its_models_where_somebody_must_mend_it(
        self, scene: Scene, fault: Fault
    ) -> None:
        """C75: 402, 401 and a spent quota cool the provider."""
        scene.server.faults = [fault]
        first = await refusal(scene)
        other = await scene.engine(replace(CLOUD, id="other", source="vendor/small"))

        with pytest.raises(ProviderPaused, match=r"acme is left alone for another 600 s") as raised:
            await ask(other, chat("one"))
        assert isinstance(first, ProviderRefused)
        assert raised.value.retry_after_s == FIRST_LONG_PAUSE_S
        assert len(scene.sent()) == 1
        (paused,) = [fact for fact in scene.facts if isinstance(fact, facts.ProviderPaused)]
        assert (paused.provider, paused.model, paused.for_s) == ("acme", None, FIRST_LONG_PAUSE_S)

    @pytest.mark.parametrize("fault", [FULL, NO_SUCH_MODEL])
    async def test_only_with_the_model_that_is_full_or_gone(self, scene: Scene, fault: Fault) -> None:
        scene.server.faults = [fault] * 3
        await refusal(scene)

        assert isinstance(await refusal(scene), ProviderPaused)
        scene.server.faults = []
        assert await ask(await scene.engine(replace(CLOUD, id="other")), chat("one"))

    async def test_until_one_request_has_shown_that_it_is_back(self, scene: Scene) -> None:
        scene.server.faults = [NO_KEY]
        await refusal(scene)
        scene.now_s[0] += FIRST_LONG_PAUSE_S

        assert said(await answer(scene)) == "one two three"
        assert scene.facts[-2] == facts.ProviderBack("acme", None)
        assert await answer(scene)

    async def test_after_a_few_connections_that_failed(self, scene: Scene) -> None:
        scene.server.die()
        for _ in range(3):
            error = await refusal(scene)
            assert isinstance(error, EngineUnreachable)
            assert "Look at the network" in error.message

        assert isinstance(await refusal(scene), ProviderPaused)
        assert scene.hosted.refusal("cloud") is not None

    async def test_never_for_a_caller_who_was_wrong_or_left(self, scene: Scene) -> None:
        engine = await scene.engine()
        for _ in range(10):
            with pytest.raises(InvalidRequest):
                await ask(engine, completion({"not": "text"}))
            async with aclosing(engine.run(chat("one two", streams=True))) as chunks:
                await anext(chunks)

        assert scene.hosted.refusal("cloud") is None


class TestVectors:
    async def test_come_in_the_order_of_the_texts(self, scene: Scene) -> None:
        engine = await scene.engine(EMBEDDER)
        (document,) = documents(await ask(engine, embedding(["a", "bb", "ccc"])))

        assert sorted((vector["index"], vector["embedding"][0]) for vector in document["data"]) == [
            (0, 1.0),
            (1, 2.0),
            (2, 3.0),
        ]

    async def test_of_many_texts_are_asked_for_in_parts(self, tmp_path: Path) -> None:
        async with hosted_scene(tmp_path, embed_at_once=2) as scene:
            texts = ["a" * length for length in range(1, 6)]
            chunks = await ask(await scene.engine(EMBEDDER), embedding(texts))
            (document,) = documents(chunks)

            assert [vector["embedding"][0] for vector in document["data"]] == [1.0, 2.0, 3.0, 4.0, 5.0]
            assert [vector["index"] for vector in document["data"]] == [0, 1, 2, 3, 4]
            assert document["usage"]["prompt_tokens"] == done(chunks).usage.prompt_tokens == 5
            assert [len(body["input"]) for body in scene.sent("/v1/embeddings")] == [2, 2, 1]

    async def test_that_are_missing_are_no_answer(self, scene: Scene) -> None:
        scene.server.most_vectors = 1
        engine = await scene.engine(EMBEDDER)

        with pytest.raises(EngineFailed, match="gave 1 vectors for 2 texts"):
            await ask(engine, embedding(["a", "b"]))


class TestStayingHere:
    async def test_an_engine_that_would_send_something_away_does_not_start(self, tmp_path: Path) -> None:
        async with hosted_scene(tmp_path, url="https://acme.example/v1") as scene:
            barred = replace(CLOUD, must_stay=True)

            with pytest.raises(MustStayHere, match=r"acme\.example"):
                scene.hosted.footprint(barred)
            with pytest.raises(MustStayHere):
                await scene.engine(barred)

    async def test_one_that_runs_already_sends_nothing_more(self, tmp_path: Path) -> None:
        async with hosted_scene(tmp_path, url="https://acme.example/v1") as scene:
            engine = scene.hosted.engine(replace(CLOUD, must_stay=True))

            with pytest.raises(MustStayHere):
                await ask(engine, chat("one"))

    async def test_a_server_on_this_machine_is_asked_all_the_same(self, scene: Scene) -> None:
        engine = await scene.engine(replace(CLOUD, must_stay=True))

        assert await ask(engine, chat("one"))


class TestSetup:
    async def test_a_missing_key_is_told_before_anything_is_asked(self, tmp_path: Path) -> None:
        async with hosted_scene(tmp_path, key=None) as scene:
            with pytest.raises(EngineMissing, match="ACME_API_KEY"):
                scene.hosted.footprint(CLOUD)

    async def test_a_provider_that_came_with_a_reload_is_told_to_need_a_start(self, scene: Scene) -> None:
        with pytest.raises(EngineMissing, match="taken up at the next start"):
            scene.hosted.footprint(replace(CLOUD, provider="new"))

    async def test_it_holds_nothing_and_is_there_at_once(self, scene: Scene) -> None:
        assert scene.hosted.footprint(CLOUD).bytes == {}
        assert scene.hosted.load_s(CLOUD) == 0.0
