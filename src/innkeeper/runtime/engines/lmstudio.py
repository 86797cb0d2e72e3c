"""Models inside an LM Studio server that is not ours: loaded and unloaded through its API, followed by asking it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.engine import Engine, Footprint, Holding, Sizing
from innkeeper.runtime.engines.placing import Placing
from innkeeper.runtime.errors import BadSettings, EngineError, LoadFailed

if TYPE_CHECKING:  # they bring aiohttp along, which a server without such models does without
    from collections.abc import Mapping

    from innkeeper.runtime.engines.foreign import ForeignServer
    from innkeeper.runtime.engines.lmstudio_engine import LmStudioEngine
    from innkeeper.runtime.engines.lmstudio_server import Listed, LmStudioServer
    from innkeeper.runtime.engines.provider import Key

DEFAULT_URL: Final = "http://127.0.0.1:1234"

AUTOMATIC_CONTEXT: Final = 4096
"""Tokens a request may use where nobody says: this, or what the model can be loaded with where that is less."""

WORK_BYTES: Final = 700 << 20
"""What its runtime needs beside weights and cache, generously."""

CACHE_BYTES_PER_TOKEN: Final = 128 << 10
"""What a token of context takes, as LM Studio says nothing from which it could be computed: that of an 8B model with
shared heads and 16-bit numbers. Larger models take more, which `memory` of the entry can say."""

ESTIMATE_MARGIN: Final = 0.1
"""Safety on top of an estimate; nothing of it was measured against a real server."""

LINK_BYTES_PER_S: Final = 1_000_000_000
START_S: Final = 0.5

LISTS_LAST_S: Final = 5.0
"""Seconds for which one answer about all models serves, also one that failed."""


class LmStudio:
    """The adapter. Nothing is asked of the server before the first model of it is."""

    name = "lmstudio"
    programs: frozenset[str] = frozenset({"LM Studio", "lm-studio", "llmster", "lms"})
    """How its processes are called on this machine; not seen on a real one."""

    def __init__(
        self,
        url: str = DEFAULT_URL,
        placing: Placing | None = None,
        *,
        token: Key | None = None,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """`placing` says which memory its models hold; None is that of another machine."""
        self._url = url
        self._placing = Placing(is_here=False) if placing is None else placing
        self._token = token
        self._seconds = seconds
        self._listed: tuple[float, Mapping[str, Listed] | EngineError] | None = None
        self._opened: tuple[LmStudioServer, ForeignServer] | None = None

    async def close(self) -> None:
        """Close every connection. Engines are stopped before. Safe to repeat."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened[0].close()

    # ---- a server that is not ours ----

    async def look(self) -> None:
        """See `ForeignAdapter.look`."""
        await self._open()[1].look()

    def holds(self, model: Model) -> Footprint | None:
        """See `ForeignAdapter.holds`. LM Studio does not say how much: it is what we expect."""
        held = self._open()[1].held.get(model.source or model.id)
        if held is None:
            return None
        known = self._listed[1] if self._listed is not None else {}
        listed = known.get(model.source or model.id) if not isinstance(known, EngineError) else None
        return self._sized(model, listed, held.context or context_of(model, None, listed))

    def adopt(self, model: Model) -> LmStudioEngine:
        """See `ForeignAdapter.adopt`."""
        engine = self.engine(model)
        engine.adopt()
        return engine

    # ---- the port ----

    def engine(self, model: Model, context: int | None = None) -> LmStudioEngine:
        """See `Adapter.engine`. `context` counts tokens.

        Raises:
            MustStayHere: The server is another machine's, and nothing may leave this one.
        """
        from innkeeper.runtime.engines.lmstudio_engine import LmStudioEngine

        if model.is_barred:
            raise model.barred()
        lmstudio, server = self._open()
        return LmStudioEngine(
            model, model.source or model.id, server, lmstudio, lambda listed: context_of(model, context, listed)
        )

    def footprint(self, model: Model, context: int | None = None) -> Footprint:
        """See `Adapter.footprint`. Asks the server, so not from a thread that runs an event loop.

        Raises:
            BadSettings: The entry has options.
            EngineError: The server does not answer, or does not have it.
        """
        if model.options:
            raise BadSettings(f"{model.id}: LM Studio's models have no `options` here.", param="options")
        if not self._placing.is_here or model.declared is not None:
            return self._sized(model, None, 0)
        listed = self._ask_for_all().get(model.source or model.id)
        if listed is None:
            raise LoadFailed(f"LM Studio has no model {model.source or model.id!r}.")
        return self._sized(model, listed, context_of(model, context, listed))

    def load_s(self, model: Model) -> float:
        """See `Adapter.load_s`."""
        known = self._listed[1] if self._listed is not None else {}
        listed = known.get(model.source or model.id) if not isinstance(known, EngineError) else None
        return START_S + (listed.weights_bytes / LINK_BYTES_PER_S if listed is not None else 0.0)

    def learn(self, model: Model, engine: Engine, holding: Holding) -> None:
        """See `Adapter.learn`. There is nothing to learn: what it holds is never seen."""

    def _sized(self, model: Model, listed: Listed | None, tokens: int) -> Footprint:
        if not self._placing.is_here:
            return Footprint({}, Sizing.DECLARED)
        if model.declared is not None:
            return Footprint(model.declared, Sizing.DECLARED)
        weights = listed.weights_bytes if listed is not None else 0
        size = weights + CACHE_BYTES_PER_TOKEN * tokens * model.slots + WORK_BYTES
        placed = self._placing.expected(round(size * (1 + ESTIMATE_MARGIN)), on_gpu=True)
        return Footprint(placed, Sizing.ESTIMATED, ESTIMATE_MARGIN)

    def _ask_for_all(self) -> Mapping[str, Listed]:
        """Every model the server has, asked in a loop of its own: the caller is a thread without one."""
        now_s = self._seconds()
        if self._listed is None or now_s - self._listed[0] > LISTS_LAST_S:
            try:
                self._listed = now_s, asyncio.run(self._all_now())
            except EngineError as error:
                self._listed = now_s, error
        known = self._listed[1]
        if isinstance(known, EngineError):
            raise known
        return known

    async def _all_now(self) -> Mapping[str, Listed]:
        from innkeeper.runtime.engines.lmstudio_server import LmStudioServer

        server = LmStudioServer(self._url, self._token)
        try:
            return await server.listed()
        finally:
            await server.close()

    def _open(self) -> tuple[LmStudioServer, ForeignServer]:
        if self._opened is None:
            from innkeeper.runtime.engines.foreign import ForeignServer
            from innkeeper.runtime.engines.lmstudio_server import LmStudioServer

            lmstudio = LmStudioServer(self._url, self._token)
            self._opened = lmstudio, ForeignServer("LM Studio", lmstudio.held)
        return self._opened


def context_of(model: Model, given: int | None, listed: Listed | None) -> int:
    """Tokens of a request: as set, else as given, else the automatic rule; never more than it can be loaded with."""
    longest = listed.longest_context if listed is not None else None
    wanted = model.context or given or AUTOMATIC_CONTEXT
    return wanted if longest is None else min(wanted, longest)
