"""The settings of hosted models: who provides them, what they cost, and how much may be spent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from innkeeper.settings.quantities import Count, Seconds, Size, money
from innkeeper.settings.section import Section

HOLDS_SECRETS: Final = frozenset({"key_from", "token_from", "headers", "url"})
"""Settings by their last name in which a key may have been written by mistake: a complaint does not repeat them."""

_VARIABLE: Final = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_HEADER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
_OF_A_KEY: Final = re.compile(r"auth|key|token|secret|cookie|password", re.IGNORECASE)


def environment_variable(value: str) -> str:
    """The name of a variable that holds a key; a key itself is refused."""
    if not _VARIABLE.fullmatch(value) or len(value) > 64:
        raise ValueError(
            "must be the name of an environment variable that holds the key, such as OPENROUTER_API_KEY; the key "
            "itself belongs into the environment or into `.env`, not into this file"
        )
    return value


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if (
        parts.scheme not in {"http", "https"}
        or not host
        or any(not mark.isprintable() or mark == " " for mark in value)
    ):
        raise ValueError('must be an address such as "https://openrouter.ai/api/v1"')
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("must end with its path: no name, no password, no ? and no #; a key is given by `key_from`")
    return value.rstrip("/")


def _headers(value: Mapping[str, str]) -> Mapping[str, str]:
    for name, text in value.items():
        if not _HEADER.fullmatch(name) or not text.isascii() or not text.isprintable():
            raise ValueError('must be a table of headers with plain text, such as {X-Title = "Innkeeper"}')
        if _OF_A_KEY.search(name):
            raise ValueError(f"must hold no secrets; {name} looks like one. A key is given by `key_from`")
    return value


Url: TypeAlias = Annotated[str, AfterValidator(_url), Field(max_length=1024)]
Money: TypeAlias = Annotated[float, BeforeValidator(money)]


class ProviderSettings(Section):
    """Somebody's OpenAI-compatible API. The table's name is what models put into `provider`."""

    url: Url = "https://openrouter.ai/api/v1"
    """Where its API begins: the part before `/chat/completions`."""

    key_from: Annotated[str, AfterValidator(environment_variable)] | None = None
    """The environment variable, or the line of `.env`, that holds the key, e.g. `"OPENROUTER_API_KEY"`. Not given: no
    key is sent."""

    headers: Annotated[Mapping[str, str], AfterValidator(_headers)] = Field(default_factory=dict)
    """Sent with every request, e.g. `{X-Title = "Innkeeper"}`."""

    input_price: Money | None = None
    """Money for a million tokens read, for its models that name no price of their own."""

    output_price: Money | None = None
    """Money for a million tokens written, likewise."""

    minute_price: Money | None = None
    """Money for a minute of sound, likewise."""

    first_words_within_s: Annotated[Seconds, Field(gt=0, le=3600)] = 30.0
    """Seconds until the first words, retries included, before the next candidate is tried."""

    whole_answer_within_s: Annotated[Seconds, Field(gt=0, le=86_400)] = 300.0
    """Seconds for an answer that comes in one piece, because it does not stream."""

    silence_s: Annotated[Seconds, Field(gt=0, le=3600)] = 60.0
    """Seconds it may say nothing in the middle of an answer before that counts as failed."""

    retries: Annotated[Count, Field(ge=0, le=10)] = 2
    """How often a request is sent again that met a full or faulty server, before anything was said."""

    answer_tokens_at_most: Annotated[Count, Field(ge=1, le=1_000_000)] = 8192
    """The longest answer to a request that names no limit itself; sent along, so that its cost is bounded."""

    embed_at_once: Annotated[Count, Field(ge=1, le=10_000)] = 96
    """Texts of one request for vectors; more are sent in several."""

    upload_limit: Annotated[Size, Field(ge=1_000_000, le=10**12)] = 25_000_000
    """The largest sound file it takes; a larger one is sent in parts."""

    upload_longest_s: Annotated[Seconds, Field(ge=30, le=86_400)] = 1200.0
    """Seconds of sound it hears at once; more are sent in parts."""


class SpendingSettings(Section):
    """How much money hosted models may cost. Days begin at midnight UTC."""

    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "USD"
    """What all prices and ceilings are in."""

    per_day: Money | None = None
    """Money for all callers together in a day. Spent: hosted models are refused until midnight, local ones go on."""

    per_user_per_day: Money | None = None
    """Money for each caller, told apart by API key, else by address."""
