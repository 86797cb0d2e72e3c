"""A model inside a server that is not ours: what the server holds, followed by asking it, and our part in that.

The server may unload what we loaded, load what we did not ask for, or go away; we are not told. So it is asked every
poll, and after every load and unload of ours. What it says then is what counts.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeVar

from innkeeper.runtime.catalog import Bytes, Model
from innkeeper.runtime.engine import Holding
from innkeeper.runtime.errors import (
    EngineDied,
    EngineError,
    EngineFailed,
    EngineTimedOut,
    EngineUnreachable,
    LoadFailed,
    NotSupported,
)
from innkeeper.runtime.messages import Chunk, Kind, Request

Answer = TypeVar("Answer")

LOOK_WITHIN_S: Final = 5.0
"""Seconds the server may take to say what it holds."""

SILENT_LOOKS: Final = 3
"""Looks in a row without an answer, after which a server that still takes connections counts as gone."""

SILENCE_S: Final = 3600.0
"""Seconds an answer may be silent. A long prompt is; a server that hangs is found out by looking, long before."""

UNLOAD_WITHIN_S: Final = 30.0
"""Seconds the server may take to let a model go. What it keeps beyond them is taken in again by the next look."""

LOOK_AGAIN_S: Final = 0.1
"""Seconds between two looks while a model is on its way out."""


@dataclass(frozen=True, slots=True)
class Held:
    """A model that such a server has in memory."""

    bytes: Bytes | None
    """What it holds of this machine, by pool; None where the server does not say."""
    context: int | None = None
    """Tokens a request may use there; None where the server does not say."""
    instances: tuple[str, ...] = ()
    """The server's names for each copy, where it may have several."""


class ForeignServer:
    """What one server holds, as it said last, and our engines on it."""

    def __init__(self, server: str, list_held: Callable[[], Awaitable[Mapping[str, Held]]]) -> None:
        """`list_held` asks it for all that it has in memory, by its own names, and raises an `EngineError`."""
        self._server = server
        self._list_held = list_held
        self._looks = 0
        self._newest = 0
        self._silent_looks = 0
        self._engines: set[ForeignEngine] = set()
        self.held: Mapping[str, Held] = {}
        """By the server's names for its models."""

    async def look(self) -> None:
        """Ask it what it holds. Engines whose model has left are gone from then on. Never raises."""
        self._looks += 1
        number = self._looks
        try:
            held = await self._list_held()
        except EngineUnreachable as error:
            self._lost(error.message)
            return
        except EngineError as error:
            self._silent_looks += 1
            if self._silent_looks >= SILENT_LOOKS:
                self._lost(error.message)
            return
        if number < self._newest:  # a later look was answered sooner: this one tells of the past
            return
        self._newest = number
        self._silent_looks = 0
        self.held = held
        for engine in tuple(self._engines):
            if engine.source not in held:
                engine.missed(f"{self._server} unloaded it, or was restarted, without being told to by us")

    def enter(self, engine: ForeignEngine) -> None:
        """From now on it is told when its model leaves."""
        self._engines.add(engine)

    def has_another(self, engine: ForeignEngine) -> bool:
        """Whether another engine answers with the same model: two entries may name one."""
        return any(other is not engine and other.source == engine.source for other in self._engines)

    def leave(self, engine: ForeignEngine) -> None:
        """It need not be told any more."""
        self._engines.discard(engine)

    def _lost(self, why: str) -> None:
        self.held = {}
        for engine in tuple(self._engines):
            engine.left(why)


class ForeignEngine(ABC):
    """One load of a model there. What differs between servers is in `_load`, `_unload` and `run`."""

    def __init__(self, model: Model, source: str, server: ForeignServer) -> None:
        """`source` is the server's name for it."""
        self.model = model
        self.source = source
        self.is_ready = False
        self.loaded_in_s: float | None = None
        """Seconds its load took; None where we did not load it."""
        self._server = server
        self._was_asked_for = False
        self._answering = 0
        self._is_gone = asyncio.Event()
        self._why = ""
        self._stopping: asyncio.Task[None] | None = None
        self._peak: dict[str, int] = {}
        self._waits: set[asyncio.Timeout] = set()

    @property
    def held(self) -> Held | None:
        """What the server holds of it, as it said last."""
        return self._server.held.get(self.source)

    # ---- for each server ----

    @abstractmethod
    async def _load(self) -> None:
        """Return when the server has it in memory.

        Raises:
            InnkeeperError: It will not.
        """

    @abstractmethod
    async def _unload(self) -> None:
        """Tell the server to let it go. Raises an `EngineError`."""

    async def _restore(self) -> None:  # noqa: B027  # most servers have nothing to undo
        """Undo what our use of it changed, where somebody else had loaded it. Raises an `EngineError`."""

    @abstractmethod
    def run(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """See `Engine.run`."""

    # ---- the port ----

    async def start(self) -> None:
        """See `Engine.start`."""
        if self._is_gone.is_set() or self._stopping is not None:
            raise LoadFailed(f"{self.model.id} was stopped before it was started.")
        self._was_asked_for = True
        began_s = asyncio.get_running_loop().time()
        try:
            await self._load()
        except EngineError as error:
            failed = LoadFailed(f"{self.model.id} could not be loaded. {error.message}")
            failed.numbers.update(error.numbers)
            raise failed from error
        self.loaded_in_s = asyncio.get_running_loop().time() - began_s
        await self._server.look()
        if self._stopping is not None:
            raise LoadFailed(f"{self.model.id} was stopped while it was loading.")
        self.adopt()

    def adopt(self) -> None:
        """It is in memory: from now on it answers, and is told when it leaves."""
        self._was_asked_for = self.is_ready = True
        self._server.enter(self)

    async def stop(self) -> None:
        """See `Engine.stop`."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._see_off(), name=f"unload {self.model.id}")
        await asyncio.shield(self._stopping)

    async def release(self) -> None:
        """See `Adopted.release`."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._let_be(), name=f"release {self.model.id}")
        await asyncio.shield(self._stopping)

    async def gone(self) -> str:
        """See `Engine.gone`."""
        await self._is_gone.wait()
        return self._why

    def holding(self) -> Holding | None:
        """See `Engine.holding`: what the server said last."""
        held = self.held
        if not self.is_ready or self._is_gone.is_set() or held is None or not held.bytes:
            return None
        for pool, size_bytes in held.bytes.items():
            self._peak[pool] = max(self._peak.get(pool, 0), size_bytes)
        return Holding(now=held.bytes, peak=dict(self._peak))

    def missed(self, why: str) -> None:
        """The server did not name it among those it holds.

        While it answers, its answers tell how it is: the server may be loading it again for one of them. While it is
        told to go, that is as it should be.
        """
        if not self._answering and self._stopping is None:
            self.left(why)

    def left(self, why: str) -> None:
        """It is not in memory any more. Answers under way end with that reason."""
        if self._is_gone.is_set():
            return
        self._why = why
        self._is_gone.set()
        self._server.leave(self)
        self._end_waits()

    # ---- for `run` ----

    def refuse_foreign(self, kind: Kind) -> None:
        """Raises NotSupported: It does not do that kind of work."""
        if kind not in self.model.kinds:
            does = ", ".join(sorted(each.value for each in self.model.kinds))
            raise NotSupported(f"{self.model.id} does not do {kind.value}; it does {does}.", param="model")

    async def unless_gone(self, awaited: Awaitable[Answer]) -> Answer:
        """What is awaited, given up as soon as the model is gone.

        Raises:
            EngineDied: It is gone.
            EngineError: What went wrong although it is still there.
        """
        self._answering += 1
        try:
            async with asyncio.timeout(None) as limit:
                self._waits.add(limit)
                try:
                    if self._is_over:
                        self._end_waits()
                    return await awaited
                finally:
                    self._waits.discard(limit)
        except TimeoutError:
            raise self._died() from None
        except (EngineUnreachable, EngineFailed, EngineTimedOut):
            await self._server.look()
            if self._is_over:
                raise self._died() from None
            raise
        finally:
            self._answering -= 1

    @property
    def _is_over(self) -> bool:
        return self._is_gone.is_set() or self._stopping is not None or not self.is_ready

    def _end_waits(self) -> None:
        now_s = asyncio.get_running_loop().time()
        for wait in self._waits:
            if not wait.expired():
                wait.reschedule(now_s)

    def _died(self) -> EngineDied:
        return EngineDied(f"{self.model.id}: the model is gone: {self._why or 'it was told to go, or never started'}.")

    async def _let_be(self) -> None:
        self._end_waits()
        with suppress(EngineError, TimeoutError):
            async with asyncio.timeout(LOOK_WITHIN_S):
                await self._server.look()
                if self.held is not None and not self._is_gone.is_set():
                    await self._restore()
        self.left("released")

    async def _see_off(self) -> None:
        self._end_waits()
        if self._was_asked_for and not self._is_gone.is_set() and not self._server.has_another(self):
            try:
                async with asyncio.timeout(UNLOAD_WITHIN_S):
                    await self._until_unloaded()
            except (EngineError, TimeoutError):
                await self._server.look()  # whatever it still holds is seen there, and is not ours any more
        self.left("stopped")

    async def _until_unloaded(self) -> None:
        while True:
            await self._unload()
            await self._server.look()
            if self.held is None:
                return
            await asyncio.sleep(LOOK_AGAIN_S)
