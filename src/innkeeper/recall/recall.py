"""Recall as an application uses it: a store and what makes vectors for it, kept in step."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from innkeeper.recall.embedder import Embedder
from innkeeper.recall.passage import Passage
from innkeeper.recall.provenance import Provenance
from innkeeper.recall.query import Hit, Mode, Query
from innkeeper.recall.store import Coverage, Store
from innkeeper.runtime.errors import EmbeddingsDiffer, InvalidRequest


@dataclass(frozen=True, slots=True)
class Found:
    """What a search gave."""

    hits: tuple[Hit, ...]
    words_only_because: str | None = None
    """Why vectors were not compared although they were asked for; None where they were, or were not asked for."""


class Recall:
    """Passages in, passages found. Words are searched from the moment a passage is kept; vectors follow."""

    def __init__(self, store: Store, embedder: Embedder | None = None) -> None:
        """Without an `embedder` everything goes by words."""
        self.store = store
        self._embedder = embedder

    async def add(self, passages: Sequence[Passage]) -> int:
        """Keep these; how many were new. Their vectors are made by `catch_up`.

        Raises:
            StateUnusable: The store refuses.
        """
        return await self.store.add(passages)

    async def search(self, query: Query) -> Found:
        """The passages that fit best.

        A hybrid search goes by words alone while the stored vectors are of another maker than this embedder.

        Raises:
            EmbeddingsDiffer: A dense search while they are.
            InvalidRequest: A dense search without an embedder.
            InnkeeperError: What the embedder raised.
        """
        if query.mode is Mode.LEXICAL:
            return Found(await self.store.search(query))
        why = await self._cannot_compare()
        if why is None and self._embedder is not None:
            fusion = query.fusion
            if fusion.dense is None:
                fusion = replace(fusion, dense=self._embedder.weight)
            try:
                question = await self._embedder.embed([query.text])
                return Found(await self.store.search(replace(query, fusion=fusion), question))
            except EmbeddingsDiffer as error:  # they were switched over in this moment
                why = error
        assert why is not None
        if query.mode is Mode.DENSE:
            raise why
        return Found(await self.store.search(replace(query, mode=Mode.LEXICAL)), why.message)

    async def catch_up(self, batch: int = 64) -> AsyncIterator[Coverage]:
        """Make the vectors that are missing, `batch` at a time, and switch over to them when none is.

        After each batch what is there is on the disk, so that this may be left at any point and begun again. Where the
        stored vectors are of another maker, search goes on with them until the moment of the switch.

        Raises:
            InvalidRequest: There is no embedder.
            InnkeeperError: What the embedder raised; what was made before is kept.
        """
        if self._embedder is None:
            raise InvalidRequest("There is nothing to make vectors with; choose an embedding provider.")
        provenance = self._embedder.provenance
        await self.store.begin(provenance)
        while True:
            while waiting := await self.store.missing(provenance, batch):
                keys, texts = zip(*waiting, strict=True)
                await self.store.put(keys, await self._embedder.embed(texts))
                yield await self._coverage(provenance)
            if await self.store.switch(provenance):
                break
        while await self.store.forget_retired(10 * batch):
            pass

    async def _coverage(self, provenance: Provenance) -> Coverage:
        stand = await self.store.embeddings()
        made = [one for one in (stand.building, stand.current) if one is not None and one.provenance == provenance]
        assert made, f"vectors of {provenance} were begun, and nobody wants them"
        return made[0]

    async def _cannot_compare(self) -> EmbeddingsDiffer | InvalidRequest | None:
        """Why a question of this embedder cannot be compared with the stored vectors; None where it can."""
        if self._embedder is None:
            return InvalidRequest("There is no embedding provider.", param="mode")
        current = (await self.store.embeddings()).current
        if current is None:
            return InvalidRequest("No passage has a vector yet.", param="mode")
        if current.provenance == self._embedder.provenance:
            return None
        return EmbeddingsDiffer(
            f"The stored vectors are by {current.provenance}, and questions are by {self._embedder.provenance}. They "
            "can be compared when the passages have been embedded anew.",
            param="embedding",
        )
