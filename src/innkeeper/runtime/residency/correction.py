"""From what a running model is seen to hold to what it is charged; pure.

A reading raises the charge at once, for it is true already. It lowers the charge only when the model has
answered and has settled: before that, memory it will use is not touched yet.
"""

from __future__ import annotations

from typing import Final

from innkeeper.runtime.catalog import Bytes
from innkeeper.runtime.engine import Footprint, Holding, Sizing

SETTLES_IN_S: Final = 5.0
"""Seconds after a load in which a reading may still be of the start and not of the model."""

MARGIN: Final = 0.05
"""What a longer prompt than any seen yet may still touch, as a fraction of the peak; measured, docs/memory.md."""

LEAST_MARGIN_BYTES: Final = 4 << 20
"""The same for small models, whose buffers are large beside their weights."""

WORTH_SAYING: Final = 0.01
"""Changes below this fraction are not worth a fact."""


def charge(held: Bytes, seen: Holding, *, age_s: float, answers: int) -> Footprint | None:
    """The new charge of a model that now holds `held` by the ledger; None where that may stay as it is."""
    may_lower = answers > 0 and age_s >= SETTLES_IN_S
    new: dict[str, int] = {}
    for pool in {*held, *seen.peak}:
        before = held.get(pool, 0)
        if pool not in seen.peak:  # no reading is not a reading of nothing
            new[pool] = before
            continue
        peak = seen.peak[pool]
        with_margin = peak + max(round(peak * MARGIN), LEAST_MARGIN_BYTES if peak else 0)
        if peak > before or (may_lower and with_margin < before * (1 - WORTH_SAYING)):
            new[pool] = with_margin
        else:
            new[pool] = before
    if all(new[pool] == held.get(pool, 0) for pool in new):
        return None
    return Footprint(new, Sizing.MEASURED, MARGIN)
