"""Passages and vectors for the tests of recall, and a store for each adapter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from innkeeper.recall.passage import Passage
from innkeeper.recall.provenance import Embedded, Provenance, Vectors, unit_rows
from innkeeper.recall.query import Hit

DRAGON = Passage("The dragon sleeps under the old castle.", "session 1", "campaign", speaker="Narrator", at=1000.0)
SWORD = Passage("Helen hides her sword in the river.", "session 1", "campaign", speaker="Helen", at=2000.0)
SECRET = Passage("The king himself is the traitor.", "session 2", "campaign", audience=frozenset({"Bran"}), at=3000.0)
RIVER = Passage("The river floods every spring.", "session 2", "campaign", speaker="Narrator", importance=1.0)
GREEK = Passage("Το σπαθί της Ελένης κρύβεται στο κάστρο.", "κεφάλαιο 1", "βιβλίο", page=3)
ALL = (DRAGON, SWORD, SECRET, RIVER, GREEK)

TINY = Provenance("test", "tiny", "", 4)
OTHER = replace(TINY, model="other")


def texts(hits: Sequence[Hit]) -> list[str]:
    return [hit.passage.text for hit in hits]


def vectors_of(said: Sequence[str], dimension: int = 4) -> Vectors:
    """Some direction for each text, always the same one."""
    seeds = [sum((place + 1) * ord(letter) for place, letter in enumerate(text)) for text in said]
    rows = [np.random.default_rng(seed).standard_normal(dimension) for seed in seeds]
    return unit_rows(np.asarray(rows))


class TinyEmbedder:
    """Makes those vectors; stops answering after `answers` batches."""

    weight = 1.0

    def __init__(self, provenance: Provenance = TINY, answers: int = 1_000_000) -> None:
        self._provenance = provenance
        self.answers = answers

    @property
    def provenance(self) -> Provenance:
        return self._provenance

    async def embed(self, texts: Sequence[str]) -> Embedded:
        if self.answers <= 0:
            raise ConnectionError("the embedder has gone")
        self.answers -= 1
        salted = [self._provenance.model + text for text in texts]
        return Embedded(self._provenance, vectors_of(salted, self._provenance.dimension))
