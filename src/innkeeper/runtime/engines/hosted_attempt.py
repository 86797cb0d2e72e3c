"""One try of one request: it is sent to the provider, and what comes back is made an answer or a failure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.engines import hosted_failure
from innkeeper.runtime.engines.hosted_answer import (
    END,
    TARGETS,
    Counted,
    Document,
    counted,
    error_of,
    event_data,
    only_counts,
    ours,
    read,
    says_something,
    text_of,
    vectors_together,
    why_it_ended,
    with_usage,
)
from innkeeper.runtime.engines.hosted_drift import Drift
from innkeeper.runtime.engines.hosted_failure import Failed, Failure
from innkeeper.runtime.engines.hosted_link import Link
from innkeeper.runtime.errors import (
    EngineDied,
    EngineFailed,
    EngineTimedOut,
    EngineUnreachable,
)
from innkeeper.runtime.facts import Note
from innkeeper.runtime.messages import Chunk, Done, Kind, Piece, Request
from innkeeper.runtime.spending.bill import Bill
from innkeeper.runtime.spending.spending import Spending

Answer = TypeVar("Answer")

ENDS_WITHIN_S: Final = 0.2
"""Seconds a provider may take to close an answer that is complete; one that takes longer loses the connection."""


@dataclass(frozen=True, slots=True)
class House:
    """What every hosted engine needs of the house it runs in."""

    spending: Spending
    note: Note
    seconds: Callable[[], float]
    """A clock that never goes back."""
    clock: Callable[[], float]
    """Unix seconds, for the dates in answers."""
    chance: Callable[[], float]
    """A number from 0 to 1, so that not all who failed together try again together."""
    uploads: Path
    """A folder for parts of sound while they are sent."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(frozen=True, slots=True)
class Until:
    """When the first words must be there, or all of an answer that does not stream."""

    at_s: float
    """By the clock of the house."""
    within_s: float
    """How long that was from the beginning."""
    because: str
    """Who says so and what would give it longer: a sentence."""


class Attempts:
    """The tries of one engine. Nothing here decides whether there is another one."""

    def __init__(self, model: Model, link: Link, drift: Drift, house: House) -> None:
        self._model = model
        self._link = link
        self._drift = drift
        self._house = house
        self._is_up = False
        self._is_stopped = asyncio.Event()
        self._limits: set[asyncio.Timeout] = set()
        """Of what is waited for now, so that an end can reach it."""

    def begin(self) -> None:
        """The engine was started."""
        self._is_up = True

    def end(self) -> None:
        """The engine is stopped: whatever is waited for ends at once."""
        self._is_stopped.set()
        for limit in [limit for limit in self._limits if not limit.expired()]:
            limit.reschedule(asyncio.get_running_loop().time())

    async def ended(self) -> None:
        """Return when the engine is stopped."""
        await self._is_stopped.wait()

    @property
    def is_stopped(self) -> bool:
        """Whether the engine is stopped."""
        return self._is_stopped.is_set()

    async def pause(self, length_s: float) -> None:
        """Let time pass before the next try.

        Raises:
            EngineDied: The engine was stopped meanwhile.
        """
        await self.within(partial(self._house.sleep, length_s), None)

    def body(self, request: Request) -> dict[str, Any]:  # JSON
        """What is sent for it."""
        source = self._model.source or self._model.id
        return self._drift.body(request, source, self._link.provider.answer_tokens_at_most)

    def attempt(self, request: Request, bill: Bill, until: Until) -> AsyncGenerator[Chunk, None]:
        """Stream the answer; its first words must be there in time, or all of it where it does not stream.

        Raises:
            Failed: There is none, or it broke off.
            EngineDied: The engine was stopped meanwhile.
        """
        if request.kind is Kind.EMBEDDING:
            return self._vectors(request, bill, until)
        return self._stream(request, bill, until) if request.streams else self._whole(request, bill, until)

    # ---- an answer piece by piece ----

    async def _stream(self, request: Request, bill: Bill, until: Until) -> AsyncGenerator[Chunk, None]:
        options = request.body.get("stream_options") or {}
        wants_usage = bool(options.get("include_usage"))
        began_s = self._house.seconds()
        async with AsyncExitStack() as stack:
            bill.asked()
            stream = await self.within(
                lambda: stack.enter_async_context(
                    self._link.http.stream(
                        "POST", TARGETS[request.kind], self.body(request), silence_s=self._link.provider.silence_s
                    )
                ),
                until,
            )
            if not 200 <= stream.status < 300:
                self._refuse(stream.status, stream.headers, await self.within(stream.data, until))
            lines = await stack.enter_async_context(aclosing(stream.lines()))
            held_back: list[Document] = []
            figures: Counted | None = None
            first_s: float | None = None
            reason: str | None = None
            last: Document = {}
            is_complete = False
            while (
                line := await self.within(lambda: anext(lines, None), until if first_s is None else None)
            ) is not None:
                data = event_data(line) if not line.startswith(b"{") else line  # an error without framing
                if data is None:
                    continue
                if data == END:
                    is_complete = True
                    break
                document = self.understood(data)
                figures = counted(document) or figures
                reason = why_it_ended(document) or reason
                if only_counts(document) and not wants_usage:
                    continue
                bill.said(text_of(document))
                if first_s is None and not says_something(document):
                    held_back.append(document)
                    continue
                if first_s is None:
                    first_s = self._house.seconds()
                    for held in held_back:
                        yield self._piece(held)
                last = document
                yield self._piece(document)
            if not is_complete and reason is None:
                what = f"{self._model.id} at {self._link.provider.name} ended its answer in the middle."
                raise Failed(hosted_failure.of_break_off(EngineFailed(what)))
            if first_s is None:
                raise Failed(self._empty(reason))
            self._count(bill, figures)
            if wants_usage and figures is None:
                yield self._piece(with_usage({**last, "choices": []}, bill.usage))
            ended_s = self._house.seconds()
            yield Done(replace(bill.usage, prompt_s=first_s - began_s, answer_s=ended_s - first_s))
            if is_complete:
                await self._read_out(lines, Until(ended_s + ENDS_WITHIN_S, ENDS_WITHIN_S, ""))

    async def _read_out(self, lines: AsyncGenerator[bytes, None], until: Until) -> None:
        """Read to the end, so that the connection can be used again. The answer is out: no failure counts any more."""
        with suppress(Failed):
            while await self.within(lambda: anext(lines, None), until) is not None:
                pass

    # ---- an answer in one piece ----

    async def _whole(self, request: Request, bill: Bill, until: Until) -> AsyncGenerator[Chunk, None]:
        bill.asked()
        document = await self._asked(request.kind, self.body(request), until)
        bill.said(text_of(document))
        if not says_something(document):
            self._count(bill, counted(document))
            raise Failed(self._empty(why_it_ended(document)))
        figures = counted(document)
        self._count(bill, figures)
        yield self._piece(document if figures is not None else with_usage(document, bill.usage))
        yield Done(bill.usage)

    async def _vectors(self, request: Request, bill: Bill, until: Until) -> AsyncGenerator[Chunk, None]:
        body = self.body(request)
        at_once = self._link.provider.embed_at_once
        texts = body.get("input")
        batches = [texts]
        if isinstance(texts, list) and len(texts) > at_once and not isinstance(texts[0], int):
            batches = [texts[start : start + at_once] for start in range(0, len(texts), at_once)]
        parts = []
        for batch in batches:
            bill.asked()
            part = await self._asked(request.kind, {**body, "input": batch}, until)
            wanted = len(batch) if isinstance(batch, list) and not isinstance(batch[0], int) else 1
            if len(part.get("data") or []) != wanted:
                what = f"gave {len(part.get('data') or [])} vectors for {wanted} texts"
                raise Failed(hosted_failure.of_nonsense(self._link.provider, self._model, what))
            self._count(bill, counted(part))
            parts.append(part)
        yield self._piece(parts[0] if len(parts) == 1 else vectors_together(parts))
        yield Done(bill.usage)

    async def _asked(self, kind: Kind, body: object, until: Until) -> Document:
        return self.understood(await self.answered(TARGETS[kind], body, until))

    # ---- what all do ----

    async def answered(self, path: str, body: object, until: Until) -> bytes:
        """The whole answer to what is sent there; it must be here in time.

        Raises:
            Failed: There is none, or it is a refusal.
            EngineDied: The engine was stopped meanwhile.
        """
        http, limit_s = self._link.http, self._link.provider.whole_answer_within_s
        answer = await self.within(lambda: http.ask("POST", path, body, within_s=limit_s), until)
        if not 200 <= answer.status < 300:
            self._refuse(answer.status, answer.headers, answer.data)
        return answer.data

    def _refuse(self, status: int, headers: Any, data: bytes) -> None:
        raise Failed(
            hosted_failure.of_answer(self._link.provider, self._model, status, headers, data, self._house.clock())
        )

    def understood(self, data: bytes) -> Document:
        """The document.

        Raises:
            Failed: It is none, or tells of an error.
        """
        document = read(data)
        if document is None:
            what = "sent something that is no JSON"
            raise Failed(hosted_failure.of_nonsense(self._link.provider, self._model, what))
        error = error_of(document)
        if error is not None:
            status = hosted_failure.status_in(error)
            raise Failed(hosted_failure.of_error(self._link.provider, self._model, status, error))
        return document

    def _empty(self, reason: str | None) -> Failure:
        provider, model = self._link.provider, self._model
        match reason:
            case "content_filter":
                what = "let nothing of its answer through its content filter"
                return hosted_failure.of_nonsense(provider, model, what, verdict=None)
            case "length":
                what = "said nothing before its limit; it may have used it up for thinking: raise `max_tokens`"
                return hosted_failure.of_nonsense(provider, model, what, verdict=None)
            case _:
                return hosted_failure.of_nonsense(provider, model, "gave an empty answer")

    def _count(self, bill: Bill, figures: Counted | None) -> None:
        if figures is not None:
            bill.counted(figures.usage, figures.cost if self._link.provider.counts_dollars else None)

    def _piece(self, document: Document) -> Piece:
        return Piece(ours(document, self._model.id))

    def refuse_when_stopped(self) -> None:
        """Nothing is asked of an engine that does not run.

        Raises:
            EngineDied: It does not.
        """
        if self._is_stopped.is_set() or not self._is_up:
            raise EngineDied(f"{self._model.id} was never started, or is stopped.")

    async def within(self, begin: Callable[[], Awaitable[Answer]], until: Until | None) -> Answer:
        """What `begin` gives.

        Raises:
            Failed: The time was up before, or nobody answers.
            EngineDied: The engine was stopped before.
        """
        self.refuse_when_stopped()
        left_s = None if until is None else max(0.0, until.at_s - self._house.seconds())
        try:
            async with asyncio.timeout(left_s) as limit:
                self._limits.add(limit)
                try:
                    return await begin()
                finally:
                    self._limits.discard(limit)
        except TimeoutError:
            self.refuse_when_stopped()
            assert until is not None, "what has no limit timed out"
            what = f"{self._model.id} at {self._link.provider.name} said nothing within {until.within_s:.3g} s."
            late = EngineTimedOut(f"{what} {until.because}", limit_s=until.within_s)
            raise Failed(hosted_failure.of_silence(late)) from None
        except EngineUnreachable as error:
            raise Failed(hosted_failure.of_no_connection(error)) from error
        except EngineTimedOut as error:
            raise Failed(hosted_failure.of_silence(error)) from error
        except EngineFailed as error:
            raise Failed(hosted_failure.of_break_off(error)) from error
