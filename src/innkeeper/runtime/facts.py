"""Everything the runtime says about itself. Logs, metrics and the operator's pages read only this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from innkeeper.runtime.catalog import Bytes
from innkeeper.runtime.messages import Usage


@dataclass(frozen=True, slots=True)
class Asked:
    """A request arrived."""

    request: str
    kind: str
    model: str | None
    """The model asked for by name, or None."""
    task: str | None
    client: str


@dataclass(frozen=True, slots=True)
class Routed:
    """The router chose who may answer."""

    request: str
    candidates: tuple[str, ...]
    because: str
    """The rule that matched, in words an operator can read."""
    right: str | None = None
    """The model that the rules name, where another one is to answer for lack of time."""


@dataclass(frozen=True, slots=True)
class Leased:
    """A request may use a model."""

    request: str
    model: str
    waited_s: float
    load_s: float


@dataclass(frozen=True, slots=True)
class FirstWords:
    """The first piece of an answer left, so many seconds after the request arrived."""

    request: str
    model: str
    task: str | None
    """What it was for, as the request or its words say."""
    after_s: float
    load_s: float = 0.0
    """Of that, the wait for the model to load; 0 where it was there."""
    target_s: float | None = None
    """Seconds within which they were due."""
    in_place_of: str | None = None
    """The model that should have answered; None when it did."""
    quality: float | None = None
    """How well the model that stands in does it, from 0 to 1; None when none stands in, or nobody knows."""
    is_whole: bool = False
    """Whether the answer came in one piece, so that the writing of it is in the time."""


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """One candidate could not answer."""

    request: str
    model: str
    code: str
    why: str
    after_s: float = 0.0
    """How long it was tried."""
    cost: float | None = None
    """Money it cost all the same; None where it costs none."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A request ended. Every `Asked` has exactly one."""

    request: str
    model: str | None
    outcome: str
    """"answered", "abandoned" when the caller left, "internal" for a fault of ours, else the code of an error."""
    took_s: float
    usage: Usage


@dataclass(frozen=True, slots=True)
class Spent:
    """A hosted model was asked, whether or not its answer reached its end, and cost so much."""

    request: str
    model: str
    client: str
    cost: float | None
    """None where the model has no price."""
    currency: str
    is_estimated: bool
    """Whether the cost is estimated from the texts, because the provider did not count."""


@dataclass(frozen=True, slots=True)
class ProviderPaused:
    """A provider, or one model of it, failed in a way that is not tried again for a while."""

    provider: str
    model: str | None
    """The model that is left alone; None is all of the provider."""
    why: str
    for_s: float


@dataclass(frozen=True, slots=True)
class ProviderBack:
    """A provider, or one model of it, answered again after a pause."""

    provider: str
    model: str | None


@dataclass(frozen=True, slots=True)
class Adapted:
    """A hosted model does not take a parameter as it is; requests are sent to it without, or under another name."""

    model: str
    parameter: str
    sent_as: str | None
    """The name it takes; None leaves the parameter out."""
    why: str


@dataclass(frozen=True, slots=True)
class ModelMoved:
    """A model changed its state."""

    model: str
    generation: int
    before: str
    after: str
    cause: str


@dataclass(frozen=True, slots=True)
class ModelLoaded:
    """A model became ready after so many seconds."""

    model: str
    generation: int
    took_s: float


@dataclass(frozen=True, slots=True)
class LoadRefused:
    """A load ended badly, or was not tried."""

    model: str
    why: str
    again_in_s: float | None
    """Seconds until it is tried again; None where waiting does not help."""


@dataclass(frozen=True, slots=True)
class Evicted:
    """A model was told to leave to make room for another, or for other programs."""

    model: str
    for_model: str | None
    """Who needed the room; None when other programs did."""
    freed: Bytes
    value_s: float
    """Expected seconds of reloading that this costs, by the policy's reckoning."""


@dataclass(frozen=True, slots=True)
class SizeCorrected:
    """A reading replaced a size."""

    model: str
    pool: str
    before_bytes: int
    after_bytes: int
    before: str
    """The kind of number replaced: "declared", "estimated", …"""
    after: str


@dataclass(frozen=True, slots=True)
class CeilingMoved:
    """What models may hold in a pool changed because of other programs or an operator."""

    pool: str
    before_bytes: int
    after_bytes: int
    because: str


@dataclass(frozen=True, slots=True)
class Overdrawn:
    """Models are measured to hold more than the pool's limit; idle ones leave until they do not."""

    pool: str
    held_bytes: int
    limit_bytes: int


@dataclass(frozen=True, slots=True)
class Alarm:
    """A pool of the host is nearly full, whoever fills it."""

    pool: str
    free_bytes: int
    alarm_bytes: int


@dataclass(frozen=True, slots=True)
class Slowed:
    """A model answers at less than half its own usual rate: it has probably spilled out of fast memory."""

    model: str
    tokens_per_s: float
    usual_tokens_per_s: float


@dataclass(frozen=True, slots=True)
class EngineLeft:
    """An engine's process is gone."""

    model: str
    generation: int
    why: str
    peak: Bytes


@dataclass(frozen=True, slots=True)
class Preloaded:
    """A model was loaded, or not, before anyone asked for it."""

    model: str
    what: str
    """"started", "used", "cancelled", "regretted" or "declined"."""
    because: str


@dataclass(frozen=True, slots=True)
class SettingsReloaded:
    """The settings were read again."""

    accepted: bool
    what: str
    """What changed, or why the old settings were kept."""


@dataclass(frozen=True, slots=True)
class OperatorDid:
    """Somebody used an operator's command."""

    what: str
    model: str | None
    who: str


@dataclass(frozen=True, slots=True)
class Opened:
    """The runtime started."""

    version: str
    pools: Bytes
    """What models may hold at first, by pool: the budget, less what other programs have taken of it."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The runtime ended in order."""

    after_s: float


Fact: TypeAlias = (
    Asked
    | Routed
    | Leased
    | FirstWords
    | AttemptFailed
    | Finished
    | Spent
    | ProviderPaused
    | ProviderBack
    | Adapted
    | ModelMoved
    | ModelLoaded
    | LoadRefused
    | Evicted
    | SizeCorrected
    | CeilingMoved
    | Overdrawn
    | Alarm
    | Slowed
    | EngineLeft
    | Preloaded
    | SettingsReloaded
    | OperatorDid
    | Opened
    | Closed
)


class Note(Protocol):
    """Where facts go: `Journal.record` in the runtime, `list.append` in a test."""

    def __call__(self, fact: Fact, /) -> object: ...
