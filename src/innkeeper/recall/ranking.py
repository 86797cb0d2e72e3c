"""The order by words and the order by vectors made one, with what is recent or important put forward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from innkeeper.recall.query import Fusion, Query

Scored = Sequence[tuple[int, float]]
"""Passages by their number in the store with what spoke for them, best first."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage that one of the orders names, by its number in the store."""

    id: int
    score: float
    lexical_place: int | None
    dense_place: int | None
    bm25: float | None
    similarity: float | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a passage beside its words."""

    at: float | None
    importance: float


def fused(by_words: Scored, by_vectors: Scored, fusion: Fusion) -> list[Candidate]:
    """Both orders as one, best first; equals stay in the order of their numbers."""
    words = {passage: (place, score) for place, (passage, score) in enumerate(by_words, start=1)}
    vectors = {passage: (place, score) for place, (passage, score) in enumerate(by_vectors, start=1)}
    candidates = []
    for passage in words.keys() | vectors.keys():
        lexical_place, bm25 = words.get(passage, (None, None))
        dense_place, similarity = vectors.get(passage, (None, None))
        score = sum(
            weight / (fusion.smoothing + place)
            for weight, place in ((fusion.lexical, lexical_place), (fusion.dense, dense_place))
            if place is not None
        )
        candidates.append(Candidate(passage, score, lexical_place, dense_place, bm25, similarity))
    return sorted(candidates, key=lambda one: (-one.score, one.id))


def weighed(candidates: Sequence[Candidate], standing: Mapping[int, Standing], query: Query) -> list[Candidate]:
    """The candidates that have a standing, in the order that recency and importance give them."""
    known = [
        Candidate(
            one.id,
            one.score * _factor(standing[one.id], query),
            one.lexical_place,
            one.dense_place,
            one.bm25,
            one.similarity,
        )
        for one in candidates
        if one.id in standing
    ]
    return sorted(known, key=lambda one: (-one.score, one.id))


def _factor(standing: Standing, query: Query) -> float:
    factor = 1 + query.importance_weight * standing.importance
    recency = query.recency
    if recency is not None and standing.at is not None:
        age_s = max(0.0, recency.now - standing.at)
        factor *= 1 + recency.weight * 0.5 ** (age_s / recency.half_life_s)
    return factor
