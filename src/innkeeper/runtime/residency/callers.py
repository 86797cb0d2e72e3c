"""What callers and operators ask for: a lease, its return, an unload."""

from __future__ import annotations

from dataclasses import dataclass

from innkeeper.runtime import errors, facts
from innkeeper.runtime.residency.books import Books, Resident
from innkeeper.runtime.residency.queue import Waiter
from innkeeper.runtime.residency.signals import Effect, Refuse, Returned, UnloadWanted, Wanted
from innkeeper.runtime.residency.states import Cause, State


@dataclass(frozen=True, slots=True)
class Rules:
    """How long callers wait, how many may, and what is done unasked."""

    queue_limit: int = 256
    """Callers that may wait, for all models together."""
    patience_s: float = 30.0
    """Seconds a caller lets holds and busy models stand in the way."""
    longest_wait_s: float = 600.0
    """Seconds after which a waiting caller is refused."""
    preloads_by_rate: bool = True
    """Whether a model that had to leave and is asked for often may be loaded again before anybody asks."""


def wanted(books: Books, rules: Rules, asked: Wanted, now_s: float) -> list[Effect]:
    """Let the caller wait, or turn it away at the door."""
    _take_ticket(books, asked.ticket)
    refusal = _refusal_at_the_door(books, rules, asked)
    if refusal is not None:
        return [Refuse(asked.ticket, refusal)]
    books.demand.asked(asked.model, now_s)
    if books.preloads.was_regretted(asked.model, now_s):
        books.note(facts.Preloaded(asked.model, "regretted", "it was sent away for a preload and is needed now"))
    patience_s = rules.patience_s if asked.patience_s is None else asked.patience_s
    wait_s = rules.longest_wait_s if asked.wait_at_most_s is None else asked.wait_at_most_s
    books.queue.add(
        Waiter(
            asked.ticket,
            asked.model,
            asked.client,
            asked.priority,
            since_s=now_s,
            patience_s=patience_s,
            refuse_at_s=now_s + wait_s,
            expires_s=asked.expires_s,
        )
    )
    return []


def _take_ticket(books: Books, ticket: int) -> None:
    assert ticket > 0, f"ticket {ticket} is not a number for an ask"
    assert ticket not in books.queue, f"ticket {ticket} waits already"
    assert ticket not in books.leases, f"ticket {ticket} is served already"
    books.last_ticket = max(books.last_ticket, ticket)


def _refusal_at_the_door(books: Books, rules: Rules, asked: Wanted) -> errors.InnkeeperError | None:
    if books.is_closing:
        return errors.Closing("The server is shutting down. Ask again when it is back.", retry_after_s=5.0)
    resident = books.residents.get(asked.model)
    if resident is None or resident.is_removed:
        return errors.UnknownModel(f"There is no model {asked.model!r} any more.", param="model")
    if resident.state is State.READY and len(resident.leases) < resident.terms.slots:
        return None
    waiting = len(books.queue.waiting_for(asked.model))
    limit = resident.terms.waiting_limit
    if limit is not None and waiting >= limit:
        return _queue_full(books, resident, f"{waiting} requests wait for {asked.model} already", limit)
    if len(books.queue) >= rules.queue_limit:
        return _queue_full(books, resident, f"{len(books.queue)} requests wait already", rules.queue_limit)
    return None


def _queue_full(books: Books, resident: Resident, what: str, limit: int) -> errors.QueueFull:
    again_s = max(1.0, books.load_s(resident))
    return errors.QueueFull(
        f"{what}, which is the limit. Ask again in {again_s:.0f} s.", retry_after_s=again_s, limit=limit
    )


def returned(books: Books, back: Returned, now_s: float) -> list[Effect]:
    """End the lease, or take the caller out of the queue. A ticket that is over already changes nothing."""
    assert 0 < back.ticket <= books.last_ticket, f"ticket {back.ticket} was never given"
    if books.queue.remove(back.ticket) is not None:
        return []
    resident = books.end_lease(back.ticket, now_s, was_served=back.was_served)
    if resident is None:
        return []
    hold_s = back.hold_s
    if hold_s is None and resident.terms.hold_s > 0:
        hold_s = resident.terms.hold_s
    if hold_s is not None:
        resident.held_until_s = now_s + hold_s if hold_s > 0 else None
    return books.let_go_if_drained(resident)


def unload_wanted(books: Books, asked: UnloadWanted) -> list[Effect]:
    """Have the model leave; without force only when nobody uses it or waits for it."""
    _take_ticket(books, asked.ticket)
    resident = books.residents.get(asked.model)
    if resident is None:
        return [Refuse(asked.ticket, errors.UnknownModel(f"There is no model {asked.model!r}.", param="model"))]
    books.preloads.drop(asked.model)
    waiting = len(books.queue.waiting_for(asked.model))
    if (resident.leases or waiting) and not asked.force:
        message = (
            f"{asked.model} answers {len(resident.leases)} requests and {waiting} wait for it. "
            "Wait until they are done, or use force: it then leaves as soon as the running ones are finished."
        )
        return [Refuse(asked.ticket, errors.ModelInUse(message, leases=len(resident.leases), waiting=waiting))]
    if resident.state is State.COLD:
        resident.leaving = Cause.ASKED  # so that nobody guesses it back into the room that others leave
    return books.send_away(resident, Cause.ASKED)
