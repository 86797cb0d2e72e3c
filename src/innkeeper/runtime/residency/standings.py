"""Draws the standing of one model from the books: what it would take for it to answer. Reads only; pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from innkeeper.runtime.residency import refusals
from innkeeper.runtime.residency.books import Books, Resident
from innkeeper.runtime.residency.ledger import shortfall
from innkeeper.runtime.residency.policy import Policy
from innkeeper.runtime.residency.room import Room
from innkeeper.runtime.residency.states import State
from innkeeper.runtime.standing import Presence, Standing

LEAST_LEFT: Final = 0.1
"""Share of a load that is still expected of one that takes longer than it should."""


def standing_of(books: Books, policy: Policy, model: str, now_s: float, *, is_hosted: bool = False) -> Standing:
    """Where `model` stands. `is_hosted`: it is on a machine of others, so that it is never loaded.

    The model must be in the books.
    """
    resident = books.residents[model]
    refusal = None if resident.state in {State.READY, State.LOADING} else refusals.of(books, resident, now_s)
    standing = Standing(
        model,
        _presence(resident, is_hosted=is_hosted),
        holds=dict(books.ledger.held_by(model) or books.needs(resident)),
        slots=resident.terms.slots,
        busy=len(resident.leases),
        waiting=len(books.queue.waiting_for(model)),
        load_s=books.load_s(resident),
        left_s=_left_s(books, resident, now_s),
        refusal=refusal,
    )
    if standing.presence is not Presence.COLD or refusal is not None:
        return standing
    return _with_its_room(standing, Room(books, policy, now_s, []), resident)


def _with_its_room(standing: Standing, room: Room, resident: Resident) -> Standing:
    """The same, with those who would have to leave for its load."""
    books, now_s = room.books, room.now_s
    loads_ahead_s = sum(_left_s(books, one, now_s) for one in books.loaded(State.LOADING))
    missing = shortfall(books.needs(resident), room.soon())
    displaced = room.choose(room.idle(despite_holds=False), missing) if missing else []
    blocked_by = tuple(one.model for one in room.busy()) if missing and not displaced else ()
    cost_s = standing.load_s + sum(books.value_s(one, now_s) for one in displaced) - books.value_s(resident, now_s)
    return replace(
        standing,
        loads_ahead_s=loads_ahead_s,
        displaces=tuple(one.model for one in displaced),
        swap_s=max(0.0, cost_s) if displaced else 0.0,
        blocked_by=blocked_by,
    )


def _presence(resident: Resident, *, is_hosted: bool) -> Presence:
    if is_hosted:
        return Presence.HOSTED
    match resident.state:
        case State.READY:
            return Presence.READY
        case State.LOADING:
            return Presence.LOADING
        case State.COLD | State.DRAINING | State.UNLOADING:
            return Presence.COLD


def _left_s(books: Books, resident: Resident, now_s: float) -> float:
    """Of a load under way, the seconds still expected; 0 where there is none."""
    if resident.state is not State.LOADING:
        return 0.0
    load_s = books.load_s(resident)
    return max(LEAST_LEFT * load_s, load_s - (now_s - resident.loading_since_s))
