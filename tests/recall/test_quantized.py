"""Vectors made small: what is lost, and what is not."""

from __future__ import annotations

import numpy as np
import pytest

from innkeeper.recall.provenance import unit_rows
from innkeeper.recall.quantized import cosines, nearest, quantized, sketches

ROWS = unit_rows(np.random.default_rng(7).standard_normal((500, 100)))


class TestBytes:
    def test_a_cosine_is_off_by_less_than_a_hundredth(self) -> None:
        data, scales = quantized(ROWS)
        assert np.abs(cosines(ROWS[:1], data, scales) - ROWS @ ROWS[0]).max() < 0.01

    def test_a_row_of_zeros_stays(self) -> None:
        data, scales = quantized(np.zeros((1, 8), dtype=np.float32))
        assert (data.any(), scales.tolist()) == (np.False_, [0.0])


class TestSketches:
    @pytest.mark.parametrize(("dimension", "words"), [(1, 1), (64, 1), (65, 2), (100, 2), (384, 6)])
    def test_any_dimension_has_one(self, dimension: int, words: int) -> None:
        assert sketches(np.ones((3, dimension), dtype=np.float32)).shape == (3, words)

    def test_those_of_bytes_are_those_of_the_numbers_they_came_from(self) -> None:
        near_zero = np.abs(ROWS) < np.abs(ROWS).max(axis=1, keepdims=True) / 127
        assert (sketches(quantized(np.where(near_zero, 0, ROWS))[0]) == sketches(np.where(near_zero, 0, ROWS))).all()

    def test_the_same_is_the_nearest(self) -> None:
        stored = sketches(ROWS)
        assert nearest(stored[17:18], stored, 1).tolist() == [17]

    def test_the_nearest_of_few_are_all(self) -> None:
        assert sorted(nearest(sketches(ROWS[:1]), sketches(ROWS[:3]), 5)) == [0, 1, 2]

    def test_what_they_choose_holds_what_is_truly_near(self) -> None:
        noise = np.random.default_rng(8).standard_normal(ROWS.shape)
        questions = sketches(unit_rows(ROWS + 0.05 * noise))
        stored = sketches(ROWS)
        assert all(place in nearest(questions[place : place + 1], stored, 10) for place in range(len(ROWS)))
