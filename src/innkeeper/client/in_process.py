"""The runtime in this very process, as an application's questions find it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from innkeeper.client.inn import ModelCard
from innkeeper.runtime.catalog import Catalog
from innkeeper.runtime.messages import Chunk, Request


class Runtime(Protocol):
    """What is needed of the runtime, and no more. `runtime.runtime.Runtime` fills it."""

    @property
    def catalog(self) -> Catalog: ...

    def serve(self, request: Request, /) -> AsyncGenerator[Chunk, None]:
        """`Began` just before the first `Piece`, then pieces, then `Done`. Closing it stops the work."""
        ...

    def preload(self, models: tuple[str, ...], because: str, /) -> None:
        """Load in the background what will probably be wanted."""


class InProcess:
    """Fills `Serving` over a runtime that is open."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def serve(self, request: Request, /) -> AsyncGenerator[Chunk, None]:
        """See `Serving.serve`."""
        return self._runtime.serve(request)

    async def preload(self, models: tuple[str, ...], because: str, /) -> None:
        """See `Inn.preload`."""
        known = tuple(self._runtime.catalog.get(model).id for model in dict.fromkeys(models))
        self._runtime.preload(known, because)

    async def models(self) -> tuple[ModelCard, ...]:
        """See `Inn.models`."""
        return tuple(ModelCard(model.id, model.engine, model.kinds, model.context) for model in self._runtime.catalog)
