"""What an observer is shown: frozen pictures of pools, residents and callers at one moment."""

from __future__ import annotations

from dataclasses import dataclass

from innkeeper.runtime.catalog import Bytes


@dataclass(frozen=True, slots=True)
class PoolView:
    """One kind of memory."""

    name: str
    """"ram", "gpu0", …"""
    budget_bytes: int
    """What models may hold, by setting or by default."""
    ceiling_bytes: int
    """The same, after what other programs use has tightened it; never more than the budget."""
    held_bytes: int
    """Promised to models: loading, ready or leaving."""
    overhead_bytes: int
    """Of the budget, what our own process uses; models cannot have it."""
    total_bytes: int
    """What the machine or its container has."""
    free_bytes: int
    """What the system reports as available now."""


@dataclass(frozen=True, slots=True)
class ModelView:
    """One model of the catalogue and where it stands."""

    id: str
    engine: str
    kinds: tuple[str, ...]
    state: str
    """"cold", "loading", "ready", "draining" or "unloading"."""
    generation: int
    """Counts the loads of this model since the runtime started; 0 before the first."""
    held: Bytes
    """Bytes the ledger has promised to it now."""
    needs: Bytes
    """Bytes a load would hold, margin included."""
    sizing: str
    """The kind of number `needs` or, when resident, `held` is: "declared", "estimated", "measured", "learned"."""
    measured: Bytes | None
    """Bytes the process holds by the latest reading; None when not resident or not readable."""
    leases: int
    waiting: int
    pinned: bool
    idle_s: float | None
    """Seconds since the last lease came back; None while busy or cold."""
    leaves_in_s: float | None
    """Seconds until it goes for being idle; None when it does not."""
    load_s: float
    """Seconds a load takes: measured once there was one, else expected."""
    tokens_per_s: float | None
    """Of late, per request; None before the first answer."""
    context: int | None
    slots: int
    trouble: str | None
    """Why it cannot be loaded now, in words; None when nothing is known against it."""


@dataclass(frozen=True, slots=True)
class SpendingView:
    """What hosted models have cost today."""

    currency: str
    day: str
    """"2026-01-31", in UTC."""
    spent: float
    set_aside: float
    """The most that answers under way can cost."""
    per_day: float | None
    """The ceiling for all callers together; None where there is none."""
    per_user_per_day: float | None
    resets_in_s: float


@dataclass(frozen=True, slots=True)
class RuntimeView:
    """The whole inn at one moment: what `ps` shows."""

    version: str
    up_s: float
    pools: tuple[PoolView, ...]
    models: tuple[ModelView, ...]
    waiting: int
    """Callers waiting for memory or a slot."""
    serving: int
    """Requests that hold a lease."""
    spending: SpendingView | None = None
    """None where no model is hosted."""


@dataclass(frozen=True, slots=True)
class OptionView:
    """One model that could answer a request, and what speaks for and against it."""

    model: str
    state: str
    """"cold", "loading", "ready", "draining" or "unloading"."""
    quality: float
    """How well it does what the request is for, from 0 to 1."""
    first_words_s: float | None
    """Seconds to its first words: the sum of the four that follow. None where they were of no interest."""
    queue_s: float | None
    load_s: float | None
    prompt_s: float | None
    decode_s: float | None
    cost_s: float | None
    """What it costs that this one answers, in seconds of waiting; None where it cannot be chosen."""
    owed_s: float
    """What it is owed for answers that others gave in its place, in the same seconds."""
    skipped: str
    """Why it is not chosen; empty for the one that is."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Who would answer a request at this moment, and why."""

    answers: str | None
    """The first candidate that nothing is known against; None where there is none."""
    candidates: tuple[str, ...]
    """In the order in which they are tried; empty where nobody can answer at once and the request does not wait."""
    because: str
    right: str
    """The model that the rules name."""
    task: str | None
    due_s: float
    """Seconds within which the first words are due."""
    due_because: str
    loads_next: str | None
    """The model that would be loaded in the background; None where none is."""
    options: tuple[OptionView, ...]
    """Every model that does this kind of work, the right one first."""
