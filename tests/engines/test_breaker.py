"""The breaker: a server that fails is left alone, and tried again by one request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.runtime.engines.breaker import (
    FAILURES_ALLOWED,
    FIRST_LONG_PAUSE_S,
    FIRST_PAUSE_S,
    LONGEST_LONG_PAUSE_S,
    LONGEST_PAUSE_S,
    Breaker,
    State,
    Verdict,
)


@pytest.fixture
def breaker() -> Breaker:
    return Breaker()


def opened(breaker: Breaker, now_s: float = 0.0) -> Breaker:
    breaker.failed(Verdict.IS_FULL, now_s)
    return breaker


class TestOpening:
    def test_a_few_faults_in_a_row_are_borne(self, breaker: Breaker) -> None:
        for _ in range(FAILURES_ALLOWED - 1):
            assert breaker.failed(Verdict.MAY_BE_BRIEF, 0.0) is None
        assert breaker.wait_s(0.0) is None

        assert breaker.failed(Verdict.MAY_BE_BRIEF, 0.0) == FIRST_PAUSE_S
        assert breaker.wait_s(1.0) == FIRST_PAUSE_S - 1

    def test_an_answer_between_them_begins_the_count_anew(self, breaker: Breaker) -> None:
        for _ in range(10):
            breaker.failed(Verdict.MAY_BE_BRIEF, 0.0)
            breaker.succeeded()

        assert breaker.state is State.CLOSED

    def test_one_that_says_it_is_full_is_left_alone_at_once_and_as_long_as_it_says(self, breaker: Breaker) -> None:
        assert breaker.failed(Verdict.IS_FULL, 0.0, at_least_s=42.0) == 42.0

    def test_nobody_can_ask_to_be_left_alone_for_ever(self, breaker: Breaker) -> None:
        assert breaker.failed(Verdict.IS_FULL, 0.0, at_least_s=1e9) == LONGEST_LONG_PAUSE_S

    def test_what_somebody_must_mend_is_left_alone_for_long(self, breaker: Breaker) -> None:
        """C75"""
        assert breaker.failed(Verdict.NEEDS_MENDING, 0.0) == FIRST_LONG_PAUSE_S

    def test_what_was_under_way_when_it_opened_does_not_open_it_again(self, breaker: Breaker) -> None:
        opened(breaker)

        assert breaker.failed(Verdict.IS_FULL, 1.0) is None
        assert breaker.wait_s(1.0) == FIRST_PAUSE_S - 1


class TestTryingAgain:
    def test_one_request_tries_while_the_others_wait(self, breaker: Breaker) -> None:
        opened(breaker).pass_through(FIRST_PAUSE_S)

        assert breaker.state is State.HALF_OPEN
        assert breaker.wait_s(FIRST_PAUSE_S) is not None

    def test_its_answer_closes_the_breaker(self, breaker: Breaker) -> None:
        opened(breaker).pass_through(FIRST_PAUSE_S)

        assert breaker.succeeded()
        assert breaker.wait_s(FIRST_PAUSE_S) is None

    def test_its_failure_opens_it_for_twice_as_long_each_time_up_to_a_limit(self, breaker: Breaker) -> None:
        now_s, pauses_s = 0.0, []
        for _ in range(8):
            pause_s = breaker.failed(Verdict.IS_FULL, now_s) or 0.0
            pauses_s.append(pause_s)
            now_s += pause_s
            breaker.pass_through(now_s)

        assert pauses_s[:3] == [FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S]
        assert pauses_s[-1] == LONGEST_PAUSE_S

    def test_a_caller_who_leaves_lets_the_next_one_try(self, breaker: Breaker) -> None:
        opened(breaker).pass_through(FIRST_PAUSE_S)
        breaker.abandoned(FIRST_PAUSE_S)

        assert breaker.wait_s(FIRST_PAUSE_S) is None

    def test_a_caller_who_leaves_a_server_that_is_well_changes_nothing(self, breaker: Breaker) -> None:
        breaker.pass_through(0.0)
        breaker.abandoned(0.0)

        assert breaker.state is State.CLOSED


class TestInAnyOrder:
    @given(st.lists(st.tuples(st.sampled_from(["ask", "well", *Verdict]), st.floats(0, 700)), max_size=60))
    def test_nobody_is_refused_for_ever(self, events: list[tuple[str | Verdict, float]]) -> None:
        breaker, now_s = Breaker(), 0.0
        for event, passes_s in events:
            now_s += passes_s
            wait_s = breaker.wait_s(now_s)
            assert wait_s is None or 0 < wait_s <= LONGEST_LONG_PAUSE_S + 1e-6  # a sum of many times is rounded
            if wait_s is None:
                breaker.pass_through(now_s)
            match event:
                case "ask":
                    breaker.abandoned(now_s)
                case "well":
                    breaker.succeeded()
                case Verdict():
                    breaker.failed(event, now_s)
        breaker.abandoned(now_s)
        now_s += LONGEST_LONG_PAUSE_S

        assert breaker.wait_s(now_s) is None
