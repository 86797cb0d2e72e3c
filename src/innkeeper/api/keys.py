"""API keys: what each may do, found by the hash of its token."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key. The token itself is shown once, when it is made, and kept nowhere."""

    name: str
    """Names its user in the journal and in the queue."""

    sha256: str
    """Hash of the token, in hexadecimal. A token has 256 random bits, so a slow hash would add nothing."""

    created_s: float
    """Unix seconds."""

    models: tuple[str, ...] | None = None
    """The models it sees and may use; None is all."""

    operator: bool = False
    """Whether it may load, unload, pin and look at everything."""

    per_minute: int | None = None
    """Requests to models it may start in a minute; None is no limit."""

    at_once: int | None = None
    """Requests to models it may have under way; None is no limit."""

    def may_use(self, model: str) -> bool:
        """Whether the model is in the key's scope."""
        return self.models is None or model in self.models


def hash_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", errors="surrogateescape")).hexdigest()


def find_key(keys: tuple[ApiKey, ...], token: str) -> ApiKey | None:
    """The key that `token` belongs to. Takes the same time whichever key it is, or none."""
    hashed = hash_of(token)
    found = None
    for key in keys:
        if hmac.compare_digest(key.sha256, hashed):
            found = key
    return found
