"""Loading before anybody asks: wishes first, then models that were sent away and are asked for often.

A preload takes what is free. It may send away idle models that are worth less, never one that is used, held,
pinned or has only just settled; and it gives way to anybody who really asks.
"""

from __future__ import annotations

from collections.abc import Iterator

from innkeeper.runtime import facts
from innkeeper.runtime.residency import refusals
from innkeeper.runtime.residency.books import Books, Resident
from innkeeper.runtime.residency.ledger import add, covers, shortfall
from innkeeper.runtime.residency.preload import LIKELY, SETTLED_LOADS, SOON_S, WISH_LASTS_S, Wish
from innkeeper.runtime.residency.room import Room
from innkeeper.runtime.residency.signals import Load
from innkeeper.runtime.residency.states import Cause, State


def give_up_outdated(books: Books, now_s: float) -> None:
    """Drop the wishes for which there was no room in time."""
    for wish in books.preloads.outdated(now_s):
        books.preloads.drop(wish.model)
        books.note(facts.Preloaded(wish.model, "declined", f"no room for it in time ({wish.because})"))


def preload(room: Room, *, may_guess: bool) -> None:
    """Start what will probably be needed. To be called only when nobody who really asked lacks room."""
    books = room.books
    claimed: dict[str, int] = {}  # by wishes whose room is on its way
    guesses = _guesses(books, room.now_s) if may_guess else ()
    for wish in (*books.preloads.wishes.values(), *guesses):
        resident = books.residents.get(wish.model)
        if resident is None or resident.state in {State.READY, State.LOADING}:
            books.preloads.drop(wish.model)
        elif resident.state is State.COLD and refusals.of(books, resident, room.now_s) is None:
            _grant(room, wish, resident, claimed)


def _guesses(books: Books, now_s: float) -> Iterator[Wish]:
    """The likeliest model of those that had to leave, while no other preload is under way."""
    evicted = [one for one in books.loaded(State.COLD) if one.leaving is Cause.EVICTED]
    if not evicted or books.preloads.wishes or any(one.is_preload for one in books.loaded(State.LOADING)):
        return
    worth_trying = max(LIKELY, books.preloads.margin)
    likely = [
        (chance * books.load_s(one), chance, one.model)
        for one in evicted
        if (chance := books.demand.chance(one.model, now_s, SOON_S)) > worth_trying
    ]
    if likely:
        _, chance, model = max(likely)
        yield Wish(model, "it is asked for often", now_s + WISH_LASTS_S, chance, may_displace=True)


def _grant(room: Room, wish: Wish, resident: Resident, claimed: dict[str, int]) -> None:
    books = room.books
    need = books.needs(resident)
    soon = room.soon()
    claims = add(need, claimed)
    if covers(books.ledger.free(), need) and covers(soon, claims):
        room.effects.append(_start(books, wish, resident, room.now_s))
        return
    if not covers(soon, claims):
        if not wish.may_displace:
            return
        victims = _victims(room, wish, resident, shortfall(claims, soon))
        if not victims:
            return
        for victim in victims:
            books.preloads.displaced(victim.model, room.now_s)
        room.evict(victims, resident)
        books.preloads.wish(wish)  # also a guess is a wish from now on: room was made for it
    claimed.update(claims)


def _start(books: Books, wish: Wish, resident: Resident, now_s: float) -> Load:
    books.preloads.drop(wish.model)
    if wish.is_guess:
        books.preloads.started()
    books.note(facts.Preloaded(resident.model, "started", wish.because))
    load = books.start(resident, books.needs(resident), now_s)
    resident.is_preload = wish.is_guess
    return load


def _victims(room: Room, wish: Wish, resident: Resident, missing: dict[str, int]) -> list[Resident]:
    """Less valuable idle models, if the preload gains more than their leaving costs; else nobody."""
    books, now_s = room.books, room.now_s
    settled = [
        one
        for one in room.idle(despite_holds=False)
        if one.state is State.READY and now_s - one.loaded_at_s >= SETTLED_LOADS * books.load_s(one)
    ]
    victims = room.choose(settled, missing)
    load_s = books.load_s(resident)
    gain_s = max(wish.chance, books.demand.chance(resident.model, now_s, SOON_S)) * load_s
    cost_s = sum(books.value_s(one, now_s, SOON_S) for one in victims) + books.preloads.margin * load_s
    return victims if gain_s > cost_s else []
