"""Which models are in memory, and who may use them: signals in, effects out, no clock and nothing asynchronous."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from innkeeper.runtime.catalog import Bytes
from innkeeper.runtime.facts import Note
from innkeeper.runtime.residency import callers, engines, house
from innkeeper.runtime.residency.books import Books
from innkeeper.runtime.residency.callers import Rules
from innkeeper.runtime.residency.decision import Decision
from innkeeper.runtime.residency.policy import Policy, keep_the_most_valuable_set
from innkeeper.runtime.residency.signals import (
    CatalogSet,
    CeilingSet,
    Close,
    Effect,
    Gone,
    KeepSet,
    Loaded,
    Missed,
    NotLoaded,
    OverheadSet,
    PinSet,
    PreloadWanted,
    Rated,
    Returned,
    Seen,
    Signal,
    Sized,
    Tick,
    UnloadWanted,
    Wanted,
)
from innkeeper.runtime.residency.standings import standing_of
from innkeeper.runtime.residency.states import State
from innkeeper.runtime.standing import Standing


class Residency:
    """Which models are in memory, and who may use them.

    `hear` is the only way in. It never blocks and never raises for an outside failure.
    """

    def __init__(
        self,
        budget: Bytes,
        *,
        note: Note,
        rules: Rules | None = None,
        policy: Policy = keep_the_most_valuable_set,
    ) -> None:
        self._books = Books(budget, note)
        self._rules = rules or Rules()
        self._policy = policy
        self._now_s = 0.0

    def hear(self, signal: Signal, now_s: float) -> tuple[Effect, ...]:
        """Take in one signal at a moment in seconds; return what must now be done, in order."""
        assert now_s >= self._now_s, f"time went back from {self._now_s} to {now_s}"
        self._now_s = now_s
        effects = self._take_in(signal)
        decision = Decision(self._books, self._policy, now_s, self._rules.preloads_by_rate)
        return (*effects, *decision.settle())

    def wake_at_s(self) -> float | None:
        """The next moment at which time alone changes something; None when it does not. Say `Tick` then."""
        books = self._books
        times = [wish.until_s for wish in books.preloads.wishes.values()]
        for waiter in books.queue:
            times += [books.queue.overdue_at_s(waiter), waiter.refuse_at_s]
        times += [lease.expires_at_s for lease in books.leases.values() if lease.expires_at_s is not None]
        for resident in books.loaded(State.READY):
            leaves_at_s = books.leaves_at_s(resident)
            if leaves_at_s is not None:
                times.append(leaves_at_s)
            if len(books.queue) and resident.held_until_s is not None:
                times.append(resident.held_until_s)
        return min((time_s for time_s in times if self._now_s < time_s < float("inf")), default=None)

    def position(self, ticket: int) -> int | None:
        """Place among those who wait, from 1; 0 while the model loads for it or serves it; None when it is neither."""
        if ticket in self._books.leases:
            return 0
        order = self._books.queue.in_order(self._now_s)
        for place, waiter in enumerate(order, start=1):
            if waiter.ticket == ticket:
                return 0 if self._books.residents[waiter.model].state is State.LOADING else place
        return None

    def standing(self, model: str, now_s: float, *, is_hosted: bool = False) -> Standing:
        """What it would take for `model` to answer a request that comes now; changes nothing. It must be known."""
        return standing_of(self._books, self._policy, model, now_s, is_hosted=is_hosted)

    @property
    def books(self) -> Books:
        """For pictures and tests: to be read, not to be decided on."""
        return self._books

    def check(self) -> None:
        """Every promise about the state, asserted."""
        self._books.check()

    def _take_in(self, signal: Signal) -> Iterable[Effect]:
        books, now_s = self._books, self._now_s
        match signal:
            case Wanted():
                return callers.wanted(books, self._rules, signal, now_s)
            case Returned():
                return callers.returned(books, signal, now_s)
            case UnloadWanted():
                return callers.unload_wanted(books, signal)
            case Loaded() | NotLoaded() | Gone() | Seen() | Sized() | Rated():
                return self._engine_says(signal)
            case _:
                return self._house_hears(signal)

    def _engine_says(self, signal: Loaded | NotLoaded | Gone | Seen | Sized | Rated) -> Iterable[Effect]:
        books, now_s = self._books, self._now_s
        match signal:
            case Loaded():
                return engines.loaded(books, signal, now_s)
            case NotLoaded():
                return engines.not_loaded(books, signal, now_s)
            case Gone():
                return engines.gone(books, signal, now_s)
            case Seen():
                return engines.seen(books, signal, now_s)
            case Sized():
                return engines.sized(books, signal)
            case Rated():
                return engines.rated(books, signal, now_s)
        assert_never(signal)

    def _house_hears(
        self, signal: CeilingSet | OverheadSet | PinSet | KeepSet | PreloadWanted | Missed | CatalogSet | Tick | Close
    ) -> Iterable[Effect]:
        books = self._books
        match signal:
            case CeilingSet():
                return house.ceiling_set(books, signal)
            case OverheadSet(pool, overhead_bytes):
                books.ledger.set_overhead(pool, overhead_bytes)
                return ()
            case PinSet():
                return house.pin_set(books, signal)
            case KeepSet():
                return house.keep_set(books, signal)
            case PreloadWanted():
                return house.preload_wanted(books, signal, self._now_s)
            case Missed():
                return house.missed(books, signal, self._now_s)
            case CatalogSet():
                return house.catalog_set(books, signal)
            case Tick():
                return ()
            case Close():
                return house.close(books)
        assert_never(signal)
