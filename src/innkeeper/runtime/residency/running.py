"""One load of a model as the keeper has it in hand: its engine, its tasks, and what it was last seen to hold."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.engine import Adopted, Engine, Holding


@dataclass(slots=True)
class Running:
    """One load of a model, from the start of its engine until it is gone."""

    model: Model
    generation: int
    engine: Engine
    adopted: Adopted | None = None
    """The same engine, where somebody else had loaded the model."""
    holding: Holding | None = None
    """The latest reading; None before the first."""
    answers: int = 0
    """Leases under which an answer was given to its end: before the first, not all of its memory is touched."""
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    loading: asyncio.Task[None] | None = None
    watching: asyncio.Task[None] | None = None
    is_stopping: bool = False
