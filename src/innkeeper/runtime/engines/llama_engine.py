"""One load of a model by llama.cpp in a child process: start it, pass questions to it, end it.

Nothing here knows whether the child is our worker or a llama-server: both answer the same HTTP on a socket.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Protocol

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.engine import Holding
from innkeeper.runtime.engines.child import Child
from innkeeper.runtime.engines.embedding_batches import EmbeddingBatches
from innkeeper.runtime.engines.launch import Launch, Role
from innkeeper.runtime.engines.llama_answer import (
    END,
    TARGETS,
    Events,
    engine_body,
    has_figures,
    is_error,
    prompt_too_long,
    refusal,
    together,
    usage,
)
from innkeeper.runtime.engines.log_ring import LogRing
from innkeeper.runtime.engines.process_memory import RAM, process_memory
from innkeeper.runtime.engines.prompt_length import may_be_too_long, prompt_tokens
from innkeeper.runtime.engines.unix_http import UnixHttp
from innkeeper.runtime.errors import EngineDied, EngineFailed, InnkeeperError, LoadFailed, NotSupported, SetupError
from innkeeper.runtime.memory.host import Gpus
from innkeeper.runtime.messages import Chunk, Done, Kind, Piece, Request, Usage

EXIT_LIMIT_S = 1.0
"""Seconds a process may take to be seen gone after its connection broke, before we say that it still lives."""


class Process(Protocol):
    """A child that runs llama.cpp: a worker or a llama-server."""

    child: Child

    async def load(self, launch: Launch) -> None:
        """Return when the model answers on its socket.

        Raises:
            InnkeeperError: It will not.
            OSError: The system has no room for a process.
        """

    def let_go(self) -> None:
        """Close what is open towards it; it is gone."""


class Processes(Protocol):
    """Where children come from."""

    def take(self, log: LogRing) -> Process:
        """A child whose output goes to `log`.

        Raises:
            OSError: The system has no room for a process.
        """
        ...

    def refill(self) -> None:
        """A load is over: prepare for the next one, in the background."""


class LlamaCppEngine:
    """One load of a model."""

    def __init__(
        self, model: Model, plan: Callable[[], Launch], processes: Processes, log: LogRing, gpus: Gpus
    ) -> None:
        """`plan` reads the model's file and says how to start its child; it is called once, in `start`."""
        self._model = model
        self._plan = plan
        self._processes = processes
        self._log = log
        self._log_began = log.written
        self._launch: Launch | None = None
        self._http: UnixHttp | None = None
        self._batches: EmbeddingBatches | None = None
        """None where there is one slot: then one request is answered at a time, and nothing to put together."""
        self._process: Process | None = None
        self._has_process = asyncio.Event()
        self._is_stopped = False
        self._gpus = gpus
        self._peak: dict[str, int] = {}
        self.loaded_in_s: float | None = None
        """Seconds its load took; None before it is ready."""
        self.most_tokens = 0
        """Prompt and answer of the longest request so far: how far its memory was put to use."""

    @property
    def context(self) -> int | None:
        """Tokens of a slot; None before the load began."""
        return self._launch.context if self._launch is not None else None

    @property
    def pid(self) -> int | None:
        """The process id of its child; None before there is one."""
        return self._process.child.pid if self._process is not None else None

    async def start(self) -> None:
        """See `Engine.start`."""
        if self._is_stopped:
            raise LoadFailed(f"{self._model.id} was stopped before it was started.")
        clock = asyncio.get_running_loop().time
        began_s = clock()
        try:
            self._launch = await asyncio.to_thread(self._plan)  # a header with a large vocabulary takes 40 ms to read
            if self._is_stopped:
                raise LoadFailed(f"{self._model.id} was stopped while its file was read.")
            self._process = self._processes.take(self._log)
            self._has_process.set()
            await self._process.load(self._launch)
            self._http = UnixHttp(Path(self._launch.socket))
            self._batches = self._put_together(self._launch)
            self.loaded_in_s = clock() - began_s
        except SetupError as error:
            raise LoadFailed(f"{self._model.id} could not be loaded: {error.message}") from error
        except OSError as error:
            raise LoadFailed(f"{self._model.id} could not be loaded; no process could be started: {error}.") from error
        finally:
            self._processes.refill()

    def run(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """See `Engine.run`."""
        if self._batches is not None and request.kind is Kind.EMBEDDING:
            return self._embed(request, self._batches)
        return self._answer(request)

    async def _embed(self, request: Request, batches: EmbeddingBatches) -> AsyncGenerator[Chunk, None]:
        """The answer to an embedding request that others may be computed with; its own faults are found before."""
        http, launch = self._alive()
        try:
            await self._refuse_too_long(http, launch, request, engine_body(self._model.id, request))
        except OSError as error:
            raise await self._lost(error) from error
        async with aclosing(batches.run(request)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _answer(self, request: Request, *, is_checked: bool = False) -> AsyncGenerator[Chunk, None]:
        self._refuse_foreign(request.kind)
        http, launch = self._alive()
        body = engine_body(self._model.id, request)
        try:
            if not is_checked:
                await self._refuse_too_long(http, launch, request, body)
            exchange = await http.ask(TARGETS[request.kind], body)
        except OSError as error:
            raise await self._lost(error) from error
        try:
            if exchange.status != 200:
                raise refusal(self._model.id, exchange.status, await exchange.body())
            if not exchange.is_event_stream:
                whole = await exchange.body()
                yield Piece(whole)
                yield Done(self._used(usage(whole)))
                return
            events, figures, is_complete = Events(request.shortcut), Usage(), False
            while (part := await exchange.part(events.take)) is not None:
                for data in events.feed(part):
                    if data == END:
                        is_complete = True
                        continue
                    if is_error(data):
                        raise refusal(self._model.id, 500, data)
                    if has_figures(data):
                        figures = together(figures, usage(data))
                    yield Piece(data)
            if not is_complete:
                raise EngineFailed(f"{self._model.id}: the engine ended its answer in the middle.")
            yield Done(self._used(figures))
        except ConnectionError as error:
            raise await self._lost(error) from error
        finally:
            http.release(exchange)

    def _put_together(self, launch: Launch) -> EmbeddingBatches | None:
        if Kind.EMBEDDING not in self._model.kinds or launch.slots == 1:
            return None
        return EmbeddingBatches(
            self._model.id,
            partial(self._answer, is_checked=True),
            slots=launch.slots,
            most_tokens=launch.batch_tokens,
        )

    def _alive(self) -> tuple[UnixHttp, Launch]:
        if self._http is None or self._launch is None or self._is_stopped:
            raise EngineDied(f"{self._model.id}: the engine was never started, or is stopped.")
        return self._http, self._launch

    def _used(self, figures: Usage) -> Usage:
        self.most_tokens = max(self.most_tokens, figures.prompt_tokens + figures.answer_tokens)
        return figures

    async def count_tokens(self, request: Request) -> int:
        """See `CountsTokens.count_tokens`."""
        self._refuse_foreign(request.kind)
        http, launch = self._http, self._launch
        if http is None or launch is None or self._is_stopped:
            raise EngineDied(f"{self._model.id}: the engine was never started, or is stopped.")
        try:
            found = await prompt_tokens(http, request, engine_body(self._model.id, request), launch.context)
        except OSError as error:
            raise await self._lost(error) from error
        if found is None:
            raise NotSupported(f"{self._model.id} cannot count this prompt: pictures have no number of tokens yet.")
        return found

    async def stop(self) -> None:
        """See `Engine.stop`."""
        self._is_stopped = True
        self._has_process.set()
        if self._http is not None:
            self._http.close()
        if self._process is not None:
            await self._process.child.stop()
            self._process.let_go()
        if self._batches is not None:
            await self._batches.close()
        self._remove_socket()

    async def gone(self) -> str:
        """See `Engine.gone`."""
        await self._has_process.wait()
        if self._process is None:
            return "stopped before it was started"
        return await self._process.child.gone()

    def holding(self) -> Holding | None:
        """See `Engine.holding`."""
        child = self._process.child if self._process is not None else None
        if child is None or child.pid is None or not child.is_running:
            return None
        held = process_memory(child.pid)
        if held is None:
            return None
        now = {RAM: held.now_bytes}
        peak = {RAM: held.peak_bytes}
        if self._launch is not None and self._launch.gpu_layers > 0:
            pools = self._gpus.pools(frozenset({child.pid}))
            now |= {pool: reading.ours_bytes for pool, reading in pools.items() if reading.ours_bytes > 0}
        for pool, size_bytes in (*now.items(), *peak.items()):
            self._peak[pool] = max(self._peak.get(pool, 0), size_bytes)
        return Holding(now=now, peak=dict(self._peak))

    def _remove_socket(self) -> None:
        if self._launch is not None:
            with contextlib.suppress(OSError):  # what is left goes with the folder
                Path(self._launch.socket).unlink(missing_ok=True)

    def _refuse_foreign(self, kind: Kind) -> None:
        if kind not in self._model.kinds:
            does = ", ".join(sorted(each.value for each in self._model.kinds))
            raise NotSupported(f"{self._model.id} does not do {kind.value}; it does {does}.", param="model")

    async def _refuse_too_long(self, http: UnixHttp, launch: Launch, request: Request, body: bytes) -> None:
        limit = launch.context
        if not may_be_too_long(body, limit):
            return
        needed = await prompt_tokens(http, request, body, limit)
        if needed is None:
            return
        if launch.role is Role.GENERATES:
            needed += 1  # for the answer
        if needed > limit:
            raise prompt_too_long(self._model.id, needed, limit)

    async def _lost(self, error: OSError) -> InnkeeperError:
        """What a broken connection means: mostly that the process is gone, and then why."""
        try:
            async with asyncio.timeout(EXIT_LIMIT_S):
                why = await self.gone()
        except TimeoutError:
            return EngineFailed(f"{self._model.id}: the engine lives but closed the connection: {error}.")
        last = self._log.since(self._log_began)[-1:]
        said = f" It last wrote: {last[0]}" if last else ""
        return EngineDied(f"{self._model.id}: the engine's process is gone: {why}.{said}")
