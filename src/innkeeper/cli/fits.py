"""What fits into memory alone and together, from footprints and budgets. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from innkeeper.runtime.catalog import Bytes
from innkeeper.runtime.engine import Footprint
from innkeeper.runtime.sizes import told


@dataclass(frozen=True, slots=True)
class Room:
    """One memory of the machine."""

    name: str
    total_bytes: int
    free_bytes: int
    budget_bytes: int
    """What we may hold altogether."""
    own_bytes: int = 0
    """What our own processes hold of it, models left out."""

    @property
    def for_models_bytes(self) -> int:
        """What models may hold."""
        return max(0, self.budget_bytes - self.own_bytes)


@dataclass(frozen=True, slots=True)
class Fitting:
    """How the models of a catalogue go into the budget."""

    alone: tuple[str, ...]
    """Those that fit when they are the only one, smallest first."""
    too_large: tuple[str, ...]
    together: tuple[str, ...]
    """As many as fit at the same time, smallest first."""


def fitting(footprints: Mapping[str, Footprint], rooms: Sequence[Room]) -> Fitting:
    """Which fit, taking the smallest first for the greatest number."""
    budget = {room.name: room.for_models_bytes for room in rooms}
    ordered = sorted(footprints, key=lambda model: (sum(footprints[model].bytes.values()), model))
    alone = tuple(model for model in ordered if _fits(footprints[model].bytes, budget))
    together = []
    left = dict(budget)
    for model in alone:
        needs = footprints[model].bytes
        if _fits(needs, left):
            together.append(model)
            left = {pool: free - needs.get(pool, 0) for pool, free in left.items()}
    return Fitting(alone, tuple(model for model in ordered if model not in alone), tuple(together))


def in_words(result: Fitting, footprints: Mapping[str, Footprint], rooms: Sequence[Room]) -> list[str]:
    """One sentence on what fits together, one for each model that never fits."""
    sentences = []
    count = len(result.alone)
    if count == 1:
        sentences.append(f"{result.alone[0]} fits into memory.")
    elif count > 1 and len(result.together) == count:
        sentences.append(f"{'Both' if count == 2 else f'All {count}'} fit into memory together.")
    elif count > 1:
        sentences.append(
            f"{len(result.together)} of {count} fit into memory together; the others take turns with them."
        )
    budget = {room.name: room.for_models_bytes for room in rooms}
    for model in result.too_large:
        pool, needed = next(
            (pool, size) for pool, size in footprints[model].bytes.items() if size > budget.get(pool, 0)
        )
        sentences.append(
            f"{model} does not fit: it needs {told(needed)} of {pool}, models may hold {told(budget.get(pool, 0))}. "
            "A smaller quantization or `context` may."
        )
    return sentences


def _fits(needs: Bytes, free: Mapping[str, int]) -> bool:
    return all(size <= free.get(pool, 0) for pool, size in needs.items())
