"""A keeper over echo engines: an alpha, a beta and a gamma that share a budget for two of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager

import pytest

from innkeeper.runtime.catalog import Catalog, Model, Option
from innkeeper.runtime.engines.echo import Echo
from innkeeper.runtime.facts import Fact
from innkeeper.runtime.messages import Kind, Request
from innkeeper.runtime.residency.callers import Rules
from innkeeper.runtime.residency.keeper import Ask, Keeper
from innkeeper.runtime.residency.machine import Residency

NEVER_S = 3600.0


class Gate:
    """A sleep that lasts until the test lets it end; zero seconds pass at once."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self.sleepers = 0
        self.somebody_sleeps = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            return
        self.sleepers += 1
        self.somebody_sleeps.set()
        try:
            await self._open.wait()
        finally:
            self.sleepers -= 1

    def let_pass(self) -> None:
        self._open.set()


class House:
    """A keeper, its echo engines and what was noted."""

    def __init__(self, keeper: Keeper, residency: Residency, echo: Echo, gate: Gate, noted: list[Fact]) -> None:
        self.keeper = keeper
        self.residency = residency
        self.echo = echo
        self.gate = gate
        self.noted = noted

    def state(self, model: str) -> str:
        return self.residency.books.residents[model].state.value

    async def until(self, true: Callable[[], bool]) -> None:
        """Let other tasks run until it is true; the test's own time limit ends a wait in vain."""
        while not true():  # noqa: ASYNC110  what is waited for is a state of the machine, not an event
            await asyncio.sleep(0)


def echo_model(
    name: str, size: int = 100, *, slots: int = 4, keep_for_s: float | None = None, **options: Option
) -> Model:
    return Model(
        name,
        "echo",
        frozenset({Kind.CHAT, Kind.COMPLETION}),
        slots=slots,
        keep_for_s=keep_for_s,
        options={"needs_ram": size, **options},
    )


def question(model: str) -> Request:
    return Request("r-1", Kind.COMPLETION, {"model": model, "prompt": "one two three"}, model, streams=True)


async def ask(house: House, model: str, client: str = "") -> int:
    """Lease, have the whole answer said, give back; returns the number of chunks."""
    async with (
        house.keeper.lease(model, Ask(client=client)) as lease,
        aclosing(lease.engine.run(question(model))) as chunks,
    ):
        said = len([chunk async for chunk in chunks])
        lease.has_answered = True
        return said


OpenHouse = Callable[..., AbstractAsyncContextManager[House]]


@pytest.fixture
def open_house() -> OpenHouse:
    """Opens a house of some models; the books balance when it closes, and nobody is left in it."""

    @asynccontextmanager
    async def opened(
        *models: Model, budget: int = 200, rules: Rules | None = None, longest_load_s: float = NEVER_S
    ) -> AsyncIterator[House]:
        noted: list[Fact] = []
        gate = Gate()
        echo = Echo(gate.sleep)
        residency = Residency({"ram": budget}, note=noted.append, rules=rules)
        keeper = Keeper(
            Catalog(models),
            {"echo": echo},
            residency,
            note=noted.append,
            seconds=asyncio.get_running_loop().time,
            longest_load_s=longest_load_s,
        )
        async with keeper:
            yield House(keeper, residency, echo, gate, noted)
            residency.check()
        residency.check()
        assert not keeper.running()
        assert not residency.books.leases
        assert not len(residency.books.queue)

    return opened
