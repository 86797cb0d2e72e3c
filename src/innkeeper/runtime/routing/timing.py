"""How long each model takes to its first words: learned from its answers, expected from its size before that.

Expected is the sum of four parts: the queue, the load, the prompt and the first words themselves. A model that answers
other requests at the same time is slower, and one that was loaded a moment ago touches its memory for the first time:
both are learned apart. Nothing here knows a clock, so a simulator drives it with the times it simulates: `expected`
before a request, `learn` when it ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from innkeeper.runtime.standing import Presence, Standing

FRESH: Final = 0.3
"""Weight of the newest answer against the older ones."""

BYTES_PER_S: Final[Mapping[str, float]] = {"ram": 8e9}
"""Bytes of weights that pass by in a second, by pool, before a model was timed; other pools have `FAST_BYTES_PER_S`."""

FAST_BYTES_PER_S: Final = 300e9

PROMPT_AT_ONCE: Final[Mapping[str, float]] = {"ram": 8.0}
"""Tokens of a prompt that are read in the time of one that is written; other pools have `FAST_PROMPT_AT_ONCE`."""

FAST_PROMPT_AT_ONCE: Final = 40.0

HOSTED_FIRST_S: Final = 0.7
"""Seconds to the first words of a hosted model that was never timed."""

SERVICE_S: Final = 6.0
"""Seconds that an answer of a model is taken to last before one was timed."""

CROWDED: Final = 1.5
"""How much slower a model is taken to be beside other answers of its own before that was timed."""

DOUBT: Final = 0.05
"""How much less is expected of a model each time it was passed over for what is expected of it."""

SHORTEST_ANSWER_TOKENS: Final = 4
"""A shorter answer says nothing about how fast a model writes."""


@dataclass(frozen=True, slots=True)
class Expected:
    """Seconds until the first words, in its parts."""

    queue_s: float = 0.0
    """Until a slot is free, or until there is room for a load."""
    load_s: float = 0.0
    prefill_s: float = 0.0
    """Reading the prompt."""
    decode_s: float = 0.0
    """From there to the first words."""

    @property
    def wait_s(self) -> float:
        """The part that a model which is ready and free would spare."""
        return self.queue_s + self.load_s

    @property
    def first_words_s(self) -> float:
        """All of it."""
        return self.queue_s + self.load_s + self.prefill_s + self.decode_s


@dataclass(frozen=True, slots=True)
class Answered:
    """What one answer took, as it was seen."""

    model: str
    first_s: float
    """From the lease to the first words."""
    held_s: float
    """From the lease to the end."""
    is_first_after_load: bool = False
    was_crowded: bool = False
    """Whether the model answered others at the same time."""
    prompt_tokens: int = 0
    cached_tokens: int = 0
    """Of the prompt, those that needed no reading."""
    prompt_s: float | None = None
    """Seconds of reading; None where the engine does not say."""
    answer_tokens: int = 0
    answer_s: float | None = None
    """Seconds of writing; None where the engine does not say."""
    streamed: bool = True
    """Otherwise the first words came with the last, and `first_s` says nothing about the beginning."""


@dataclass(slots=True)
class _Pace:
    """One model, either alone or beside other answers of its own. None where it was not timed yet."""

    prompt_token_s: float | None = None
    answer_token_s: float | None = None


@dataclass(slots=True)
class _Learned:
    alone: _Pace
    crowded: _Pace
    extra_s: float | None = None
    """From the lease to the first words, beyond reading the prompt and writing one token."""
    cold_extra_s: float | None = None
    """The same for the first answer after a load."""
    service_s: float | None = None
    cached: float = 0.0
    """Share of a prompt that was in the engine's cache."""


class Timing:
    """What was learned of every model so far."""

    def __init__(self) -> None:
        self._learned: dict[str, _Learned] = {}

    def expected(self, standing: Standing, prompt_tokens: int) -> Expected:
        """Seconds to the first words of a prompt of so many tokens, for a model that stands like that."""
        learned = self._learned.get(standing.model)
        if standing.presence is Presence.HOSTED:
            extra_s = learned.extra_s if learned is not None else None
            return Expected(self._queue_s(standing), 0.0, 0.0, HOSTED_FIRST_S if extra_s is None else extra_s)
        is_crowded = standing.busy + standing.waiting > 0 and standing.slots > 1
        prompt_token_s, answer_token_s = self._token_s(standing, is_crowded=is_crowded)
        is_cold = standing.presence is not Presence.READY
        unread = prompt_tokens if is_cold or learned is None else prompt_tokens * (1 - learned.cached)
        extra_s = None if learned is None else learned.extra_s
        if is_cold and learned is not None and learned.cold_extra_s is not None:
            extra_s = learned.cold_extra_s
        return Expected(
            self._queue_s(standing),
            _load_s(standing),
            unread * prompt_token_s,
            answer_token_s + (extra_s or 0.0),
        )

    def service_s(self, model: str) -> float:
        """Seconds that an answer of `model` lasts, from its lease to its end."""
        learned = self._learned.get(model)
        return SERVICE_S if learned is None or learned.service_s is None else learned.service_s

    def learn(self, answered: Answered) -> None:
        """Take note of one answer that came to its end."""
        learned = self._learned.setdefault(answered.model, _Learned(_Pace(), _Pace()))
        pace = learned.crowded if answered.was_crowded else learned.alone
        read = answered.prompt_tokens - answered.cached_tokens
        if answered.prompt_s is not None and read > 0:
            pace.prompt_token_s = _nearer(pace.prompt_token_s, answered.prompt_s / read)
        if answered.answer_s is not None and answered.answer_tokens >= SHORTEST_ANSWER_TOKENS:
            pace.answer_token_s = _nearer(pace.answer_token_s, answered.answer_s / answered.answer_tokens)
        if answered.prompt_tokens and not answered.is_first_after_load:
            learned.cached += FRESH * (answered.cached_tokens / answered.prompt_tokens - learned.cached)
        learned.service_s = _nearer(learned.service_s, answered.held_s)
        if answered.streamed:
            of_a_token = pace.answer_token_s or 0.0 if answered.prompt_s is not None else 0.0
            extra_s = max(0.0, answered.first_s - (answered.prompt_s or 0.0) - of_a_token)
            if answered.is_first_after_load:
                learned.cold_extra_s = _nearer(learned.cold_extra_s, extra_s)
            else:
                learned.extra_s = _nearer(learned.extra_s, extra_s)

    def doubt(self, model: str) -> None:
        """It was passed over for being late: believe a little less that it still is, or nobody will ever find out."""
        learned = self._learned.get(model)
        if learned is None:
            return
        for pace in (learned.alone, learned.crowded):
            pace.prompt_token_s = _less(pace.prompt_token_s)
            pace.answer_token_s = _less(pace.answer_token_s)
        learned.extra_s, learned.cold_extra_s = _less(learned.extra_s), _less(learned.cold_extra_s)
        learned.service_s = _less(learned.service_s)

    def forget(self, model: str) -> None:
        """It is another one from now on."""
        self._learned.pop(model, None)

    def _queue_s(self, standing: Standing) -> float:
        """Until a slot is free for whoever comes now: answers end one after the other, `slots` at a time."""
        if not standing.is_there:  # callers who wait for the load are answered together, as far as there are slots
            rounds = standing.waiting // max(1, standing.slots)
            blocked_s = max((self.service_s(model) / 2 for model in standing.blocked_by), default=0.0)
            return rounds * self.service_s(standing.model) + blocked_s
        ahead = standing.busy + standing.waiting - standing.slots + 1
        return max(0, ahead) * self.service_s(standing.model) / max(1, standing.slots)

    def _token_s(self, standing: Standing, *, is_crowded: bool) -> tuple[float, float]:
        """Seconds to read a token and to write one: as timed, else as timed otherwise, else by size."""
        learned = self._learned.get(standing.model)
        by_size = _by_size(standing)
        if learned is None:
            slower = CROWDED if is_crowded else 1.0
            return by_size[0] * slower, by_size[1] * slower
        this, other = (learned.crowded, learned.alone) if is_crowded else (learned.alone, learned.crowded)
        slower = CROWDED if is_crowded else 1 / CROWDED
        return (
            _first_known(this.prompt_token_s, other.prompt_token_s, slower, by_size[0]),
            _first_known(this.answer_token_s, other.answer_token_s, slower, by_size[1]),
        )


def _first_known(timed_s: float | None, timed_otherwise_s: float | None, slower: float, by_size_s: float) -> float:
    if timed_s is not None:
        return timed_s
    return by_size_s if timed_otherwise_s is None else timed_otherwise_s * slower


def _load_s(standing: Standing) -> float:
    match standing.presence:
        case Presence.READY | Presence.HOSTED:
            return 0.0
        case Presence.LOADING:
            return standing.left_s
        case Presence.COLD:
            return standing.load_s + standing.loads_ahead_s


def _by_size(standing: Standing) -> tuple[float, float]:
    """Every weight passes by once for each token that is written, and once for several that are read."""
    writing_s = {pool: size / BYTES_PER_S.get(pool, FAST_BYTES_PER_S) for pool, size in standing.holds.items()}
    reading_s = (wait_s / PROMPT_AT_ONCE.get(pool, FAST_PROMPT_AT_ONCE) for pool, wait_s in writing_s.items())
    return sum(reading_s), sum(writing_s.values())


def _less(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * (1 - DOUBT)


def _nearer(before: float | None, new: float) -> float:
    return new if before is None else before + FRESH * (new - before)
