"""Draws the picture of the inn that `ps`, metrics and the pages show, from the books and the latest readings."""

from __future__ import annotations

from collections.abc import Mapping

from innkeeper.runtime.catalog import Catalog, Model
from innkeeper.runtime.engine import Sizing
from innkeeper.runtime.memory.pools import PoolReading
from innkeeper.runtime.residency import refusals
from innkeeper.runtime.residency.books import Books, Resident
from innkeeper.runtime.residency.keeper import Keeper
from innkeeper.runtime.residency.running import Running
from innkeeper.runtime.residency.states import State
from innkeeper.runtime.views import ModelView, PoolView


def pools(books: Books, readings: Mapping[str, PoolReading]) -> tuple[PoolView, ...]:
    """Every pool there is a budget for."""
    ledger = books.ledger
    return tuple(
        PoolView(
            name=pool,
            budget_bytes=ledger.budget(pool),
            ceiling_bytes=ledger.ceiling(pool),
            held_bytes=ledger.held_in(pool),
            overhead_bytes=ledger.overhead(pool),
            total_bytes=readings[pool].total_bytes if pool in readings else ledger.budget(pool),
            free_bytes=readings[pool].free_bytes if pool in readings else ledger.free().get(pool, 0),
        )
        for pool in ledger.pools
    )


def models(
    catalog: Catalog, books: Books, keeper: Keeper, rates: Mapping[str, float], now_s: float
) -> tuple[ModelView, ...]:
    """Every model of the catalogue, and those that still drain after they were taken out of it."""
    running = {one.model.id: one for one in keeper.running()}
    entries = {model.id: model for model in catalog} | {
        name: one.model for name, one in running.items() if name not in catalog
    }
    return tuple(
        _model(entries[name], books, books.residents[name], running.get(name), keeper, rates.get(name), now_s)
        for name in entries
        if name in books.residents
    )


def _model(
    model: Model,
    books: Books,
    resident: Resident,
    running: Running | None,
    keeper: Keeper,
    rate: float | None,
    now_s: float,
) -> ModelView:
    needs = resident.terms.needs
    leaves_at_s = books.leaves_at_s(resident) if resident.state is State.READY else None
    holding = running.holding if running is not None else None
    return ModelView(
        id=model.id,
        engine=model.engine,
        kinds=tuple(sorted(kind.value for kind in model.kinds)),
        state=resident.state.value,
        generation=resident.generation,
        held=dict(books.ledger.held_by(model.id)),
        needs=dict(needs.bytes) if needs is not None else {},
        sizing=(needs.sizing if needs is not None else Sizing.ESTIMATED).value,
        measured=dict(holding.now) if holding is not None else None,
        leases=len(resident.leases),
        waiting=len(books.queue.waiting_for(model.id)),
        pinned=resident.pinned,
        idle_s=now_s - resident.idle_since_s if books.is_idle(resident) else None,
        leaves_in_s=max(0.0, leaves_at_s - now_s) if leaves_at_s is not None else None,
        load_s=books.load_s(resident),
        tokens_per_s=rate,
        context=model.context,
        slots=model.slots,
        trouble=_trouble(books, resident, keeper, now_s),
    )


def _trouble(books: Books, resident: Resident, keeper: Keeper, now_s: float) -> str | None:
    known = keeper.trouble(resident.model)
    if known is not None:
        return known.message
    if resident.state is not State.COLD:
        return None
    refusal = refusals.of(books, resident, now_s)
    return refusal.message if refusal is not None else None
