"""What is read from a recall file: passages, searches, how the vectors stand."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import astuple
from typing import Final

from innkeeper.recall.passage import Passage
from innkeeper.recall.provenance import Embedded, Provenance, Vectors
from innkeeper.recall.query import Hit, Query, Scope
from innkeeper.recall.ranking import Scored, Standing
from innkeeper.recall.searching import search
from innkeeper.recall.sqlite.database import Database, Row, numbers
from innkeeper.recall.sqlite.scope import condition
from innkeeper.recall.sqlite.vectors import VectorSearch
from innkeeper.recall.sqlite.words import WordSearch
from innkeeper.recall.store import Coverage, Embeddings
from innkeeper.recall.terms import Step
from innkeeper.text.stems import Stems

_PASSAGE: Final = (
    "SELECT id, said, source, collection, page, start_s, end_s, speaker, at, importance, for_everybody"
    " FROM passage JOIN text ON text.passage = passage.id"
)
_EMBEDDING: Final = "SELECT id, provider, model, file_identity, dimension, version FROM embedding WHERE state = ?"


class Reading:
    """Reads in one file; the `Rows` of a search. Every method raises apsw.Error where the file cannot be read."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._words = WordSearch(database)
        self._vectors = VectorSearch(database)
        self._stems = Stems()

    def get(self, keys: Sequence[str]) -> tuple[Passage, ...]:
        """See `Store.get`."""
        found = {}
        for key in keys:
            row = next(self._database.rows(f"{_PASSAGE} WHERE key = ?", (key,)), None)
            if row is not None:
                found[key] = self._passage(row)
        return tuple(found[key] for key in keys if key in found)

    def count(self, scope: Scope) -> int:
        """See `Store.count`."""
        where, arguments = condition(scope)
        return int(self._database.value(f"SELECT count(*) FROM passage WHERE {where}", arguments))

    def search(self, query: Query, question: Embedded | None) -> tuple[Hit, ...]:
        """See `Store.search`; one reading transaction, so that a write in between changes nothing."""
        with self._database.transaction():
            return search(self, query, question, self._stems)

    def embeddings(self) -> Embeddings:
        """See `Store.embeddings`."""
        with self._database.transaction():
            return Embeddings(self._coverage("current"), self._coverage("building"))

    def missing(self, provenance: Provenance, at_most: int) -> tuple[tuple[str, str], ...]:
        """See `Store.missing`."""
        rows = self._database.rows(
            "SELECT key, said FROM passage JOIN text ON text.passage = passage.id WHERE NOT EXISTS ("
            " SELECT 1 FROM vector JOIN embedding ON embedding.id = vector.embedding WHERE vector.passage = passage.id"
            " AND (provider, model, file_identity, dimension, version) = (?, ?, ?, ?, ?) AND state <> 'retired'"
            ") ORDER BY passage.id LIMIT ?",
            (*astuple(provenance), at_most),
        )
        return tuple((key, said) for key, said in rows)

    def passages(self) -> int:
        """See `Rows.passages`."""
        return int(self._database.value("SELECT value FROM number WHERE name = 'passages'"))

    def holding(self, words: Sequence[str], passages: int) -> dict[str, int]:
        """See `Rows.holding`."""
        return self._words.holding(words, passages)

    def matching(self, step: Step, scope: Scope, at_most: int, newest: float = 1.0) -> list[tuple[int, float]]:
        """See `Rows.matching`."""
        return self._words.matching(step, scope, at_most, newest)

    def current(self) -> tuple[int, Provenance] | None:
        """See `Rows.current`."""
        row = next(self._database.rows(_EMBEDDING, ("current",)), None)
        return None if row is None else (int(row[0]), Provenance(*row[1:]))

    def nearest(self, question: Vectors, embedding: int, scope: Scope, at_most: int) -> Scored:
        """See `Rows.nearest`."""
        return self._vectors.search(question, embedding, scope, at_most)

    def vectors_of(self, passages: Sequence[int], embedding: int) -> dict[int, Vectors]:
        """See `Rows.vectors_of`."""
        return self._vectors.vectors_of(passages, embedding)

    def standing(self, passages: Collection[int]) -> dict[int, Standing]:
        """See `Rows.standing`."""
        if not passages:
            return {}
        query = "SELECT id, at, importance, collection, source FROM passage WHERE id IN carray(?)"
        rows = self._database.rows(query, (numbers(passages),))
        return {row: Standing(at, importance, (collection, source)) for row, at, importance, collection, source in rows}

    def read(self, passages: Sequence[int]) -> dict[int, Passage]:
        """See `Rows.read`."""
        if not passages:
            return {}
        rows = self._database.rows(f"{_PASSAGE} WHERE id IN carray(?)", (numbers(passages),))
        return {row[0]: self._passage(row) for row in rows}

    def _passage(self, row: Row) -> Passage:
        number, *known, for_everybody = row
        audience: frozenset[str] = frozenset()
        if not for_everybody:
            names = self._database.rows("SELECT name FROM audience WHERE passage = ?", (number,))
            audience = frozenset(name for (name,) in names)
        said, source, collection, page, start_s, end_s, speaker, at, importance = known
        return Passage(said, source, collection, page, start_s, end_s, speaker, audience, at, importance)

    def _coverage(self, state: str) -> Coverage | None:
        row = next(self._database.rows(_EMBEDDING, (state,)), None)
        if row is None:
            return None
        vectors = self._database.value("SELECT count(*) FROM vector WHERE embedding = ?", (row[0],))
        return Coverage(Provenance(*row[1:]), int(vectors), self.passages())
