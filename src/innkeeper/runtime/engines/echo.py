"""An engine that repeats what it was told: deterministic, without dependencies, for tests, docs and demos.

Delays, sizes and failures are set per model, so that it can stand for any engine on its worst day.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Final

from innkeeper.runtime.catalog import Bytes, Model, Option
from innkeeper.runtime.engine import Engine, Footprint, Holding, Sizing
from innkeeper.runtime.engines.echo_answer import pieces, prompt_words, speak, whole
from innkeeper.runtime.errors import BadSettings, EngineDied, LoadFailed, NotSupported, PromptTooLong
from innkeeper.runtime.messages import Chunk, Done, Piece, Request

Sleep = Callable[[float], Awaitable[None]]

_NEEDS: Final = "needs_"
_HOLDS: Final = "holds_"


@dataclass(frozen=True, slots=True)
class EchoOptions:
    """How one echo behaves. Set through `Model.options` under these names."""

    load_s: float = 0.0
    """Seconds a start takes."""
    prompt_s: float = 0.0
    """Seconds before the first piece."""
    piece_s: float = 0.0
    """Seconds before each further piece."""
    stop_s: float = 0.0
    """Seconds a stop takes."""
    answer: str | None = None
    """What it says; None repeats the caller's last words."""
    fails_loads: int = 0
    """The first so many loads fail."""
    out_of_memory: bool = False
    """Whether failing loads say that memory was the cause."""
    never_ready: bool = False
    """A start that neither ends nor fails."""
    dies_after_pieces: int | None = None
    """The process goes away after so many pieces of one answer; None never."""
    hangs_on_stop: bool = False
    """A stop that does not return until `die` is called."""
    needs: Bytes = field(default_factory=dict)
    """Declared bytes by pool, from options such as `needs_ram`. `Model.declared` goes first."""
    holds: Bytes = field(default_factory=dict)
    """Bytes it will be seen to hold, from options such as `holds_ram`; empty where it holds what it declared."""

    @classmethod
    def parse(cls, options: Mapping[str, Option]) -> EchoOptions:
        """The options by name.

        Raises:
            BadSettings: A name is unknown or a value is of the wrong type.
        """
        plain = {each.name: each.type for each in fields(cls) if each.name not in ("needs", "holds")}
        needs: dict[str, int] = {}
        holds: dict[str, int] = {}
        simple: dict[str, Option] = {}
        for name, value in options.items():
            if name.startswith((_NEEDS, _HOLDS)):
                into = needs if name.startswith(_NEEDS) else holds
                into[name[len(_NEEDS) :]] = int(_checked(name, value, "int"))
            elif name in plain:
                simple[name] = _checked(name, value, str(plain[name]))
            else:
                near = get_close_matches(name, plain, n=1)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                raise BadSettings(f"The echo engine has no option {name!r}.{hint}", param=name)
        return cls(**simple, needs=needs, holds=holds)  # type: ignore[arg-type]  # checked by name just above


def _checked(name: str, value: Option, wanted: str) -> Option:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    fits = {
        "float": is_number and value >= 0,  # type: ignore[operator]  # a number, by the line above
        "int": isinstance(value, int) and is_number and value >= 0,
        "bool": isinstance(value, bool),
        "str": isinstance(value, str),
    }
    if not fits[wanted.removesuffix(" | None")]:
        raise BadSettings(f"The echo engine's option {name!r} must be {wanted}, not {value!r}.", param=name)
    return value


class Echo:
    """The adapter. `sleep` is how every delay passes, so that a test may own the time."""

    name = "echo"

    def __init__(self, sleep: Sleep = asyncio.sleep) -> None:
        self._sleep = sleep
        self.loads: Counter[str] = Counter()
        """Starts by model id."""
        self.newest: dict[str, EchoEngine] = {}
        """The engine made last, by model id: a test's way to one that the keeper owns."""

    def engine(self, model: Model, context: int | None = None) -> EchoEngine:
        """A new echo of `model`. `context` counts words."""
        limit = model.context if model.context is not None else context
        engine = EchoEngine(model, limit, EchoOptions.parse(model.options), self.loads, self._sleep)
        self.newest[model.id] = engine
        return engine

    def footprint(self, model: Model, context: int | None = None) -> Footprint:  # noqa: ARG002  # the port's
        """What the model declares; nothing where it declares nothing. `context` does not change it."""
        return Footprint(_needs(model, EchoOptions.parse(model.options)), Sizing.DECLARED)

    def load_s(self, model: Model) -> float:
        """The delay set for it."""
        return EchoOptions.parse(model.options).load_s

    def learn(self, model: Model, engine: Engine, holding: Holding) -> None:
        """An echo holds what it was told to; there is nothing to learn."""


def _needs(model: Model, options: EchoOptions) -> Bytes:
    return model.declared if model.declared is not None else options.needs


class EchoEngine:
    """One load of an echo."""

    def __init__(
        self, model: Model, limit_tokens: int | None, options: EchoOptions, loads: Counter[str], sleep: Sleep
    ) -> None:
        self._model = model
        self._limit_tokens = limit_tokens
        self._options = options
        self._loads = loads
        self._sleep = sleep
        self._is_gone = asyncio.Event()
        self._reason = ""
        self._is_up = False

    async def start(self) -> None:
        """See `Engine.start`; fails as often as `fails_loads` says."""
        self._loads[self._model.id] += 1
        attempt = self._loads[self._model.id]
        if self._options.never_ready:
            await self._is_gone.wait()
        else:
            await self._pause(self._options.load_s)
        if self._is_gone.is_set():
            raise LoadFailed(f"{self._model.id}: the echo went away while loading: {self._reason}.")
        if attempt <= self._options.fails_loads:
            self.die("the load failed")
            failed = LoadFailed(f"{self._model.id}: load {attempt} fails, as its option `fails_loads` says.")
            if self._options.out_of_memory:
                failed.numbers["out_of_memory"] = 1
            raise failed
        self._is_up = True

    async def run(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """See `Engine.run`; says the caller's last words."""
        if request.kind not in self._model.kinds:
            raise NotSupported(f"{self._model.id} does not do {request.kind.value}.", param="model")
        needed = len(prompt_words(request))
        if self._limit_tokens is not None and needed >= self._limit_tokens:
            raise PromptTooLong(
                f"{self._model.id}: the prompt has {needed} tokens, and prompt and answer together may have "
                f"{self._limit_tokens}. Shorten the prompt or raise the model's context.",
                needed_tokens=needed,
                limit_tokens=self._limit_tokens,
            )
        spoken = speak(self._model.id, request, self._options.answer)
        delay_s = self._options.prompt_s
        for count, piece in enumerate(pieces(spoken)):
            await self._pause(delay_s)
            if count == self._options.dies_after_pieces:
                self.die(f"dies after {count} pieces")
            if self._is_gone.is_set() or not self._is_up:
                raise EngineDied(f"{self._model.id}: the engine is gone: {self._reason or 'never started'}.")
            if request.streams:
                yield Piece(piece)
            delay_s = self._options.piece_s
        if not request.streams:
            yield Piece(whole(spoken))
        yield Done(spoken.usage)

    async def count_tokens(self, request: Request) -> int:
        """See `CountsTokens.count_tokens`: a token is a word."""
        return len(prompt_words(request))

    async def stop(self) -> None:
        """See `Engine.stop`."""
        if self._options.hangs_on_stop:
            await self._is_gone.wait()
        if not self._is_gone.is_set():
            await self._pause(self._options.stop_s)
            self.die("stopped")

    async def gone(self) -> str:
        """See `Engine.gone`."""
        await self._is_gone.wait()
        return self._reason

    def holding(self) -> Holding | None:
        """What the options say it holds; None unless it is up."""
        if not self._is_up or self._is_gone.is_set():
            return None
        held = self._options.holds or _needs(self._model, self._options)
        return Holding(now=held, peak=held)

    def die(self, why: str) -> None:
        """Go away at once, as if the process had been killed."""
        if not self._is_gone.is_set():
            self._reason = why
            self._is_gone.set()

    async def _pause(self, seconds: float) -> None:
        """Let `seconds` pass, or less when the engine goes away."""
        if seconds <= 0:
            return
        sleeping = asyncio.ensure_future(self._sleep(seconds))
        leaving = asyncio.create_task(self._is_gone.wait(), name=f"echo {self._model.id} goes away")
        try:
            await asyncio.wait({sleeping, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            leaving.cancel()
