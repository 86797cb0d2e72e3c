"""What is read from a recall file: passages, searches, how the vectors stand."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import astuple
from typing import Final

import numpy as np

from innkeeper.recall.diversity import Likeness, diverse, likeness_of_vectors, likeness_of_words
from innkeeper.recall.passage import Passage
from innkeeper.recall.provenance import Embedded, Provenance, check_same
from innkeeper.recall.query import Hit, Mode, Query, Scope
from innkeeper.recall.ranking import Candidate, Scored, Standing, fused, supported, weighed
from innkeeper.recall.sqlite.database import Database, Row, numbers
from innkeeper.recall.sqlite.scope import condition
from innkeeper.recall.sqlite.vectors import VectorSearch
from innkeeper.recall.sqlite.words import WordSearch
from innkeeper.recall.store import Coverage, Embeddings
from innkeeper.recall.terms import coverage, terms_of, weights
from innkeeper.runtime.errors import InvalidRequest
from innkeeper.text.stems import Stems

_PASSAGE: Final = (
    "SELECT id, said, source, collection, page, start_s, end_s, speaker, at, importance, for_everybody"
    " FROM passage JOIN text ON text.passage = passage.id"
)
_EMBEDDING: Final = "SELECT id, provider, model, file_identity, dimension, version FROM embedding WHERE state = ?"


class Reading:
    """Reads in one file. Every method raises apsw.Error where the file cannot be read."""

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
            return self._search(query, question)

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

    def _search(self, query: Query, question: Embedded | None) -> tuple[Hit, ...]:
        if query.mode is Mode.DENSE and question is None:
            raise InvalidRequest("A dense search needs the vector of its question.", param="mode")
        passages = self._passages()
        terms = terms_of(query.text, self._stems)
        by_words: Scored = ()
        if query.mode is not Mode.DENSE:
            by_words = self._words.search(terms, passages, query.scope, query.pool, query.limit)
        by_vectors, embedding = self._by_vectors(query, question)
        standing = self._standing({passage for passage, _ in (*by_words, *by_vectors)})
        best = weighed(
            fused(supported(by_words, standing, query.neighbours), by_vectors, query.fusion), standing, query
        )
        shown = self._varied(best, query, embedding) if query.diversity else best[: query.limit]
        weight = weights(terms, self._words.holding(terms, passages), passages)
        read = self._read([one.id for one in shown])
        return tuple(
            Hit(
                passage,
                one.score,
                one.lexical_place,
                one.dense_place,
                one.bm25,
                one.similarity,
                coverage(self._stems.of(passage.text), weight),
            )
            for one in shown
            for passage in [read[one.id]]
        )

    def _by_vectors(self, query: Query, question: Embedded | None) -> tuple[Scored, int | None]:
        """The order by vectors, and the number of the embedding it was made with."""
        row = next(self._database.rows(_EMBEDDING, ("current",)), None)
        if query.mode is Mode.LEXICAL or question is None or row is None:
            return (), None if row is None else int(row[0])
        check_same(Provenance(*row[1:]), question.provenance)
        return self._vectors.search(question.vectors[:1], int(row[0]), query.scope, query.pool), int(row[0])

    def _varied(self, best: Sequence[Candidate], query: Query, embedding: int | None) -> list[Candidate]:
        pool = best[: query.pool]
        chosen = diverse([one.score for one in pool], self._likeness(pool, embedding), query.limit, query.diversity)
        return [pool[place] for place in chosen]

    def _likeness(self, pool: Sequence[Candidate], embedding: int | None) -> Likeness:
        ids = [one.id for one in pool]
        if embedding is not None and ids:
            vectors = self._vectors.vectors_of(ids, embedding)
            if len(vectors) == len(ids):
                return likeness_of_vectors(np.stack([vectors[one] for one in ids]))
        read = self._read(ids)
        return likeness_of_words([self._stems.of(read[one].text) for one in ids])

    def _standing(self, ids: Collection[int]) -> dict[int, Standing]:
        if not ids:
            return {}
        query = "SELECT id, at, importance, collection, source FROM passage WHERE id IN carray(?)"
        rows = self._database.rows(query, (numbers(ids),))
        return {row: Standing(at, importance, (collection, source)) for row, at, importance, collection, source in rows}

    def _read(self, ids: Sequence[int]) -> dict[int, Passage]:
        if not ids:
            return {}
        rows = self._database.rows(f"{_PASSAGE} WHERE id IN carray(?)", (numbers(ids),))
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
        return Coverage(Provenance(*row[1:]), int(vectors), self._passages())

    def _passages(self) -> int:
        return int(self._database.value("SELECT value FROM number WHERE name = 'passages'"))
