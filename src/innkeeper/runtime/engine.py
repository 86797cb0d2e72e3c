"""The port every engine fills, and what an engine says of the memory it needs.

An adapter is one kind of engine ("llama_cpp"); it makes an `Engine` for each load of a model. Adapters decide
nothing: not when to load, not whom to serve first.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, runtime_checkable

from innkeeper.runtime.catalog import Bytes, Model
from innkeeper.runtime.messages import Chunk, Request


class Sizing(Enum):
    """Where a number of bytes comes from. Shown beside every size."""

    DECLARED = "declared"  # its owner said so
    ESTIMATED = "estimated"  # computed from the file's header
    MEASURED = "measured"  # read from the process that runs now
    LEARNED = "learned"  # peak of earlier runs of the same file with the same options


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes one model holds in each pool, and how we know."""

    bytes: Bytes
    sizing: Sizing
    margin: float = 0.0
    """Part of `bytes` that is safety, as a fraction of the bare number: 0.05 is five per cent."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What a running engine really holds, read from the system."""

    now: Bytes
    peak: Bytes
    """The most seen since it started."""


class Engine(Protocol):
    """One model that can be brought into memory, asked, and sent away.

    The keeper calls `start` once, then `run` any number of times, also at the same time, then `stop` once.
    `gone` may be awaited from the moment `start` was called.
    """

    async def start(self) -> None:
        """Return when the model is ready to answer. Cancelling it is allowed at any point.

        Raises:
            LoadFailed: The model will not become ready. `stop` is still called. Its `numbers` hold
                `out_of_memory=1` where lack of memory is known to be the cause.
        """

    def run(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Stream the answer; the last chunk is `Done`. Closing the stream stops the work.

        `Began` is not the engine's to say. A request that does not stream gets exactly one `Piece`.

        Raises:
            PromptTooLong: Before the first chunk.
            NotSupported: Before the first chunk.
            InvalidRequest: Before the first chunk: the engine refused the caller's fields.
            EngineDied: The process went away, at any point.
            EngineFailed: The engine answered with an error of its own.
        """
        ...

    async def stop(self) -> None:
        """Return when the memory is back with the system. Never raises; safe to repeat, safe before `start`."""

    async def gone(self) -> str:
        """Return when the engine is gone, with the reason in words. Safe to await more than once."""
        ...

    def holding(self) -> Holding | None:
        """Bytes held now and at peak. None where they cannot be read. Called every poll: must be cheap."""
        ...


@runtime_checkable
class CountsTokens(Protocol):
    """An engine that can tell how long a prompt is without reading it. Not every one can."""

    async def count_tokens(self, request: Request) -> int:
        """Tokens of the prompt, its template included.

        Raises:
            NotSupported: This prompt cannot be counted.
            EngineDied: The process went away.
        """
        ...


class Adapter(Protocol):
    """One kind of engine."""

    name: str

    def engine(self, model: Model, context: int | None = None) -> Engine:
        """A new engine for one load of `model`; nothing is started yet.

        `context` replaces the model's own where that is None (automatic).
        """
        ...

    def footprint(self, model: Model, context: int | None = None) -> Footprint:
        """What `model` will hold: learned where it ran before, else declared, else estimated. Reads headers only.

        Raises:
            BadModelFile: The file is missing or cannot be understood.
            EngineMissing: What the engine needs is not on this machine.
        """
        ...

    def load_s(self, model: Model) -> float:
        """Seconds a load is expected to take before one has been measured: bytes ÷ link speed + a fixed cost."""
        ...

    def learn(self, model: Model, engine: Engine, holding: Holding) -> None:
        """Remember what `engine`, a finished run of `model`, held, for the next `footprint`.

        Another run of the same model may have begun. Never raises for a full disk.
        """
        ...


class Adopted(Engine, Protocol):
    """A model in a server that is not ours, loaded there by somebody else."""

    async def release(self) -> None:
        """In place of `stop`: it is ours no more, and stays there as it was. Never raises."""


class ForeignAdapter(Adapter, Protocol):
    """One kind of engine whose models live in a server that is not ours, which does with them what it likes."""

    programs: frozenset[str]
    """How the server's processes are called, where it runs on this machine."""

    async def look(self) -> None:
        """Ask the server what it holds; engines whose model has left are gone from then on. Called every poll.

        Never raises. Takes seconds where the server does not answer.
        """

    def holds(self, model: Model) -> Footprint | None:
        """What `model` holds there, by the last look, whoever loaded it; None where it is not in memory."""
        ...

    def adopt(self, model: Model) -> Adopted:
        """An engine for a model that is in memory there already: ready, and not to be started."""
        ...

    async def close(self) -> None:
        """Close every connection. Safe to repeat."""
