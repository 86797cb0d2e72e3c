"""Where one model stands at a moment, as far as a choice between models needs to know.

Residency draws it, routing reads it, and neither knows the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from innkeeper.runtime.catalog import Bytes
from innkeeper.runtime.errors import InnkeeperError


class Presence(Enum):
    """How near a model is to answering."""

    READY = "ready"
    """In memory."""
    LOADING = "loading"
    COLD = "cold"
    """Not in memory, or on its way out."""
    HOSTED = "hosted"
    """On a machine of others: nothing to load, and it costs money."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One model at one moment. The defaults are those of a model that is ready and has nothing to do."""

    model: str
    presence: Presence = Presence.READY
    holds: Bytes = field(default_factory=dict)
    """Bytes it holds in memory, or would: what is expected of a model that was never timed goes by them."""
    slots: int = 1
    """Requests it answers at the same time."""
    busy: int = 0
    """Requests it answers now."""
    waiting: int = 0
    """Callers who wait for it."""
    load_s: float = 0.0
    """Seconds from cold to ready."""
    left_s: float = 0.0
    """Of a load under way, the seconds still expected."""
    loads_ahead_s: float = 0.0
    """Seconds expected of the loads of other models that are under way: they use the same disk."""
    displaces: tuple[str, ...] = ()
    """The idle models that would have to leave for it."""
    swap_s: float = 0.0
    """What its load costs everybody where others have to leave for it: its own seconds, and those of reloading the
    others weighed by how likely they are wanted soon, less what its own stay will save. 0 where none has to leave."""
    blocked_by: tuple[str, ...] = ()
    """The busy models that must end first where there is no room even without the idle ones."""
    refusal: InnkeeperError | None = None
    """Why it cannot answer at all now; None where it can."""
    is_worth_a_try: bool = False
    """Whether it is tried all the same: what stood in its way, such as a broken file, may have been mended."""

    @property
    def is_there(self) -> bool:
        """Whether it can answer without a load."""
        return self.presence in (Presence.READY, Presence.HOSTED)
