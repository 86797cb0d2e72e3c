"""The life of a model, and the only list of its states."""

from __future__ import annotations

from enum import Enum
from typing import Final


class State(Enum):
    """Where a model stands. What it says of bytes and leases always holds."""

    COLD = "cold"
    """Not in memory; holds no bytes."""
    LOADING = "loading"
    """Bytes are held, the engine is starting."""
    READY = "ready"
    """Serving; may hold leases."""
    DRAINING = "draining"
    """Gives no new leases; leaves when the last one returns."""
    UNLOADING = "unloading"
    """The engine was told to go; bytes still held."""


class Cause(Enum):
    """Why a model changed its state."""

    ADMITTED = "admitted"
    APPEARED = "appeared"  # someone else loaded it, in a server that we do not own
    LOADED = "loaded"
    FAILED = "failed"
    ABANDONED = "abandoned"  # nobody waits for this load any more and its room is wanted
    EVICTED = "evicted"
    IDLE = "idle"
    ASKED = "asked to leave"
    REPLACED = "replaced"  # its entry in the catalogue changed or went
    SLOWED = "slowed"  # spilled out of fast memory; a fresh load cures it
    CLOSING = "closing"
    REPRIEVED = "reprieved"  # its room is not wanted any more
    LAST_LEASE_RETURNED = "last lease returned"
    GONE = "gone"


LEAVING_CAUSES: Final = frozenset({Cause.EVICTED, Cause.IDLE, Cause.ASKED, Cause.REPLACED, Cause.SLOWED, Cause.CLOSING})

TRANSITIONS: Final[dict[State, dict[Cause, State]]] = {
    State.COLD: {Cause.ADMITTED: State.LOADING, Cause.APPEARED: State.READY},
    State.LOADING: {
        Cause.LOADED: State.READY,
        Cause.FAILED: State.UNLOADING,
        Cause.ABANDONED: State.UNLOADING,
        Cause.ASKED: State.UNLOADING,
        Cause.REPLACED: State.UNLOADING,
        Cause.CLOSING: State.UNLOADING,
    },
    State.READY: dict.fromkeys(LEAVING_CAUSES, State.DRAINING) | {Cause.GONE: State.COLD},
    State.DRAINING: {
        Cause.LAST_LEASE_RETURNED: State.UNLOADING,
        Cause.REPRIEVED: State.READY,
        Cause.GONE: State.COLD,
    },
    State.UNLOADING: {Cause.GONE: State.COLD},
}
"""Bytes come back only through GONE; a busy model is drained, never shot; what dies while loading has failed first."""
