"""What a failure of a provider means: for the caller, for the next try, and for the next request; pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any, Final

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.engines.breaker import Verdict
from innkeeper.runtime.engines.hosted_drift import refused_parameter
from innkeeper.runtime.engines.provider import Provider
from innkeeper.runtime.errors import (
    EngineFailed,
    InnkeeperError,
    InvalidRequest,
    NotSupported,
    PromptTooLong,
    ProviderPaused,
    ProviderRefused,
)


class Scope(Enum):
    """Whom a failure is about."""

    PROVIDER = "provider"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class Failure:
    """One try that gave no answer."""

    error: InnkeeperError
    """What the caller is told when nothing else is tried."""

    scope: Scope = Scope.MODEL
    verdict: Verdict | None = None
    """What it says about the next request; None where it says nothing: the caller was wrong."""

    may_be_retried: bool = False
    retry_after_s: float | None = None
    """What the server asked for."""

    parameter: str | None = None
    """The parameter that was refused, where that is why."""

    is_charged: bool = False
    """Whether it may have cost money all the same."""


class Failed(Exception):
    """A try that gave no answer, on its way to where it is decided what next. Never leaves the engine."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.error.message)
        self.failure = failure


_NO_MONEY: Final = re.compile(
    r"insufficient[_ ](?:quota|credits?|balance|funds)|credit balance is too low|exceeded your current quota|"
    r"out of credits|payment required|billing[_ ](?:hard[_ ]limit|not[_ ]active)",
    re.IGNORECASE,
)
_BAD_KEY: Final = re.compile(r"api[_ -]?key|unauthori[sz]ed|authentication|credential|permission", re.IGNORECASE)
_TOO_LONG: Final = re.compile(
    r"context[_ ]length[_ ]exceeded|maximum context length|context window|prompt is too long|too many tokens|"
    r"exceeds? the (?:model's )?(?:maximum|context)",
    re.IGNORECASE,
)
_LIMIT: Final = re.compile(
    r"(?:maximum context length is|context (?:window|length) of|limit of|maximum of|> )\s*(\d+)",
    re.IGNORECASE,
)
_NEEDED: Final = re.compile(
    r"(?:resulted in|requested(?: about)?|you sent|has|contains|is too long:)\s*(\d+)", re.IGNORECASE
)
_FULL: Final = frozenset({408, 409, 425, 429})
_SHOWN: Final = 300


def of_answer(
    provider: Provider, model: Model, status: int, headers: Mapping[str, str], body: bytes, now_unix_s: float
) -> Failure:
    """What an answer of a status that is no success means."""
    return of_error(provider, model, status, error_in(body), retry_after_s(headers, now_unix_s))


def of_error(
    provider: Provider,
    model: Model,
    status: int,
    error: Mapping[str, Any],
    asked_s: float | None = None,  # JSON
) -> Failure:
    """What an error means that came under this status, as its own or inside an answer with status 200."""
    message = provider.without_keys(_message(error))
    words = f"{error.get('code')} {error.get('type')} {message}"
    told = f"{model.id} at {provider.name}: {message}"
    if status == 402 and asked_s is not None:  # OpenRouter: answers under way hold the rest of the credit
        return _full(provider, model, message, asked_s)
    if status == 402 or (status in {400, 403, 429} and _NO_MONEY.search(words)):
        return Failure(
            ProviderRefused(
                f"{provider.name} has no credit left for {model.id}: {message} Add some there.", status=status
            ),
            Scope.PROVIDER,
            Verdict.NEEDS_MENDING,
        )
    if status == 401 or (status == 403 and _BAD_KEY.search(words)):
        named = f" in {provider.key_from}" if provider.key_from else ""
        return Failure(
            ProviderRefused(
                f"{provider.name} does not take the key{named}: {message} Put the right one there and start again.",
                status=status,
            ),
            Scope.PROVIDER,
            Verdict.NEEDS_MENDING,
        )
    if status == 403:
        return Failure(EngineFailed(f"{told} It refuses this prompt; another model may not.", status=status))
    if status in {400, 413, 422} and _TOO_LONG.search(words):
        return Failure(_too_long(provider, model, message))
    if status in {400, 404, 422}:
        parameter = refused_parameter(error)
        if parameter is not None:
            refused = NotSupported(f"{told} It does not take `{parameter}`.", param=parameter)
            return Failure(refused, parameter=parameter)
    if status == 404:
        return Failure(
            EngineFailed(
                f"{told} {provider.name} has no {(model.source or model.id)!r}; look at the model's `source` and at "
                "the provider's list.",
                status=status,
            ),
            Scope.MODEL,
            Verdict.NEEDS_MENDING,
        )
    if status == 413:
        too_large = f"{told} If it is sound, lower hosted.{provider.name}.upload_limit, and it is sent in parts."
        return Failure(EngineFailed(too_large, status=status))
    if status in _FULL:
        return _full(provider, model, message, asked_s)
    if 400 <= status < 500:
        return Failure(InvalidRequest(told))
    if 300 <= status < 400:
        moved = EngineFailed(f"{told} Its address has moved; set hosted.{provider.name}.url.", status=status)
        return Failure(moved, Scope.PROVIDER, Verdict.NEEDS_MENDING)
    return Failure(
        EngineFailed(f"{told} (status {status})", status=status),
        Scope.MODEL,
        Verdict.MAY_BE_BRIEF,
        may_be_retried=True,
        retry_after_s=asked_s,
    )


def of_silence(error: InnkeeperError) -> Failure:
    """Nothing came in time. It is not asked again: the time is gone, and it may be working on the answer."""
    return Failure(error, Scope.MODEL, Verdict.MAY_BE_BRIEF, is_charged=True)


def of_no_connection(error: InnkeeperError) -> Failure:
    """Nobody was reached, or the connection broke before an answer."""
    return Failure(error, Scope.PROVIDER, Verdict.MAY_BE_BRIEF, may_be_retried=True)


def of_break_off(error: InnkeeperError) -> Failure:
    """The answer broke off in the middle."""
    return Failure(error, Scope.MODEL, Verdict.MAY_BE_BRIEF, may_be_retried=True, is_charged=True)


def of_nonsense(
    provider: Provider, model: Model, what: str, *, verdict: Verdict | None = Verdict.MAY_BE_BRIEF
) -> Failure:
    """It answered, and what it said is no answer."""
    error = EngineFailed(f"{model.id} at {provider.name} {what}.")
    return Failure(error, Scope.MODEL, verdict, may_be_retried=verdict is not None, is_charged=True)


def status_in(error: Mapping[str, Any]) -> int:  # JSON
    """The status that an error inside an answer claims for itself; 502 where it claims none."""
    code = error.get("code")
    if isinstance(code, str) and code.isdecimal():
        code = int(code)
    if isinstance(code, int) and not isinstance(code, bool) and 400 <= code < 600:
        return code
    return 429 if "rate_limit" in f"{code} {error.get('type')}" else 502


def error_in(body: bytes) -> Mapping[str, Any]:  # JSON
    """The error a body tells of, in whatever shape; its text as the message where it has none."""
    try:
        said = json.loads(body)
    except ValueError:
        return {"message": body[:_SHOWN].decode("utf-8", "replace")}
    error = said.get("error", said) if isinstance(said, dict) else said
    if isinstance(error, list) and error and isinstance(error[0], dict):
        error = error[0]
    return error if isinstance(error, dict) else {"message": str(error)}


def retry_after_s(headers: Mapping[str, str], now_unix_s: float) -> float | None:
    """The `Retry-After` of an answer in seconds: a number, or a date; None where there is none that can be read."""
    said = headers.get("retry-after", "").strip()
    try:
        seconds = float(said)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(said).timestamp() - now_unix_s
        except (ValueError, TypeError):
            return None
    return max(0.0, seconds) if seconds < 1e9 else None


def pause_s(retry: int, asked_s: float | None, chance: float) -> float:
    """How long to wait before the retry of that number, from 0: longer each time, and not with everybody else at once.

    `chance` is from 0 to 1. What the server asked for is the least.
    """
    own_s: float = min(8.0, 0.5 * 2.0**retry) * (0.5 + 0.5 * chance)
    return max(own_s, asked_s or 0.0)


def _full(provider: Provider, model: Model, message: str, asked_s: float | None) -> Failure:
    again = f" Ask again in {asked_s:.0f} s." if asked_s is not None else ""
    return Failure(
        ProviderPaused(f"{model.id} at {provider.name} is full: {message}{again}", retry_after_s=asked_s),
        Scope.MODEL,
        Verdict.IS_FULL,
        may_be_retried=True,
        retry_after_s=asked_s,
    )


def _too_long(provider: Provider, model: Model, message: str) -> PromptTooLong:
    limit, needed = _LIMIT.search(message), _NEEDED.search(message)
    limit_tokens = int(limit[1]) if limit else model.context
    numbers = f" and a request may use {limit_tokens}" if limit_tokens is not None else ""
    return PromptTooLong(
        f"{model.id} at {provider.name}: the prompt has {needed[1] if needed else 'too many'} tokens{numbers}, its "
        f"answer included. Shorten the prompt, or its answer. ({message})",
        needed_tokens=int(needed[1]) if needed else None,
        limit_tokens=limit_tokens,
    )


def _message(error: Mapping[str, Any]) -> str:  # JSON
    message = error.get("message") or error.get("detail") or error.get("error") or "it gave no reason"
    text = " ".join(str(message).split())[:_SHOWN]
    return text if text.endswith((".", "!", "?")) else f"{text}."
