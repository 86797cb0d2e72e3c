"""What the HTTP door needs of the runtime, and no more. `runtime.runtime.Runtime` fills it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from innkeeper.runtime.catalog import Catalog
from innkeeper.runtime.facts import Fact
from innkeeper.runtime.messages import Chunk, Request
from innkeeper.runtime.views import Explanation, RuntimeView


class Entry(Protocol):
    """One fact of the journal, numbered and dated."""

    @property
    def number(self) -> int: ...

    @property
    def at(self) -> float:
        """Unix seconds."""
        ...

    @property
    def fact(self) -> Fact: ...


class Journal(Protocol):
    """Where facts are recorded and found again."""

    def record(self, fact: Fact, /) -> object:
        """Keep one fact."""

    def story(self, subject: str, /) -> tuple[Entry, ...]:
        """Every kept entry that names this request or this model, oldest first."""
        ...


class Runtime(Protocol):
    """The inn, seen from its door. Errors are `InnkeeperError` throughout."""

    @property
    def journal(self) -> Journal: ...

    @property
    def catalog(self) -> Catalog: ...

    @property
    def is_ready(self) -> bool: ...

    def serve(self, request: Request, /) -> AsyncGenerator[Chunk, None]:
        """`Began` just before the first `Piece`, then pieces, then `Done`. Closing it stops the work."""
        ...

    def position(self, request_id: str, /) -> int | None:
        """Place in the queue, 1 is next; 0 while loading or being served; None when unknown."""
        ...

    def candidate(self, request_id: str, /) -> str | None:
        """The model the request waits for or is answered by; None when unknown."""
        ...

    def view(self) -> RuntimeView:
        """Everything at this moment."""
        ...

    def explain(self, request: Request, /) -> Explanation:
        """Who would answer at this moment, and why; nothing is run."""
        ...

    async def count_tokens(self, request: Request, /) -> int:
        """Tokens of the prompt, as the model that would answer counts them."""
        ...

    async def load(self, model: str, /) -> None:
        """Return when the model is ready."""

    async def unload(self, model: str, /, *, force: bool = False) -> None:
        """Return when the model is gone."""

    def pin(self, model: str, pinned: bool, /) -> None:
        """Say whether the model may be chosen to make room."""

    def keep(self, model: str, keep_for_s: float, /) -> None:
        """Say how long the model, if it is in memory, stays from now on when it is idle."""

    def preload(self, models: tuple[str, ...], because: str, /) -> None:
        """Load in the background what will probably be wanted."""

    def open_context(self, name: str, client: str, /) -> tuple[str, ...]:
        """Load in the background what a context will probably need; returns that."""
        ...

    async def borrow(self, model: str, /, *, for_s: float, client: str) -> str:
        """A lease that outlives the HTTP answer and ends after `for_s`; returns its id."""
        ...

    def give_back(self, lease_id: str, /) -> None:
        """End such a lease."""
