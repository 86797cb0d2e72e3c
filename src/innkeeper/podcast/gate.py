"""Whether what was found covers a question: three signs weighed, and nothing else asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import exp, log
from typing import Any

from innkeeper.recall.query import Hit


@dataclass(frozen=True, slots=True)
class Signs:
    """What speaks for it that a question is covered. Each is about 0 to 1, whatever the size of the store."""

    coverage: float
    """The share of the question's words in the passage that holds most of them, rare words counting more."""
    bm25: float
    """The best passage's BM25 ÷ what it would be for one more word than the question has, all unknown to the store."""
    cosine: float | None = None
    """Likeness of meaning of the best passage; None where no vectors were compared."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Weights of a logistic regression: probability that a question is covered."""

    constant: float
    coverage: float
    bm25: float
    cosine: float
    threshold: float
    """A probability below this refuses."""

    def probability(self, signs: Signs) -> float:
        """From 0 to 1."""
        cosine = signs.cosine if signs.cosine is not None else 0.0
        weighed = self.coverage * signs.coverage + self.bm25 * signs.bm25 + self.cosine * cosine
        return 1 / (1 + exp(-max(-60.0, min(60.0, self.constant + weighed))))


@dataclass(frozen=True, slots=True)
class Gate:
    """Two fits; the one that fits what was compared decides."""

    by_words: Fit
    with_vectors: Fit

    def judge(self, signs: Signs) -> Verdict:
        """Refuse or let pass."""
        fit = self.by_words if signs.cosine is None else self.with_vectors
        probability = fit.probability(signs)
        return Verdict(probability >= fit.threshold, probability, signs)

    def to_json(self) -> str:
        """For a file."""
        return json.dumps({"by_words": asdict(self.by_words), "with_vectors": asdict(self.with_vectors)}, indent=2)

    @classmethod
    def from_json(cls, written: str) -> Gate:
        """What `to_json` wrote.

        Raises:
            ValueError: It is something else.
        """
        try:
            told: dict[str, Any] = json.loads(written)  # JSON from a file: checked below
            fits = [Fit(**{name: float(number) for name, number in told[one].items()}) for one in told]
            by_words, with_vectors = (fits[list(told).index(one)] for one in ("by_words", "with_vectors"))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"these are no weights of a gate ({error})") from error
        return cls(by_words, with_vectors)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate said, and why."""

    is_covered: bool
    probability: float
    signs: Signs

    def __str__(self) -> str:
        cosine = "" if self.signs.cosine is None else f", cosine {self.signs.cosine:.2f}"
        said = "covered" if self.is_covered else "not covered"
        return f"{said}: {self.probability:.2f} (words {self.signs.coverage:.2f}, BM25 {self.signs.bm25:.2f}{cosine})"


def signs_of(hits: Sequence[Hit], terms: int, passages: int) -> Signs | None:
    """The signs of what a search found; None where it found nothing, which covers nothing.

    `terms` is the number of the question's words (`innkeeper.recall.terms.terms_of`), `passages` that of the store.
    """
    if not hits:
        return None
    similarities = [hit.similarity for hit in hits if hit.similarity is not None]
    best = max((hit.bm25 or 0.0 for hit in hits), default=0.0)
    unknown = log(1 + (passages + 0.5) / 0.5)
    return Signs(
        max(hit.coverage for hit in hits), best / ((terms + 1) * unknown), max(similarities) if similarities else None
    )
