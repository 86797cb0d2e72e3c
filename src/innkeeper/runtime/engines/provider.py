"""Whose API a hosted model is: its address, its key, and how patient we are with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from innkeeper.runtime.errors import EngineMissing

_LOOKS_LIKE_A_KEY: Final = re.compile(r"\b(?:sk|pk|gsk|xai|or)-[A-Za-z0-9_*.\-]{6,}|\bBearer\s+\S+")
_HIDDEN: Final = "[key]"


class Key:
    """A secret. It is shown nowhere: not by `repr`, not in an error, not in what a server says about it."""

    __slots__ = ("_secret",)

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def __repr__(self) -> str:
        return "Key(…)"

    @property
    def is_sendable(self) -> bool:
        """Whether it can stand in a header: letters, digits and signs without spaces."""
        return bool(self._secret) and self._secret.isascii() and self._secret.isprintable() and " " not in self._secret

    def headers(self) -> dict[str, str]:
        """What shows it to its provider."""
        return {"Authorization": f"Bearer {self._secret}"}

    def hidden_in(self, text: str) -> str:
        """`text` without it."""
        return text.replace(self._secret, _HIDDEN) if self._secret else text


@dataclass(frozen=True, slots=True)
class Provider:
    """One API."""

    name: str
    url: str
    """Where it begins, without a slash at the end: "https://openrouter.ai/api/v1"."""

    key_from: str | None = None
    """The variable the key was looked for in; None where it needs none."""

    key: Key | None = None
    """None where there is none."""

    headers: Mapping[str, str] = field(default_factory=dict)
    first_words_within_s: float = 30.0
    whole_answer_within_s: float = 300.0
    silence_s: float = 60.0
    retries: int = 2
    answer_tokens_at_most: int = 8192
    embed_at_once: int = 96
    upload_limit_bytes: int = 25_000_000
    """Of one sound file."""
    upload_longest_s: float = 1200.0
    """Of the sound in it."""
    counts_dollars: bool = True
    """Whether spending is in US dollars, which is what providers that tell the cost of an answer tell it in."""

    def check(self) -> None:
        """Look at the key.

        Raises:
            EngineMissing: It is needed and not there, or cannot be one.
        """
        if self.key_from is None:
            return
        if self.key is None:
            raise EngineMissing(
                f"The key of {self.name} is looked for in {self.key_from}, which is neither in the environment nor in "
                f"`.env`. Export {self.key_from}=… or write that line into `.env`, and start again."
            )
        if not self.key.is_sendable:
            raise EngineMissing(
                f"What {self.key_from} holds cannot be a key: it has spaces, line breaks or signs outside of ASCII."
            )

    def all_headers(self) -> dict[str, str]:
        """What goes with every request."""
        return {**self.headers, **(self.key.headers() if self.key is not None else {})}

    def without_keys(self, text: str) -> str:
        """What a server said, fit to be repeated."""
        shown = self.key.hidden_in(text) if self.key is not None else text
        return _LOOKS_LIKE_A_KEY.sub(_HIDDEN, shown)
