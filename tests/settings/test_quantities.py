"""Sizes, shares and seconds, as people write them."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.settings.quantities import (
    LARGEST_SIZE_BYTES,
    LEAST_BYTES_WITHOUT_UNIT,
    UNITS,
    amount,
    in_words,
    seconds,
    size_bytes,
    whole_number,
)


class TestSizes:
    @pytest.mark.parametrize(
        ("written", "bytes_meant"),
        [
            ("12 GiB", 12 * 1024**3),
            ("500 MB", 500_000_000),
            ("1.5GiB", 1_610_612_736),
            ("12 gib", 12 * 1024**3),
            (" 7 kB ", 7000),
            ("123 B", 123),
            ("2000000000", 2_000_000_000),
            (2_000_000_000, 2_000_000_000),
        ],
    )
    def test_a_size_is_read_with_its_unit_and_a_bare_number_counts_bytes(
        self, written: object, bytes_meant: int
    ) -> None:
        assert size_bytes(written) == bytes_meant

    @pytest.mark.parametrize(
        "written",
        [
            "",
            "much",
            "12 giga",
            "12 G",
            "-1 GiB",
            "1e9",
            "1.5",
            "0",
            0,
            -5,
            12,
            "12",
            True,
            1.5e9,
            None,
            [],
            "1 EiB",
            10**30,
            "9" * 5000,
            "٣ GiB",
            "99999999 TiB",
            "1,5 GiB",
            "80 %",
        ],
    )
    def test_what_could_be_misread_is_refused_with_the_fix(self, written: object) -> None:
        with pytest.raises(ValueError, match=r"GiB|nothing|unit"):
            size_bytes(written)

    @given(st.integers(LEAST_BYTES_WITHOUT_UNIT, LARGEST_SIZE_BYTES), st.sampled_from(sorted(UNITS)))
    def test_every_unit_multiplies_exactly(self, size: int, unit: str) -> None:
        number = size // UNITS[unit]
        if number:
            assert size_bytes(f"{number} {unit}") == number * UNITS[unit]

    @given(st.integers(LEAST_BYTES_WITHOUT_UNIT, LARGEST_SIZE_BYTES))
    def test_what_is_shown_can_be_written_back_within_a_hundredth(self, size: int) -> None:
        assert size_bytes(in_words(size)) == pytest.approx(size, rel=0.01)

    @given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none(), st.lists(st.integers())))
    def test_anything_else_is_a_value_error_and_never_another(self, written: object) -> None:
        with suppress(ValueError):
            assert 0 < size_bytes(written) <= LARGEST_SIZE_BYTES


class TestAmounts:
    def test_a_percentage_is_a_share_and_a_size_is_bytes(self) -> None:
        assert amount("80 %") == Fraction(4, 5)
        assert amount("12.5%") == Fraction(1, 8)
        assert amount("2 GiB") == 2 * 1024**3

    @pytest.mark.parametrize("written", ["0 %", "101 %", "%", "-3 %", "half %", "5 % GiB"])
    def test_a_share_outside_of_a_whole_is_refused(self, written: str) -> None:
        with pytest.raises(ValueError, match="%"):
            amount(written)


class TestNumbers:
    def test_truth_values_are_not_numbers(self) -> None:
        for read in (whole_number, seconds):
            with pytest.raises(ValueError, match="number"):
                read(True)  # noqa: FBT003 (the truth value is what is tested)

    @pytest.mark.parametrize("written", ["nan", "inf", float("nan"), float("inf"), -1, 1e12, "soon", None])
    def test_seconds_are_finite_positive_and_under_a_year(self, written: object) -> None:
        with pytest.raises(ValueError, match="number of seconds"):
            seconds(written)

    def test_digits_from_a_variable_are_read(self) -> None:
        assert whole_number("8000") == 8000
        assert seconds("2.5") == 2.5

    @pytest.mark.parametrize("written", ["8e3", "0x10", "8000.0", 8000.0, "1_000", "9" * 40])
    def test_a_whole_number_is_written_in_digits(self, written: object) -> None:
        with pytest.raises(ValueError, match="whole number"):
            whole_number(written)
