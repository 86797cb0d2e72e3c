"""A whole runtime over echo engines and a host whose pools a test sets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import pytest

from innkeeper.runtime.catalog import Bytes, Catalog, Model, Option
from innkeeper.runtime.chain import Limits
from innkeeper.runtime.engine import Adapter, ForeignAdapter
from innkeeper.runtime.engines.echo import Echo, Sleep
from innkeeper.runtime.errors import InnkeeperError
from innkeeper.runtime.facts import Fact
from innkeeper.runtime.journal.journal import Journal
from innkeeper.runtime.memory.pools import Ceiling, PoolReading
from innkeeper.runtime.messages import Kind
from innkeeper.runtime.reception import Reception
from innkeeper.runtime.residency.callers import Rules
from innkeeper.runtime.residency.keeper import Keeper
from innkeeper.runtime.residency.machine import Residency
from innkeeper.runtime.residency.outside import Outside
from innkeeper.runtime.residency.readings import Readings
from innkeeper.runtime.routing.choice import Worth
from innkeeper.runtime.routing.deadlines import Targets
from innkeeper.runtime.runtime import Runtime
from innkeeper.settings.words import read_vocabulary

NEVER_S = 3600.0
RAM = PoolReading(total_bytes=10_000, free_bytes=10_000)


@dataclass
class SetHost:
    """A machine with one pool, as a test wants it."""

    ram: PoolReading
    own: int = 0
    programs: int | None = None

    def pools(self) -> Mapping[str, PoolReading]:
        return {"ram": self.ram}

    def own_bytes(self) -> int:
        return self.own

    def programs_bytes(self, names: frozenset[str]) -> int | None:
        return self.programs


@dataclass
class Inn:
    """The runtime and what a test needs to look at or to set."""

    runtime: Runtime
    residency: Residency
    readings: Readings
    echo: Echo
    host: SetHost
    facts: Callable[[], list[Fact]]
    now: list[float]
    outside: Outside

    async def until(self, true: Callable[[], bool]) -> None:
        """Let other tasks run until it is true; the test's own time limit ends a wait in vain."""
        while not true():  # noqa: ASYNC110  what is waited for is a state of the machine, not an event
            await asyncio.sleep(0)


OpenInn = Callable[..., AbstractAsyncContextManager[Inn]]


def echo_model(name: str, size: int = 100, **options: Option) -> Model:
    kinds = frozenset({Kind.CHAT, Kind.COMPLETION})
    return Model(name, "echo", kinds, slots=4, keep_for_s=None, options={"needs_ram": size, **options})


@pytest.fixture
def open_inn() -> OpenInn:
    """Opens a runtime of some models with a budget of 1,000 bytes; every request it took has one ending."""

    @asynccontextmanager
    async def opened(
        *models: Model,
        default: str | None = None,
        budget: int = 1_000,
        growth: int = 0,
        more: Bytes | None = None,
        foreign: tuple[ForeignAdapter, ...] = (),
        also: tuple[Adapter, ...] = (),
        trouble: Callable[[str], InnkeeperError | None] = lambda _: None,
        ram: PoolReading = RAM,
        targets: Targets | None = None,
        worth: Worth | None = None,
        limits: Limits = Limits(),  # noqa: B008 (frozen)
        sleep: Sleep = asyncio.sleep,
    ) -> AsyncIterator[Inn]:
        journal = Journal(lambda: 0.0)
        echo = Echo(sleep)
        host = SetHost(ram)
        now = [0.0]
        catalog = Catalog(models, default)
        residency = Residency({"ram": budget, **(more or {})}, note=journal.record, rules=Rules())
        engines: dict[str, Adapter] = {"echo": echo, **{adapter.name: adapter for adapter in (*foreign, *also)}}
        keeper = Keeper(catalog, engines, residency, note=journal.record, seconds=lambda: now[0])
        outside = Outside(keeper, residency, {adapter.name: (adapter, NEVER_S) for adapter in foreign})
        readings = Readings(
            keeper,
            residency,
            host,
            note=journal.record,
            seconds=lambda: now[0],
            spare_bytes=lambda: 7,
            growth_bytes=growth,
            ceilings={"ram": Ceiling(budget, 0)},
            alarm_bytes=lambda total: total // 10,
            poll_s=NEVER_S,
            outside=outside,
        )
        runtime = Runtime(
            catalog,
            keeper,
            readings,
            residency,
            journal,
            Reception(
                residency,
                vocabulary=read_vocabulary(),
                seconds=lambda: now[0],
                trouble=lambda model: keeper.trouble(model) or trouble(model),
                targets=targets,
                worth=worth,
            ),
            limits=limits,
            seconds=lambda: now[0],
            version="0",
        )

        def facts() -> list[Fact]:
            return [entry.fact for entry in journal.entries()]

        async with runtime.running():
            yield Inn(runtime, residency, readings, echo, host, facts, now, outside)
        residency.check()

    return opened
