"""A search from its question to its hits, over whatever reads the rows: the same for every store."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final, Protocol

import numpy as np

from innkeeper.recall.diversity import Likeness, diverse, likeness_of_vectors, likeness_of_words
from innkeeper.recall.marks import marked
from innkeeper.recall.passage import Passage
from innkeeper.recall.provenance import Embedded, Provenance, Vectors, check_same
from innkeeper.recall.query import Hit, Mode, Query, Scope
from innkeeper.recall.ranking import Candidate, Scored, Standing, fused, supported, weighed
from innkeeper.recall.terms import Step, coverage, steps, terms_of, weights
from innkeeper.runtime.errors import InvalidRequest
from innkeeper.text.stems import Stems

AFFORDABLE: Final = 10_000
"""Passages whose score may be computed for one question.  Measured: benchmarks/results/recall.md."""


class Rows(Protocol):
    """What a search reads of a store, all of one moment. Passages go by their numbers there."""

    def passages(self) -> int:
        """How many there are."""
        ...

    def holding(self, words: Sequence[str], passages: int) -> Mapping[str, int]:
        """How many of the passages hold each of these stems or marks."""
        ...

    def matching(self, step: Step, scope: Scope, at_most: int, newest: float = 1.0) -> Sequence[tuple[int, float]]:
        """The best of the newest part, from 0 to 1, of all passages, with their BM25."""
        ...

    def current(self) -> tuple[int, Provenance] | None:
        """The number of the vectors that search compares with, and what made them; None before the first."""
        ...

    def nearest(self, question: Vectors, embedding: int, scope: Scope, at_most: int) -> Scored:
        """The passages of the scope whose vectors are nearest to the question's (one row), with their cosine."""
        ...

    def vectors_of(self, passages: Sequence[int], embedding: int) -> Mapping[int, Vectors]:
        """The vectors of these passages, each one row, as far as they have one."""
        ...

    def standing(self, passages: Collection[int]) -> dict[int, Standing]:
        """What is known of these, as far as they are there."""
        ...

    def read(self, passages: Sequence[int]) -> dict[int, Passage]:
        """These, as far as they are there."""
        ...


def search(rows: Rows, query: Query, question: Embedded | None, stems: Stems) -> tuple[Hit, ...]:
    """See `Store.search`."""
    if query.mode is Mode.DENSE and question is None:
        raise InvalidRequest("A dense search needs the vector of its question.", param="mode")
    passages = rows.passages()
    terms = terms_of(query.text, stems)
    by_words: Scored = ()
    if query.mode is not Mode.DENSE:
        by_words = _by_words(rows, terms, passages, query)
    by_vectors, embedding = _by_vectors(rows, query, question)
    standing = rows.standing({passage for passage, _ in (*by_words, *by_vectors)})
    best = weighed(fused(supported(by_words, standing, query.neighbours), by_vectors, query.fusion), standing, query)
    shown = _varied(rows, best, query, embedding, stems) if query.diversity else best[: query.limit]
    weight = weights(terms, rows.holding(terms, passages), passages)
    read = rows.read([one.id for one in shown])
    return tuple(
        Hit(
            passage,
            one.score,
            one.lexical_place,
            one.dense_place,
            one.bm25,
            one.similarity,
            coverage(stems.of(passage.text), weight),
        )
        for one in shown
        for passage in [read[one.id]]
    )


def _by_words(rows: Rows, terms: Sequence[str], passages: int, query: Query) -> Scored:
    """The passages of the scope whose words fit best.

    A word that is in very many passages is looked for among the newest of them only, if it must be looked for by
    itself; where that gives fewer than the question wants, among all.
    """
    at_most, enough = query.pool, query.limit
    # of each group of marks, how many passages have one
    in_scope = [sum(rows.holding(group, passages).values()) for group in marked(query.scope)]
    found: Sequence[tuple[int, float]] = ()
    for step in steps(terms, rows.holding(terms, passages), passages, AFFORDABLE):
        scored = min([step.at_most, *in_scope])
        found = rows.matching(step, query.scope, at_most, newest=min(1.0, AFFORDABLE / max(1, scored)))
        if len(found) < enough and scored > AFFORDABLE:
            found = rows.matching(step, query.scope, at_most)
        if len(found) >= (at_most if len(step.groups) > 1 else enough):
            break
    return found


def _by_vectors(rows: Rows, query: Query, question: Embedded | None) -> tuple[Scored, int | None]:
    """The order by vectors, and the number of the embedding it was made with."""
    current = rows.current()
    if current is None:
        return (), None
    embedding, provenance = current
    if query.mode is Mode.LEXICAL or question is None:
        return (), embedding
    check_same(provenance, question.provenance)
    return rows.nearest(question.vectors[:1], embedding, query.scope, query.pool), embedding


def _varied(
    rows: Rows, best: Sequence[Candidate], query: Query, embedding: int | None, stems: Stems
) -> list[Candidate]:
    pool = best[: query.pool]
    likeness = _likeness(rows, [one.id for one in pool], embedding, stems)
    return [pool[place] for place in diverse([one.score for one in pool], likeness, query.limit, query.diversity)]


def _likeness(rows: Rows, passages: Sequence[int], embedding: int | None, stems: Stems) -> Likeness:
    if embedding is not None and passages:
        vectors = rows.vectors_of(passages, embedding)
        if len(vectors) == len(passages):
            return likeness_of_vectors(np.stack([vectors[one] for one in passages]))
    read = rows.read(passages)
    return likeness_of_words([stems.of(read[one].text) for one in passages])
