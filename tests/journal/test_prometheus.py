"""The numbers of the journal: exact under concurrency, bounded in their labels, current at each scrape."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from innkeeper.runtime.facts import (
    Asked,
    AttemptFailed,
    Closed,
    EngineLeft,
    Evicted,
    Fact,
    Finished,
    FirstWords,
    LoadRefused,
    ModelLoaded,
    ModelMoved,
    Preloaded,
)
from innkeeper.runtime.journal.entry import Entry
from innkeeper.runtime.journal.journal import Journal
from innkeeper.runtime.journal.prometheus import PrometheusSink
from innkeeper.runtime.messages import Usage
from innkeeper.runtime.views import ModelView, PoolView, RuntimeView
from tests.journal.some_facts import finished, leased


@pytest.fixture
def sink() -> PrometheusSink:
    return PrometheusSink()


def numbers(sink: PrometheusSink) -> dict[str, float]:
    """Every sample of the page: {'innkeeper_requests_total{kind="chat",…}': 1.0}."""
    return {
        f"{sample.name}{{{','.join(f'{key}={value}' for key, value in sorted(sample.labels.items()))}}}": sample.value
        for family in text_string_to_metric_families(sink.page().decode())
        for sample in family.samples
    }


def after(*facts: Fact) -> dict[str, float]:
    sink = PrometheusSink()
    journal = Journal(lambda: 0.0, [sink])
    for fact in facts:
        journal.record(fact)
    return numbers(sink)


def a_whole_request(request: str) -> tuple[Fact, ...]:
    return (
        Asked(request, "chat", "narrator", "story", "local"),
        leased(request, waited_s=0.5),
        FirstWords(request, "narrator", "story", 0.75),
        Finished(request, "narrator", "answered", 1.5, Usage(prompt_tokens=10, answer_tokens=20, cached_tokens=4)),
    )


class TestARequest:
    def test_it_is_counted_by_kind_model_task_and_outcome(self) -> None:
        assert (
            after(*a_whole_request("r-1"))[
                "innkeeper_requests_total{kind=chat,model=narrator,outcome=answered,task=story}"
            ]
            == 1
        )

    def test_its_wait_first_words_and_length_are_timed(self) -> None:
        seen = after(*a_whole_request("r-1"))
        assert [
            seen["innkeeper_wait_seconds_sum{model=narrator}"],
            seen["innkeeper_first_words_seconds_sum{model=narrator,start=warm,task=story}"],
            seen["innkeeper_request_seconds_sum{kind=chat,model=narrator}"],
        ] == [0.5, 0.75, 1.5]

    def test_its_first_words_are_held_against_their_target_and_cold_ones_apart(self) -> None:
        seen = after(
            FirstWords("r-1", "narrator", "story", 4.0, 3.0, 5.0),
            FirstWords("r-2", "narrator", "story", 9.0, 8.0, 5.0),
            FirstWords("r-3", "small", "story", 1.0, 0.0, 5.0, "narrator", 0.8),
        )

        assert seen["innkeeper_first_words_seconds_count{model=narrator,start=cold,task=story}"] == 2
        assert seen["innkeeper_first_words_due_total{in_time=no,model=narrator,task=story}"] == 1
        assert seen["innkeeper_first_words_due_total{in_time=yes,model=narrator,task=story}"] == 1
        assert seen["innkeeper_stood_in_total{in_place_of=narrator,model=small}"] == 1

    def test_the_sound_that_was_heard_is_added_up(self) -> None:
        heard = Finished("r-2", "narrator", "answered", 9.0, Usage(audio_s=60.5))

        seen = after(*a_whole_request("r-1"), heard, replace(heard, request="r-3"))
        assert seen["innkeeper_audio_seconds_total{model=narrator}"] == 121.0

    def test_its_tokens_are_added_up_by_part(self) -> None:
        seen = after(*a_whole_request("r-1"), *a_whole_request("r-2"))
        parts = ("prompt", "cached", "answer")
        assert [seen[f"innkeeper_tokens_total{{model=narrator,part={part}}}"] for part in parts] == [20, 8, 40]

    def test_one_that_fails_is_counted_under_the_code_of_its_error(self) -> None:
        seen = after(
            Asked("r-1", "chat", "narrator", None, "local"),
            AttemptFailed("r-1", "narrator", "load_failed", "no such file"),
            finished("r-1", outcome="all_candidates_failed"),
        )
        assert seen["innkeeper_failed_attempts_total{code=load_failed,model=narrator}"] == 1
        assert seen["innkeeper_requests_total{kind=chat,model=narrator,outcome=all_candidates_failed,task=}"] == 1


class TestMemory:
    def test_loads_are_counted_and_timed(self) -> None:
        seen = after(ModelLoaded("narrator", 1, 2.0), ModelLoaded("narrator", 2, 1.0))
        assert seen["innkeeper_load_seconds_count{model=narrator}"] == 2
        assert seen["innkeeper_load_seconds_sum{model=narrator}"] == 3

    def test_refused_loads_are_counted(self) -> None:
        seen = after(LoadRefused("narrator", "no such file", 5.0))
        assert seen["innkeeper_loads_refused_total{model=narrator}"] == 1

    def test_evictions_tell_who_needed_the_room(self) -> None:
        seen = after(Evicted("narrator", "scribe", {}, 1.0), Evicted("narrator", None, {}, 1.0))
        assert seen["innkeeper_evictions_total{model=narrator,room_for=model}"] == 1
        assert seen["innkeeper_evictions_total{model=narrator,room_for=other_programs}"] == 1

    def test_preloads_tell_what_became_of_them(self) -> None:
        seen = after(*(Preloaded("narrator", what, "") for what in ("started", "started", "used", "regretted")))
        assert seen["innkeeper_preloads_total{model=narrator,what=started}"] == 2
        assert seen["innkeeper_preloads_total{model=narrator,what=used}"] == 1
        assert seen["innkeeper_preloads_total{model=narrator,what=regretted}"] == 1

    def test_engines_that_ended_are_counted(self) -> None:
        seen = after(EngineLeft("narrator", 1, "killed", {}), EngineLeft("narrator", 2, "stopped", {}))
        assert seen["innkeeper_engines_left_total{model=narrator}"] == 2

    def test_a_model_the_machine_has_moved_is_known_by_name(self) -> None:
        seen = after(ModelMoved("narrator", 1, "cold", "loading", "admitted"), finished("r-1", outcome="queue_full"))
        assert seen["innkeeper_requests_total{kind=,model=narrator,outcome=queue_full,task=}"] == 1

    def test_a_fact_without_numbers_of_its_own_is_counted_by_its_kind(self) -> None:
        assert after(Closed(1.0))["innkeeper_facts_total{fact=Closed}"] == 1


class TestLabelsFromOutside:
    def test_a_thousand_unknown_model_names_make_one_label(self) -> None:
        facts = [finished(f"r-{index}", f"made-up-{index}", "model_not_found") for index in range(1_000)]
        seen = after(*facts)
        assert seen["innkeeper_requests_total{kind=,model=other,outcome=model_not_found,task=}"] == 1_000
        assert not [name for name in seen if "made-up" in name]

    def test_a_thousand_tasks_make_a_bounded_number_of_labels(self) -> None:
        facts = [
            fact
            for index in range(1_000)
            for fact in (Asked(f"r-{index}", "chat", None, f"task-{index}", ""), finished(f"r-{index}", None))
        ]
        requests = [name for name in after(*facts) if name.startswith("innkeeper_requests_total")]
        assert len(requests) == 33

    def test_a_task_that_is_no_plain_word_is_other(self) -> None:
        seen = after(Asked("r-1", "chat", None, 'x"}\n# HELP', ""), finished("r-1", None))
        assert seen["innkeeper_requests_total{kind=chat,model=,outcome=answered,task=other}"] == 1


class TestUnderConcurrency:
    def test_threads_and_requests_in_flight_add_up_exactly(self, sink: PrometheusSink) -> None:
        """C82"""
        journal = Journal(lambda: 0.0, [sink], keep=100)

        def many(thread: int) -> None:
            for index in range(250):
                for fact in a_whole_request(f"r-{thread}-{index}"):
                    journal.record(fact)

        threads = [threading.Thread(target=many, args=(thread,)) for thread in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seen = numbers(sink)
        assert seen["innkeeper_requests_total{kind=chat,model=narrator,outcome=answered,task=story}"] == 2_000
        assert seen["innkeeper_wait_seconds_count{model=narrator}"] == 2_000
        assert seen["innkeeper_tokens_total{model=narrator,part=answer}"] == 40_000
        assert sum(value for name, value in seen.items() if name.startswith("innkeeper_facts_total")) == 8_000

    async def test_interleaved_requests_keep_their_own_kind_and_task(self, sink: PrometheusSink) -> None:
        """C82"""
        journal = Journal(lambda: 0.0, [sink])

        async def one(index: int) -> None:
            journal.record(Asked(f"r-{index}", ("chat", "embedding")[index % 2], "narrator", "story", "local"))
            await asyncio.sleep(0)
            journal.record(leased(f"r-{index}"))
            await asyncio.sleep(0)
            journal.record(finished(f"r-{index}"))

        await asyncio.gather(*(one(index) for index in range(100)))
        seen = numbers(sink)
        for kind in ("chat", "embedding"):
            assert seen[f"innkeeper_requests_total{{kind={kind},model=narrator,outcome=answered,task=story}}"] == 50


class TestGauges:
    def test_they_show_the_moment_of_the_scrape(self, sink: PrometheusSink) -> None:
        held = [1_000]
        sink.watch(lambda: an_inn(held[0]))
        first = numbers(sink)["innkeeper_pool_bytes{number=held,pool=ram}"]
        held[0] = 2_000
        assert (first, numbers(sink)["innkeeper_pool_bytes{number=held,pool=ram}"]) == (1_000, 2_000)

    def test_bytes_say_how_they_are_known(self, sink: PrometheusSink) -> None:
        sink.watch(lambda: an_inn(1_000))
        seen = numbers(sink)
        assert seen["innkeeper_model_bytes{model=narrator,number=held,pool=ram,sizing=learned}"] == 1_000
        assert seen["innkeeper_model_bytes{model=narrator,number=measured,pool=ram,sizing=measured}"] == 900

    def test_state_queue_and_leases_are_there(self, sink: PrometheusSink) -> None:
        sink.watch(lambda: an_inn(1_000))
        seen = numbers(sink)
        assert seen["innkeeper_model_state{model=narrator,state=ready}"] == 1
        assert (seen["innkeeper_queue_length{}"], seen["innkeeper_model_leases{model=narrator}"]) == (3, 2)


def an_inn(held_bytes: int) -> RuntimeView:
    """One pool and one model that holds so many bytes."""
    pool = PoolView("ram", 8_000, 7_000, held_bytes, 100, 16_000, 9_000)
    model = ModelView(
        id="narrator",
        engine="echo",
        kinds=("chat",),
        state="ready",
        generation=1,
        held={"ram": held_bytes},
        needs={"ram": held_bytes},
        sizing="learned",
        measured={"ram": 900},
        leases=2,
        waiting=3,
        pinned=False,
        idle_s=None,
        leaves_in_s=None,
        load_s=1.0,
        tokens_per_s=None,
        context=None,
        slots=1,
        trouble=None,
    )
    return RuntimeView("0", 1.0, (pool,), (model,), waiting=3, serving=2)


class TestThePage:
    def test_it_is_not_doubled_by_the_moments_at_which_series_began(self, sink: PrometheusSink) -> None:
        sink.take(Entry(1, 0.0, finished()))
        assert "innkeeper_requests_total" in sink.page().decode()
        assert "_created" not in sink.page().decode()

    def test_it_tells_what_our_own_process_holds(self, sink: PrometheusSink) -> None:
        assert numbers(sink)["process_resident_memory_bytes{}"] > 1_000_000

    def test_every_metric_is_documented(self, sink: PrometheusSink) -> None:
        sink.watch(lambda: an_inn(1_000))
        page = (Path(__file__).parents[2] / "docs" / "journal.md").read_text(encoding="utf-8")
        names = {family.name for family in text_string_to_metric_families(sink.page().decode())}
        assert len(names) > 15
        assert {name for name in names if f"`{name}" not in page} == set()
