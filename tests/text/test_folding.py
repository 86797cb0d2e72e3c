"""Folding: texts that differ in accents and case alone are the same, whoever wrote them and however."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.text.folding import folded


class TestFolding:
    @pytest.mark.parametrize("said", ["Ἰησοῦς", "ΙΗΣΟΥΣ", unicodedata.normalize("NFD", "Ἰησοῦς"), "ιησους"])
    def test_one_word_is_one_word_however_its_accents_are_written(self, said: str) -> None:
        assert folded(said) == "ιησουσ"

    @given(st.text())
    def test_it_does_not_matter_whether_accents_come_with_their_letters(self, text: str) -> None:
        assert folded(unicodedata.normalize("NFD", text)) == folded(unicodedata.normalize("NFC", text))

    @given(st.text(), st.sampled_from(["\u0300", "\u0315", "\u0327"]))
    def test_no_accent_is_left(self, text: str, accent: str) -> None:
        assert not any(unicodedata.combining(letter) for letter in folded(text + accent))

    def test_a_letter_under_a_million_accents_takes_no_longer_than_a_text_of_that_length(self) -> None:
        """Taken apart first they would be sorted, for about an hour, and nothing else would run meanwhile."""
        assert folded("a" + "\u0315\u0300" * 500_000) == "a"
