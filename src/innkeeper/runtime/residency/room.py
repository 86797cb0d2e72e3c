"""Making room: who may leave, who is chosen, who need not leave after all."""

from __future__ import annotations

from dataclasses import dataclass

from innkeeper.runtime import facts
from innkeeper.runtime.catalog import Bytes
from innkeeper.runtime.residency.books import Books, Resident
from innkeeper.runtime.residency.ledger import add, covers, shortfall
from innkeeper.runtime.residency.policy import Policy
from innkeeper.runtime.residency.signals import Effect
from innkeeper.runtime.residency.states import Cause, State


@dataclass(slots=True)
class Room:
    """The room there is, and the room there could be, at one moment."""

    books: Books
    policy: Policy
    now_s: float
    effects: list[Effect]

    def soon(self) -> dict[str, int]:
        """Bytes that are free, or come free without a further decision."""
        return add(self.books.ledger.free(), self.books.leaving())

    def idle(self, *, despite_holds: bool) -> list[Resident]:
        """Models that may leave without disturbing anyone."""
        books = self.books
        ready = [
            one
            for one in books.loaded(State.READY)
            if books.is_idle(one) and not one.pinned and (despite_holds or not books.is_held(one, self.now_s))
        ]
        # A load that nobody waits for, any more or yet, gives way as well.
        unwanted = [one for one in books.loaded(State.LOADING) if not books.queue.wants(one.model) and not one.pinned]
        return unwanted + ready

    def busy(self) -> list[Resident]:
        """Models that would have to stop taking new work in order to leave."""
        return [one for one in self.books.loaded(State.READY) if not one.pinned and not self.books.is_idle(one)]

    def choose(self, among: list[Resident], missing: Bytes) -> list[Resident]:
        """Who of these leaves so that `missing` bytes come free; nobody when that cannot be reached."""
        chosen = self.policy([self.books.occupant(one, self.now_s) for one in among], missing)
        return [self.books.residents[one.model] for one in chosen or ()]

    def evict(self, victims: list[Resident], beneficiary: Resident | None) -> None:
        """Send them away. Those who were not there on a mere guess come back if it was in vain."""
        books = self.books
        for_model = beneficiary.model if beneficiary is not None else None
        for victim in victims:
            if victim.is_preload:
                books.preloads.cancelled()
                books.note(facts.Preloaded(victim.model, "cancelled", f"{for_model or 'the system'} needs the room"))
            elif beneficiary is not None and victim.model not in beneficiary.displaced:
                beneficiary.displaced += (victim.model,)
            value_s = books.value_s(victim, self.now_s)
            books.note(facts.Evicted(victim.model, for_model, books.ledger.held_by(victim.model), value_s))
            self.effects += books.send_away(victim, Cause.EVICTED)

    def relieve(self) -> None:
        """Idle models leave until what is held is within the limit of every pool again."""
        books = self.books
        over = books.ledger.overdrawn()
        if not over and not books.told_overdrawn:
            return
        for pool in sorted(over.keys() - books.told_overdrawn):
            books.note(facts.Overdrawn(pool, books.ledger.held_in(pool), books.ledger.attainable(pool)))
        books.told_overdrawn = frozenset(over)
        missing = shortfall(over, books.leaving())
        if not missing:
            return
        idle = self.idle(despite_holds=True)
        chosen = self.choose(idle, missing)
        if not chosen:  # not all can be covered: every byte that can come back helps
            chosen = [one for one in idle if any(books.ledger.held_by(one.model).get(pool, 0) for pool in missing)]
        self.evict(chosen, None)

    def reprieve(self, spoken_for: Bytes) -> None:
        """A model that still drains stays when those who wanted its room have gone."""
        books = self.books
        draining = books.loaded(State.DRAINING)
        if not draining or books.ledger.overdrawn():
            return
        for resident in draining:
            if resident.leaving is not Cause.EVICTED:
                continue
            its_own = books.ledger.held_by(resident.model)
            without_it = {pool: size - its_own.get(pool, 0) for pool, size in self.soon().items()}
            if covers(without_it, spoken_for):
                resident.leaving = None
                books.move(resident, Cause.REPRIEVED)
