"""The port of a store of passages, and how its vectors stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from innkeeper.recall.passage import Passage
from innkeeper.recall.provenance import Embedded, Provenance
from innkeeper.recall.query import Hit, Query, Scope


@dataclass(frozen=True, slots=True)
class Coverage:
    """Vectors of one provenance, and how many passages have one."""

    provenance: Provenance
    vectors: int
    passages: int

    @property
    def is_complete(self) -> bool:
        """Whether every passage has one."""
        return self.vectors == self.passages


@dataclass(frozen=True, slots=True)
class Embeddings:
    """How the vectors of a store stand."""

    current: Coverage | None
    """Those that search compares with; None before the first."""
    building: Coverage | None
    """Those that will take over when they are complete; None where none are made."""


class Store(Protocol):
    """Keeps passages and finds them again. What has returned is on the disk.

    Methods may be called from many tasks at the same time. All of them raise StateUnusable where the disk or the
    server refuses.
    """

    async def add(self, passages: Sequence[Passage]) -> int:
        """Keep these, all or none; the number of those that were new.

        A passage that is there already (by its key) takes the audience, time and importance given now.
        """
        ...

    async def remove(self, collection: str, source: str | None = None) -> int:
        """Forget the passages of a source, or of a whole collection where None; how many there were."""
        ...

    async def remove_keys(self, keys: Sequence[str]) -> int:
        """Forget these passages; how many of them were there."""
        ...

    async def get(self, keys: Sequence[str]) -> tuple[Passage, ...]:
        """The passages of these keys in their order; those that are not there are left out."""
        ...

    async def count(self, scope: Scope) -> int:
        """How many passages there are in that scope."""
        ...

    async def search(self, query: Query, question: Embedded | None = None) -> tuple[Hit, ...]:
        """The passages that fit best, best first; `question` is the vector of the query's text, one row.

        Any text is a valid query; one without a word finds nothing by words. Without `question`, or while no vectors
        are current, a hybrid search goes by words.

        Raises:
            EmbeddingsDiffer: The question's vector and the current ones are of different provenance.
            InvalidRequest: A dense search without a vector.
        """
        ...

    async def embeddings(self) -> Embeddings:
        """How the vectors stand."""
        ...

    async def begin(self, provenance: Provenance) -> None:
        """Take in vectors of this provenance from now on.

        They are current at once where there are no others; else they are built beside the current ones, and whatever
        else was being built is given up. Beginning what has begun changes nothing.
        """
        ...

    async def missing(self, provenance: Provenance, at_most: int) -> tuple[tuple[str, str], ...]:
        """Keys and texts of passages that have no vector of this provenance yet, in the order they were added."""
        ...

    async def put(self, keys: Sequence[str], embedded: Embedded) -> None:
        """Keep these vectors, one for each key; a key that is gone or has one already is passed over.

        Raises:
            EmbeddingsDiffer: Vectors of that provenance are neither current nor being built.
        """
        ...

    async def switch(self, provenance: Provenance) -> bool:
        """Make these vectors the current ones if every passage has one; whether they are current now."""
        ...

    async def forget_retired(self, at_most: int) -> int:
        """Delete vectors that nothing uses any more, at most so many; how many were deleted."""
        ...

    async def close(self) -> None:
        """Let go of the file or the server; safe to repeat."""
        ...
