"""What changes the house itself: ceilings, the catalogue, wishes, closing."""

from __future__ import annotations

from dataclasses import replace

from innkeeper.runtime import errors, facts
from innkeeper.runtime.residency.books import Books, Resident
from innkeeper.runtime.residency.preload import WISH_LASTS_S, Wish
from innkeeper.runtime.residency.signals import (
    CatalogSet,
    CeilingSet,
    Effect,
    KeepSet,
    Missed,
    PinSet,
    PreloadWanted,
    Refuse,
)
from innkeeper.runtime.residency.states import Cause, State


def ceiling_set(books: Books, told: CeilingSet) -> list[Effect]:
    """Other programs leave more or less of a pool."""
    before_bytes = books.ledger.ceiling(told.pool)
    books.ledger.set_ceiling(told.pool, told.ceiling_bytes)
    after_bytes = books.ledger.ceiling(told.pool)
    if after_bytes != before_bytes:
        books.note(facts.CeilingMoved(told.pool, before_bytes, after_bytes, told.because))
    return []


def pin_set(books: Books, told: PinSet) -> list[Effect]:
    """The model is never chosen to make room, or may be again."""
    if told.model in books.residents:
        books.residents[told.model].pinned = told.pinned
    return []


def keep_set(books: Books, told: KeepSet) -> list[Effect]:
    """The model stays so long when it is idle; what is not in memory has nothing to stay for."""
    assert told.keep_for_s >= 0, f"{told.model} cannot be kept for {told.keep_for_s} s"
    resident = books.residents.get(told.model)
    if resident is not None and resident.state is not State.COLD:
        resident.keep_for_s = told.keep_for_s
    return []


def preload_wanted(books: Books, told: PreloadWanted, now_s: float) -> list[Effect]:
    """Wish for models that will probably be needed."""
    for model in () if books.is_closing else told.models:
        if model in books.residents:
            is_guess = not books.residents[model].pinned
            chance = books.preloads.trust if is_guess else 1.0
            books.preloads.wish(
                Wish(
                    model,
                    told.because,
                    now_s + WISH_LASTS_S,
                    chance,
                    may_displace=told.may_displace or not is_guess,
                    is_guess=is_guess,
                )
            )
    return []


def missed(books: Books, told: Missed, now_s: float) -> list[Effect]:
    """It was wanted all the same, which counts for what stays; and it may be loaded for the next request."""
    if books.is_closing or told.model not in books.residents:
        return []
    books.demand.asked(told.model, now_s)
    if told.loads:
        books.preloads.wish(
            Wish(told.model, told.because, now_s + WISH_LASTS_S, chance=1.0, may_displace=True, is_guess=False)
        )
    return []


def catalog_set(books: Books, told: CatalogSet) -> list[Effect]:
    """These models exist now. The unchanged ones notice nothing."""
    effects: list[Effect] = []
    for model, new in told.terms.items():
        resident = books.residents.get(model)
        if resident is None:
            generation = books.past_generations.pop(model, 0)
            books.residents[model] = Resident(model, new, pinned=new.pinned, generation=generation)
            continue
        resident.is_removed = False
        if resident.terms.pinned != new.pinned:  # an operator's pin outlives a reload that does not speak of it
            resident.pinned = new.pinned
        is_same_load = (resident.terms.identity, resident.terms.slots) == (new.identity, new.slots)
        if resident.state is State.COLD:
            resident.terms = new
            if not is_same_load:
                books.forget_failures(model)
        elif is_same_load:
            resident.terms = replace(new, needs=resident.terms.needs)
            resident.next_terms = None
        else:
            resident.next_terms = new
            effects += books.send_away(resident, Cause.REPLACED)
    for model in books.residents.keys() - told.terms.keys():
        effects += _remove(books, books.residents[model])
    return effects


def _remove(books: Books, resident: Resident) -> list[Effect]:
    effects: list[Effect] = []
    books.preloads.drop(resident.model)
    for waiter in books.queue.waiting_for(resident.model):
        books.queue.remove(waiter.ticket)
        error = errors.UnknownModel(f"{resident.model} was taken out of the catalogue.", param="model")
        effects.append(Refuse(waiter.ticket, error))
    resident.is_removed = True
    if resident.state is State.COLD:
        books.forget(resident)
        return effects
    return [*effects, *books.send_away(resident, Cause.REPLACED)]


def close(books: Books) -> list[Effect]:
    """Nobody new comes in, those who wait are told, everybody leaves when their last lease returns."""
    books.is_closing = True
    books.preloads.wishes.clear()
    effects: list[Effect] = []
    for waiter in books.queue:
        books.queue.remove(waiter.ticket)
        effects.append(Refuse(waiter.ticket, errors.Closing("The server is shutting down.", retry_after_s=5.0)))
    for resident in tuple(books.residents.values()):
        effects += books.send_away(resident, Cause.CLOSING)
    return effects
