"""Follows servers that are not ours: what they load or unload behind our back is in the books within one poll.

A model of the catalogue that somebody else has loaded there becomes a resident like any other: it is charged, it may be
asked, and it may have to leave. What else such a server holds stays what it is to us: use by other programs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.engine import ForeignAdapter
from innkeeper.runtime.residency.keeper import Keeper
from innkeeper.runtime.residency.ledger import add
from innkeeper.runtime.residency.machine import Residency
from innkeeper.runtime.residency.states import State

RAM: Final = "ram"


class Outside:
    """Asks every such server, each in a task of its own, so that one that hangs does not keep the others waiting."""

    def __init__(
        self, keeper: Keeper, residency: Residency, servers: Mapping[str, tuple[ForeignAdapter, float]]
    ) -> None:
        """`servers` are the adapters by the name of their engine, each with the seconds between two looks."""
        self._keeper = keeper
        self._residency = residency
        self._servers = servers

    @property
    def programs(self) -> frozenset[str]:
        """How the processes of those servers are called that hold a model of ours now."""
        engines = {running.model.engine for running in self._keeper.running()}
        return frozenset().union(*(self._servers[name][0].programs for name in engines & self._servers.keys()))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look every poll, for the length of the block."""
        tasks = asyncio.TaskGroup()  # entered by hand: an error of the block is to pass as it is, not in a group
        await tasks.__aenter__()
        looking = [tasks.create_task(self._poll(name), name=f"look at {name}") for name in self._servers]
        try:
            yield
        finally:
            for task in looking:
                task.cancel()
            await tasks.__aexit__(None, None, None)

    async def _poll(self, name: str) -> None:
        while True:
            await self.look(name)
            await asyncio.sleep(self._servers[name][1])

    async def look(self, name: str) -> None:
        """One look at one server, and what follows from it. A server of which no model is in the catalogue is left
        in peace."""
        models = [model for model in self._keeper.catalog if model.engine == name and not model.is_barred]
        if not models:
            return
        adapter = self._servers[name][0]
        await adapter.look()
        for model in models:
            holds = adapter.holds(model)
            if holds is not None and not self._runs(model):
                self._keeper.adopt(model.id, partial(adapter.adopt, model), holds)

    def held_bytes(self) -> Mapping[str, int]:
        """What our residents hold in such servers on this machine, by pool: readings count it as others' use.

        Where the server does not say, it is what they are charged.
        """
        total: dict[str, int] = {}
        for running in self._keeper.running():
            resident = self._residency.books.residents.get(running.model.id)
            is_there = resident is not None and resident.state in {State.READY, State.DRAINING, State.UNLOADING}
            if running.model.engine in self._servers and is_there:
                charged = self._residency.books.ledger.held_by(running.model.id)
                total = add(total, running.holding.now if running.holding is not None else charged)
        return total

    def _runs(self, model: Model) -> bool:
        """Whether the books have it, or another entry for the same model of that server."""
        return any(
            running.model.engine == model.engine and _name_there(running.model) == _name_there(model)
            for running in self._keeper.running()
        )


def _name_there(model: Model) -> str:
    return model.source or model.id
