"""Decisions of a search: which words are tried, how two orders become one, what is shown beside what."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.recall.diversity import diverse, likeness_of_vectors, likeness_of_words
from innkeeper.recall.query import By, Fusion, Query, Recency
from innkeeper.recall.ranking import Standing, fused, supported, weighed
from innkeeper.recall.terms import Step, coverage, steps, terms_of, weights
from innkeeper.runtime.errors import InvalidRequest
from innkeeper.text.stems import Stems

SOURCE = ("feed", "episode 1")


class TestTheWordsOfAQuestion:
    def test_words_that_say_nothing_are_left_out(self) -> None:
        assert terms_of("What did the dragon do to the dragons?", Stems()) == ("dragon",)

    def test_unless_there_are_no_others(self) -> None:
        assert terms_of("To be or not to be", Stems()) == ("to", "be", "or", "not")


class TestSteps:
    def test_all_words_come_first_then_the_rarest_then_any(self) -> None:
        tried = steps(["river", "sword", "inn"], {"river": 300, "sword": 2, "inn": 40}, 1000, affordable=100)

        assert [(step.groups, step.at_most) for step in tried] == [
            ((("sword",), ("inn",), ("river",)), 2),
            ((("sword", "inn"),), 42),
            ((("sword", "inn", "river"),), 342),
        ]
        assert {step.scored for step in tried} == {("sword", "inn", "river")}

    def test_words_in_most_passages_count_for_nothing(self) -> None:
        assert steps(["river", "sword"], {"river": 900, "sword": 2}, 1000, affordable=50) == (
            Step((("sword",),), ("sword",), at_most=2),
        )

    def test_words_that_take_too_long_to_count_are_left_out(self) -> None:
        tried = steps(["river", "sword", "inn"], {"river": 400, "sword": 2, "inn": 40}, 1000, affordable=50)
        assert {step.scored for step in tried} == {("sword", "inn")}

    def test_one_word_is_tried_once(self) -> None:
        assert len(steps(["river"], {"river": 900}, 1000, affordable=50)) == 1

    def test_words_that_nobody_holds_are_not_tried(self) -> None:
        assert steps(["unicorn"], {"unicorn": 0}, 1000, affordable=50) == ()

    @given(st.dictionaries(st.text("abc", min_size=1), st.integers(0, 100), max_size=60), st.integers(1, 300))
    def test_each_step_finds_all_that_the_one_before_found(self, holding: dict[str, int], affordable: int) -> None:
        tried = steps(list(holding), holding, 100, affordable)
        for earlier, later in pairwise(tried):
            assert any(set(group) <= set(later.groups[0]) for group in earlier.groups)


class TestCoverage:
    def test_a_rare_word_counts_more(self) -> None:
        weight = weights(["river", "sword"], {"river": 500, "sword": 1}, 1000)
        assert coverage(["sword"], weight) > 0.8
        assert coverage(["sword", "river", "else"], weight) == 1.0
        assert coverage([], weight) == 0.0


class TestFusion:
    def test_being_named_by_both_beats_being_first_in_one(self) -> None:
        order = [one.id for one in fused([(1, 9.0), (2, 8.0)], [(3, 0.9), (2, 0.8)], Fusion(By.PLACES, dense=1.0))]
        assert order == [2, 1, 3]

    def test_a_smaller_smoothing_lets_first_places_win(self) -> None:
        by_words, by_vectors = [(1, 9.0), (2, 8.0), (4, 7.0)], [(3, 0.9), (5, 0.8), (2, 0.7)]
        assert fused(by_words, by_vectors, Fusion(By.PLACES, dense=1.0, smoothing=0.1))[0].id == 1
        assert fused(by_words, by_vectors, Fusion(By.PLACES, dense=1.0))[0].id == 2

    def test_by_scores_a_clear_winner_of_one_order_stays_clear(self) -> None:
        by_words, by_vectors = [(1, 9.0), (2, 4.5)], [(3, 0.7), (2, 0.65), (4, 0.6)]
        scores = {one.id: one.score for one in fused(by_words, by_vectors, Fusion(dense=0.5))}
        assert scores == pytest.approx({1: 1.0, 2: 0.5 + 0.25, 3: 0.5, 4: 0.0})

    @pytest.mark.parametrize("by", By)
    def test_one_order_alone_keeps_its_order(self, by: By) -> None:
        assert [one.id for one in fused([(5, 9.0), (2, 8.0), (7, 8.0)], [], Fusion(by))] == [5, 2, 7]
        assert [one.id for one in fused([], [(5, 0.5), (2, 0.5)], Fusion(by))] == (
            [2, 5] if by is By.SCORES else [5, 2]
        )

    def test_what_went_away_meanwhile_is_left_out(self) -> None:
        candidates = fused([(1, 9.0), (2, 8.0)], [], Fusion())
        assert [one.id for one in weighed(candidates, {2: Standing(None, 0.0, SOURCE)}, Query("x"))] == [2]

    def test_recency_halves_with_its_half_life(self) -> None:
        candidates = fused([(1, 9.0), (2, 9.0), (3, 9.0)], [], Fusion())
        recency = Recency(now=100.0, half_life_s=50.0, weight=1.0)
        standing = {1: Standing(100.0, 0.0, SOURCE), 2: Standing(50.0, 0.0, SOURCE), 3: Standing(None, 0.0, SOURCE)}
        first, second, third = weighed(candidates, standing, Query("x", recency=recency))
        assert second.score / third.score == pytest.approx(1.5)
        assert first.score / third.score == pytest.approx(2.0)


class TestNeighbours:
    @pytest.mark.parametrize(("share", "order"), [(0.0, [9, 5, 4, 3]), (0.2, [4, 5, 9, 3]), (1.0, [4, 5, 3, 9])])
    def test_passages_of_one_source_that_follow_each_other_speak_for_each_other(
        self, share: float, order: list[int]
    ) -> None:
        by_words = [(9, 5.2), (5, 5.0), (4, 4.9), (3, 3.0)]
        standing = {passage: Standing(None, 0.0, SOURCE) for passage in (9, 5, 4, 3)}
        assert [passage for passage, _ in supported(by_words, standing, share)] == order

    def test_those_of_different_sources_do_not(self) -> None:
        standing = {4: Standing(None, 0.0, SOURCE), 5: Standing(None, 0.0, ("feed", "episode 2"))}
        assert supported([(5, 2.0), (4, 1.0)], standing, 1.0) == [(5, 2.0), (4, 1.0)]


class TestDiversity:
    def test_none_leaves_the_order_alone(self) -> None:
        assert diverse([3.0, 2.0, 1.0], likeness_of_words([["a"]] * 3), 2, 0.0) == [0, 1]

    def test_the_like_of_what_is_shown_goes_back(self) -> None:
        alike = likeness_of_words([["a", "b"], ["a", "b"], ["c"]])
        assert diverse([1.0, 0.9, 0.5], alike, 3, 0.5) == [0, 2, 1]

    def test_nothing_to_show_is_shown_as_nothing(self) -> None:
        assert diverse([], likeness_of_words([]), 3, 0.5) == []

    def test_words_and_vectors_agree_on_what_is_the_same(self) -> None:
        assert likeness_of_words([["a"], ["a"], []])[0].tolist() == [1.0, 1.0, 0.0]
        assert likeness_of_vectors(np.eye(2, dtype=np.float32) * -1)[0].tolist() == [1.0, 0.0]

    @given(st.lists(st.floats(0.01, 1), min_size=1, max_size=12), st.floats(0, 1))
    def test_everything_is_shown_once(self, scores: list[float], diversity: float) -> None:
        ordered = sorted(scores, reverse=True)
        shown = diverse(ordered, likeness_of_words([["a"]] * len(ordered)), len(ordered), diversity)
        assert sorted(shown) == list(range(len(ordered)))
        assert shown[0] == 0


class TestAQuery:
    @pytest.mark.parametrize(
        "fields",
        [{"limit": 0}, {"limit": 1001}, {"diversity": 1.5}, {"recency": Recency(now=0.0, half_life_s=0.0)}],
    )
    def test_numbers_out_of_range_are_refused(self, fields: dict[str, object]) -> None:
        with pytest.raises(InvalidRequest):
            Query("x", **fields)  # type: ignore[arg-type]  # the fields of Query by name
