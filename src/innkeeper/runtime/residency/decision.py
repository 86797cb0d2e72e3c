"""The whole decision, run again after every signal: who is served, who loads, who leaves, who is refused.

Waiting callers are taken in the order of `queue.py`. A model that is ready serves at once. A load that fits
beside what is there starts at once, also when a larger one waits; a larger one that has waited beyond its
patience is not overtaken any more, and busy models in its way stop taking new work. Nobody is sent away unless
the plan ends in a fit.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from innkeeper.runtime import facts
from innkeeper.runtime.catalog import Bytes
from innkeeper.runtime.errors import InnkeeperError, WaitedTooLong
from innkeeper.runtime.residency import refusals
from innkeeper.runtime.residency.books import Books, Resident
from innkeeper.runtime.residency.ledger import add, covers, shortfall
from innkeeper.runtime.residency.policy import Policy
from innkeeper.runtime.residency.preload import LIKELY, SETTLED_LOADS, SOON_S, WISH_LASTS_S, Wish
from innkeeper.runtime.residency.queue import Waiter
from innkeeper.runtime.residency.signals import Effect, Grant, Refuse
from innkeeper.runtime.residency.states import Cause, State


@dataclass(slots=True)
class Decision:
    """One run of the decision over the books at one moment."""

    books: Books
    policy: Policy
    now_s: float
    effects: list[Effect] = field(default_factory=list)
    spoken_for: dict[str, int] = field(default_factory=dict)
    """Bytes that callers who cannot load yet have a claim on: nobody else may take them."""
    somebody_lacks_room: bool = False

    def settle(self) -> list[Effect]:
        """Change the books and return what must now be done, in order."""
        self._end_what_is_over()
        self._relieve_overdrawn_pools()
        self._grant()
        self._load_what_is_wanted()
        self._reprieve_whoever_need_not_leave()
        self._grant()
        self._preload()
        self._let_the_idle_go()
        return self.effects

    # ---- what time ended ----

    def _end_what_is_over(self) -> None:
        books = self.books
        for ticket, lease in tuple(books.leases.items()):
            if lease.expires_at_s is not None and self.now_s >= lease.expires_at_s:
                resident = books.end_lease(ticket, self.now_s)
                assert resident is not None
                self.effects += books.let_go_if_drained(resident)
        for waiter in books.queue:
            if self.now_s >= waiter.refuse_at_s:
                waited_s = self.now_s - waiter.since_s
                self._refuse(
                    waiter,
                    WaitedTooLong(
                        f"{waiter.model} was not free within {waited_s:.0f} s. "
                        "Ask again, or raise queue.longest_wait_s.",
                        retry_after_s=books.load_s(books.residents[waiter.model]),
                        waited_s=waited_s,
                    ),
                )

    # ---- who is served ----

    def _grant(self) -> None:
        books = self.books
        if not len(books.queue):
            return
        served = {one.model for one in books.loaded(State.READY) if len(one.leases) < one.terms.slots}
        if not any(waiter.model in served for waiter in books.queue):
            return
        for waiter in books.queue.in_order(self.now_s, books.in_service()):
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
        self.effects.append(
            Grant(waiter.ticket, resident.model, resident.generation, max(0.0, resident.loaded_at_s - began_s))
        )

    def _refuse(self, waiter: Waiter, error: InnkeeperError) -> None:
        self.books.queue.remove(waiter.ticket)
        self.effects.append(Refuse(waiter.ticket, error))

    # ---- who loads ----

    def _load_what_is_wanted(self) -> None:
        books = self.books
        if not len(books.queue):
            return
        seen: set[str] = set()
        for waiter in books.queue.in_order(self.now_s, books.in_service()):
            resident = books.residents[waiter.model]
            if resident.state is not State.COLD or waiter.model in seen:
                continue
            seen.add(waiter.model)
            refusal = refusals.of(books, resident, self.now_s)
            if refusal is None:
                self._load_for(waiter, resident)
                continue
            if refusal.try_next or refusal.retry_after_s is None:
                books.note(facts.LoadRefused(resident.model, refusal.message, refusal.retry_after_s))
            for refused in books.queue.waiting_for(waiter.model):
                self._refuse(refused, refusal)

    def _load_for(self, waiter: Waiter, resident: Resident) -> None:
        """Load now, or see to it that there will be room, or wait."""
        books = self.books
        need = books.needs(resident)
        free, coming = books.ledger.free(), books.leaving()
        claims = add(need, self.spoken_for)
        # A cure by more room: the load before ran out of memory, so every idle model leaves first.
        victims = self._idle(waiter) if resident.ran_out else []
        if not victims:
            if covers(free, need) and covers(add(free, coming), claims):
                self._start(resident, need)
                return
            if not covers(add(free, coming), claims):
                victims = self._victims(waiter, shortfall(claims, add(free, coming)))
        self.somebody_lacks_room = True
        if victims:
            resident.displaced = self._evict(victims, resident.model)
            self.spoken_for = claims
        elif waiter.is_overdue(self.now_s) or covers(add(free, coming), claims):
            self.spoken_for = claims

    def _start(self, resident: Resident, need: Bytes, *, is_preload: bool = False) -> None:
        resident.is_preload = is_preload
        self.effects.append(self.books.start(resident, need, self.now_s))

    def _victims(self, waiter: Waiter, missing: Bytes) -> list[Resident]:
        """Who must leave so that `missing` bytes come free; nobody when that cannot be reached."""
        idle = self._idle(waiter)
        chosen = self._choose(idle, missing)
        if not chosen and waiter.is_overdue(self.now_s):
            busy = [one for one in self.books.loaded(State.READY) if not one.pinned and one not in idle]
            chosen = self._choose(idle + busy, missing)
        return chosen

    def _idle(self, waiter: Waiter) -> list[Resident]:
        """Models that may leave for this caller without disturbing anyone."""
        books = self.books
        ignores_holds = waiter.is_overdue(self.now_s)
        ready = [
            one
            for one in books.loaded(State.READY)
            if books.is_idle(one) and not one.pinned and (ignores_holds or not books.is_held(one, self.now_s))
        ]
        # A load that nobody waits for any more gives way as well.
        unwanted = [one for one in books.loaded(State.LOADING) if not books.queue.wants(one.model) and not one.pinned]
        return unwanted + ready

    def _choose(self, among: list[Resident], missing: Bytes) -> list[Resident]:
        chosen = self.policy([self.books.occupant(one, self.now_s) for one in among], missing)
        return [self.books.residents[one.model] for one in chosen or ()]

    def _evict(self, victims: list[Resident], for_model: str | None) -> tuple[str, ...]:
        """Send them away; returns those who may come back if that was in vain."""
        books = self.books
        returning: list[str] = []
        for victim in victims:
            if victim.is_preload:
                books.note(facts.Preloaded(victim.model, "cancelled", f"{for_model or 'the system'} needs the room"))
            else:
                returning.append(victim.model)
            books.note(
                facts.Evicted(
                    victim.model,
                    for_model,
                    books.ledger.held_by(victim.model),
                    books.value_s(victim, self.now_s),
                )
            )
            self.effects += books.send_away(victim, Cause.EVICTED)
        return tuple(returning)

    # ---- who need not leave ----

    def _reprieve_whoever_need_not_leave(self) -> None:
        """A model that still drains stays when those who wanted its room have gone."""
        books = self.books
        for resident in books.loaded(State.DRAINING):
            if resident.leaving is not Cause.EVICTED:
                continue
            its_own = books.ledger.held_by(resident.model)
            coming = add(books.ledger.free(), books.leaving())
            without_it = {pool: size - its_own.get(pool, 0) for pool, size in coming.items()}
            if covers(without_it, self.spoken_for) and not books.ledger.overdrawn():
                resident.leaving = None
                books.move(resident, Cause.REPRIEVED)

    # ---- pressure ----

    def _relieve_overdrawn_pools(self) -> None:
        """Idle models leave until what is held is within the limit again."""
        books = self.books
        over = books.ledger.overdrawn()
        for pool in over.keys() - books.told_overdrawn:
            books.note(facts.Overdrawn(pool, books.ledger.held_in(pool), books.ledger.attainable(pool)))
        books.told_overdrawn = frozenset(over)
        missing = shortfall(over, books.leaving())
        if not missing:
            return
        idle = [one for one in books.loaded(State.READY) if books.is_idle(one) and not one.pinned]
        chosen = self._choose(idle, missing)
        if not chosen:  # not all can be covered: every byte that can come back helps
            chosen = [one for one in idle if any(books.ledger.held_by(one.model).get(pool, 0) for pool in missing)]
        self._evict(chosen, None)

    # ---- before anybody asks ----

    def _preload(self) -> None:
        books = self.books
        for wish in books.preloads.outdated(self.now_s):
            books.preloads.drop(wish.model)
            books.note(facts.Preloaded(wish.model, "declined", f"no room for it in time ({wish.because})"))
        if self.somebody_lacks_room or books.is_closing:
            return
        self._wish_for_what_was_sent_away()
        for wish in tuple(books.preloads.wishes.values()):
            resident = books.residents.get(wish.model)
            if resident is None or resident.state in {State.READY, State.LOADING}:
                books.preloads.drop(wish.model)
            elif resident.state is State.COLD and refusals.of(books, resident, self.now_s) is None:
                self._grant_wish(wish, resident)

    def _wish_for_what_was_sent_away(self) -> None:
        books = self.books
        if books.preloads.wishes:
            return
        for resident in books.loaded(State.COLD):
            chance = books.demand.chance(resident.model, self.now_s, SOON_S)
            if resident.leaving is Cause.EVICTED and chance > LIKELY:
                until_s = self.now_s + WISH_LASTS_S
                books.preloads.wish(Wish(resident.model, "it is asked for often", until_s, chance, may_displace=True))

    def _grant_wish(self, wish: Wish, resident: Resident) -> None:
        books = self.books
        need = books.needs(resident)
        free, coming = books.ledger.free(), books.leaving()
        if covers(free, need):
            books.preloads.drop(wish.model)
            books.preloads.started()
            books.note(facts.Preloaded(resident.model, "started", wish.because))
            self._start(resident, need, is_preload=True)
        elif wish.may_displace and not covers(add(free, coming), need):
            self._displace_for(wish, resident, shortfall(need, add(free, coming)))

    def _displace_for(self, wish: Wish, resident: Resident, missing: Bytes) -> None:
        """Send less valuable idle models away, if the preload gains more than it costs."""
        books = self.books
        settled = [
            one
            for one in books.loaded(State.READY)
            if books.is_idle(one)
            and not one.pinned
            and not books.is_held(one, self.now_s)
            and self.now_s - one.loaded_at_s >= SETTLED_LOADS * books.load_s(one)
        ]
        victims = self._choose(settled, missing)
        load_s = books.load_s(resident)
        gain_s = max(wish.chance, books.demand.chance(resident.model, self.now_s, SOON_S)) * load_s
        cost_s = sum(books.value_s(one, self.now_s, SOON_S) for one in victims) + books.preloads.margin * load_s
        if victims and gain_s > cost_s:
            for victim in victims:
                books.preloads.displaced(victim.model, self.now_s)
            self._evict(victims, resident.model)

    # ---- idleness ----

    def _let_the_idle_go(self) -> None:
        books = self.books
        for resident in books.loaded(State.READY):
            leaves_at_s = books.leaves_at_s(resident)
            if leaves_at_s is not None and self.now_s >= leaves_at_s:
                self.effects += books.send_away(resident, Cause.IDLE)
