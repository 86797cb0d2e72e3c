"""What is looked for, among which passages, and what is found."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from innkeeper.recall.passage import Passage
from innkeeper.runtime.errors import InvalidRequest


class Mode(Enum):
    """How passages are compared with the question."""

    LEXICAL = "lexical"  # by their words
    DENSE = "dense"  # by their vectors
    HYBRID = "hybrid"  # by both, the two orders fused


@dataclass(frozen=True, slots=True)
class Scope:
    """Which passages are looked at. None leaves a field open; a set wants one of its members."""

    collections: frozenset[str] | None = None
    sources: frozenset[str] | None = None
    speakers: frozenset[str] | None = None

    audience: frozenset[str] | None = frozenset()
    """Who is asking: they see what is for everybody and what is for one of them. The empty set sees only what is for
    everybody; None sees all, secrets included."""

    since: float | None = None
    """Not older, in seconds since 1970; a passage without a time is left out."""

    until: float | None = None
    """Not younger, in seconds since 1970; a passage without a time is left out."""


@dataclass(frozen=True, slots=True)
class Recency:
    """How much newer passages are preferred."""

    now: float
    """Seconds since 1970."""
    half_life_s: float
    """The age at which half of the preference is left."""
    weight: float = 0.5
    """A passage of this moment counts 1 + `weight` times as much as an ancient one."""


class By(Enum):
    """What of two orders is added up."""

    SCORES = "scores"  # each stretched so that its best is 1; a clear winner of one order stays clear
    PLACES = "places"  # reciprocal ranks: weight ÷ (smoothing + place).  Source: Cormack, Clarke, Büttcher 2009


@dataclass(frozen=True, slots=True)
class Fusion:
    """How the order by words and the order by vectors become one.  Measured: benchmarks/results/retrieval.md."""

    by: By = By.SCORES
    lexical: float = 1.0
    dense: float | None = None
    """None takes what the embedder is worth (`Embedder.weight`)."""
    smoothing: float = 60.0
    """For places: larger lets both orders agree; smaller lets first places win."""


@dataclass(frozen=True, slots=True)
class Query:
    """One question to a store."""

    text: str
    mode: Mode = Mode.HYBRID
    scope: Scope = field(default_factory=Scope)
    limit: int = 10
    fusion: Fusion = field(default_factory=Fusion)
    recency: Recency | None = None

    importance_weight: float = 0.0
    """A passage of importance 1 counts 1 + this times as much as one of importance 0."""

    neighbours: float = 0.2
    """How much the words of the passages right before and after it, in the same source, speak for a passage. In a
    conversation the answer often stands beside the question's words.  Measured: benchmarks/results/retrieval.md."""

    diversity: float = 0.0
    """From 0 to 1: how much a passage loses by saying the same as one before it. 0 leaves the order alone."""

    def __post_init__(self) -> None:
        """Raises InvalidRequest: a number is out of range."""
        if not 1 <= self.limit <= MOST_HITS:
            raise InvalidRequest(f"A search gives 1 to {MOST_HITS} passages, not {self.limit}.", param="limit")
        for name in ("diversity", "neighbours"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidRequest(f"{name.capitalize()} is from 0 to 1, not {getattr(self, name)}.", param=name)
        if self.recency is not None and self.recency.half_life_s <= 0:
            raise InvalidRequest("The half-life of recency is more than 0 seconds.", param="recency")

    @property
    def pool(self) -> int:
        """How many candidates each order names before they are fused."""
        return max(100, 3 * self.limit)


MOST_HITS = 1000


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found, and what spoke for it."""

    passage: Passage
    score: float
    """What it was put in order by; comparable within one search only."""

    lexical_place: int | None
    """Its place in the order by words, from 1; None where that did not name it."""

    dense_place: int | None
    """Its place in the order by vectors, from 1; None where that did not name it."""

    bm25: float | None
    """How well its words match, with what its neighbours add; None where they were not compared or none is there."""

    similarity: float | None
    """Cosine of its vector and the question's; None where they were not compared."""

    coverage: float
    """The share of the question's words that it holds, from 0 to 1, rare words counting more."""
