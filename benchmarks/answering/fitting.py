"""Weights of the gate from questions whose answers are there and questions whose answers are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from innkeeper.podcast.gate import Fit, Signs

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judged:
    """What one body of text gave: signs of questions that it covers, and of those that it does not."""

    name: str
    covered: tuple[Signs, ...]
    uncovered: tuple[Signs, ...]


def auroc(covered: Sequence[float], uncovered: Sequence[float]) -> float:
    """The chance that a covered question is rated above one that is not; equals count half."""
    one, other = np.asarray(covered)[:, None], np.asarray(uncovered)[None, :]
    return float((one > other).mean() + 0.5 * (one == other).mean())


def fitted(judged: Sequence[Judged], *, with_vectors: bool, kept: float = 0.95) -> Fit:
    """Logistic regression. A body of text counts for its questions; in each, covered and uncovered count the same.

    A sign that would count against (its weight below 0) is left out. The threshold is the
    highest that lets `kept` of the covered pass for one of them.
    """
    rows, right, share = [], [], []
    for body in judged:
        for signs, is_covered in ((body.covered, 1.0), (body.uncovered, 0.0)):
            rows += [_row(one) for one in signs]
            right += [is_covered] * len(signs)
            share += [(len(body.covered) + len(body.uncovered)) / len(signs)] * len(signs)
    used = [0, 1, 2, 3] if with_vectors else [0, 1, 2]
    weights = _regression(np.asarray(rows)[:, used], np.asarray(right), np.asarray(share))
    while (weights[1:] < 0).any():
        used.pop(1 + int(weights[1:].argmin()))
        weights = _regression(np.asarray(rows)[:, used], np.asarray(right), np.asarray(share))
    constant, coverage, bm25, cosine = (
        round(float(weights[used.index(sign)]), 3) if sign in used else 0.0 for sign in range(4)
    )
    free = Fit(constant, coverage, bm25, cosine, 0.0)
    lowest = [np.quantile([free.probability(one) for one in body.covered], 1 - kept) for body in judged]
    return Fit(constant, coverage, bm25, cosine, round(float(max(lowest)), 3))


def _row(signs: Signs) -> tuple[float, float, float, float]:
    return 1.0, signs.coverage, signs.bm25, signs.cosine or 0.0


def _regression(rows: Numbers, right: Numbers, share: Numbers) -> Numbers:
    """Newton's method with a little of a ridge."""
    weights: Numbers = np.zeros(rows.shape[1])
    share = share / share.sum() * len(right)
    ridge = 0.01 * np.eye(rows.shape[1])
    for _ in range(50):
        probability = 1 / (1 + np.exp(-np.clip(rows @ weights, -60, 60)))
        slope = rows.T @ (share * (probability - right)) + ridge @ weights
        bend = (rows * (share * probability * (1 - probability))[:, None]).T @ rows + ridge
        weights = weights - np.linalg.solve(bend, slope)
    return weights
