"""The whole decision, run again after every signal: who is served, who loads, who leaves, who is refused.

Waiting callers are taken in the order of `queue.py`. A model that is ready serves at once. A load that fits
beside what is there starts at once, also when a larger one waits; a larger one that has waited beyond its
patience is not overtaken any more, and busy models in its way stop taking new work. Nobody is sent away unless
the plan ends in a fit.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from innkeeper.runtime import facts
from innkeeper.runtime.errors import InnkeeperError, WaitedTooLong
from innkeeper.runtime.residency import foresight, refusals
from innkeeper.runtime.residency.books import Books, Resident
from innkeeper.runtime.residency.ledger import add, covers, shortfall
from innkeeper.runtime.residency.policy import Policy
from innkeeper.runtime.residency.queue import Waiter
from innkeeper.runtime.residency.room import Room
from innkeeper.runtime.residency.signals import Effect, Grant, Refuse
from innkeeper.runtime.residency.states import Cause, State


@dataclass(slots=True)
class Decision:
    """One run of the decision over the books at one moment."""

    books: Books
    policy: Policy
    now_s: float
    may_guess: bool = True
    effects: list[Effect] = field(default_factory=list)
    spoken_for: dict[str, int] = field(default_factory=dict)
    """Bytes that callers who cannot load yet have a claim on: nobody else may take them."""
    somebody_lacks_room: bool = False
    room: Room = field(init=False)

    def __post_init__(self) -> None:
        self.room = Room(self.books, self.policy, self.now_s, self.effects)

    def settle(self) -> list[Effect]:
        """Change the books and return what must now be done, in order."""
        self._end_leases()
        self._grant()
        self._refuse_those_who_waited_too_long()
        self.room.relieve()
        self._load_what_is_wanted()
        self.room.reprieve(self.spoken_for)
        self._grant()
        foresight.give_up_outdated(self.books, self.now_s)
        if not self.somebody_lacks_room and not self.books.is_closing:
            foresight.preload(self.room, may_guess=self.may_guess)
        self._let_the_idle_go()
        return self.effects

    # ---- what time ended ----

    def _end_leases(self) -> None:
        books = self.books
        for ticket, lease in tuple(books.leases.items()):
            if lease.expires_at_s is not None and self.now_s >= lease.expires_at_s:
                resident = books.end_lease(ticket, self.now_s)
                assert resident is not None
                self.effects += books.let_go_if_drained(resident)

    def _refuse_those_who_waited_too_long(self) -> None:
        books = self.books
        for waiter in books.queue:
            if self.now_s < waiter.refuse_at_s:
                continue
            waited_s = self.now_s - waiter.since_s
            error = WaitedTooLong(
                f"{waiter.model} was not free within {waited_s:.0f} s. Ask again, or raise queue.longest_wait_s.",
                retry_after_s=books.load_s(books.residents[waiter.model]),
                waited_s=waited_s,
            )
            self._refuse(waiter, error)

    def _let_the_idle_go(self) -> None:
        books = self.books
        for resident in books.loaded(State.READY):
            leaves_at_s = books.leaves_at_s(resident)
            if leaves_at_s is not None and self.now_s >= leaves_at_s:
                self.effects += books.send_away(resident, Cause.IDLE)

    # ---- who is served ----

    def _grant(self) -> None:
        books = self.books
        if not books.queue:
            return
        open_and_wanted = [
            one
            for one in books.loaded(State.READY)
            if len(one.leases) < one.terms.slots and books.queue.wants(one.model)
        ]
        if not open_and_wanted:
            return
        for waiter in books.queue.in_order(self.now_s):
            resident = books.residents[waiter.model]
            if resident.state is State.READY and len(resident.leases) < resident.terms.slots:
                self._serve(waiter, resident)

    def _serve(self, waiter: Waiter, resident: Resident) -> None:
        books = self.books
        books.grant(waiter, resident, self.now_s)
        if resident.is_preload:
            resident.is_preload = False
            books.preloads.used()
            books.note(facts.Preloaded(resident.model, "used", "somebody asked for it"))
        began_s = max(waiter.since_s, resident.loading_since_s)
        load_s = max(0.0, resident.loaded_at_s - began_s)
        self.effects.append(Grant(waiter.ticket, resident.model, resident.generation, load_s))

    def _refuse(self, waiter: Waiter, error: InnkeeperError) -> None:
        self.books.queue.remove(waiter.ticket)
        self.effects.append(Refuse(waiter.ticket, error))

    # ---- who loads ----

    def _load_what_is_wanted(self) -> None:
        books = self.books
        if not books.queue or not any(books.queue.wants(one.model) for one in books.loaded(State.COLD)):
            return
        seen: set[str] = set()
        for waiter in books.queue.in_order(self.now_s):
            resident = books.residents[waiter.model]
            if resident.state is not State.COLD or waiter.model in seen:
                continue
            seen.add(waiter.model)
            refusal = refusals.of(books, resident, self.now_s)
            if refusal is None:
                self._load_for(waiter, resident)
                continue
            books.note(facts.LoadRefused(resident.model, refusal.message, refusal.retry_after_s))
            for refused in books.queue.waiting_for(waiter.model):
                self._refuse(refused, refusal)

    def _load_for(self, waiter: Waiter, resident: Resident) -> None:
        """Load now, or see to it that there will be room, or wait."""
        books = self.books
        need = {pool: size for pool, size in books.needs(resident).items() if size > 0}
        claims = {pool: size + self.spoken_for.get(pool, 0) for pool, size in need.items()}
        if resident.ran_out and resident.cleared is None:
            self._clear_for_the_second_try(waiter, resident, claims)
        soon = self.room.soon()
        has_its_room = covers(books.ledger.free(), need) and not self._waits_for_the_cleared(resident)
        if has_its_room and covers(soon, claims):
            self.effects.append(books.start(resident, need, self.now_s))
            return
        self.somebody_lacks_room = True
        is_overdue = books.queue.is_overdue(waiter, self.now_s)
        has_claim = covers(soon, claims)
        if not has_claim:
            victims = self._victims(shortfall(claims, soon), is_overdue=is_overdue)
            self.room.evict(victims, resident)
            has_claim = bool(victims)
        if has_claim or is_overdue:
            self.spoken_for = add(self.spoken_for, need)

    def _victims(self, missing: dict[str, int], *, is_overdue: bool) -> list[Resident]:
        """Who leaves so that `missing` bytes come free; nobody when that cannot be reached."""
        idle = self.room.idle(despite_holds=is_overdue)
        chosen = self.room.choose(idle, missing)
        if not chosen and is_overdue:
            chosen = self.room.choose(idle + self.room.busy(), missing)
        return chosen

    def _clear_for_the_second_try(self, waiter: Waiter, resident: Resident, claims: dict[str, int]) -> None:
        """The load before ran out of memory: this once, every idle model in the same pools leaves first."""
        books = self.books
        in_the_way = [
            one
            for one in self.room.idle(despite_holds=books.queue.is_overdue(waiter, self.now_s))
            if any(books.ledger.held_by(one.model).get(pool, 0) for pool in claims)
        ]
        room = self.room.soon()
        for one in in_the_way:
            room = add(room, books.ledger.held_by(one.model))
        resident.cleared = frozenset()
        if covers(room, claims):
            resident.cleared = frozenset(one.model for one in in_the_way)
            self.room.evict(in_the_way, resident)

    def _waits_for_the_cleared(self, resident: Resident) -> bool:
        """Whether it loads a second time, and those who left for that are not gone yet."""
        unloading = {one.model for one in self.books.loaded(State.UNLOADING)}
        return resident.cleared is not None and not unloading.isdisjoint(resident.cleared)
