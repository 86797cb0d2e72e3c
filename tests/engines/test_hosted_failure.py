"""Failures of a provider: what each means for the caller, for the next try and for the next request."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from innkeeper.runtime.engines.breaker import Verdict
from innkeeper.runtime.engines.hosted_failure import (
    Failure,
    Scope,
    error_in,
    of_answer,
    of_error,
    pause_s,
    retry_after_s,
    status_in,
)
from innkeeper.runtime.engines.provider import Key, Provider
from innkeeper.runtime.errors import PromptTooLong
from tests.doubles.hosted_server import KEY
from tests.engines.hosted_scene import CLOUD, NOW_UNIX_S

ACME = Provider("acme", "https://acme.example/v1", key_from="ACME_API_KEY", key=Key(KEY))


def failure(status: int, body: str = '{"error": {"message": "no"}}', **headers: str) -> Failure:
    return of_answer(ACME, CLOUD, status, headers, body.encode(), NOW_UNIX_S)


@pytest.mark.parametrize(
    ("status", "message", "code", "scope", "verdict", "is_retried"),
    [
        (401, "bad key", "provider_refused", Scope.PROVIDER, Verdict.NEEDS_MENDING, False),
        (403, "Your API key has no permission", "provider_refused", Scope.PROVIDER, Verdict.NEEDS_MENDING, False),
        (403, "Your input was flagged", "engine_failed", Scope.MODEL, None, False),
        (402, "Insufficient credits", "provider_refused", Scope.PROVIDER, Verdict.NEEDS_MENDING, False),
        (429, "insufficient_quota", "provider_refused", Scope.PROVIDER, Verdict.NEEDS_MENDING, False),
        (400, "Your credit balance is too low", "provider_refused", Scope.PROVIDER, Verdict.NEEDS_MENDING, False),
        (429, "slow down", "provider_paused", Scope.MODEL, Verdict.IS_FULL, True),
        (408, "timed out", "provider_paused", Scope.MODEL, Verdict.IS_FULL, True),
        (404, "no such model", "engine_failed", Scope.MODEL, Verdict.NEEDS_MENDING, False),
        (500, "oops", "engine_failed", Scope.MODEL, Verdict.MAY_BE_BRIEF, True),
        (529, "overloaded", "engine_failed", Scope.MODEL, Verdict.MAY_BE_BRIEF, True),
        (400, "'messages' is a required property", "invalid_request", Scope.MODEL, None, False),
        (400, "maximum context length is 10 tokens", "context_length_exceeded", Scope.MODEL, None, False),
        (307, "moved", "engine_failed", Scope.PROVIDER, Verdict.NEEDS_MENDING, False),
    ],
)
def test_each_has_its_meaning(
    status: int, message: str, code: str, scope: Scope, verdict: Verdict | None, is_retried: bool
) -> None:
    """C75: exhausted credit cools the provider, whichever status says it."""
    found = of_error(ACME, CLOUD, status, {"message": message})

    assert (found.error.code, found.scope, found.verdict) == (code, scope, verdict)
    assert found.may_be_retried is is_retried
    assert not found.is_charged


class TestCreditThatIsHeldByAnswersUnderWay:
    def test_comes_back_by_itself(self) -> None:
        """OpenRouter says 402 with a Retry-After while answers under way hold the rest."""
        found = failure(402, **{"retry-after": "3"})

        assert (found.verdict, found.retry_after_s, found.may_be_retried) == (Verdict.IS_FULL, 3.0, True)


class TestAPromptThatIsTooLong:
    def test_is_told_with_the_providers_numbers(self) -> None:
        message = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9120 tokens."
        found = of_error(ACME, CLOUD, 400, {"message": message, "code": "context_length_exceeded"})

        assert isinstance(found.error, PromptTooLong)
        assert found.error.numbers == {"needed_tokens": 9120, "limit_tokens": 8192}

    def test_is_told_without_where_there_are_none(self) -> None:
        found = of_error(ACME, CLOUD, 400, {"message": "prompt is too long"})

        assert found.error.numbers == {"needed_tokens": None, "limit_tokens": CLOUD.context}


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("said", "wait_s"),
        [("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("", None), ("soon", None), ("1e300", None), ("nan", None)],
    )
    def test_is_seconds(self, said: str, wait_s: float | None) -> None:
        assert retry_after_s({"retry-after": said}, NOW_UNIX_S) == wait_s

    def test_or_a_date(self) -> None:
        assert retry_after_s({"retry-after": formatdate(NOW_UNIX_S + 90, usegmt=True)}, NOW_UNIX_S) == 90.0
        assert retry_after_s({"retry-after": formatdate(NOW_UNIX_S - 90, usegmt=True)}, NOW_UNIX_S) == 0.0


class TestThePauseBeforeARetry:
    def test_grows_and_is_different_for_everybody(self) -> None:
        assert [pause_s(retry, None, 1.0) for retry in range(6)] == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
        assert pause_s(0, None, 0.0) == 0.25

    def test_is_at_least_what_the_server_asks_for(self) -> None:
        assert pause_s(0, 7.0, 0.0) == 7.0


class TestErrorsInAnyShape:
    @pytest.mark.parametrize(
        "body",
        [
            b'{"error": {"message": "no"}}',
            b'{"error": "no"}',
            b'{"message": "no"}',
            b'{"detail": "no"}',
            b'[{"error": {"message": "no"}}]',
            b'"no"',
            b"no",
        ],
    )
    def test_are_understood(self, body: bytes) -> None:
        assert "no" in failure(500, body.decode()).error.message
        assert error_in(body)

    def test_without_any_word_are_told_too(self) -> None:
        assert "it gave no reason" in failure(500, "{}").error.message

    @pytest.mark.parametrize(
        ("error", "status"),
        [
            ({"code": 429}, 429),
            ({"code": "402"}, 402),
            ({"code": "rate_limit_exceeded"}, 429),
            ({}, 502),
            ({"code": True}, 502),
        ],
    )
    def test_inside_an_answer_claim_a_status(self, error: dict[str, object], status: int) -> None:
        assert status_in(error) == status


class TestAKeyThatIsRepeatedByTheProvider:
    @pytest.mark.parametrize("said", [KEY, "sk-abcdefgh***xyz", f"Bearer {KEY}"])
    def test_is_not_repeated_by_us(self, said: str) -> None:
        message = failure(401, f'{{"error": {{"message": "Incorrect API key provided: {said}."}}}}').error.message

        assert said not in message
        assert "[key]" in message
