"""Models inside an Ollama server that is not ours: loaded and unloaded through its API, followed by asking it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from innkeeper.runtime.catalog import Model, Option
from innkeeper.runtime.engine import Engine, Footprint, Holding, Sizing
from innkeeper.runtime.engines.placing import Placing
from innkeeper.runtime.errors import BadSettings, EngineError
from innkeeper.runtime.memory.learned import Learned, Subject
from innkeeper.runtime.memory.options import EngineOptions

if TYPE_CHECKING:  # they bring aiohttp along, which a server without such models does without
    from innkeeper.runtime.engines.foreign import ForeignServer
    from innkeeper.runtime.engines.ollama_engine import OllamaEngine
    from innkeeper.runtime.engines.ollama_server import Described, OllamaServer

DEFAULT_URL: Final = "http://127.0.0.1:11434"

AUTOMATIC_CONTEXT: Final = 4096
"""Tokens a request may use where nobody says: this, or what the model was trained for where that is less."""

WORK_BYTES: Final = 700 << 20
"""What Ollama's runner needs beside weights and cache, generously: buffers, and the driver's context on a GPU."""

ESTIMATE_MARGIN: Final = 0.1
"""Safety on top of an estimate; nothing of it was measured against a real server."""

LINK_BYTES_PER_S: Final = 1_000_000_000
"""How fast a model is expected to come into memory until that was measured."""

START_S: Final = 0.5

SULKS_FOR_S: Final = 5.0
"""Seconds after a failed question about sizes in which the next ones get the same answer, so that a start with many
models does not wait for a dead server once for each."""

_LOAD_OPTIONS: Final[Mapping[str, type]] = {
    "num_gpu": int,
    "main_gpu": int,
    "num_thread": int,
    "num_batch": int,
    "use_mmap": bool,
}
"""Options of Ollama's that decide how a model is loaded, and may stand in an entry's `options`."""


class Ollama:
    """The adapter. Nothing is asked of the server before the first model of it is."""

    name = "ollama"
    programs: frozenset[str] = frozenset({"ollama"})
    """How its processes are called on this machine."""

    def __init__(
        self,
        url: str = DEFAULT_URL,
        placing: Placing | None = None,
        *,
        learned: Learned | None = None,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """`placing` says which memory its models hold; None is that of another machine."""
        self._url = url
        self._placing = Placing(is_here=False) if placing is None else placing
        self._learned = learned
        self._seconds = seconds
        self._described: dict[str, Described] = {}
        self._version = ""
        self._failed: tuple[float, EngineError] | None = None
        self._opened: tuple[OllamaServer, ForeignServer] | None = None

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
        """See `ForeignAdapter.holds`."""
        from innkeeper.runtime.engines.ollama_server import tagged

        held = self._open()[1].held.get(tagged(source_of(model)))
        return None if held is None else Footprint(held.bytes or {}, Sizing.MEASURED)

    def adopt(self, model: Model) -> OllamaEngine:
        """See `ForeignAdapter.adopt`."""
        engine = self.engine(model)
        engine.adopt()
        return engine

    # ---- the port ----

    def engine(self, model: Model, context: int | None = None) -> OllamaEngine:
        """See `Adapter.engine`. `context` counts tokens.

        Raises:
            MustStayHere: The server is another machine's, and nothing may leave this one.
        """
        if model.is_barred:
            raise model.barred()
        from innkeeper.runtime.engines.ollama_engine import OllamaEngine

        ollama, server = self._open()
        return OllamaEngine(
            model,
            source_of(model),
            server,
            ollama,
            context_of=lambda described: context_of(model, context, described),
            options=options_of(model),
        )

    def footprint(self, model: Model, context: int | None = None) -> Footprint:
        """See `Adapter.footprint`. Asks the server, so not from a thread that runs an event loop.

        Raises:
            BadSettings: An option is unknown or of the wrong type.
            EngineError: The server does not answer, or does not have it.
        """
        source, options = source_of(model), options_of(model)
        if not self._placing.is_here:
            return Footprint({}, Sizing.DECLARED)
        try:
            described = self._ask_about(source)
        except EngineError:
            if model.declared is not None:
                return Footprint(model.declared, Sizing.DECLARED)
            raise
        tokens = context_of(model, context, described)
        learned = self._learned.footprint(self._subject(model, described, tokens)) if self._learned else None
        if learned is not None:
            return learned
        if model.declared is not None:
            return Footprint(model.declared, Sizing.DECLARED)
        size = described.weights_bytes + described.cache_bytes_per_token * tokens * model.slots + WORK_BYTES
        placed = self._placing.expected(round(size * (1 + ESTIMATE_MARGIN)), on_gpu=options.get("num_gpu") != 0)
        return Footprint(placed, Sizing.ESTIMATED, ESTIMATE_MARGIN)

    def load_s(self, model: Model) -> float:
        """See `Adapter.load_s`."""
        described = self._described.get(source_of(model))
        if described is None:
            return START_S
        known = self._learned.load_s(described.digest) if self._learned is not None else None
        return known if known is not None else START_S + described.weights_bytes / LINK_BYTES_PER_S

    def learn(self, model: Model, engine: Engine, holding: Holding) -> None:
        """See `Adapter.learn`. Ollama takes all its memory at the load, so every run counts in full."""
        from innkeeper.runtime.engines.ollama_engine import OllamaEngine

        described = engine.described if isinstance(engine, OllamaEngine) else None
        if self._learned is None or not isinstance(engine, OllamaEngine) or described is None or not described.digest:
            return
        self._learned.learn(self._subject(model, described, engine.context), holding.peak)
        if engine.loaded_in_s is not None:
            self._learned.loaded(described.digest, engine.loaded_in_s)

    def _subject(self, model: Model, described: Described, tokens: int) -> Subject:
        return Subject(
            file=described.digest,
            build=f"ollama {self._version} {sorted(options_of(model).items())}",
            context=tokens,
            slots=model.slots,
            cache_type=model.cache_type,
            options=EngineOptions(),
        )

    def _ask_about(self, source: str) -> Described:
        """What the server says of a model, asked in a loop of its own: the caller is a thread without one."""
        now_s = self._seconds()
        if self._failed is not None and now_s - self._failed[0] < SULKS_FOR_S:
            raise self._failed[1]
        try:
            described, self._version = asyncio.run(self._described_now(source))
        except EngineError as error:
            if source not in self._described:
                self._failed = (now_s, error) if error.code != "load_failed" else None
                raise
            return self._described[source]  # it was there a moment ago, and will be again
        self._described[source] = described
        return described

    async def _described_now(self, source: str) -> tuple[Described, str]:
        from innkeeper.runtime.engines.ollama_server import OllamaServer

        server = OllamaServer(self._url, self._placing)
        try:
            return await server.describe(source), await server.version()
        finally:
            await server.close()

    def _open(self) -> tuple[OllamaServer, ForeignServer]:
        if self._opened is None:
            from innkeeper.runtime.engines.foreign import ForeignServer
            from innkeeper.runtime.engines.ollama_server import OllamaServer

            ollama = OllamaServer(self._url, self._placing)
            self._opened = ollama, ForeignServer("Ollama", ollama.held)
        return self._opened


def source_of(model: Model) -> str:
    """Ollama's name for it."""
    return model.source or model.id


def context_of(model: Model, given: int | None, described: Described | None) -> int:
    """Tokens of a request: as set, else as given, else the automatic rule; never more than it was trained for."""
    trained = described.context_length if described is not None else None
    wanted = model.context or given or AUTOMATIC_CONTEXT
    return wanted if trained is None else min(wanted, trained)


def options_of(model: Model) -> dict[str, Option]:
    """What Ollama is told at each request, so that it keeps the load it has.

    Raises:
        BadSettings: An option is unknown or of the wrong type.
    """
    for name, value in model.options.items():
        kind = _LOAD_OPTIONS.get(name)
        if kind is None:
            near = get_close_matches(name, _LOAD_OPTIONS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else f" Known are {', '.join(sorted(_LOAD_OPTIONS))}."
            raise BadSettings(f"{model.id}: Ollama has no option {name!r} here.{hint}", param=name)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise BadSettings(f"{model.id}: the option {name} is {value!r}; it must be {kind.__name__}.", param=name)
    return dict(model.options)
