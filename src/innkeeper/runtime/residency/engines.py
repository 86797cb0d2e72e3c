"""What engines report: ready, failed, gone, seen elsewhere, sized, slow. Reports about earlier loads are stale."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from innkeeper.runtime import errors, facts
from innkeeper.runtime.residency.books import Books, Resident
from innkeeper.runtime.residency.preload import WISH_LASTS_S, Wish
from innkeeper.runtime.residency.signals import Effect, Gone, Loaded, NotLoaded, Rated, Refuse, Seen, Sized, Terms
from innkeeper.runtime.residency.states import Cause, State

DEATHS_ALLOWED: Final = 3
"""Deaths in a row without one answer, after which a model is treated like one that fails to load."""


def loaded(books: Books, told: Loaded, now_s: float) -> list[Effect]:
    """The model serves from now on."""
    resident = _running(books, told.model, told.generation, State.LOADING)
    if resident is None:
        return []
    books.move(resident, Cause.LOADED)
    resident.loaded_at_s = resident.idle_since_s = now_s
    resident.displaced = ()
    resident.ran_out, resident.cleared = False, None
    if resident.deaths == 0:  # else only an answer shows that it is well
        books.cooldown.succeeded(told.model)
    books.demand.loaded(told.model, told.took_s)
    books.spill.reloaded(told.model)
    books.note(facts.ModelLoaded(told.model, told.generation, told.took_s))
    return []


def not_loaded(books: Books, told: NotLoaded, now_s: float) -> list[Effect]:
    """The waiting get the error once, the engine is told to go, and those who left for it come back."""
    resident = _running(books, told.model, told.generation, State.LOADING)
    if resident is None:
        return []
    effects = _fail(books, resident, told.error, now_s, may_retry=told.out_of_memory)
    return [*effects, *books.send_away(resident, Cause.FAILED)]


def gone(books: Books, told: Gone, now_s: float) -> list[Effect]:
    """Its bytes are free. A model that dies while it loads has failed to load; it is not tried in a circle."""
    resident = _running(books, told.model, told.generation, *set(State) - {State.COLD})
    if resident is None:
        return []
    effects: list[Effect] = []
    if resident.state is State.LOADING:
        error = errors.LoadFailed(f"{told.model} went away while it was loading: {told.why or 'no reason is known'}")
        effects = _fail(books, resident, error, now_s, may_retry=False)
        books.send_away(resident, Cause.FAILED)  # what there is to stop has gone by itself
    elif resident.state in {State.READY, State.DRAINING} and not resident.answered:
        resident.deaths += 1
        if resident.deaths >= DEATHS_ALLOWED:
            died = errors.EngineDied(f"{told.model} died {resident.deaths} times without having answered: {told.why}")
            books.cooldown.failed(told.model, died, now_s)
    books.clear(resident)
    return effects


def seen(books: Books, told: Seen, now_s: float) -> list[Effect]:
    """A server we do not own has it in memory: the ledger follows."""
    resident = books.residents.get(told.model)
    if resident is None or resident.state is not State.COLD or books.is_closing:
        return []
    resident.generation += 1
    resident.loading_since_s = resident.loaded_at_s = resident.idle_since_s = now_s
    resident.leaving = None
    resident.answered = False
    books.demand.asked(told.model, now_s)  # by somebody, if not through us
    books.move(resident, Cause.APPEARED)
    books.ledger.correct(told.model, told.holds.bytes)
    return []


def sized(books: Books, told: Sized) -> list[Effect]:
    """A better number: for loads to come, or for the one that runs."""
    resident = books.residents.get(told.model)
    if resident is None:
        return []
    if told.generation is None:
        if resident.next_terms is not None:
            resident.next_terms = _better(resident.next_terms, told)
        elif resident.state is State.COLD:
            resident.terms = _better(resident.terms, told)
        else:  # what runs is what it was started with
            resident.terms = replace(resident.terms, needs=told.footprint)
        return []
    if _running(books, told.model, told.generation, *set(State) - {State.COLD}) is None:
        return []
    before, new = books.ledger.held_by(told.model), told.footprint
    sizing_before = resident.terms.needs.sizing.value if resident.terms.needs is not None else "unknown"
    for pool in sorted({*before, *new.bytes}):
        bytes_before, bytes_after = before.get(pool, 0), new.bytes.get(pool, 0)
        if bytes_before != bytes_after:
            books.note(
                facts.SizeCorrected(told.model, pool, bytes_before, bytes_after, sizing_before, new.sizing.value)
            )
    books.ledger.correct(told.model, new.bytes)
    resident.terms = replace(resident.terms, needs=new)
    return []


def _better(terms: Terms, told: Sized) -> Terms:
    identity = terms.identity if told.identity is None else told.identity
    return replace(terms, needs=told.footprint, identity=identity)


def rated(books: Books, told: Rated, now_s: float) -> list[Effect]:
    """An answer was finished at this rate; a model that has become slow is loaded afresh."""
    resident = _running(books, told.model, told.generation, State.READY)
    if resident is None:
        return []
    usual = books.spill.usual_tokens_per_s(told.model)
    if not books.spill.answered(told.model, told.tokens_per_s) or usual is None:
        return []
    books.note(facts.Slowed(told.model, told.tokens_per_s, usual))
    because = "a fresh load cures it of being slow"
    books.preloads.wish(Wish(told.model, because, now_s + WISH_LASTS_S, chance=1.0, may_displace=False, is_guess=False))
    return books.send_away(resident, Cause.SLOWED)


def _running(books: Books, model: str, generation: int, *states: State) -> Resident | None:
    resident = books.residents.get(model)
    if resident is None or resident.generation != generation or resident.state not in states:
        return None
    return resident


def _fail(
    books: Books, resident: Resident, error: errors.InnkeeperError, now_s: float, *, may_retry: bool
) -> list[Effect]:
    if may_retry and not resident.ran_out and books.queue.wants(resident.model):
        resident.ran_out = True  # once more, with a smaller automatic context and with the idle models gone
        books.note(facts.LoadRefused(resident.model, f"{error.message} It is tried once more with more room.", 0.0))
        return []
    resident.ran_out, resident.cleared = False, None
    pause_s = books.cooldown.failed(resident.model, error, now_s)
    books.note(facts.LoadRefused(resident.model, error.message, pause_s))
    effects: list[Effect] = []
    for waiter in books.queue.waiting_for(resident.model):
        books.queue.remove(waiter.ticket)
        effects.append(Refuse(waiter.ticket, error))
    for model in resident.displaced:
        because = f"it left for {resident.model}, which failed to load"
        books.preloads.wish(Wish(model, because, now_s + WISH_LASTS_S, chance=1.0, may_displace=False, is_guess=False))
    resident.displaced = ()
    return effects
