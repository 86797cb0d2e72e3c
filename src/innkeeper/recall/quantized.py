"""Vectors made small: a byte for each number to compare exactly, a bit for each to choose what is compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from innkeeper.recall.provenance import Vectors

Bytes8 = NDArray[np.int8]
"""(vectors, dimension)."""
Sketches = NDArray[np.uint64]
"""(vectors, dimension ÷ 64 rounded up): bit by bit whether a number is positive."""

_SIGNED_MOST: Final = 127


def quantized(vectors: Vectors) -> tuple[Bytes8, NDArray[np.float32]]:
    """Whole numbers from −127 to 127, and for each row what they are to be multiplied with."""
    scales = np.abs(vectors).max(axis=1, initial=0.0).astype(np.float32) / np.float32(_SIGNED_MOST)
    rows = np.divide(vectors, scales[:, None], out=np.zeros_like(vectors), where=scales[:, None] > 0)
    return np.rint(rows).astype(np.int8), scales


def cosines(question: Vectors, rows: Bytes8, scales: NDArray[np.float32]) -> NDArray[np.float32]:
    """How alike each row and the question (one row of length 1) are; exact but for the rounding to bytes."""
    products: NDArray[np.float32] = (rows.astype(np.float32) @ question.reshape(-1)) * scales
    return products


def most_alike(question: Vectors, rows: Sequence[tuple[int, float, bytes]]) -> list[tuple[int, float]]:
    """Passages with their cosine, the most alike first; of each its number, its scale and its bytes are given."""
    if not rows:
        return []
    rows = sorted(rows)  # so that every store adds up the same numbers in the same order
    data = np.frombuffer(b"".join(row[2] for row in rows), dtype=np.int8).reshape(len(rows), -1)
    scores = cosines(question, data, np.asarray([row[1] for row in rows], dtype=np.float32))
    return [(rows[place][0], float(scores[place])) for place in np.argsort(-scores, kind="stable")]


def sketches(vectors: Vectors | Bytes8) -> Sketches:
    """One bit for each number."""
    packed = np.packbits(vectors > 0, axis=1)
    missing = -packed.shape[1] % 8
    return np.ascontiguousarray(np.pad(packed, ((0, 0), (0, missing)))).view(np.uint64)


def nearest(question: Sketches, stored: Sketches, at_most: int) -> NDArray[np.intp]:
    """The places of the `at_most` sketches that differ least from the question's (one row), in no order."""
    differing = np.zeros(len(stored), dtype=np.uint16)
    for column in range(stored.shape[1]):
        differing += np.bitwise_count(stored[:, column] ^ question[0, column])
    if at_most >= len(stored):
        return np.arange(len(stored))
    return np.argpartition(differing, at_most)[:at_most]
