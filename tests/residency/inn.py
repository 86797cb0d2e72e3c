"""A residency machine with a clock moved by hand, and short words for what happens to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from typing import TypeVar

from innkeeper.runtime.catalog import Bytes
from innkeeper.runtime.engine import Footprint, Sizing
from innkeeper.runtime.errors import InnkeeperError, LoadFailed
from innkeeper.runtime.facts import Fact
from innkeeper.runtime.residency.callers import Rules
from innkeeper.runtime.residency.machine import Residency
from innkeeper.runtime.residency.policy import Policy, keep_the_most_valuable_set
from innkeeper.runtime.residency.signals import (
    CatalogSet,
    Effect,
    Gone,
    Grant,
    Load,
    Loaded,
    NotLoaded,
    Refuse,
    Returned,
    Signal,
    Terms,
    Tick,
    Unload,
    UnloadWanted,
    Wanted,
)
from innkeeper.runtime.residency.states import State

GIB = 2**30
SomeFact = TypeVar("SomeFact")

Size = float | Terms | None
"""GiB of ram; or all that is known of a model; or None for a model whose size nobody knows."""


def holding(**pools_gib: float) -> Footprint:
    """Declared GiB by pool."""
    return Footprint({pool: round(gib * GIB) for pool, gib in pools_gib.items()}, Sizing.DECLARED)


def measured(**pools_gib: float) -> Footprint:
    """GiB by pool, read from a process."""
    return Footprint(dict(holding(**pools_gib).bytes), Sizing.MEASURED)


def model(ram_gib: float | None = 0, *, also: Mapping[str, float] | None = None, **terms: object) -> Terms:
    """A model that stays until its room is wanted, unless `terms` say otherwise."""
    needs = None if ram_gib is None else holding(ram=ram_gib, **(also or {}))
    return replace(Terms(needs=needs, keep_for_s=None), **terms)  # type: ignore[arg-type]  # fields by name


def told(effects: tuple[Effect, ...]) -> str:
    """The effects in words: "unload scribe, load narrator, serve 3, refuse 4"."""
    words = []
    for effect in effects:
        match effect:
            case Load(name, _, again):
                words.append(f"load {name}{' again' if again else ''}")
            case Unload(name, _):
                words.append(f"unload {name}")
            case Grant(ticket, _, _, _):
                words.append(f"serve {ticket}")
            case Refuse(ticket, _):
                words.append(f"refuse {ticket}")
    return ", ".join(words)


class Inn:
    """Ten GiB of ram unless told otherwise; everything that happens is followed by a check of the books."""

    def __init__(
        self,
        models: Mapping[str, Size],
        *,
        budget_gib: float | Mapping[str, float] = 10,
        rules: Rules | None = None,
        policy: Policy = keep_the_most_valuable_set,
    ) -> None:
        pools = budget_gib if isinstance(budget_gib, Mapping) else {"ram": budget_gib}
        budget: Bytes = {pool: round(gib * GIB) for pool, gib in pools.items()}
        self.facts: list[Fact] = []
        self.now_s = 0.0
        self.machine = Residency(budget, note=self.facts.append, rules=rules, policy=policy)
        self.tickets = count(1)
        self.done: list[Effect] = []
        self.has_models(models)

    # ---- what happens ----

    def hear(self, signal: Signal) -> str:
        """What must be done now, in words."""
        effects = self.machine.hear(signal, self.now_s)
        self.machine.check()
        self.done += effects
        return told(effects)

    def has_models(self, models: Mapping[str, Size]) -> str:
        """From now on these models exist."""
        terms = {name: size if isinstance(size, Terms) else model(size) for name, size in models.items()}
        return self.hear(CatalogSet(terms))

    def ask(
        self,
        name: str,
        *,
        client: str = "",
        priority: int = 0,
        patience_s: float | None = None,
        wait_at_most_s: float | None = None,
        expires_s: float | None = None,
    ) -> str:
        """Somebody wants a model; tickets count up from 1."""
        return self.hear(
            Wanted(next(self.tickets), name, client, priority, patience_s, wait_at_most_s, expires_s=expires_s)
        )

    def give_back(self, *tickets: int, hold_s: float | None = None, was_served: bool = True) -> str:
        return self._all(*(Returned(ticket, hold_s, was_served) for ticket in tickets))

    def ready(self, *names: str, took_s: float = 1.0) -> str:
        """These have loaded."""
        return self._all(*(Loaded(name, self.generation(name), took_s) for name in names))

    def fails(self, name: str, error: InnkeeperError | None = None, *, out_of_memory: bool = False) -> str:
        """This one has not loaded."""
        error = error or LoadFailed(f"{name} does not load")
        return self.hear(NotLoaded(name, self.generation(name), error, out_of_memory))

    def gone(self, *names: str, why: str = "") -> str:
        """The processes of these have ended."""
        return self._all(*(Gone(name, self.generation(name), why) for name in names))

    def unload(self, name: str, *, force: bool = False) -> str:
        """An operator wants it out."""
        return self.hear(UnloadWanted(next(self.tickets), name, force))

    def wait(self, seconds: float) -> str:
        """Time passes, and the machine is told of it only when it asked to be."""
        until_s, before = self.now_s + seconds, len(self.done)
        while (wake_at_s := self.machine.wake_at_s()) is not None and wake_at_s <= until_s:
            self.now_s = wake_at_s
            self.hear(Tick())
        self.now_s = until_s
        return told(tuple(self.done[before:]))

    def resident(self, *names: str) -> None:
        """These were asked for, have loaded and are idle."""
        for name in names:
            before = len(self.done)
            self.ask(name)
            self.ready(name)
            grants = [one for one in self.done[before:] if isinstance(one, Grant)]
            self.give_back(*(one.ticket for one in grants))

    def busy(self, name: str) -> int:
        """This one has loaded and answers somebody, whose ticket it returns."""
        self.ask(name)
        self.ready(name)
        return self.served[-1]

    def _all(self, *signals: Signal) -> str:
        return ", ".join(filter(None, [self.hear(signal) for signal in signals]))

    # ---- what is true ----

    def state(self, name: str) -> State:
        return self.machine.books.residents[name].state

    def generation(self, name: str) -> int:
        return self.machine.books.residents[name].generation

    def held_gib(self, pool: str = "ram") -> float:
        return self.machine.books.ledger.held_in(pool) / GIB

    @property
    def served(self) -> list[int]:
        """Tickets, in the order in which they were served."""
        return [one.ticket for one in self.done if isinstance(one, Grant)]

    @property
    def loads(self) -> list[str]:
        """Models, in the order in which their loads began."""
        return [one.model for one in self.done if isinstance(one, Load)]

    def refusal(self, ticket: int) -> InnkeeperError:
        """Why this one was refused."""
        [error] = [one.error for one in self.done if isinstance(one, Refuse) and one.ticket == ticket]
        return error

    def noted(self, kind: type[SomeFact]) -> list[SomeFact]:
        """The facts of one kind."""
        return [one for one in self.facts if isinstance(one, kind)]
