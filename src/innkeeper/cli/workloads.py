"""The requests of a simulation: generated, of a trace file, or as this installation's journal recorded them."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from random import Random

from innkeeper.cli.invocation import Invocation
from innkeeper.cli.opening import sizes
from innkeeper.cli.rooms import rooms_of
from innkeeper.runtime.errors import BadSettings, InvalidRequest
from innkeeper.runtime.journal.file import entries_since
from innkeeper.runtime.messages import Kind
from innkeeper.runtime.routing.timing import Timing
from innkeeper.settings.catalog import catalog_of, search
from innkeeper.settings.load import Loaded
from innkeeper.settings.routing import targets_of
from innkeeper.simulation import house, recorded, told_arrivals
from innkeeper.simulation.evening import evening
from innkeeper.simulation.party import party
from innkeeper.simulation.podcast import podcast
from innkeeper.simulation.workload import HOUR_S, Workload

STRETCHED = 120.0
"""A trace of a service with thousands of users, slowed down to one machine."""


class Scene(Enum):
    """A generated workload."""

    EVENING = "evening"
    PODCAST = "podcast"
    PARTY = "party"


@dataclass(frozen=True, slots=True)
class Source:
    """Where the requests come from, as a command says it."""

    scene: str
    """The name of a `Scene`, where nothing else is said."""
    trace: Path | None = None
    from_journal: bool = False
    models: Path | None = None
    """The settings file whose models are asked for."""
    hours: float | None = None
    """Length of what is generated; of the journal, the last so many."""
    requests: int = 2000
    """How much of a trace is read."""


def workloads(invocation: Invocation, source: Source, seeds: Iterable[int]) -> list[Workload]:
    """One for each seed; the journal has no dice, so one of it.

    Raises:
        InvalidRequest: The source is none, or contradicts itself.
        BadSettings: The models cannot be known.
    """
    if source.trace is not None and source.from_journal:
        raise InvalidRequest("Give either a trace or --from-journal.", param="trace")
    if source.trace is None and not source.from_journal:
        if source.models is not None:
            raise InvalidRequest("--models needs requests: give a trace, or --from-journal.", param="models")
        return [generated(source.scene, seed, source.hours) for seed in seeds]
    own = None
    if source.from_journal or source.models is not None:
        named = invocation if source.models is None else replace(invocation, config=source.models.absolute())
        own = own_models(named.settings())
    if source.trace is not None:
        return [from_trace(source.trace, seed, source.requests, own) for seed in seeds]
    assert own is not None, "what the journal tells of is asked of our own models"
    return [from_journal(invocation.settings().settings.home, own, source.hours)]


def generated(scene: str, seed: int, hours: float | None) -> Workload:
    """The scene with these dice; `hours` None takes its usual length.

    Raises:
        InvalidRequest: There is no such scene.
    """
    makers = {Scene.EVENING: evening, Scene.PODCAST: podcast, Scene.PARTY: party}
    make = {one.value: maker for one, maker in makers.items()}.get(scene)
    if make is None:
        names = ", ".join(one.value for one in Scene)
        raise InvalidRequest(f"There is no workload {scene!r}; there are {names}.", param="workload")
    dice = Random(seed)  # noqa: S311 (a game of chance, not a secret)
    return make(dice) if hours is None else make(dice, hours)


def from_trace(trace: Path, seed: int, requests: int, own: Workload | None) -> Workload:
    """The first lines of a trace, over the models of `own`, else over the twelve of the party.

    Raises:
        InvalidRequest: The file cannot be read, or is no such trace.
    """
    try:
        with trace.open(encoding="utf-8", newline="") as lines:
            told = told_arrivals.read(lines, at_most=requests)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"The trace {trace} cannot be read: {error}.", param="trace") from None
    dice = Random(seed)  # noqa: S311 (as above)
    models = own or party(Random(seed), hours=0.1)  # noqa: S311 (as above)
    able = [model for model in models.local() if Kind.CHAT in model.kinds]
    if own is None:
        dice.shuffle(able)
    return replace(
        models,
        name=trace.name,
        arrivals=tuple(told_arrivals.arrivals(told, able, dice, stretched=STRETCHED)),
    )


def from_journal(home: Path, own: Workload, hours: float | None) -> Workload:
    """What was answered here, of the last so many hours; None is all that is kept.

    Raises:
        InvalidRequest: There is no journal, or it tells of no such request.
    """
    file = home / "journal.sqlite"
    since = 0.0 if hours is None else time.time() - hours * HOUR_S
    try:
        arrivals = recorded.recorded(entries_since(file, since))
    except sqlite3.Error as error:
        raise InvalidRequest(
            f"The journal {file} cannot be read ({error}). `innkeeper up` writes it.", param="from_journal"
        ) from None
    known = tuple(one for one in arrivals if one.model in own.catalog)
    if not known:
        raise InvalidRequest(
            f"The journal {file} tells of {len(arrivals)} answered requests, and none for a model of the settings. "
            "Ask for a longer time with --hours, or give the settings of that time with --models.",
            param="from_journal",
        )
    return replace(own, name="journal", arrivals=known)


def own_models(loaded: Loaded) -> Workload:
    """The models of these settings on this machine, and nobody who asks for them yet.

    Raises:
        BadSettings: No model can be sized.
    """
    from innkeeper import assemble

    settings, adapters = loaded.settings, assemble.adapters(loaded)
    catalog = catalog_of(settings, search(loaded))
    footprints, troubles = sizes(catalog, adapters)
    needs = {model: footprint.bytes for model, footprint in footprints.items()}
    loads_s = {model.id: adapters[model.engine].load_s(model) for model in catalog if model.id in needs}
    paces = house.paces(catalog, needs, loads_s, Timing())
    if not paces:
        why = "; ".join(f"{model}: {trouble}" for model, trouble in troubles.items()) or "there are none"
        raise BadSettings(f"No model of the settings can be simulated: {why}.", param="models")
    return house.workload(
        "house",
        {room.name: room.for_models_bytes for room in rooms_of(settings)},
        catalog,
        paces,
        targets=targets_of(settings.targets),
        worth=settings.routing.worth(),
    )
