"""Why a model cannot be loaded now, with the numbers and the fix; pure."""

from __future__ import annotations

from innkeeper.runtime.catalog import Bytes
from innkeeper.runtime.errors import AllPinned, DoesNotFit, InnkeeperError, MemoryTaken
from innkeeper.runtime.residency.books import Books, Resident, names
from innkeeper.runtime.sizes import told

ASK_AGAIN_S = 10.0
"""When memory that other programs use may be free again: a guess, for Retry-After."""


def of(books: Books, resident: Resident, now_s: float) -> InnkeeperError | None:
    """The error for those who want `resident`; None when it can be loaded, now or after others leave."""
    cooling = books.cooldown.refusal(resident.model, now_s)
    if cooling is not None:
        return cooling
    need = books.needs(resident)
    pinned = books.pinned_bytes(beside=resident.model)
    for pool, needed_bytes in need.items():
        if needed_bytes <= 0:
            continue
        if needed_bytes > books.ledger.allowed(pool):
            return _too_large(books, resident, pool, needed_bytes)
        if needed_bytes > books.ledger.allowed(pool) - pinned.get(pool, 0):
            return _beside_pins(books, resident, pool, needed_bytes, pinned)
        if needed_bytes > books.ledger.attainable(pool) - pinned.get(pool, 0):
            return _taken(books, resident, pool, needed_bytes)
    return None


def _too_large(books: Books, resident: Resident, pool: str, needed_bytes: int) -> DoesNotFit:
    allowed, budget = books.ledger.allowed(pool), books.ledger.budget(pool)
    how = resident.terms.needs.sizing.value if resident.terms.needs is not None else "unknown"
    if budget == 0:
        because = f"there is no pool {pool!r} on this machine"
    else:
        because = f"models may hold {told(allowed)} there ({told(budget)} less {told(budget - allowed)} of our own)"
    return DoesNotFit(
        f"{resident.model} needs {told(needed_bytes)} of {pool} ({how}), but {because}. "
        "Raise the budget, lower the model's context or slots, or take a smaller quantization.",
        needed_bytes=needed_bytes,
        limit_bytes=allowed,
    )


def _beside_pins(books: Books, resident: Resident, pool: str, needed_bytes: int, pinned: Bytes) -> AllPinned:
    holders = [one for one in books.residents.values() if one.pinned and books.ledger.held_by(one.model).get(pool)]
    left_bytes = max(0, books.ledger.allowed(pool) - pinned.get(pool, 0))
    return AllPinned(
        f"{resident.model} needs {told(needed_bytes)} of {pool}, but pinned models ({names(holders)}) leave only "
        f"{told(left_bytes)}. Unpin one of them, or raise the budget.",
        needed_bytes=needed_bytes,
        limit_bytes=left_bytes,
    )


def _taken(books: Books, resident: Resident, pool: str, needed_bytes: int) -> MemoryTaken:
    attainable = books.ledger.attainable(pool)
    return MemoryTaken(
        f"{resident.model} needs {told(needed_bytes)} of {pool}, but other programs leave models only "
        f"{told(attainable)} of their {told(books.ledger.budget(pool))}. Free some memory and ask again.",
        retry_after_s=ASK_AGAIN_S,
        needed_bytes=needed_bytes,
        limit_bytes=attainable,
    )
