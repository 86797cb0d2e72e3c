"""The report of response times: from facts to lines."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.runtime.facts import Asked, AttemptFailed, Fact, Finished, FirstWords, Spent
from innkeeper.runtime.journal.report import NO_TASK, NOBODY, Line, Spread, report_of
from innkeeper.runtime.messages import Usage


def answered(
    request: str,
    model: str = "narrator",
    after_s: float = 1.0,
    *,
    task: str | None = "story",
    load_s: float = 0.0,
    in_place_of: str | None = None,
    quality: float | None = None,
) -> Iterator[Fact]:
    yield Asked(request, "chat", None, None, "ann")
    yield FirstWords(request, model, task, after_s, load_s, 5.0, in_place_of, quality)
    yield Finished(request, model, "answered", after_s + 1, Usage())


def line(lines: tuple[Line, ...], name: str) -> Line:
    return next(one for one in lines if one.name == name)


class TestALine:
    def test_holds_answers_against_their_targets(self) -> None:
        told = report_of([*answered("a", after_s=1.0), *answered("b", after_s=5.0), *answered("c", after_s=5.1)])

        assert line(told.by_task, "story").in_time == pytest.approx(2 / 3)
        assert told.whole.requests == 3

    def test_keeps_warm_and_cold_answers_apart_and_the_load_alone(self) -> None:
        told = report_of([*answered("a", after_s=1.0), *answered("b", after_s=7.0, load_s=6.0)])

        story = line(told.by_task, "story")
        assert story.warm == Spread(1, 1.0, 1.0, 1.0)
        assert story.cold == Spread(1, 7.0, 7.0, 7.0)
        assert story.loads == Spread(1, 6.0, 6.0, 6.0)

    def test_shows_what_substitutes_cost_in_quality(self) -> None:
        stood_in = answered("b", "small", in_place_of="narrator", quality=0.8)
        told = report_of([*answered("a"), *stood_in])

        assert (told.whole.substituted, told.whole.quality) == (0.5, 0.8)
        assert line(told.by_model, "small").substituted == 1.0
        assert line(told.by_model, "narrator").quality is None

    def test_counts_failed_attempts_with_the_model_and_failed_requests_once(self) -> None:
        told = report_of(
            [
                Asked("a", "chat", None, "story", "ann"),
                AttemptFailed("a", "deep", "load_failed", "no"),
                AttemptFailed("a", "narrator", "engine_died", "no"),
                Finished("a", "narrator", "all_candidates_failed", 1.0, Usage()),
                Asked("b", "chat", "deep", None, "ann"),
                Finished("b", None, "shutting_down", 0.0, Usage()),
            ]
        )

        assert line(told.by_model, "deep").failures == {"load_failed": 1}
        assert line(told.by_model, "deep").requests == 0
        assert line(told.by_model, NOBODY).requests == 1
        assert line(told.by_task, NO_TASK).failures == {"shutting_down": 1}
        assert line(told.by_task, "story").failures == {
            "load_failed": 1,
            "engine_died": 1,
            "all_candidates_failed": 1,
        }

    def test_adds_up_money_by_the_model_that_cost_it(self) -> None:
        spent = [
            Spent("a", "cloud", "ann", 0.01, "USD", is_estimated=False),
            Spent("a", "narrator", "ann", 0.02, "USD", is_estimated=False),
        ]
        told = report_of([*answered("a")][:-1] + spent + [*answered("a")][-1:])

        assert line(told.by_model, "cloud").spent == 0.01
        assert told.whole.spent == pytest.approx(0.03)

    def test_takes_the_writing_off_an_answer_in_one_piece(self) -> None:
        told = report_of(
            [
                Asked("a", "chat", None, None, "ann"),
                FirstWords("a", "narrator", "story", 9.0, 0.0, 5.0, is_whole=True),
                Finished("a", "narrator", "answered", 9.0, Usage(answer_s=8.0)),
            ]
        )

        assert told.whole.warm.p50_s == 1.0
        assert told.whole.in_time == 1.0

    def test_leaves_out_what_has_not_ended(self) -> None:
        assert report_of([Asked("a", "chat", None, None, "ann")]).whole.requests == 0

    def test_tells_two_requests_of_one_name_apart_from_none(self) -> None:
        told = report_of([*answered("a", after_s=9.0), *answered("a", after_s=1.0)])

        assert told.whole.warm.p50_s == 1.0  # the later one: the first is forgotten, never mixed with it


class TestASpread:
    def test_of_nothing_is_empty(self) -> None:
        assert Spread.of([]) == Spread()

    @given(st.lists(st.floats(0, 1000), min_size=1))
    def test_is_made_of_times_that_were_seen_in_order(self, seconds: list[float]) -> None:
        spread = Spread.of(seconds)

        assert spread.p50_s is not None
        assert spread.p95_s is not None
        assert spread.p99_s is not None
        assert {spread.p50_s, spread.p95_s, spread.p99_s} <= set(seconds)
        assert spread.p50_s <= spread.p95_s <= spread.p99_s <= max(seconds)
