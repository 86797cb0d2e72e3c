"""The simulator, and by it: shares, bounds and counts over many requests."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from innkeeper.runtime.residency.callers import Rules
from innkeeper.runtime.residency.policy import Policy, keep_the_most_valuable_set, least_recently_used
from innkeeper.runtime.residency.signals import Terms
from innkeeper.runtime.residency.simulator import Outcome, Simulator, Visit
from tests.residency.inn import GIB, model

BUDGET = {"ram": 10 * GIB}
UNLIMITED = Rules(queue_limit=10_000, longest_wait_s=10_000)


def steady(name: str, every_s: float, service_s: float, *, until_s: float, client: str = "") -> list[Visit]:
    return [Visit(index * every_s, name, service_s, client) for index in range(round(until_s / every_s))]


def run(visits: list[Visit], models: Mapping[str, float | Terms], rules: Rules | None = None) -> Outcome:
    """Loads take two seconds where nothing else is said."""
    terms = {name: size if isinstance(size, Terms) else model(size, load_s=2) for name, size in models.items()}
    return Simulator(BUDGET, terms, rules=rules).run(sorted(visits, key=lambda visit: visit.at_s))


class TestTheSimulator:
    def test_a_request_waits_for_its_load_and_the_next_one_does_not(self) -> None:
        outcome = run([Visit(0, "a", 1), Visit(5, "a", 1)], {"a": 6})
        assert [one.waited_s for one in outcome.served] == [2, 0]
        assert (outcome.loads, outcome.load_s) == (["a"], 2)

    def test_a_swap_costs_the_unload_and_the_load(self) -> None:
        outcome = run([Visit(0, "a", 1), Visit(5, "b", 1)], {"a": 6, "b": 6})
        assert [one.waited_s for one in outcome.served] == [2, pytest.approx(2.2)]

    def test_two_loads_share_one_channel(self) -> None:
        outcome = run([Visit(0, "a", 1), Visit(0, "b", 1)], {"a": 4, "b": 4})
        assert [one.waited_s for one in outcome.served] == [2, 4]

    def test_the_same_visits_give_the_same_outcome(self) -> None:
        dice = Random(7)
        visits = [Visit(index, dice.choice("abc"), dice.random()) for index in range(200)]
        models = {"a": 6, "b": 4, "c": 3}
        first, second = run(visits, models), run(visits, models)
        assert (first.served, first.loads) == (second.served, second.loads)


class TestFairness:
    def test_one_who_sends_ten_times_more_makes_itself_wait_and_not_the_other(self) -> None:
        """C30: one slot, the flood alone is more than it can answer, over five minutes."""
        flood = steady("a", 0.6, 1.0, until_s=120, client="flood")
        quiet = steady("a", 6.0, 1.0, until_s=300, client="quiet")
        outcome = run(flood + quiet, {"a": 6}, UNLIMITED)
        assert max(outcome.waits_s("quiet")) <= 2 + 3 * 1.0
        assert outcome.waits_s("flood")[-1] > 60

    def test_two_who_ask_for_more_than_there_is_have_the_same_share(self) -> None:
        """C30: one sends twice what the other does; of the first five minutes each gets half."""
        visits = steady("a", 0.5, 1.0, until_s=300, client="more") + steady("a", 1.0, 1.0, until_s=300, client="less")
        outcome = run(visits, {"a": 6}, UNLIMITED)
        early = [one.visit.client for one in outcome.served if one.visit.at_s + one.waited_s < 300]
        assert early.count("less") / len(early) == pytest.approx(0.5, abs=0.02)

    def test_a_flood_does_not_keep_others_from_other_models(self) -> None:
        """C30."""
        flood = steady("a", 0.2, 1.0, until_s=120, client="flood")
        quiet = steady("b", 10, 1.0, until_s=120, client="quiet")
        rules = Rules(queue_limit=10_000, longest_wait_s=10_000, patience_s=5)
        outcome = run(flood + quiet, {"a": 6, "b": 6}, rules)
        assert max(outcome.waits_s("quiet")) <= 5 + 1 + 0.2 + 2 + 3 * 2.2

    @pytest.mark.parametrize("slots", [1, 2, 4])
    def test_steady_traffic_on_one_model_never_makes_another_wait_beyond_its_patience_and_a_swap(
        self, slots: int
    ) -> None:
        """C20: patience, the longest answer, the unload, the load."""
        busy = steady("a", 0.9 / slots, 1.0, until_s=600)
        rare = steady("b", 97, 1.0, until_s=600)
        outcome = run(busy + rare, {"a": model(6, load_s=2, slots=slots), "b": 6})
        worst_s = max(one.waited_s for one in outcome.served if one.visit.model == "b")
        assert worst_s <= 30 + 1 + 0.2 + 2 + 1e-6

    def test_small_ones_that_always_fit_never_keep_a_large_one_out(self) -> None:
        """C18."""
        visits = [Visit(index * 0.7, f"s{index % 5}", 1.0) for index in range(600)] + [Visit(50, "large", 1.0)]
        outcome = run(visits, {"large": 9, **{f"s{index}": 2 for index in range(5)}})
        [large] = [one for one in outcome.served if one.visit.model == "large"]
        assert large.error is None
        assert large.waited_s <= 30 + 5 * 2 + 1 + 0.2 + 2


class TestCounts:
    def test_one_model_more_than_fits_and_every_request_is_answered(self) -> None:
        """C62: random requests for an hour, three rooms for four models."""
        dice = Random(62)
        visits = [Visit(index * 1.5, dice.choice("abcd"), dice.uniform(0.1, 2)) for index in range(2400)]
        outcome = run(visits, dict.fromkeys("abcd", 3))
        assert [one for one in outcome.served if one.error] == []
        assert len(outcome.served) == 2400

    @settings(max_examples=25, deadline=None)
    @given(seed=st.integers(0, 10**6), policy=st.sampled_from([keep_the_most_valuable_set, least_recently_used]))
    def test_nobody_leaves_in_vain_and_nothing_is_promised_beyond_the_budget(self, seed: int, policy: Policy) -> None:
        """C31, C35."""
        dice = Random(seed)
        terms = {
            name: model(dice.uniform(0.5, 9.5), load_s=dice.uniform(0.2, 6), slots=dice.choice([1, 3]))
            for name in "abcdef"
        }
        visits = [
            Visit(at_s, dice.choice("abcdef"), dice.expovariate(1), dice.choice("xyz"))
            for at_s in sorted(dice.uniform(0, 200) for _ in range(120))
        ]
        outcome = Simulator(BUDGET, terms, policy=policy).run(visits)
        assert (outcome.evictions_in_vain, outcome.overrun_bytes) == (0, 0)
        assert len(outcome.served) == len(visits)
