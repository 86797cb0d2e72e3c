"""Reads, every poll, what engines and pools really hold, and tells the machine what differs from the books."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from typing import Protocol

from innkeeper.runtime import facts
from innkeeper.runtime.facts import Note
from innkeeper.runtime.memory.pools import Ceiling, PoolReading
from innkeeper.runtime.residency.correction import charge
from innkeeper.runtime.residency.keeper import Keeper
from innkeeper.runtime.residency.machine import Residency
from innkeeper.runtime.residency.outside import RAM, Outside
from innkeeper.runtime.residency.running import Running
from innkeeper.runtime.residency.signals import CeilingSet, OverheadSet, Sized
from innkeeper.runtime.residency.states import State
from innkeeper.runtime.sizes import told


class Host(Protocol):
    """The machine we run on, as the pools of memory see it. Reads files of the kernel and asks drivers: may block."""

    def pools(self) -> Mapping[str, PoolReading]:
        """Every pool as it is now. One that cannot be read at the moment is left out."""
        ...

    def own_bytes(self) -> int:
        """What our own process holds of the main memory."""
        ...

    def programs_bytes(self, names: frozenset[str]) -> int | None:
        """What programs of these names hold of the main memory beside mapped files; None where none are to be seen."""
        ...


class Readings:
    """What was read last, and the task that reads it."""

    def __init__(
        self,
        keeper: Keeper,
        residency: Residency,
        host: Host,
        *,
        note: Note,
        seconds: Callable[[], float],
        spare_bytes: Callable[[], int],
        growth_bytes: int = 0,
        ceilings: Mapping[str, Ceiling],
        alarm_bytes: Callable[[int], int],
        poll_s: float,
        outside: Outside | None = None,
    ) -> None:
        """`spare_bytes` are held by processes of ours that are not models; our own process is charged `growth_bytes`
        more than it holds, because room that was promised to models cannot be taken back when it grows; `alarm_bytes`
        gives, for a pool's total, the free bytes below which an alarm is raised; `outside` follows servers that are not
        ours, and runs while the readings do."""
        self._keeper = keeper
        self._residency = residency
        self._host = host
        self._note = note
        self._seconds = seconds
        self._spare_bytes = spare_bytes
        self._growth_bytes = growth_bytes
        self._own_charge_bytes = 0
        self._alarm_bytes = alarm_bytes
        self._poll_s = poll_s
        self._ceilings = ceilings
        self._outside = outside
        self._alarmed: set[str] = set()
        self.pools: Mapping[str, PoolReading] = {}
        """The latest reading of each pool."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read once, then every poll, for the length of the block."""
        await self.read()
        tasks = asyncio.TaskGroup()  # entered by hand: an error of the block is to pass as it is, not in a group
        await tasks.__aenter__()
        polling = tasks.create_task(self._poll(), name="read memory")
        try:
            async with self._outside.running() if self._outside is not None else nullcontext():
                yield
        finally:
            polling.cancel()
            await tasks.__aexit__(None, None, None)

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._poll_s)
            await self.read()

    async def read(self) -> None:
        """One reading of everything, and what follows from it."""
        engines = self._keeper.running()
        pools, own_bytes, outside_ram_bytes = await asyncio.to_thread(self._read, engines)
        self.pools = pools = self._credited(pools, outside_ram_bytes)
        for running in engines:
            self._correct(running)
        if "ram" in self._residency.books.ledger.pools:
            if own_bytes > self._own_charge_bytes:
                self._own_charge_bytes = own_bytes + self._growth_bytes
            self._keeper.tell(OverheadSet("ram", self._own_charge_bytes + self._spare_bytes()))
        for name, reading in pools.items():
            self._follow(name, reading)

    def _read(self, engines: tuple[Running, ...]) -> tuple[Mapping[str, PoolReading], int, int]:
        for running in engines:
            running.holding = running.engine.holding() or running.holding
        programs = self._outside.programs if self._outside is not None else frozenset()
        outside_bytes = self._host.programs_bytes(programs) if programs else 0
        return self._host.pools(), self._host.own_bytes(), outside_bytes or 0

    def _credited(self, pools: Mapping[str, PoolReading], outside_ram_bytes: int) -> Mapping[str, PoolReading]:
        """The readings where models of ours in servers that are not are not taken for other programs.

        In main memory no more is credited than their processes are seen to hold: weights they map count as free
        already, and where the processes cannot be seen nothing is, which makes the budget smaller and never too large.
        """
        held = self._outside.held_bytes() if self._outside is not None else {}
        return {
            name: reading.crediting(min(held.get(name, 0), outside_ram_bytes) if name == RAM else held.get(name, 0))
            for name, reading in pools.items()
        }

    def _correct(self, running: Running) -> None:
        """Charge a running model what it is seen to hold."""
        resident = self._residency.books.residents.get(running.model.id)
        if running.holding is None or resident is None or resident.generation != running.generation:
            return
        if resident.state not in {State.READY, State.DRAINING}:
            return
        age_s = self._seconds() - resident.loaded_at_s
        held = self._residency.books.ledger.held_by(running.model.id)
        new = charge(held, running.holding, age_s=age_s, answers=running.answers)
        if new is not None:
            self._keeper.tell(Sized(running.model.id, new, running.generation))

    def _follow(self, name: str, reading: PoolReading) -> None:
        """Let the pool's ceiling follow what others use, and raise the alarm when the pool is nearly full."""
        if name in self._ceilings and not self._hides_us(name, reading):
            ceiling = self._ceilings[name].hear(reading, self._seconds(), self._keeper.moved_at_s)
            because = f"other programs hold {told(reading.others_bytes)}"
            self._keeper.tell(CeilingSet(name, ceiling, because))
        alarm_bytes = self._alarm_bytes(reading.total_bytes)
        if reading.free_bytes >= alarm_bytes:
            self._alarmed.discard(name)
        elif name not in self._alarmed:
            self._alarmed.add(name)
            self._note(facts.Alarm(name, reading.free_bytes, alarm_bytes))

    def _hides_us(self, name: str, reading: PoolReading) -> bool:
        """Whether a reading counts our own models as other programs'.

        In a container the driver may list processes under the host's numbers, or none. Without a trustworthy reading
        the budget stands as it is.
        """
        books = self._residency.books
        ready = (one.model for one in books.loaded(State.READY, State.DRAINING))
        return reading.ours_bytes == 0 and any(books.ledger.held_by(model).get(name, 0) for model in ready)
