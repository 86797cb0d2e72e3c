"""The memories of this machine and what the settings let models hold of them, now."""

from __future__ import annotations

from innkeeper.cli.fits import Room
from innkeeper.runtime.memory.host import Host
from innkeeper.runtime.memory.pools import budget_bytes
from innkeeper.settings.values import Settings


def rooms_of(settings: Settings, host: Host | None = None) -> tuple[Room, ...]:
    """Every pool, main memory first.

    Raises:
        BadSettings: The budget of a pool is more than there is.
    """
    readings = (host or Host()).pools()
    return tuple(
        Room(
            pool,
            reading.total_bytes,
            reading.free_bytes,
            budget_bytes(pool, reading, settings.budget_of(pool), settings.memory.reserve_of(reading.total_bytes)),
        )
        for pool, reading in sorted(readings.items(), key=lambda one: (one[0] != "ram", one[0]))
    )
