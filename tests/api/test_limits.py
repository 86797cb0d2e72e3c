"""Limits: how much one key, and all together, may ask for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.api.keys import ApiKey
from innkeeper.api.limits import Limits
from innkeeper.runtime.errors import TooManyRequests


def key(per_minute: int | None = None, at_once: int | None = None) -> ApiKey:
    return ApiKey("anna", "0" * 64, 0.0, per_minute=per_minute, at_once=at_once)


class TestARate:
    def test_allows_a_minute_s_worth_at_once_then_one_at_a_time(self) -> None:
        limits = Limits(100)
        for _ in range(60):
            limits.enter("anna", key(per_minute=60), 0.0)

        with pytest.raises(TooManyRequests) as caught:
            limits.enter("anna", key(per_minute=60), 0.25)

        assert caught.value.retry_after_s == pytest.approx(0.75)
        limits.enter("anna", key(per_minute=60), 1.0)

    @given(
        per_minute=st.integers(1, 30),
        pauses_s=st.lists(st.floats(0, 20, allow_nan=False), max_size=60),
    )
    def test_is_never_exceeded_beyond_one_full_bucket(self, per_minute: int, pauses_s: list[float]) -> None:
        limits, now_s, admitted = Limits(1000), 0.0, 0
        for pause_s in pauses_s:
            now_s += pause_s
            try:
                limits.enter("anna", key(per_minute), now_s)
                admitted += 1
            except TooManyRequests as error:
                assert error.retry_after_s is not None  # noqa: PT017 each refusal must say when to come back
                assert 0 < error.retry_after_s <= 60 / per_minute + 1e-6  # noqa: PT017

        assert admitted <= per_minute + now_s * per_minute / 60 + 1e-6

    def test_coming_back_when_told_is_enough(self) -> None:
        limits = Limits(100)
        limits.enter("anna", key(per_minute=1), 0.0)
        with pytest.raises(TooManyRequests) as caught:
            limits.enter("anna", key(per_minute=1), 10.0)
        assert caught.value.retry_after_s is not None

        limits.enter("anna", key(per_minute=1), 10.0 + caught.value.retry_after_s + 1e-6)

        assert limits.under_way == 2


class TestRequestsAtOnce:
    def test_are_counted_per_key(self) -> None:
        limits = Limits(100)
        limits.enter("anna", key(at_once=1), 0.0)

        with pytest.raises(TooManyRequests, match="1 requests under way"):
            limits.enter("anna", key(at_once=1), 0.0)
        limits.enter("ben", key(at_once=1), 0.0)
        limits.leave("anna")
        limits.enter("anna", key(at_once=1), 0.0)

    def test_are_counted_together(self) -> None:
        limits = Limits(2)
        limits.enter("anna", None, 0.0)
        limits.enter("ben", None, 0.0)

        with pytest.raises(TooManyRequests) as caught:
            limits.enter("cleo", None, 0.0)

        assert caught.value.numbers == {"limit_requests": 2}

    def test_that_are_refused_are_not_counted(self) -> None:
        limits = Limits(1)
        limits.enter("anna", None, 0.0)
        for _ in range(5):
            with pytest.raises(TooManyRequests):
                limits.enter("ben", None, 0.0)
        limits.leave("anna")

        assert limits.under_way == 0

    def test_cannot_be_left_twice(self) -> None:
        """C12 at the door."""
        limits = Limits(1)
        limits.enter("anna", None, 0.0)
        limits.leave("anna")

        with pytest.raises(AssertionError, match="more often than it came"):
            limits.leave("anna")
