"""The port of whatever turns texts into vectors, and the adapter for anything that can be called."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from innkeeper.recall.provenance import Embedded, Provenance, unit_rows


class Embedder(Protocol):
    """Turns texts into vectors. Called with a batch while passages are taken in, and with one text for a question."""

    @property
    def provenance(self) -> Provenance:
        """What every vector of it is labelled with."""
        ...

    @property
    def weight(self) -> float:
        """How much the order by its vectors counts beside the order by words, which counts 1."""
        ...

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """One vector for each text, in order.

        Raises:
            InnkeeperError: Whatever kept the model from answering.
        """
        ...


class CalledEmbedder:
    """An embedder over a function, such as an application's call of a model by its client."""

    def __init__(
        self,
        provenance: Provenance,
        call: Callable[[Sequence[str]], Awaitable[Sequence[Sequence[float]]]],
        weight: float = 1.0,
    ) -> None:
        self._provenance = provenance
        self._call = call
        self.weight = weight

    @property
    def provenance(self) -> Provenance:
        """See `Embedder.provenance`."""
        return self._provenance

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """See `Embedder.embed`. Rows are brought to length 1.

        Raises:
            InvalidRequest: The function gave rows that are no vectors of the promised dimension.
        """
        return Embedded(self._provenance, unit_rows(await self._call(texts)))
