"""Embedding requests of many callers go to the engine together, in batches of half as many inputs as it has slots.

Who comes while a batch is computed is in the next one. While there is more than a batch of work the next one is with
the engine before the last is done, so that it never waits for us. Nobody waits for company that may not come: a
caller who finds the engine idle is served at once. Only where callers were served together a moment ago do the next
wait for them to come back, for a small part of the time that their batch took.

A batch is filled by turns: each client gives one input, then each a second, and within a client each request. So one
who brings a thousand texts fills what others leave free. Every caller gets the error of its own inputs alone: a
batch that is refused is asked again, request by request.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, TypeAlias

from innkeeper.runtime.engines.embedding_parts import (
    Input,
    answer_of,
    inputs_of,
    options_of,
    rows_of,
    shared_out,
    weight,
)
from innkeeper.runtime.errors import EngineDied, InnkeeperError
from innkeeper.runtime.messages import Chunk, Done, Piece, Request, Usage

Run: TypeAlias = Callable[[Request], AsyncGenerator[Chunk, None]]
"""Has the engine answer one request; the port's `Engine.run`."""

LONGEST_WINDOW_S: Final = 0.002
"""Most seconds that an idle engine is kept waiting for callers who were served together to come back."""

MOST_BATCHES: Final = 2
"""One that is computed and one that is ready."""

WINDOW_SHARE: Final = 0.05
"""The same as a share of the time their batch took."""


@dataclass(eq=False, slots=True)
class Caller:
    """One request that is not answered yet."""

    request: Request
    inputs: list[Input]
    options: str
    answered: asyncio.Future[None]
    rows: dict[int, bytes] = field(default_factory=dict)
    """By the place of their inputs."""
    whole: bytes | None = None
    """The engine's own answer, where one batch was this request and nothing else."""
    tokens: int = 0
    taken: int = 0
    """Inputs that were given to the engine."""
    last_served: int = 0
    """Number of the batch it was in last."""

    @property
    def is_waiting(self) -> bool:
        return self.taken < len(self.inputs) and not self.answered.done()


@dataclass(frozen=True, slots=True)
class Part:
    """What one caller has in a batch."""

    caller: Caller
    first: int
    """The place of the first of these among the caller's inputs."""
    inputs: list[Input]


class EmbeddingBatches:
    """The embedding requests of one engine."""

    def __init__(self, model: str, run: Run, *, slots: int, most_tokens: int) -> None:
        """`most_tokens` are those that the engine computes in one pass; a batch has one input in any case."""
        self._model = model
        self._run = run
        self._most_inputs = -(-slots // MOST_BATCHES)
        self._most_tokens = most_tokens
        self._callers: list[Caller] = []
        self._count = 0
        self._under_way: dict[asyncio.Task[None], list[Part]] = {}
        self._window: asyncio.TimerHandle | None = None

    async def run(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """See `Engine.run`."""
        answered = asyncio.get_running_loop().create_future()
        caller = Caller(request, inputs_of(request.body), options_of(request.body), answered)
        self._callers.append(caller)
        self._begin()
        try:
            await caller.answered
        finally:
            caller.answered.cancel()
            self._callers.remove(caller)
            self._stop_what_nobody_wants()
        rows = [caller.rows[place] for place in range(len(caller.rows))]
        yield Piece(caller.whole if caller.whole is not None else answer_of(self._model, rows, caller.tokens))
        yield Done(Usage(prompt_tokens=caller.tokens))

    async def close(self) -> None:
        """Return when nothing is asked of the engine any more. It is gone, and whoever waits for it learns that."""
        self._end_window()
        while self._under_way:
            await asyncio.wait(self._under_way)
            self._end_window()

    # ---- when ----

    def _begin(self) -> None:
        """Give the engine what it can take, unless callers have a moment to gather for it."""
        while len(self._under_way) < MOST_BATCHES:
            waiting = sum(len(one.inputs) - one.taken for one in self._callers if one.is_waiting)
            if waiting == 0 or (waiting < self._most_inputs and (self._under_way or self._window is not None)):
                return
            parts = self._filled()
            batch = asyncio.create_task(self._compute(parts), name=f"embed for {self._model}")
            self._under_way[batch] = parts
            batch.add_done_callback(partial(self._over, began_s=asyncio.get_running_loop().time()))

    def _over(self, batch: asyncio.Task[None], began_s: float) -> None:
        """Answer those who have all of their rows, and go on."""
        parts = self._under_way.pop(batch)
        error = None if batch.cancelled() else batch.exception()  # it is cancelled when nobody listens
        for caller in [part.caller for part in parts if not part.caller.answered.done()]:
            if error is not None:
                caller.answered.set_exception(copy(error))  # one error may go to many: each gets its own traceback
            elif caller.whole is not None or len(caller.rows) == len(caller.inputs):
                caller.answered.set_result(None)
        if not self._under_way and self._window is None and len(self._callers) > 1:
            loop = asyncio.get_running_loop()
            wait_s = min(LONGEST_WINDOW_S, WINDOW_SHARE * (loop.time() - began_s))
            self._window = loop.call_later(wait_s, self._end_window)
        self._begin()

    def _end_window(self) -> None:
        if self._window is not None:
            self._window.cancel()
            self._window = None
        self._begin()

    def _stop_what_nobody_wants(self) -> None:
        """Closing the question stops the engine's work."""
        for batch, parts in self._under_way.items():
            if not any(part.caller in self._callers for part in parts):
                batch.cancel()

    # ---- who ----

    def _filled(self) -> list[Part]:
        """Inputs for one batch, by turns; they count as taken."""
        self._count += 1
        chosen: dict[Caller, Part] = {}
        by_client: Counter[str] = Counter()
        options: str | None = None
        room_inputs, room_tokens = self._most_inputs, self._most_tokens

        def turn(caller: Caller) -> tuple[int, int, int]:
            return (
                by_client[caller.request.client],
                len(chosen[caller].inputs) if caller in chosen else 0,
                caller.last_served,
            )

        while room_inputs > 0:
            waiting = [one for one in self._callers if one.is_waiting and options in (None, one.options)]
            if not waiting:
                break
            caller = min(waiting, key=turn)
            one = caller.inputs[caller.taken]
            room_tokens -= weight(one)
            if room_tokens < 0 and chosen:
                break
            options = caller.options
            chosen.setdefault(caller, Part(caller, caller.taken, [])).inputs.append(one)
            by_client[caller.request.client] += 1
            room_inputs -= 1
            caller.taken += 1
        for caller in chosen:
            caller.last_served = self._count
        return list(chosen.values())

    # ---- how ----

    async def _compute(self, parts: Sequence[Part]) -> None:
        try:
            await self._ask(parts)
        except EngineDied:
            raise
        except InnkeeperError:
            if len(parts) == 1:
                raise
            await self._ask_each(parts)

    async def _ask_each(self, parts: Sequence[Part]) -> None:
        """After a refusal of all together: who is refused alone has itself to thank, the others have their rows."""
        for part in parts:
            try:
                await self._ask([part])
            except EngineDied:
                raise
            except InnkeeperError as error:
                if not part.caller.answered.done():
                    part.caller.answered.set_exception(error)

    async def _ask(self, parts: Sequence[Part]) -> None:
        inputs = [one for part in parts for one in part.inputs]
        first = parts[0].caller
        is_one_whole = len(parts) == 1 and len(inputs) == len(first.inputs)
        body = first.request.body if is_one_whole else {**first.request.body, "input": inputs}
        answer, usage = b"", Usage()
        async with aclosing(self._run(replace(first.request, body=body))) as chunks:
            async for chunk in chunks:
                match chunk:
                    case Piece(data):
                        answer = data
                    case Done(usage):
                        pass
        if is_one_whole:
            first.whole, first.tokens = answer, usage.prompt_tokens
            return
        rows = rows_of(self._model, answer, len(inputs))
        shares = shared_out(usage.prompt_tokens, [sum(map(weight, part.inputs)) for part in parts])
        for part, share in zip(parts, shares, strict=True):
            part.caller.rows |= enumerate(rows[: len(part.inputs)], part.first)
            part.caller.tokens += share
            del rows[: len(part.inputs)]
