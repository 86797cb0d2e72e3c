"""The candidates of one request, tried in turn: one limit for the wait of all of them, and one for their cost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from innkeeper.runtime.errors import ChainExhausted, EngineFailed, EngineTimedOut, InnkeeperError
from innkeeper.runtime.messages import Began, Chunk, Done, Kind, Piece, Request
from innkeeper.runtime.routing.choice import Choice, because_after

NEXT_NEEDS_S: Final = 5.0
"""Seconds kept for a next candidate of which nothing else is known."""

HEARD_WITHIN_S: Final = 7 * 86_400.0
"""Sound may be heard for days; its engine watches each window itself."""

ENDS_BY_ITSELF_S: Final = 0.1
"""Seconds before the limit at which an engine that knows it ends its work, because it can say why and at what cost."""

STUCK: Final = 5.0
"""An engine that needs so many times what is expected of it is taken to be stuck, where another could answer."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long engines are waited for where the caller says nothing."""

    wait_s: float = 300.0
    """For memory and a slot, all candidates together."""
    silence_s: float = 120.0
    """For an engine that says nothing, beside what reading the prompt is expected to take."""
    stuck_s: float = 15.0
    """The same while another model could answer instead."""
    whole_answer_s: float = 3600.0
    """For an answer that does not stream, and so says nothing until its end."""


class Chain:
    """Iterating gives an attempt at each candidate; `failed` is told of each that could not answer."""

    def __init__(self, choice: Choice, request: Request, limits: Limits, seconds: Callable[[], float]) -> None:
        self.choice = choice
        self.request = request
        self.failures: list[tuple[str, InnkeeperError]] = []
        self._limits = limits
        self._seconds = seconds
        self._began_s = seconds()
        self._spent = 0.0

    def __iter__(self) -> Iterator[Attempt]:
        candidates = self.choice.candidates
        for place, model in enumerate(candidates):
            behind = candidates[place + 1] if place + 1 < len(candidates) else None
            yield self._attempt(model, behind)

    def failed(self, attempt: Attempt, error: InnkeeperError) -> bool:
        """Take note that it could not answer; whether the next may try."""
        self.failures.append((attempt.model, error))
        cost = error.numbers.get("cost")
        self._spent += cost if isinstance(cost, float) else 0.0
        return error.try_next and not attempt.has_spoken and len(self.choice.candidates) > 1

    def exhausted(self) -> ChainExhausted:
        """The error of a chain in which nobody could answer."""
        return ChainExhausted(tuple(self.failures))

    def _attempt(self, model: str, behind: str | None) -> Attempt:
        request, limits = self.request, self._limits
        waited_s = self._seconds() - self._began_s
        wait_s = limits.wait_s if request.wait_at_most_s is None else request.wait_at_most_s
        left_s = max(0.0, wait_s - waited_s)
        reading_s = self._reading_s(model)
        hears = request.kind is Kind.TRANSCRIPTION
        is_early = request.streams and not hears
        first_words_s = limits.silence_s + STUCK * reading_s if is_early else limits.whole_answer_s
        if behind is not None:
            left_s -= min(left_s / 2, self._needs_s(behind))
            if is_early:
                first_words_s = min(first_words_s, max(limits.stuck_s, STUCK * reading_s))
            if request.deadline_s is not None and not hears and self._may_be_in_time(behind):
                until_due_s = max(0.0, request.deadline_s - waited_s)
                share_s = until_due_s - min(until_due_s / 2, self._needs_s(behind))
                left_s = min(left_s, max(share_s, self._wait_s(model)))
                first_words_s = min(first_words_s, max(share_s, 2 * reading_s))
        silence_s = limits.silence_s
        if hears:
            first_words_s = silence_s = HEARD_WITHIN_S
        if len(self.choice.candidates) > 1 or request.max_cost is not None:  # a copy costs a request some microseconds
            request = replace(
                request,
                wait_at_most_s=left_s,
                first_words_within_s=first_words_s - min(ENDS_BY_ITSELF_S, first_words_s / 10),
                max_cost=None if request.max_cost is None else max(0.0, request.max_cost - self._spent),
            )
        return Attempt(model, request, left_s, first_words_s, silence_s, self._began(model))

    def _began(self, model: str) -> Began:
        choice = self.choice
        quality = choice.quality_of(model)
        return Began(
            model,
            because_after(choice.because, self.failures),
            waited_s=0.0,
            load_s=0.0,
            requested=choice.right if model != choice.right else None,
            quality=quality if model != choice.right else None,
        )

    def _reading_s(self, model: str) -> float:
        """Seconds from the lease to the first words; 0 where nobody had to expect them."""
        expected = self.choice.expected_of(model)
        return expected.prefill_s + expected.decode_s if expected is not None else 0.0

    def _needs_s(self, model: str) -> float:
        expected = self.choice.expected_of(model)
        return NEXT_NEEDS_S if expected is None else expected.first_words_s

    def _wait_s(self, model: str) -> float:
        expected = self.choice.expected_of(model)
        return 0.0 if expected is None else expected.wait_s

    def _may_be_in_time(self, model: str) -> bool:
        expected = self.choice.expected_of(model)
        return expected is None or expected.first_words_s <= self.choice.due.within_s


@dataclass(slots=True)
class Attempt:
    """One candidate's turn."""

    model: str
    request: Request
    """As it is for this candidate: with what the others have left of its time and its cost."""
    wait_at_most_s: float
    """For memory and a slot."""
    first_words_within_s: float
    """From the lease to the first words."""
    silence_s: float
    """Between two pieces of it."""
    began: Began
    """What the answer begins with, but for the times, which are not known yet."""
    has_spoken: bool = False
    """Whether something of its answer has left: then nobody else is tried."""
    leased_at_s: float = 0.0
    first_s: float = 0.0
    """From there to the first words."""
    was_crowded: bool = False
    """Whether the model answered others at the same time."""
    is_first_after_load: bool = False

    async def first_of(self, chunks: AsyncGenerator[Chunk, None]) -> Piece:
        """The first piece of the answer.

        Raises:
            EngineTimedOut: It did not come in time.
            EngineFailed: The answer ended without one.
            InnkeeperError: Whatever the engine raises.
        """
        try:
            async with asyncio.timeout(self.first_words_within_s):
                first = await anext(chunks, None)
        except TimeoutError:
            raise EngineTimedOut(
                f"{self.model} said nothing within {self.first_words_within_s:.0f} s of being asked. If it only needs "
                "longer, raise queue.longest_silence_s; else unload it and load it anew.",
                limit_s=self.first_words_within_s,
            ) from None
        if first is None or isinstance(first, Done | Began):
            raise EngineFailed(f"{self.model} ended its answer without a word.")
        self.has_spoken = True
        return first
