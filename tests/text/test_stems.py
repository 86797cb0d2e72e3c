"""Words made comparable: folding, stems, and which of them say nothing."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.text.folding import folded
from innkeeper.text.stems import Stems
from innkeeper.text.stop_words import STOP_WORDS


@pytest.fixture(scope="module")
def stems() -> Stems:
    return Stems()


class TestFolding:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Ἰησοῦς", "ΙΗΣΟΥΣ"),
            ("σπαθί", "ΣΠΑΘΙ"),
            ("Ελένης", "ελενησ"),
            ("προϊόν", "προιον"),
            ("café", "CAFE"),
            ("ﬁne", "fine"),
            ("Straße", "STRASSE"),
            ("don’t", "don't"),
        ],
    )
    def test_case_accents_and_final_sigma_make_no_difference(self, one: str, other: str) -> None:
        assert folded(one) == folded(other)

    @given(st.text(alphabet="άέήίόύώϊϋΐΰςσΑΩéüñabc "))
    def test_it_does_not_matter_how_accents_are_written(self, text: str) -> None:
        assert folded(unicodedata.normalize("NFC", text)) == folded(unicodedata.normalize("NFD", text))

    @given(st.text())
    def test_folding_what_is_folded_changes_nothing(self, text: str) -> None:
        assert folded(folded(text)) == folded(text)


class TestStems:
    @pytest.mark.parametrize(
        "forms",
        [
            ("meeting", "meetings", "Meeting's"),
            ("run", "running", "runs"),
            ("σπαθί", "σπαθιά", "ΣΠΑΘΙΟΥ"),
            ("δράκος", "δράκου", "δράκοι", "δράκων"),
            ("Ελένη", "Ελένης"),
            ("κάστρο", "κάστρου", "κάστρα"),
        ],
    )
    def test_the_forms_of_a_word_have_one_stem(self, stems: Stems, forms: tuple[str, ...]) -> None:
        assert len({tuple(stems.of(form)) for form in forms}) == 1

    def test_punctuation_touching_a_word_is_no_part_of_it(self, stems: Stems) -> None:
        assert stems.of('"anxious?" (ANXIOUS)…anxious!') == stems.of("anxious anxious anxious")

    def test_a_number_is_the_same_with_and_without_groups(self, stems: Stems) -> None:
        assert stems.of("1,250,000 euros") == stems.of("1250000 euros")

    def test_text_without_spaces_gives_its_pairs_of_characters(self, stems: Stems) -> None:
        assert stems.of("東京都") == ["東京", "京都"]

    @given(st.text())
    def test_any_text_gives_letters_and_digits_only(self, text: str) -> None:
        assert all(stem.isalnum() for stem in Stems().of(text))


class TestStopWords:
    def test_they_are_folded_like_what_they_are_compared_with(self) -> None:
        assert {folded(word) for word in STOP_WORDS} == STOP_WORDS

    @pytest.mark.parametrize("word", ["the", "what", "και", "στην", "ποιος", "ειναι"])
    def test_the_commonest_words_are_among_them(self, word: str) -> None:
        assert folded(word) in STOP_WORDS
