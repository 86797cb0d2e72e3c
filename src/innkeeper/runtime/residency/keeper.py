"""Does what the residency machine decides: starts and stops engines, answers those who wait.

Everything goes through `_tell`: something happened, the machine hears it, its effects are done. Nothing here
decides who loads, waits or leaves.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass
from itertools import count
from typing import Final, Self

from innkeeper.runtime import facts
from innkeeper.runtime.catalog import Catalog, Model
from innkeeper.runtime.engine import Adapter, Adopted, Engine, Footprint
from innkeeper.runtime.errors import EngineDied, EngineFailed, EngineTimedOut, InnkeeperError, LoadFailed
from innkeeper.runtime.facts import Note
from innkeeper.runtime.residency.machine import Residency
from innkeeper.runtime.residency.running import Running
from innkeeper.runtime.residency.signals import (
    CatalogSet,
    Close,
    Effect,
    Gone,
    Grant,
    Load,
    Loaded,
    NotLoaded,
    PreloadWanted,
    Refuse,
    Returned,
    Seen,
    Signal,
    Tick,
    Unload,
    UnloadWanted,
    Wanted,
)
from innkeeper.runtime.residency.sizing import Sizes
from innkeeper.runtime.residency.states import State

SMALLER_CONTEXT: Final = 1024
"""Tokens of the second try after an automatic context ran out of memory."""


@dataclass(frozen=True, slots=True)
class Ask:
    """How a caller wants its lease; None takes the house rule."""

    client: str = ""
    priority: int = 0
    patience_s: float | None = None
    wait_at_most_s: float | None = None
    expires_s: float | None = None


@dataclass(slots=True)
class Lease:
    """The right to use a running engine, for the length of a block."""

    model: str
    generation: int
    engine: Engine
    waited_s: float
    load_s: float
    """Of the wait, the part in which the model was loading."""
    hold_s: float | None = None
    """Seconds to keep the model for the holder's next turn; read when the lease is returned."""
    has_answered: bool = False
    """Whether an answer was given to its end; read when the lease is returned."""


class Keeper:
    """Keeps the engines that the machine wants kept; `lease` is the only way to one.

    An async context manager: leaving it stops every engine. All its tasks have names and belong to its group.
    """

    def __init__(
        self,
        catalog: Catalog,
        adapters: Mapping[str, Adapter],
        residency: Residency,
        *,
        note: Note,
        seconds: Callable[[], float],
        longest_load_s: float = 600.0,
    ) -> None:
        """`seconds` is a clock that never goes back, the event loop's own in a server.

        A load that is neither ready nor failed after `longest_load_s` has failed.
        """
        self._catalog = catalog
        self._adapters = adapters
        self._residency = residency
        self._note = note
        self._seconds = seconds
        self._longest_load_s = longest_load_s
        self._tickets = count(1)
        self._answers: dict[int, asyncio.Future[tuple[Grant, Running]]] = {}
        self._running: dict[str, Running] = {}
        self._sizes = Sizes(adapters)
        self._trouble: Mapping[str, InnkeeperError] = {}
        self._tasks = asyncio.TaskGroup()
        self._timer: asyncio.TimerHandle | None = None
        self.moved_at_s: float | None = None
        """When an engine last started or left; None before the first."""

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        await self.reload(self._catalog)
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.close()
        finally:  # a task that failed has ended the group, and then `close` fails too: the first cause is the group's
            for running in self.running():
                await running.engine.stop()
            await self._tasks.__aexit__(None, None, None)

    # ---- for callers ----

    def ticket(self) -> int:
        """A number for one ask, to follow it with `position`."""
        return next(self._tickets)

    @asynccontextmanager
    async def lease(self, model: str, ask: Ask | None = None, ticket: int | None = None) -> AsyncIterator[Lease]:
        """Hold `model` in memory for the length of the block.

        Raises:
            UnknownModel: It is not in the catalogue.
            CapacityError: There is no room, or no place in the queue.
            EngineError: It did not load.
            BadModelFile: Its file cannot be read.
        """
        ticket = self.ticket() if ticket is None else ticket
        lease = await self._obtain(model, ask or Ask(), ticket)
        was_served = True
        try:
            yield lease
        except (EngineDied, EngineFailed, EngineTimedOut):
            was_served = False
            raise
        finally:
            running = self._running.get(model)
            if running is not None and running.generation == lease.generation and lease.has_answered:
                running.answers += 1
            self._tell(Returned(ticket, lease.hold_s, was_served))

    async def borrow(self, model: str, ask: Ask) -> int:
        """A lease that outlives the block: returns its ticket for `give_back`. It should expire by itself."""
        ticket = self.ticket()
        await self._obtain(model, ask, ticket)
        return ticket

    def was_given(self, ticket: int) -> bool:
        """Whether a lease of this number may have been borrowed. What a request holds or waits for never was."""
        books = self._residency.books
        lease = books.leases.get(ticket)
        is_a_requests = ticket in books.queue or (lease is not None and lease.expires_at_s is None)
        return 0 < ticket <= books.last_ticket and not is_a_requests

    def give_back(self, ticket: int) -> None:
        """End a borrowed lease. One that has expired already changes nothing."""
        self._tell(Returned(ticket))

    def position(self, ticket: int) -> int | None:
        """Place among those who wait, from 1; 0 while the model loads or serves; None when it is neither."""
        return self._residency.position(ticket)

    async def load(self, model: str) -> None:
        """Return when `model` is ready. Nothing happens when it is."""
        async with self.lease(model, Ask(client="operator")):
            pass

    async def unload(self, model: str, *, force: bool = False) -> None:
        """Return when `model` has left memory. With `force` running requests finish first, new ones wait.

        Raises:
            ModelInUse: It is used or waited for, and `force` was not given.
        """
        self._catalog.get(model)
        running = self._running.get(model)
        ticket = self.ticket()
        answer = self._answers[ticket] = asyncio.get_running_loop().create_future()
        try:
            self._tell(UnloadWanted(ticket, model, force))
            if answer.done():
                await answer
        finally:
            del self._answers[ticket]
        if running is not None:
            await running.gone.wait()

    def preload(self, models: tuple[str, ...], because: str) -> None:
        """Load these in the background where there is room; see `preload.py` for what may leave for them."""
        for model in models:
            self._catalog.get(model)
        self._tell(PreloadWanted(models, because))

    def tell(self, signal: Signal) -> None:
        """Hand a signal about memory or rates to the machine, and do what follows from it."""
        self._tell(signal)

    def adopt(self, model: str, make: Callable[[], Adopted], holds: Footprint) -> None:
        """A server that is not ours has `model` in memory, loaded by somebody else: the books follow.

        `make` gives an engine for what is there. Nothing happens where the model runs already, or the house closes.
        """
        resident = self._residency.books.residents.get(model)
        if model in self._running or resident is None or resident.state is not State.COLD:
            return
        if self._residency.books.is_closing or resident.is_removed:
            return
        engine = make()
        running = Running(self._catalog.get(model), resident.generation + 1, engine, adopted=engine)
        self._running[model] = running
        self.moved_at_s = self._seconds()
        running.watching = self._tasks.create_task(self._watch(running), name=f"watch {model}")
        self._tell(Seen(model, holds))
        assert resident.generation == running.generation, f"{model}: {resident.generation} was seen"

    @property
    def catalog(self) -> Catalog:
        """The models that exist now."""
        return self._catalog

    def running(self) -> tuple[Running, ...]:
        """Every engine that runs now, also those that start or stop."""
        return tuple(self._running.values())

    def trouble(self, model: str) -> InnkeeperError | None:
        """Why a model cannot even be sized; None when nothing is known against it."""
        return self._trouble.get(model)

    # ---- the catalogue ----

    async def reload(self, catalog: Catalog) -> None:
        """From now on these models exist. Unchanged ones keep running, changed ones load anew, others drain."""
        terms, trouble = await asyncio.to_thread(self._sizes.read, tuple(catalog))
        self._catalog = catalog
        self._trouble = trouble
        self._tell(CatalogSet(terms))
        pinned = tuple(model.id for model in catalog if model.pinned and model.id not in self._running)
        if pinned:
            self._tell(PreloadWanted(pinned, "pinned"))

    async def _look_again(self, model: Model) -> None:
        """Size it anew. A file that could not be read may have been mended; if not, its trouble is the answer."""
        sized, trouble = await asyncio.to_thread(self._sizes.size, model)
        if not self._is_current(model):
            return
        others = {name: error for name, error in self._trouble.items() if name != model.id}
        if sized is None:
            assert trouble is not None, f"{model.id} has neither a size nor trouble"
            self._trouble = others | {model.id: trouble}
            raise copy(trouble)
        self._trouble = others
        self._tell(sized)

    def _is_current(self, model: Model) -> bool:
        """Whether the catalogue still has it like that: it may have changed while a thread read files."""
        return model.id in self._catalog and self._catalog.get(model.id) == model

    # ---- leases ----

    async def _obtain(self, model: str, ask: Ask, ticket: int) -> Lease:
        entry = self._catalog.get(model)
        began_s = self._seconds()
        if model in self._trouble or (model not in self._running and self._sizes.is_outdated(entry)):
            await self._look_again(entry)
        answer = self._answers[ticket] = asyncio.get_running_loop().create_future()
        wanted = Wanted(
            ticket,
            model,
            client=ask.client,
            priority=ask.priority,
            patience_s=ask.patience_s,
            wait_at_most_s=ask.wait_at_most_s,
            expires_s=ask.expires_s,
        )
        try:
            self._tell(wanted)
            grant, running = await answer
        except BaseException:  # also the caller who leaves while it waits, or just as it is served
            if answer.done() and not answer.cancelled():
                answer.exception()  # a refusal nobody is there to hear
            self._tell(Returned(ticket))
            raise
        finally:
            del self._answers[ticket]
        return Lease(model, grant.generation, running.engine, self._seconds() - began_s, grant.load_s)

    # ---- the machine ----

    def _tell(self, signal: Signal) -> None:
        for effect in self._residency.hear(signal, self._seconds()):
            self._do(effect)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wake_at_s = self._residency.wake_at_s()
        if wake_at_s is not None:
            delay_s = max(0.0, wake_at_s - self._seconds())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._tell, Tick())

    def _do(self, effect: Effect) -> None:
        match effect:
            case Load(model, generation, again):
                self._start(model, generation, again=again)
            case Unload(model, generation):
                running = self._running.get(model)
                assert running is not None, f"{model} is not running and cannot be stopped"
                assert running.generation == generation, f"{model}: {generation} is to stop, {running.generation} runs"
                self._stop(running)
            case Grant(ticket, model):
                answer = self._answers.get(ticket)
                if answer is not None and not answer.done():
                    answer.set_result((effect, self._running[model]))
            case Refuse(ticket, error):
                answer = self._answers.get(ticket)
                if answer is not None and not answer.done():
                    answer.set_exception(copy(error))  # one error may go to many callers: each gets its own traceback

    # ---- engines ----

    def _begin(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        try:
            return self._tasks.create_task(work, name=name)
        except RuntimeError:  # a task before it failed, and the group takes no more
            work.close()
            raise

    def _start(self, model_id: str, generation: int, *, again: bool) -> None:
        model = self._catalog.get(model_id)
        context = SMALLER_CONTEXT if again and model.context is None else None
        engine = self._adapters[model.engine].engine(model, context)
        running = self._running[model_id] = Running(model, generation, engine)
        self.moved_at_s = self._seconds()
        running.loading = self._begin(self._load(running), f"load {model_id}")

    async def _load(self, running: Running) -> None:
        model, began_s = running.model.id, self._seconds()
        running.watching = self._begin(self._watch(running), f"watch {model}")
        try:
            async with asyncio.timeout(self._longest_load_s):
                await running.engine.start()
        except TimeoutError:
            late = LoadFailed(
                f"{model} was not ready within {self._longest_load_s:g} s. If it only needs longer, raise "
                "queue.longest_load_s.",
                limit_s=self._longest_load_s,
            )
            self._tell(NotLoaded(model, running.generation, late))
        except InnkeeperError as error:
            out_of_memory = bool(error.numbers.get("out_of_memory"))
            self._tell(NotLoaded(model, running.generation, error, out_of_memory))
        except Exception as error:  # noqa: BLE001  the engine boundary: an adapter's fault must not end the house
            failed = LoadFailed(f"{model} failed to load: {type(error).__name__}: {error}")
            self._tell(NotLoaded(model, running.generation, failed))
        else:
            self._tell(Loaded(model, running.generation, self._seconds() - began_s))

    async def _watch(self, running: Running) -> None:
        why = await running.engine.gone()
        if running.is_stopping:
            return
        running.is_stopping = True
        if running.loading is not None and not running.loading.done():
            await asyncio.wait([running.loading])  # the failed load speaks first, so that those who wait hear why
        await running.engine.stop()  # what the dead process left behind
        await self._bury(running, why)

    def _stop(self, running: Running) -> None:
        if not running.is_stopping:
            running.is_stopping = True
            self._begin(self._see_off(running), f"stop {running.model.id}")

    async def _see_off(self, running: Running) -> None:
        if running.loading is not None and not running.loading.done():
            running.loading.cancel()
            await asyncio.wait([running.loading])
        elif running.answers:
            running.holding = await asyncio.to_thread(running.engine.holding) or running.holding
        if running.adopted is not None and self._is_none_of_ours(running.model):
            await running.adopted.release()
        else:
            await running.engine.stop()
        if running.watching is not None:
            running.watching.cancel()
        await self._bury(running, "told to go")

    def _is_none_of_ours(self, model: Model) -> bool:
        """Whether it leaves because we have no more to do with it, and not because its room is wanted."""
        return self._residency.books.is_closing or model.id not in self._catalog

    async def _bury(self, running: Running, why: str) -> None:
        model, holding = running.model, running.holding
        del self._running[model.id]
        self.moved_at_s = self._seconds()
        running.gone.set()
        self._note(facts.EngineLeft(model.id, running.generation, why, holding.peak if holding else {}))
        self._tell(Gone(model.id, running.generation, why))
        if holding is not None and running.answers:  # an unused load has not touched all of its memory
            await asyncio.to_thread(self._adapters[model.engine].learn, model, running.engine, holding)
            await self._size_anew(model.id)

    async def _size_anew(self, model_id: str) -> None:
        """What was learned counts for the next load of the entry that the catalogue has now, if there is one."""
        if model_id not in self._catalog:
            return
        model = self._catalog.get(model_id)
        sized, _ = await asyncio.to_thread(self._sizes.size, model)
        if sized is not None and self._is_current(model):
            self._tell(sized)

    async def close(self, grace_s: float = 0.0) -> None:
        """Refuse whoever waits, let running answers finish for `grace_s`, return when every engine is gone."""
        self._tell(Close())
        still_here = [asyncio.create_task(one.gone.wait(), name=f"wait for {one.model.id}") for one in self.running()]
        try:
            if still_here and grace_s > 0:
                await asyncio.wait(still_here, timeout=grace_s)
            for running in self.running():
                self._stop(running)
            if still_here:
                await asyncio.wait(still_here)
        finally:
            for waiting in still_here:
                waiting.cancel()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
