"""Language: what a text tells of it, on texts written for this project."""

from __future__ import annotations

import unicodedata
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.runtime.routing.language import language_of
from innkeeper.runtime.routing.names import Language
from innkeeper.runtime.routing.vocabulary import Vocabulary
from innkeeper.settings.words import read_vocabulary
from tests.routing.labelled import Labelled, labelled

TEXTS = labelled()
WRONG = {
    "Attento al lupo!": None,
    "Le nain éclate de rire.": None,
    "mercy!": None,
}
"""Every labelled text that is told wrong, and what is told instead. docs/routing.md lists them too."""


class TestTheLabelledTexts:
    """C70."""

    def test_are_many_and_in_two_halves(self) -> None:
        halves = Counter(one.split for one in TEXTS)

        assert len({one.text for one in TEXTS}) == len(TEXTS) >= 400
        assert halves.keys() == {"tune", "held"}
        assert min(halves.values()) >= 200

    @pytest.mark.parametrize("split", ["tune", "held"])
    def test_are_told_right_in_98_of_100(self, vocabulary: Vocabulary, split: str) -> None:
        half = [one for one in TEXTS if one.split == split]
        right = [one for one in half if language_of(one.text, vocabulary).language is one.language]

        assert len(right) >= 0.98 * len(half)

    def test_that_are_told_wrong_are_known_by_name(self, vocabulary: Vocabulary) -> None:
        told = {one: language_of(one.text, vocabulary).language for one in TEXTS}

        assert {one.text: language for one, language in told.items() if language is not one.language} == WRONG

    @pytest.mark.parametrize("one", [one for one in TEXTS if one.language is Language.EL], ids=lambda one: one.text)
    def test_in_greek_are_greek_however_accents_are_written(self, vocabulary: Vocabulary, one: Labelled) -> None:
        if one.text in WRONG:
            pytest.skip("known to be told wrong")
        ways = {form: unicodedata.normalize(form, one.text) for form in ("NFC", "NFD")}

        assert {form: language_of(text, vocabulary).language for form, text in ways.items()} == {
            "NFC": Language.EL,
            "NFD": Language.EL,
        }


class TestConfidence:
    def test_is_full_for_greek_letters_alone(self, vocabulary: Vocabulary) -> None:
        assert language_of("ναι", vocabulary).confidence == 1.0

    def test_grows_with_the_words_in_latin_letters(self, vocabulary: Vocabulary) -> None:
        one, two, four = (language_of(text, vocabulary) for text in ("help", "help us", "help us open this"))

        assert one.confidence < two.confidence < four.confidence

    def test_is_nothing_where_nothing_is_told(self, vocabulary: Vocabulary) -> None:
        assert language_of("Gandalf", vocabulary).confidence == 0.0


class TestWhatIsNobodysLanguage:
    @pytest.mark.parametrize("text", ["π", "Ω", "5 µl", "λ = 3", "x", "", " \n", "\u0301"])
    def test_a_single_letter_is_no_word(self, vocabulary: Vocabulary, text: str) -> None:
        assert language_of(text, vocabulary).language is None

    def test_links_and_paths_are_left_out(self, vocabulary: Vocabulary) -> None:
        text = "https://example.org/what/is/the/time /usr/share/the/of me@the.example"

        assert language_of(text, vocabulary).language is None

    def test_code_is_left_out_but_not_its_comments(self, vocabulary: Vocabulary) -> None:
        code = "for word in words:\n    if word is not None and word in this:\n        return word"

        assert language_of(code, vocabulary).language is None
        assert language_of(code + "  # η πρώτη λέξη", vocabulary).language is Language.EL


class TestAnyText:
    @given(st.text(max_size=400))
    def test_has_an_answer_with_a_confidence(self, text: str) -> None:
        told = language_of(text, VOCABULARY)

        assert 0.0 <= told.confidence <= 1.0
        assert (told.language is None) == (told.confidence == 0.0)

    @given(st.text(alphabet="abdeghiklmnoprstuwx83 '", max_size=60))
    def test_gets_the_same_answer_twice(self, text: str) -> None:
        assert language_of(text, VOCABULARY) == language_of(text, VOCABULARY)


VOCABULARY = read_vocabulary()
