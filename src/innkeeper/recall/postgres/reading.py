"""What is read from the database: passages, the rows of a search, how the vectors stand."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import astuple
from typing import Final

import numpy as np

from innkeeper.recall.passage import Passage, possible
from innkeeper.recall.postgres import words
from innkeeper.recall.postgres.scope import condition
from innkeeper.recall.postgres.session import Row, Session
from innkeeper.recall.provenance import Provenance, Vectors
from innkeeper.recall.quantized import most_alike
from innkeeper.recall.query import Scope
from innkeeper.recall.ranking import Scored, Standing
from innkeeper.recall.store import Coverage, Embeddings
from innkeeper.recall.terms import Step

CHOSEN: Final = 1_000
"""Vectors that are compared exactly for one question, as in SQLite."""

_PASSAGE: Final = (
    "SELECT id, said, source, collection, page, start_s, end_s, speaker, audience, at, importance"
    " FROM passage JOIN wording ON wording.passage = passage.id"
)
_EMBEDDING: Final = "SELECT id, provider, model, file_identity, dimension, version FROM embedding WHERE state = %s"


class Reading:
    """Reads in one transaction; the `Rows` of a search. Every method raises psycopg.Error where the server refuses."""

    def __init__(self, session: Session, differing_bits: str) -> None:
        """`differing_bits` is the SQL that counts the bits in which a sketch and %(bits)s differ."""
        self._session = session
        self._differing_bits = differing_bits

    def get(self, keys: Sequence[str]) -> tuple[Passage, ...]:
        """See `Store.get`."""
        rows = self._session.rows(f"{_PASSAGE} WHERE key = ANY(%s::text[])", (possible(keys),))
        found = {passage.key: passage for passage in map(_passage, rows)}
        return tuple(found[key] for key in keys if key in found)

    def count(self, scope: Scope) -> int:
        """See `Store.count`."""
        where, arguments = condition(scope)
        return int(self._session.value(f"SELECT count(*) FROM passage WHERE {where}", arguments))

    def embeddings(self) -> Embeddings:
        """See `Store.embeddings`."""
        return Embeddings(self._coverage("current"), self._coverage("building"))

    def missing(self, provenance: Provenance, at_most: int) -> tuple[tuple[str, str], ...]:
        """See `Store.missing`."""
        rows = self._session.rows(
            "SELECT key, said FROM passage JOIN wording ON wording.passage = passage.id WHERE NOT EXISTS ("
            " SELECT 1 FROM vector JOIN embedding ON embedding.id = vector.embedding WHERE vector.passage = passage.id"
            " AND (provider, model, file_identity, dimension, version) = (%s, %s, %s, %s, %s) AND state <> 'retired'"
            ") ORDER BY passage.id LIMIT %s",
            (*astuple(provenance), at_most),
        )
        return tuple((key, said) for key, said in rows)

    def passages(self) -> int:
        """See `Rows.passages`."""
        return self._session.number("passages")

    def holding(self, words_or_marks: Sequence[str], passages: int) -> dict[str, int]:  # noqa: ARG002  counted exactly
        """See `Rows.holding`."""
        return words.holding(self._session, words_or_marks)

    def matching(self, step: Step, scope: Scope, at_most: int, newest: float = 1.0) -> list[tuple[int, float]]:
        """See `Rows.matching`."""
        return words.matching(self._session, step, scope, at_most, newest)

    def current(self) -> tuple[int, Provenance] | None:
        """See `Rows.current`."""
        row = self._session.row(_EMBEDDING, ("current",))
        return None if row is None else (int(row[0]), Provenance(*row[1:]))

    def nearest(self, question: Vectors, embedding: int, scope: Scope, at_most: int) -> Scored:
        """See `Rows.nearest`. Bits choose on the server, bytes decide here."""
        where, arguments = condition(scope)
        arguments |= {"embedding": embedding, "bits": bits_of(question)[0], "chosen": CHOSEN}
        choosing = f"ORDER BY {self._differing_bits} LIMIT %(chosen)s"
        if scope.sources is None:
            everywhere = f"SELECT passage FROM sketch WHERE embedding = %(embedding)s {choosing}"
            found = self._compared(question, everywhere, where, arguments)
            if len(found) >= at_most:
                return found[:at_most]
        # A scope that holds few of them: look only there.
        inside = (
            "SELECT sketch.passage FROM sketch JOIN passage ON passage.id = sketch.passage"
            f" WHERE embedding = %(embedding)s AND {where} {choosing}"
        )
        return self._compared(question, inside, where, arguments)[:at_most]

    def vectors_of(self, passages: Sequence[int], embedding: int) -> dict[int, Vectors]:
        """See `Rows.vectors_of`."""
        rows = self._session.rows(
            "SELECT passage, scale, bytes FROM vector WHERE embedding = %s AND passage = ANY(%s::bigint[])",
            (embedding, list(passages)),
        )
        return {
            passage: np.frombuffer(data, dtype=np.int8).astype(np.float32) * np.float32(scale)
            for passage, scale, data in rows
        }

    def standing(self, passages: Collection[int]) -> dict[int, Standing]:
        """See `Rows.standing`."""
        query = "SELECT id, at, importance, collection, source FROM passage WHERE id = ANY(%s::bigint[])"
        rows = self._session.rows(query, (list(passages),))
        return {row: Standing(at, importance, (collection, source)) for row, at, importance, collection, source in rows}

    def read(self, passages: Sequence[int]) -> dict[int, Passage]:
        """See `Rows.read`."""
        rows = self._session.rows(f"{_PASSAGE} WHERE id = ANY(%s::bigint[])", (list(passages),))
        return {row[0]: _passage(row) for row in rows}

    def _compared(
        self, question: Vectors, chosen: str, where: str, arguments: dict[str, object]
    ) -> list[tuple[int, float]]:
        query = (
            f"SELECT vector.passage, vector.scale, vector.bytes FROM ({chosen}) AS chosen"
            " JOIN vector ON vector.embedding = %(embedding)s AND vector.passage = chosen.passage"
            f" JOIN passage ON passage.id = vector.passage WHERE {where}"
        )
        return most_alike(question, self._session.rows(query, arguments))

    def _coverage(self, state: str) -> Coverage | None:
        row = self._session.row(_EMBEDDING, (state,))
        if row is None:
            return None
        vectors = self._session.value("SELECT count(*) FROM vector WHERE embedding = %s", (row[0],))
        return Coverage(Provenance(*row[1:]), int(vectors), self.passages())


def bits_of(vectors: Vectors | np.ndarray[tuple[int, int], np.dtype[np.int8]]) -> list[str]:
    """Of each row bit by bit whether a number is positive, as PostgreSQL reads it."""
    return ["".join("1" if positive else "0" for positive in row) for row in (vectors > 0).tolist()]


def _passage(row: Row) -> Passage:
    _, said, source, collection, page, start_s, end_s, speaker, audience, at, importance = row
    return Passage(said, source, collection, page, start_s, end_s, speaker, frozenset(audience), at, importance)
