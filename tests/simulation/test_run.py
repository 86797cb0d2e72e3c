"""A workload lived through: times, quality and money, on the code that serves."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from innkeeper.runtime.catalog import Catalog
from innkeeper.runtime.price import Price
from innkeeper.settings.words import read_vocabulary
from innkeeper.simulation.evening import evening
from innkeeper.simulation.figures import figures
from innkeeper.simulation.optimum import least_load
from innkeeper.simulation.party import party
from innkeeper.simulation.podcast import podcast
from innkeeper.simulation.run import Lived, live
from innkeeper.simulation.ways import ALL, Answers, Policies, Way
from innkeeper.simulation.workload import Pace, Workload
from tests.simulation.small import asked, model, pace, workload

VOCABULARY = read_vocabulary()
DEFAULT = Way(Policies.DEFAULT)
SUBSTITUTES = Way(Policies.DEFAULT, Answers.SUBSTITUTES)
HOSTED = Way(Policies.DEFAULT, Answers.HOSTED)


def run(what: Workload, way: Way = DEFAULT, ceiling: float | None = None) -> Lived:
    return live(what, way, VOCABULARY, ceiling=ceiling)


def firsts_s(lived: Lived) -> list[float]:
    return [round(one.first_s, 2) for one in lived.answers]


def two_that_take_turns() -> Workload:
    """Neither fits beside the other; who is asked for `story` may be answered by `general`, worse."""
    models = (model("story", tasks=frozenset({"story"})), model("general", quality={"story": 0.7, "": 1.0}))
    arrivals = [asked(0, "general"), asked(20, "story", task="story", allows_substitute=True)]
    return replace(workload({"story": pace(6, 9), "general": pace(6)}, arrivals), catalog=Catalog(models, "general"))


def with_a_cloud(what: Workload) -> Workload:
    cloud = model("cloud", quality={"": 0.95}, provider="cloud", sent_to="a cloud", price=Price(10.0, 100.0), slots=8)
    paces = {**what.paces, "cloud": Pace({}, 0.0, 1e6, 100.0, delay_s=0.7)}
    return replace(what, catalog=Catalog((*what.catalog, cloud), what.catalog.default), paces=paces)


class TestTimes:
    def test_the_first_words_come_after_the_load_the_prompt_and_one_token(self) -> None:
        lived = run(workload({"a": pace(6)}, [asked(0, "a"), asked(20, "a")]))
        assert firsts_s(lived) == [7 + 1.01, 1.01]

    def test_a_model_without_a_free_slot_is_waited_for(self) -> None:
        lived = run(workload({"a": pace(6)}, [asked(0, "a"), asked(20, "a"), asked(20.5, "a")]))
        assert firsts_s(lived)[2] == pytest.approx(1.5 + 1.01)

    def test_a_caller_with_a_deadline_is_judged_by_it(self) -> None:
        lived = run(workload({"a": pace(6)}, [asked(0, "a", deadline_s=9.0), asked(20, "a", deadline_s=0.5)]))
        assert [one.is_in_time for one in lived.answers] == [True, False]

    def test_what_does_not_fit_is_refused_and_counted(self) -> None:
        what = workload({"a": pace(6), "huge": pace(11)}, [asked(0, "a"), asked(1, "huge")])
        of_it = figures(what, run(what), least_load(what))
        assert (of_it.requests, of_it.refused, of_it.quality) == (2, 0.5, 0.5)


class TestWays:
    def test_one_at_a_time_swaps_what_would_fit_together(self) -> None:
        what = workload({"a": pace(2), "b": pace(2)}, [asked(10.0 * place, name) for place, name in enumerate("abab")])
        assert run(what).outcome.loads == ["a", "b"]
        assert run(what, Way(Policies.ONE)).outcome.loads == ["a", "b", "a", "b"]

    def test_counted_models_leave_although_there_is_room(self) -> None:
        order = "abcdabcd"
        what = workload(dict.fromkeys("abcd", pace(1)), [asked(10.0 * place, name) for place, name in enumerate(order)])
        assert len(run(what, Way(Policies.LRU)).outcome.loads) == 4
        assert len(run(what, Way(Policies.COUNT)).outcome.loads) == 8

    def test_after_five_idle_minutes_it_is_loaded_anew(self) -> None:
        what = workload({"a": pace(2)}, [asked(0, "a"), asked(400, "a")])
        assert run(what, Way(Policies.LRU)).outcome.loads == ["a"]
        assert run(what, Way(Policies.TTL)).outcome.loads == ["a", "a"]


class TestSubstitutes:
    def test_without_them_the_right_model_answers_late(self) -> None:
        assert [one.model for one in run(two_that_take_turns()).answers] == ["general", "story"]

    def test_with_them_the_one_in_memory_answers_in_time_and_its_quality_is_told(self) -> None:
        answer = run(two_that_take_turns(), SUBSTITUTES).answers[1]
        assert (answer.model, answer.right, answer.quality, answer.is_in_time) == ("general", "story", 0.7, True)

    def test_a_hosted_one_costs_what_its_price_says(self) -> None:
        answer = run(with_a_cloud(two_that_take_turns()), HOSTED).answers[1]
        assert (answer.model, answer.cost) == ("cloud", 0.01 + 0.01)

    def test_at_the_ceiling_the_next_candidate_answers_and_nothing_is_spent(self) -> None:
        lived = run(with_a_cloud(two_that_take_turns()), HOSTED, ceiling=0.015)
        assert lived.answers[1].model != "cloud"
        assert sum(one.cost for one in lived.answers) == 0


class TestTheGeneratedWorkloads:
    """What is promised of them, on one seed and shortened; the benchmark has five seeds at full length."""

    @pytest.mark.parametrize(("make", "hours"), [(evening, 1.5), (podcast, 1.0), (party, 1.0)])
    @pytest.mark.parametrize("way", ALL, ids=lambda way: way.name)
    def test_every_way_answers_everybody_within_the_budget(self, make, hours, way) -> None:  # type: ignore[no-untyped-def] # parametrized
        """C31, C35."""
        what = make(Random(1), hours)
        lived = run(what, way, ceiling=0.05)
        assert len(lived.answers) == len(what.arrivals)
        assert [one.error for one in lived.answers if one.error is not None] == []
        assert (lived.outcome.evictions_in_vain, lived.outcome.overrun_bytes) == (0, 0)

    @pytest.mark.parametrize(("make", "hours"), [(evening, 5.0), (podcast, 4.0), (party, 4.0)])
    def test_the_default_loads_little_more_than_the_least_and_no_more_than_lru(self, make, hours) -> None:  # type: ignore[no-untyped-def] # parametrized
        what = make(Random(1), hours)
        least_s = least_load(what).load_s
        ours_s, lru_s = (run(what, Way(policy)).outcome.load_s for policy in (Policies.DEFAULT, Policies.LRU))
        assert ours_s <= 1.2 * least_s
        assert ours_s <= lru_s + 1e-6

    @pytest.mark.parametrize(("make", "hours"), [(evening, 5.0), (podcast, 4.0), (party, 4.0)])
    def test_with_substitutes_in_memory_nearly_everybody_is_answered_in_time(self, make, hours) -> None:  # type: ignore[no-untyped-def] # parametrized
        what = make(Random(1), hours)
        of_it = figures(what, run(what, SUBSTITUTES), least_load(what))
        assert of_it.in_time >= 0.93
        assert of_it.quality >= 0.9

    def test_the_same_workload_and_way_give_the_same_answers(self) -> None:
        what = party(Random(5), 1.0)
        assert run(what, HOSTED).answers == run(what, HOSTED).answers
