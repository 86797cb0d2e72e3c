"""Not the same thing twice: what is shown first makes its likes count less.

Source: Carbonell, Goldstein 1998 (maximal marginal relevance).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from innkeeper.recall.provenance import Vectors

Likeness = NDArray[np.float32]
"""(n, n): how alike two passages are, 1 is the same."""


def diverse(scores: Sequence[float], likeness: Likeness, limit: int, diversity: float) -> list[int]:
    """The places of at most `limit` passages, in the order in which they are shown.

    Each next one is the best by (1 − diversity) × its score ÷ the best score − diversity × its likeness to what was
    chosen. Passages of one source are not held apart: two that say different things may both be shown.
    """
    if not scores:
        return []
    worth = np.asarray(scores, dtype=np.float32) / max(scores)
    nearest = np.zeros(len(scores), dtype=np.float32)
    left = np.ones(len(scores), dtype=bool)
    chosen: list[int] = []
    while len(chosen) < min(limit, len(scores)):
        value = np.where(left, (1 - diversity) * worth - diversity * nearest, -np.inf)
        best = int(value.argmax())
        chosen.append(best)
        left[best] = False
        nearest = np.maximum(nearest, likeness[best])
    return chosen


def likeness_of_vectors(vectors: Vectors) -> Likeness:
    """Cosines; what points away counts as unlike."""
    alike: Likeness = np.maximum(vectors @ vectors.T, np.float32(0))
    return alike


def likeness_of_words(texts: Sequence[Sequence[str]]) -> Likeness:
    """Shared words ÷ the geometric mean of both numbers of words."""
    sets = [frozenset(stems) for stems in texts]
    alike = np.zeros((len(sets), len(sets)), dtype=np.float32)
    for row, one in enumerate(sets):
        for column, other in enumerate(sets[:row]):
            size = sqrt(len(one) * len(other))
            alike[row, column] = alike[column, row] = len(one & other) / size if size else 0.0
    np.fill_diagonal(alike, 1.0)
    return alike
