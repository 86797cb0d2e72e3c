"""What the residency machine hears, and what it asks to be done. This is its whole interface."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from innkeeper.runtime.engine import Footprint
from innkeeper.runtime.errors import InnkeeperError


@dataclass(frozen=True, slots=True)
class Terms:
    """What the machine must know of a model in order to house it."""

    needs: Footprint | None
    """What a load holds, margin included; None when nobody knows: it is then housed alone, never charged as zero."""
    load_s: float = 1.0
    """Expected seconds of a load, until one has been measured."""
    slots: int = 1
    keep_for_s: float | None = 300.0
    hold_s: float = 0.0
    pinned: bool = False
    waiting_limit: int | None = None
    identity: object = None
    """Two entries of equal identity are the same load; a change of identity reloads the model."""


# ---- signals: something happened outside ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wanted:
    """A caller asks for the use of a model."""

    ticket: int
    """Counts up from 1; never used twice."""
    model: str
    client: str = ""
    priority: int = 0
    patience_s: float | None = None
    """Seconds after which holds and busy models no longer stand in the way; None takes the house rule."""
    wait_at_most_s: float | None = None
    """Seconds after which the caller is refused; None takes the house rule."""
    expires_s: float | None = None
    """Seconds after which the lease ends by itself, for holders that may get lost; None for as long as it takes."""


@dataclass(frozen=True, slots=True)
class Returned:
    """The caller is done, or gave up while waiting. Safe to repeat."""

    ticket: int
    hold_s: float | None = None
    """Seconds to keep the model for this caller's next turn; None takes the model's own, 0 ends a hold at once."""
    was_served: bool = True
    """False when the engine failed or died under the request: then the lease is no sign of its health."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The engine is ready."""

    model: str
    generation: int
    took_s: float


@dataclass(frozen=True, slots=True)
class NotLoaded:
    """The engine will not become ready; it is still to be told to go."""

    model: str
    generation: int
    error: InnkeeperError
    out_of_memory: bool = False


@dataclass(frozen=True, slots=True)
class Gone:
    """The engine's process has exited and its memory is back with the system."""

    model: str
    generation: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """A server that we do not own has loaded the model behind our back."""

    model: str
    holds: Footprint


@dataclass(frozen=True, slots=True)
class Sized:
    """A better number for a model: what loads to come will hold, or a reading of the one that runs."""

    model: str
    footprint: Footprint
    generation: int | None = None
    """The load that was read; None for a number about loads to come."""
    identity: object = None
    """What those loads are started with, as in `Terms`; None where nothing of it was looked at."""


@dataclass(frozen=True, slots=True)
class Rated:
    """An answer was finished at this rate."""

    model: str
    generation: int
    tokens_per_s: float


@dataclass(frozen=True, slots=True)
class CeilingSet:
    """Other programs leave this much of a pool to models."""

    pool: str
    ceiling_bytes: int
    because: str = ""


@dataclass(frozen=True, slots=True)
class OverheadSet:
    """What we ourselves hold in a pool beside the models."""

    pool: str
    overhead_bytes: int


@dataclass(frozen=True, slots=True)
class PinSet:
    """An operator pins a model, or lets it go."""

    model: str
    pinned: bool


@dataclass(frozen=True, slots=True)
class KeepSet:
    """Somebody says how long a model that is in memory stays when it is idle, instead of its own time."""

    model: str
    keep_for_s: float
    """Seconds; infinity keeps it until its room is wanted. It holds until the model leaves, or the next word."""


@dataclass(frozen=True, slots=True)
class UnloadWanted:
    """An operator wants a model out."""

    ticket: int
    model: str
    force: bool = False
    """Whether it leaves although requests are running (they finish first)."""


@dataclass(frozen=True, slots=True)
class PreloadWanted:
    """These models will probably be needed soon, most likely first."""

    models: tuple[str, ...]
    because: str
    may_displace: bool = True
    """Whether idle models that are worth less may leave for them; otherwise they take only what is free."""


@dataclass(frozen=True, slots=True)
class Missed:
    """A request that was for this model is answered by another."""

    model: str
    loads: bool
    """Whether it is to be loaded in the background, also where less valuable ones must leave for it."""
    because: str


@dataclass(frozen=True, slots=True)
class CatalogSet:
    """The models that now exist. Those that are missing drain and go; changed ones load anew."""

    terms: Mapping[str, Terms] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tick:
    """Time went by."""


@dataclass(frozen=True, slots=True)
class Close:
    """The house shuts: nobody new comes in, everybody leaves."""


Signal: TypeAlias = (
    Wanted
    | Returned
    | Loaded
    | NotLoaded
    | Gone
    | Seen
    | Sized
    | Rated
    | CeilingSet
    | OverheadSet
    | PinSet
    | KeepSet
    | UnloadWanted
    | PreloadWanted
    | Missed
    | CatalogSet
    | Tick
    | Close
)


# ---- effects: something must be done outside -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Load:
    """Start the engine. Its bytes are held already."""

    model: str
    generation: int
    again: bool = False
    """Whether the load before ran out of memory: an automatic context must be chosen smaller now."""


@dataclass(frozen=True, slots=True)
class Unload:
    """Stop the engine, also while it starts, and say `Gone` when its memory is back."""

    model: str
    generation: int


@dataclass(frozen=True, slots=True)
class Grant:
    """This caller may use the model now."""

    ticket: int
    model: str
    generation: int
    load_s: float = 0.0
    """Seconds of the caller's wait in which the model was loading."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """This caller gets an error instead."""

    ticket: int
    error: InnkeeperError


Effect: TypeAlias = Load | Unload | Grant | Refuse
