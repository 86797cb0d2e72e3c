"""The order by words and the order by vectors made one, with what is recent or important put forward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from innkeeper.recall.query import By, Fusion, Query

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
    source: tuple[str, str]
    """Its collection and its source."""


def supported(by_words: Scored, standing: Mapping[int, Standing], share: float) -> Scored:
    """The order by words when neighbours speak for each other, with their scores.

    Neighbours are those whose numbers follow each other: a source is added in its order.
    """
    own = {passage: score for passage, score in by_words if passage in standing}

    def with_neighbours(passage: int) -> float:
        source = standing[passage].source
        beside = (near for near in (passage - 1, passage + 1) if near in own and standing[near].source == source)
        return own[passage] + share * sum(own[near] for near in beside)

    scored = [(passage, with_neighbours(passage)) for passage in own]
    return sorted(scored, key=lambda item: (-item[1], item[0]))


def fused(by_words: Scored, by_vectors: Scored, fusion: Fusion) -> list[Candidate]:
    """Both orders as one, best first; equals stay in the order of their numbers."""
    words = {passage: (place, score) for place, (passage, score) in enumerate(by_words, start=1)}
    vectors = {passage: (place, score) for place, (passage, score) in enumerate(by_vectors, start=1)}
    dense = 1.0 if fusion.dense is None else fusion.dense
    word_share, vector_share = _shares(by_words, 0.0, fusion), _shares(by_vectors, None, fusion)
    candidates = []
    for passage in words.keys() | vectors.keys():
        lexical_place, bm25 = words.get(passage, (None, None))
        dense_place, similarity = vectors.get(passage, (None, None))
        score = fusion.lexical * word_share.get(passage, 0.0) + dense * vector_share.get(passage, 0.0)
        candidates.append(Candidate(passage, score, lexical_place, dense_place, bm25, similarity))
    return sorted(candidates, key=lambda one: (-one.score, one.id))


def _shares(order: Scored, worst: float | None, fusion: Fusion) -> dict[int, float]:
    """What each passage of one order brings. `worst` is the score that brings nothing; None takes the last one's."""
    if fusion.by is By.PLACES:
        return {passage: 1 / (fusion.smoothing + place) for place, (passage, _) in enumerate(order, start=1)}
    if not order:
        return {}
    best, least = order[0][1], order[-1][1] if worst is None else worst
    if best <= least:
        return {passage: 1.0 for passage, _ in order}
    return {passage: (score - least) / (best - least) for passage, score in order}


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
