"""How much one caller, and all of them together, may ask for. Pure: time comes in as a number.

A key's rate is a bucket that holds one minute's requests and fills evenly, so that a burst is allowed and the
average is not exceeded.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from innkeeper.api.keys import ApiKey
from innkeeper.runtime.errors import TooManyRequests

_ASK_AGAIN_S = 1.0  # nobody knows when another request ends; a second keeps a waiting client from hammering


@dataclass(slots=True)
class _Bucket:
    level: float
    at_s: float


class Limits:
    """Counts requests under way and the recent ones of each key."""

    def __init__(self, requests_at_once: int) -> None:
        self._limit = requests_at_once
        self._under_way: Counter[str] = Counter()
        self._total = 0
        self._buckets: dict[str, _Bucket] = {}

    def enter(self, caller: str, key: ApiKey | None, now_s: float) -> None:
        """Count one more request under way. `leave` must follow, unless this raises.

        Raises:
            TooManyRequests: With the limit that is reached and the seconds after which to ask again.
        """
        if self._total >= self._limit:
            raise TooManyRequests(
                f"The server has {self._limit} requests under way, which is its limit. Ask again in a moment.",
                retry_after_s=_ASK_AGAIN_S,
                limit_requests=self._limit,
            )
        if key is not None:
            self._check_key(caller, key, now_s)
        self._under_way[caller] += 1
        self._total += 1

    def leave(self, caller: str) -> None:
        """The request has ended, however it did."""
        assert self._under_way[caller] > 0, f"{caller} left more often than it came"
        self._total -= 1
        self._under_way[caller] -= 1
        if not self._under_way[caller]:
            del self._under_way[caller]

    @property
    def under_way(self) -> int:
        """Requests that entered and have not left."""
        return self._total

    def _check_key(self, caller: str, key: ApiKey, now_s: float) -> None:
        if key.at_once is not None and self._under_way[caller] >= key.at_once:
            raise TooManyRequests(
                f"The key {key.name!r} has {key.at_once} requests under way, which is its limit.",
                retry_after_s=_ASK_AGAIN_S,
                limit_requests=key.at_once,
            )
        if key.per_minute is None:
            return
        per_s = key.per_minute / 60.0
        bucket = self._buckets.setdefault(caller, _Bucket(float(key.per_minute), now_s))
        bucket.level = min(float(key.per_minute), bucket.level + (now_s - bucket.at_s) * per_s)
        bucket.at_s = now_s
        if bucket.level < 1.0:
            raise TooManyRequests(
                f"The key {key.name!r} may start {key.per_minute} requests a minute.",
                retry_after_s=(1.0 - bucket.level) / per_s,
                limit_requests_per_minute=key.per_minute,
            )
        bucket.level -= 1.0
