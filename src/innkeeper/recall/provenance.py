"""Where vectors come from; those of two makers are never compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from innkeeper.runtime.errors import EmbeddingsDiffer, InvalidRequest

Vectors = NDArray[np.float32]
"""(number of texts, dimension), rows of length 1."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """What made a vector. Two vectors may be compared when all of this is the same."""

    provider: str
    """"lexical", "local", "openai", …"""
    model: str
    file_identity: str
    """What tells one file of weights from another of the same name; empty where there is no file."""
    dimension: int
    version: str = "1"
    """Raised by the provider whenever the same text would give another vector."""

    def __str__(self) -> str:
        file = f" ({self.file_identity})" if self.file_identity else ""
        return f"{self.provider} {self.model}{file}, {self.dimension} dimensions, version {self.version}"


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """Vectors and what made them."""

    provenance: Provenance
    vectors: Vectors

    def __post_init__(self) -> None:
        """Raises InvalidRequest: the vectors have not the dimension of their provenance."""
        if self.vectors.ndim != 2 or self.vectors.shape[1] != self.provenance.dimension:
            raise InvalidRequest(
                f"The vectors are of the shape {self.vectors.shape}; {self.provenance} gives (texts, "
                f"{self.provenance.dimension}).",
                param="embedding",
            )


def unit_rows(vectors: Sequence[Sequence[float]] | NDArray[np.floating]) -> Vectors:
    """The same directions with length 1; a row of zeros stays.

    Raises:
        InvalidRequest: A number is not finite, or the rows are of different lengths.
    """
    try:
        rows = np.atleast_2d(np.asarray(vectors, dtype=np.float32))
    except ValueError:
        raise InvalidRequest("The vectors are of different lengths.", param="embedding") from None
    if not np.isfinite(rows).all():
        raise InvalidRequest("A vector holds a number that is not finite.", param="embedding")
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    units: Vectors = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return units


def check_same(stored: Provenance, given: Provenance) -> None:
    """Nothing, where the two may be compared.

    Raises:
        EmbeddingsDiffer: They may not.
    """
    if stored != given:
        raise differing(stored, given)


def differing(stored: Provenance | None, given: Provenance) -> EmbeddingsDiffer:
    """The error that names both makers and the fix. Where `stored` is None, no vectors were begun."""
    there = f"The stored vectors are by {stored}" if stored is not None else "No vectors are stored"
    return EmbeddingsDiffer(
        f"{there}; these are by {given}, and vectors of two makers cannot be compared. Set the embedding provider "
        "back, or have the passages embedded anew with this one; search by words works all the while.",
        param="embedding",
    )
