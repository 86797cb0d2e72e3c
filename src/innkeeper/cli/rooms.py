"""The memories of this machine and what the settings let models hold of them, now."""

from __future__ import annotations

from innkeeper.cli.fits import Room
from innkeeper.runtime.memory.host import Host
from innkeeper.settings.values import Settings


def rooms_of(settings: Settings, host: Host | None = None) -> tuple[Room, ...]:
    """Every pool, main memory first.

    Raises:
        BadSettings: The budget of a pool is more than there is.
    """
    from innkeeper.assemble import budgets_of

    readings = (host or Host()).pools()
    budgets = budgets_of(settings, readings)
    return tuple(
        Room(pool, reading.total_bytes, reading.free_bytes, budgets[pool])
        for pool, reading in sorted(readings.items(), key=lambda one: (one[0] != "ram", one[0]))
    )
