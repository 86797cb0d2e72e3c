"""The memories of this machine and what the settings let models hold of them, now."""

from __future__ import annotations

from innkeeper.cli.fits import Room
from innkeeper.runtime.engines.spare import SPARE_BYTES
from innkeeper.runtime.memory.host import RAM, Host
from innkeeper.settings.values import Settings


def rooms_of(settings: Settings, host: Host | None = None) -> tuple[Room, ...]:
    """Every pool, main memory first.

    Raises:
        BadSettings: The budget of a pool is more than there is.
    """
    from innkeeper.assemble import left_of

    host = host or Host()
    readings = host.pools()
    llama_cpp = settings.llama_cpp
    spare_bytes = SPARE_BYTES if llama_cpp.spare_child and llama_cpp.server_program is None else 0
    own = {RAM: host.own_bytes() + spare_bytes}
    left = left_of(settings, readings)
    return tuple(
        Room(pool, reading.total_bytes, reading.free_bytes, left[pool], own.get(pool, 0))
        for pool, reading in sorted(readings.items(), key=lambda one: (one[0] != RAM, one[0]))
    )
