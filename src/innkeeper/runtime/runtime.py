"""The way of a request, on one page: route, reside, run, stream, record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

from innkeeper.runtime import facts, showing
from innkeeper.runtime.catalog import Catalog
from innkeeper.runtime.chain import Attempt, Chain, Limits
from innkeeper.runtime.contexts import Contexts
from innkeeper.runtime.engine import CountsTokens
from innkeeper.runtime.errors import Closing, InnkeeperError, InvalidRequest, NotNow, NotSupported
from innkeeper.runtime.journal.journal import Journal
from innkeeper.runtime.memory.host import RAM
from innkeeper.runtime.messages import Chunk, Done, Request, Usage
from innkeeper.runtime.reception import Reception
from innkeeper.runtime.residency.keeper import Ask, Keeper, Lease
from innkeeper.runtime.residency.machine import Residency
from innkeeper.runtime.residency.readings import Readings
from innkeeper.runtime.residency.signals import Close, KeepSet, Missed, PinSet, PreloadWanted, Rated
from innkeeper.runtime.residency.states import State
from innkeeper.runtime.routing.choice import Choice
from innkeeper.runtime.routing.timing import Answered
from innkeeper.runtime.silence import Silence
from innkeeper.runtime.spending.spending import Spending
from innkeeper.runtime.views import Explanation, RuntimeView


class Runtime:
    """Runs the models of a catalogue under one budget, and answers requests.

    `running` opens it for the length of a block.
    """

    def __init__(
        self,
        catalog: Catalog,
        keeper: Keeper,
        readings: Readings,
        residency: Residency,
        journal: Journal,
        reception: Reception,
        *,
        limits: Limits,
        seconds: Callable[[], float],
        version: str,
        spending: Spending | None = None,
    ) -> None:
        """`spending` is what hosted models cost; None where none can cost anything."""
        self.catalog = catalog
        self.journal = journal
        self._keeper = keeper
        self._readings = readings
        self._residency = residency
        self._reception = reception
        self._limits = limits
        self._seconds = seconds
        self._version = version
        self._spending = spending
        self._contexts = Contexts()
        self._began_s = seconds()
        self._is_ready = False
        self._asking: dict[str, tuple[str, int]] = {}
        """By request: the candidate that is tried now, and the ticket of its lease."""
        self._rates: dict[str, float] = {}
        self._being_answered: set[str] = set()
        self._undisturbed: str | None = None
        """The request that has had the machine to itself since its lease began; None where there is none."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Runtime]:
        """Open for the length of the block; leaving it ends every answer and every engine."""
        self._began_s = self._seconds()
        async with self._keeper, self._readings.running():
            self.journal.record(
                facts.Opened(self._version, {pool.name: pool.ceiling_bytes for pool in self.view().pools})
            )
            self._is_ready = not self._residency.books.is_closing
            try:
                yield self
            finally:
                self._is_ready = False
        self.journal.record(facts.Closed(self._seconds() - self._began_s))

    @property
    def is_ready(self) -> bool:
        """Whether new requests are taken in."""
        return self._is_ready

    async def serve(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Stream the answer of the first candidate that can give one: `Began`, pieces, `Done`.

        Once a piece has left, no other candidate is tried: what was said cannot be unsaid. Every request ends in
        exactly one `Finished`, also when its caller leaves.
        """
        began_s = self._seconds()
        outcome, answered_by, usage = "internal", request.model, Usage()  # until something else is known: our fault
        self.journal.record(facts.Asked(request.id, request.kind.value, request.model, request.task, request.client))
        try:
            if not self._is_ready:
                raise Closing("The server is not taking requests now.", retry_after_s=5.0)
            choice = self._reception.choice(request, self.catalog)  # route
            right = choice.right if choice.is_substituted else None
            self.journal.record(facts.Routed(request.id, choice.candidates, choice.because, right))
            if not choice.candidates:
                raise self._not_now(choice)
            chain = Chain(choice, request, self._limits, self._seconds)
            for attempt in chain:
                answered_by, tried_s = attempt.model, self._seconds()
                try:
                    async with self._lease(attempt) as lease:  # reside
                        self.journal.record(facts.Leased(request.id, attempt.model, lease.waited_s, lease.load_s))
                        async with (
                            Silence(attempt.model, attempt.silence_s) as silence,
                            aclosing(lease.engine.run(silence.heard_by(attempt.request))) as chunks,  # run
                        ):
                            first = await attempt.first_of(chunks)
                            self._has_begun(request, choice, attempt, lease, began_s)
                            yield replace(attempt.began, waited_s=lease.waited_s, load_s=lease.load_s)
                            yield first
                            silence.listen()
                            async for chunk in chunks:
                                silence.pause()
                                if isinstance(chunk, Done):
                                    outcome, usage = "answered", chunk.usage
                                    self._has_ended(attempt, lease, usage)
                                yield chunk  # stream
                                silence.listen()
                except InnkeeperError as error:
                    after_s, cost = self._seconds() - tried_s, error.numbers.get("cost")
                    self.journal.record(
                        facts.AttemptFailed(
                            request.id,
                            attempt.model,
                            error.code,
                            error.message,
                            after_s,
                            cost if isinstance(cost, float) else None,
                        )
                    )
                    if not chain.failed(attempt, error):
                        raise
                else:
                    outcome = "answered"
                    return
            raise chain.exhausted()
        except InnkeeperError as error:
            outcome = error.code
            raise
        except (asyncio.CancelledError, GeneratorExit):
            if outcome != "answered":  # who has heard everything may go
                outcome = "abandoned"
            raise
        finally:  # record
            took_s = self._seconds() - began_s
            self.journal.record(facts.Finished(request.id, answered_by, outcome, took_s, usage))

    @asynccontextmanager
    async def _lease(self, attempt: Attempt) -> AsyncIterator[Lease]:
        request = attempt.request
        ask = Ask(request.client, request.priority, request.patience_s, attempt.wait_at_most_s)
        ticket = self._keeper.ticket()
        self._asking[request.id] = attempt.model, ticket
        try:
            async with self._keeper.lease(attempt.model, ask, ticket) as lease:
                lease.hold_s = request.hold_s
                attempt.leased_at_s = self._seconds()
                if request.keep_for_s is not None:
                    self._keeper.tell(KeepSet(attempt.model, request.keep_for_s))
                self._undisturbed = None if self._being_answered else request.id
                self._being_answered.add(request.id)
                yield lease
        finally:
            self._asking.pop(request.id, None)
            self._being_answered.discard(request.id)

    def _has_begun(self, request: Request, choice: Choice, attempt: Attempt, lease: Lease, began_s: float) -> None:
        """The first words are there: what follows from who says them."""
        began, resident = attempt.began, self._residency.books.residents.get(attempt.model)
        attempt.first_s = self._seconds() - attempt.leased_at_s
        attempt.was_crowded = resident is not None and len(resident.leases) > 1
        attempt.is_first_after_load = resident is not None and not resident.answered
        self.journal.record(
            facts.FirstWords(
                request.id,
                attempt.model,
                choice.task,
                self._seconds() - began_s,
                lease.load_s,
                choice.due.within_s,
                began.requested,
                began.quality,
                not request.streams,
            )
        )
        self._reception.answers(request, choice, attempt.model)
        if began.requested is not None and attempt.model == choice.candidates[0]:
            self._miss(choice)
        if request.context is not None:
            self._enter(request.context, request.client, choice.right)

    def _miss(self, choice: Choice) -> None:
        """The right model does not answer, and may be loaded for the next request: now that the one that does is in
        use, so that neither sends the other away."""
        because = f"another answered in its place, {choice.due.because} being {choice.due.within_s:g} s"
        self._keeper.tell(Missed(choice.right, choice.loads_next is not None, because))

    def _not_now(self, choice: Choice) -> NotNow:
        self._miss(choice)
        expected = choice.expected_of(choice.right)
        wait_s = expected.wait_s if expected is not None else None
        loading = f" {choice.loads_next} is being loaded." if choice.loads_next is not None else ""
        return NotNow(
            f"Nobody can answer this now: {choice.because}.{loading} Ask again later, or let the request wait.",
            retry_after_s=wait_s,
            expected_wait_s=wait_s,
        )

    def _has_ended(self, attempt: Attempt, lease: Lease, usage: Usage) -> None:
        """The answer is complete: what is learned from it."""
        lease.has_answered = True
        self._rate(lease, attempt.request, usage)
        self._reception.learn(
            Answered(
                attempt.model,
                attempt.first_s,
                self._seconds() - attempt.leased_at_s,
                attempt.is_first_after_load,
                attempt.was_crowded,
                usage.prompt_tokens,
                usage.cached_tokens,
                usage.prompt_s,
                usage.answer_tokens,
                usage.answer_s,
                attempt.request.streams,
            )
        )

    def _rate(self, lease: Lease, request: Request, usage: Usage) -> None:
        """Take note of how fast the answer was made: a model that spilled out of fast memory is noticed by it.

        What ran beside other answers or loads is slow for that reason, and what runs in main memory cannot spill.
        """
        if not usage.answer_s or usage.answer_tokens < 8:  # fewer say nothing about a rate
            return
        rate = usage.answer_tokens / usage.answer_s
        self._rates[lease.model] = rate
        books = self._residency.books
        is_in_fast_memory = any(size and pool != RAM for pool, size in books.ledger.held_by(lease.model).items())
        if is_in_fast_memory and self._undisturbed == request.id and not books.loaded(State.LOADING):
            self._keeper.tell(Rated(lease.model, lease.generation, rate))

    # ---- for operators ----

    def position(self, request_id: str) -> int | None:
        """Place of a request among those who wait, from 1; 0 while its model loads or answers; None when unknown."""
        asking = self._asking.get(request_id)
        return None if asking is None else self._keeper.position(asking[1])

    def candidate(self, request_id: str) -> str | None:
        """The model a request waits for or is answered by at this moment; None when unknown."""
        asking = self._asking.get(request_id)
        return None if asking is None else asking[0]

    def view(self) -> RuntimeView:
        """The whole inn at this moment."""
        books = self._residency.books
        now_s = self._seconds()
        return RuntimeView(
            version=self._version,
            up_s=now_s - self._began_s,
            pools=showing.pools(books, self._readings.pools),
            models=showing.models(self.catalog, books, self._keeper, self._rates, now_s),
            waiting=len(books.queue),
            serving=len(books.leases),
            spending=self._spending.view() if self._spending is not None else None,
        )

    def explain(self, request: Request) -> Explanation:
        """Who would answer `request` at this moment, and why. Nothing is run, loaded or remembered."""
        return self._reception.explanation(request, self.catalog)

    async def count_tokens(self, request: Request) -> int:
        """Tokens of the prompt, counted by the model that would answer it, which is loaded for that.

        Raises:
            NotSupported: Its engine cannot count.
        """
        if not self._is_ready:
            raise Closing("The server is not taking requests now.", retry_after_s=5.0)
        choice = self._reception.choice(request, self.catalog)
        if not choice.candidates:
            raise self._not_now(choice)
        model = choice.candidates[0]
        ask = Ask(request.client, request.priority, request.patience_s, request.wait_at_most_s)
        async with self._keeper.lease(model, ask) as lease:
            if not isinstance(lease.engine, CountsTokens):
                raise NotSupported(f"The engine of {model} cannot count tokens without answering.", param="model")
            return await lease.engine.count_tokens(request)

    async def load(self, model: str) -> None:
        """Return when `model` is ready. Nothing happens when it is."""
        await self._keeper.load(model)

    async def unload(self, model: str, *, force: bool = False) -> None:
        """Return when `model` is gone. With `force` it drains: running requests finish, new ones wait.

        Raises:
            ModelInUse: It is used or waited for, and `force` was not given.
        """
        await self._keeper.unload(model, force=force)

    def pin(self, model: str, pinned: bool) -> None:
        """Say whether `model` may be chosen to make room, from now until the server ends. Loads nothing."""
        self.catalog.get(model)
        self._keeper.tell(PinSet(model, pinned))

    def keep(self, model: str, keep_for_s: float) -> None:
        """Say how long `model` stays from now on when it is idle, if it is in memory: until it leaves, or till the
        next such word. Infinity keeps it until its room is wanted."""
        self.catalog.get(model)
        self._keeper.tell(KeepSet(model, keep_for_s))

    def open_context(self, name: str, client: str = "") -> tuple[str, ...]:
        """Load in the background what this campaign or feed will probably need; returns that, most likely first."""
        likely = self._contexts.opened(name, client, self.catalog.contexts, self._seconds())
        models = tuple(model for model in likely.models if model in self.catalog)
        if models:
            self._keeper.tell(PreloadWanted(models, f"{name} was opened", may_displace=likely.is_declared))
        return models

    def _enter(self, context: str, client: str, model: str) -> None:
        """A request belongs to a context: the first for a while opens it."""
        if self._contexts.asked(context, client, model, self._seconds()):
            self.open_context(context, client)

    def preload(self, models: tuple[str, ...], because: str) -> None:
        """Load in the background what will probably be wanted; never displaces anything in use."""
        self._keeper.preload(models, because)

    async def borrow(self, model: str, *, for_s: float, client: str) -> str:
        """A lease for a long job: returns its id. It ends after `for_s` at the latest."""
        ticket = await self._keeper.borrow(model, Ask(client, expires_s=for_s))
        return f"l-{ticket}"

    def give_back(self, lease_id: str) -> None:
        """End such a lease. One that has ended already changes nothing.

        Raises:
            InvalidRequest: It never was the id of a lease.
        """
        number = lease_id.removeprefix("l-")
        if not number.isdecimal() or len(number) > 18 or not self._keeper.was_given(int(number)):
            raise InvalidRequest(f"There never was a lease {lease_id[:40]!r}.", param="lease")
        self._keeper.give_back(int(number))

    async def reload(self, catalog: Catalog) -> None:
        """From now on these models exist. Unchanged ones keep running."""
        await self._keeper.reload(catalog)
        self.catalog = catalog

    def stop_taking(self) -> None:
        """Refuse new requests and those that wait; those that are answered now go on."""
        self._is_ready = False
        self._keeper.tell(Close())
