"""All that the machine knows: residents, leases, bytes, who waits. Elementary moves, no decisions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import isinf

from innkeeper.runtime import facts
from innkeeper.runtime.catalog import Bytes
from innkeeper.runtime.facts import Note
from innkeeper.runtime.residency.cooldown import Cooldown
from innkeeper.runtime.residency.demand import Demand
from innkeeper.runtime.residency.ledger import Ledger, add
from innkeeper.runtime.residency.policy import Occupant
from innkeeper.runtime.residency.preload import Preloads
from innkeeper.runtime.residency.queue import Queue, Waiter
from innkeeper.runtime.residency.signals import Effect, Load, Terms, Unload
from innkeeper.runtime.residency.spill import SpillWatch
from innkeeper.runtime.residency.states import TRANSITIONS, Cause, State


@dataclass(frozen=True, slots=True)
class Lease:
    """The right of one caller to use one load of a model."""

    ticket: int
    model: str
    generation: int
    client: str
    expires_at_s: float | None


@dataclass(slots=True)
class Resident:
    """A model and where it stands."""

    model: str
    terms: Terms
    pinned: bool = False
    state: State = State.COLD
    generation: int = 0
    leases: set[int] = field(default_factory=set)
    idle_since_s: float = 0.0
    held_until_s: float | None = None
    """A caller's next turn is expected before then; None when nobody asked for that."""
    keep_for_s: float | None = None
    """Seconds it stays when idle, as a caller said; None where its terms say it."""
    loading_since_s: float = 0.0
    loaded_at_s: float = 0.0
    leaving: Cause | None = None
    """Why it drains or went last; None while it stays."""
    displaced: tuple[str, ...] = ()
    """Whom the running load sent away; they come back if it fails."""
    is_preload: bool = False
    """Loaded before anybody asked, and nobody has asked since."""
    ran_out: bool = False
    """The load before ended for lack of memory; one more is allowed."""
    cleared: frozenset[str] | None = None
    """Who was sent away for that second try, which waits until they are gone; None before that was decided."""
    answered: bool = False
    """A lease of this generation came back."""
    deaths: int = 0
    """Times in a row that it died without having answered."""
    next_terms: Terms | None = None
    """What applies from its next load on; None when nothing changes."""
    is_removed: bool = False
    """No longer in the catalogue; forgotten as soon as it is cold."""


class Books:
    """The state of the machine, kept consistent by its moves."""

    def __init__(self, budget: Bytes, note: Note) -> None:
        self.ledger = Ledger(budget)
        self.queue = Queue()
        self.demand = Demand()
        self.cooldown = Cooldown()
        self.preloads = Preloads()
        self.spill = SpillWatch()
        self.residents: dict[str, Resident] = {}
        self.leases: dict[int, Lease] = {}
        self.note = note
        self.is_closing = False
        self.last_ticket = 0
        self.told_overdrawn: frozenset[str] = frozenset()
        self.past_generations: dict[str, int] = {}
        """Loads of models that were taken out of the catalogue: one that comes back counts on, so that no late
        word about an earlier load can be taken for one about a later."""

    # ---- reading ----

    def loaded(self, *states: State) -> list[Resident]:
        """Residents in any of these states."""
        return [resident for resident in self.residents.values() if resident.state in states]

    def leaving(self) -> dict[str, int]:
        """Bytes that will come back without a further decision."""
        total: dict[str, int] = {}
        for resident in self.loaded(State.DRAINING, State.UNLOADING):
            total = add(total, self.ledger.held_by(resident.model))
        return total

    def pinned_bytes(self, beside: str) -> dict[str, int]:
        """Bytes that pinned models hold, other than `beside`, unless they are leaving for another reason."""
        total: dict[str, int] = {}
        for resident in self.loaded(State.LOADING, State.READY):
            if resident.pinned and resident.model != beside:
                total = add(total, self.ledger.held_by(resident.model))
        return total

    def needs(self, resident: Resident) -> Bytes:
        """Bytes a load holds. Where nobody knows: all that the pinned ones leave, so that it is housed alone."""
        if resident.terms.needs is not None:
            return resident.terms.needs.bytes
        pinned = self.pinned_bytes(beside=resident.model)
        return {
            pool: max(1, self.ledger.attainable(pool) - pinned.get(pool, 0))
            for pool in self.ledger.pools
            if self.ledger.budget(pool) > 0
        }

    def load_s(self, resident: Resident) -> float:
        """Seconds a load of it takes, measured or expected."""
        return self.demand.load_s(resident.model, resident.terms.load_s)

    def value_s(self, resident: Resident, now_s: float, within_s: float | None = None) -> float:
        """Expected seconds of reloading that its absence costs."""
        chance = (
            self.demand.chance(resident.model, now_s)
            if within_s is None
            else self.demand.chance(resident.model, now_s, within_s)
        )
        return chance * self.load_s(resident)

    def occupant(self, resident: Resident, now_s: float) -> Occupant:
        """It, as the policy sees it."""
        return Occupant(
            resident.model,
            self.ledger.held_by(resident.model),
            self.value_s(resident, now_s),
            max(resident.idle_since_s, resident.loaded_at_s),
        )

    def is_idle(self, resident: Resident) -> bool:
        """Ready, unused and unasked for."""
        return resident.state is State.READY and not resident.leases and not self.queue.wants(resident.model)

    def is_held(self, resident: Resident, now_s: float) -> bool:
        """Whether a caller's next turn is expected."""
        return resident.held_until_s is not None and now_s < resident.held_until_s

    def leaves_at_s(self, resident: Resident) -> float | None:
        """When it goes for being idle; None while it is used, pinned, or kept until its room is wanted."""
        keep_for_s = resident.terms.keep_for_s if resident.keep_for_s is None else resident.keep_for_s
        if not self.is_idle(resident) or resident.pinned or keep_for_s is None or isinf(keep_for_s):
            return None
        return max(resident.idle_since_s + keep_for_s, resident.held_until_s or 0.0)

    # ---- moving ----

    def move(self, resident: Resident, cause: Cause) -> None:
        """Change its state by the table."""
        before = resident.state
        after = TRANSITIONS[before].get(cause)
        assert after is not None, f"{resident.model} is {before.value} and cannot be {cause.value}"
        resident.state = after
        self.note(facts.ModelMoved(resident.model, resident.generation, before.value, after.value, cause.value))

    def start(self, resident: Resident, size: Bytes, now_s: float) -> Load:
        """Hold its bytes and have it loaded."""
        assert resident.state is State.COLD, f"{resident.model} is {resident.state.value}"
        self.ledger.hold(resident.model, size)
        resident.generation += 1
        resident.loading_since_s = now_s
        resident.leaving = None
        resident.answered = False
        self.move(resident, Cause.ADMITTED)
        return Load(resident.model, resident.generation, again=resident.ran_out)

    def send_away(self, resident: Resident, cause: Cause) -> list[Effect]:
        """Have it leave as soon as its last lease returns; at once when it is idle or still loading."""
        match resident.state:
            case State.LOADING:
                self.move(resident, Cause.ABANDONED if cause in {Cause.EVICTED, Cause.IDLE} else cause)
                resident.leaving = cause
                return [Unload(resident.model, resident.generation)]
            case State.READY:
                self.move(resident, cause)
                resident.leaving = cause
                return self.let_go_if_drained(resident)
            case State.DRAINING:
                resident.leaving = cause  # it drains already, now for a reason that allows no reprieve
                return []
            case _:
                return []

    def let_go_if_drained(self, resident: Resident) -> list[Effect]:
        """Tell the engine to go once nobody uses it."""
        if resident.state is not State.DRAINING or resident.leases:
            return []
        self.move(resident, Cause.LAST_LEASE_RETURNED)
        return [Unload(resident.model, resident.generation)]

    def grant(self, waiter: Waiter, resident: Resident, now_s: float) -> None:
        """The caller waits no longer and may use the model."""
        self.queue.serve(waiter.ticket, now_s)
        expires_at_s = None if waiter.expires_s is None else now_s + waiter.expires_s
        self.leases[waiter.ticket] = Lease(
            waiter.ticket, resident.model, resident.generation, waiter.client, expires_at_s
        )
        resident.leases.add(waiter.ticket)

    def end_lease(self, ticket: int, now_s: float, *, was_served: bool = True) -> Resident | None:
        """The lease is over; returns the model that was used. None when there is no such lease any more."""
        lease = self.leases.pop(ticket, None)
        if lease is None:
            return None
        resident = self.residents[lease.model]
        resident.leases.discard(ticket)
        resident.idle_since_s = now_s
        if was_served:
            resident.answered = True
            resident.deaths = 0
            self.cooldown.succeeded(resident.model)
        return resident

    def clear(self, resident: Resident) -> None:
        """Its engine is gone: bytes, leases and hold go with it."""
        self.move(resident, Cause.GONE)
        self.ledger.give_back(resident.model)
        for ticket in resident.leases:
            self.leases.pop(ticket, None)
        resident.leases.clear()
        resident.held_until_s = None
        resident.keep_for_s = None
        resident.is_preload = False
        if resident.next_terms is not None:
            resident.terms, resident.next_terms = resident.next_terms, None
            self.forget_failures(resident.model)
        if resident.is_removed:
            self.forget(resident)

    def forget(self, resident: Resident) -> None:
        """It is not in the catalogue any more, and not in memory."""
        assert resident.state is State.COLD, f"{resident.model} is {resident.state.value}"
        del self.residents[resident.model]
        self.past_generations[resident.model] = resident.generation
        self.demand.forget(resident.model)
        self.forget_failures(resident.model)

    def forget_failures(self, model: str) -> None:
        """The model is another one from now on: what went wrong before says nothing about it."""
        self.cooldown.succeeded(model)
        self.spill.forget(model)

    def check(self) -> None:
        """Every promise about the books, asserted."""
        in_memory = [one.model for one in self.residents.values() if one.state is not State.COLD]
        self.ledger.check(in_memory)
        assert not any(ticket in self.queue for ticket in self.leases), "a caller both waits and is served"
        for ticket, lease in self.leases.items():
            resident = self.residents[lease.model]
            assert ticket in resident.leases, f"ticket {ticket} is not with {lease.model}"
            assert lease.generation == resident.generation, f"ticket {ticket} outlived a load of {lease.model}"
        for resident in self.residents.values():
            self._check_resident(resident)
        assert not (self.is_closing and len(self.queue)), "closing, and callers still wait"

    def _check_resident(self, resident: Resident) -> None:
        assert len(resident.leases) <= resident.terms.slots, f"{resident.model}: more leases than slots"
        assert resident.leases <= set(self.leases), f"{resident.model} counts a lease that is over"
        if resident.leases:
            assert resident.state in {State.READY, State.DRAINING}, f"{resident.model} is used while {resident.state}"
        if resident.state is State.DRAINING:
            assert resident.leases, f"{resident.model} drains although nobody uses it"


def names(residents: Iterable[Resident]) -> str:
    """Their ids, for a message."""
    return ", ".join(sorted(resident.model for resident in residents)) or "none"
