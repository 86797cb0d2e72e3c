"""Search by vectors: bits in memory choose, bytes in the file decide."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from innkeeper.recall.provenance import Vectors
from innkeeper.recall.quantized import Sketches, most_alike, nearest, sketches
from innkeeper.recall.query import Scope
from innkeeper.recall.ranking import Scored
from innkeeper.recall.sqlite.database import Database, Row, numbers
from innkeeper.recall.sqlite.scope import Arguments, condition

CHOSEN: Final = 4_000
"""Vectors that are compared exactly for one question. Measured: benchmarks/results/recall.md."""

_LOADED_AT_ONCE: Final = 20_000
_Ids = NDArray[np.int64]


class VectorSearch:
    """Searches by vectors in one file; keeps a sketch of every current one in memory.

    A vector of 384 numbers takes 64 bytes of memory here. What other processes add is read before each search; what
    they remove is left out when it is fetched.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._embedding: int | None = None
        self._removals = 0
        self._count = 0
        self._vectors: _Ids = np.empty(0, dtype=np.int64)
        self._passages: _Ids = np.empty(0, dtype=np.int64)
        self._sketches: Sketches = np.empty((0, 0), dtype=np.uint64)

    def search(self, question: Vectors, embedding: int, scope: Scope, at_most: int) -> Scored:
        """The passages of the scope whose vectors are nearest, with their cosine."""
        self._catch_up(embedding)
        if not self._count:
            return []
        where, arguments = condition(scope)
        bits = sketches(question)
        if scope.sources is None:
            found = self._compared(question, nearest(bits, self._sketches[: self._count], CHOSEN), where, arguments)
            if len(found) >= at_most or self._count <= CHOSEN:
                return found[:at_most]
        # A scope that holds few of them: look only there.
        inside = self._database.rows(f"SELECT id FROM passage WHERE {where}", arguments)
        allowed = np.fromiter((row for (row,) in inside), dtype=np.int64)
        places = np.flatnonzero(np.isin(self._passages[: self._count], allowed))
        chosen = places[nearest(bits, self._sketches[places], CHOSEN)]
        return self._compared(question, chosen, where, arguments)[:at_most]

    def vectors_of(self, passages: Sequence[int], embedding: int) -> dict[int, Vectors]:
        """The vectors of these passages, each one row, as far as they have one."""
        rows = self._database.rows(
            "SELECT passage, scale, bytes FROM vector WHERE embedding = ? AND passage IN carray(?)",
            (embedding, numbers(passages)),
        )
        return {
            passage: np.frombuffer(data, dtype=np.int8).astype(np.float32) * np.float32(scale)
            for passage, scale, data in rows
        }

    def _compared(
        self, question: Vectors, places: NDArray[np.intp], where: str, arguments: Arguments
    ) -> list[tuple[int, float]]:
        if not len(places):
            return []
        query = (
            "SELECT vector.passage, vector.scale, vector.bytes FROM carray(?) AS wanted"
            " CROSS JOIN vector ON vector.id = wanted.value"  # in this order: the scope's indexes would read far more
            f" CROSS JOIN passage ON passage.id = vector.passage WHERE {where}"
        )
        rows = self._database.rows(query, (numbers(np.sort(self._vectors[places])), *arguments))
        return most_alike(question, [(passage, scale, data) for passage, scale, data in rows])

    def _catch_up(self, embedding: int) -> None:
        """Read the sketches that were added since the last search; all of them where much was removed."""
        removals = self._database.value("SELECT value FROM number WHERE name = 'removals'")
        if embedding != self._embedding or removals - self._removals > self._count // 10:
            self._embedding, self._removals, self._count = embedding, removals, 0
        newest = int(self._vectors[self._count - 1]) if self._count else 0
        rows = self._database.rows(
            "SELECT sketch.vector, sketch.passage, sketch.bits FROM sketch"
            " WHERE sketch.vector > ? AND sketch.embedding = ? ORDER BY sketch.vector",
            (newest, embedding),
        )
        while batch := list(islice(rows, _LOADED_AT_ONCE)):
            self._take(batch)

    def _take(self, rows: list[Row]) -> None:
        bits = np.frombuffer(b"".join(row[2] for row in rows), dtype=np.uint64).reshape(len(rows), -1)
        after = self._count + len(rows)
        if after > len(self._vectors) or bits.shape[1] != self._sketches.shape[1]:
            room = max(after, int(1.25 * len(self._vectors)))
            self._vectors = _grown(self._vectors, room, self._count)
            self._passages = _grown(self._passages, room, self._count)
            grown = np.empty((room, bits.shape[1]), dtype=np.uint64)
            if self._count:
                grown[: self._count] = self._sketches[: self._count]
            self._sketches = grown
        self._vectors[self._count : after] = [row[0] for row in rows]
        self._passages[self._count : after] = [row[1] for row in rows]
        self._sketches[self._count : after] = bits
        self._count = after


def _grown(numbers: _Ids, room: int, count: int) -> _Ids:
    grown = np.empty(room, dtype=np.int64)
    grown[:count] = numbers[:count]
    return grown
