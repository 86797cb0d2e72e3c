"""Vectors without a model: what they bring together, and what they depend on."""

from __future__ import annotations

from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.text.counts import WordCounts
from innkeeper.text.vectors import LexicalVectors

CORPUS = [f"The meeting number {number} was about the remote control." for number in range(50)] + ["A zebra came."]


@pytest.fixture(scope="module")
def vectors() -> LexicalVectors:
    return LexicalVectors()


def likeness(vectors: LexicalVectors, one: str, other: str) -> float:
    return sum(a * b for a, b in zip(vectors.of(one), vectors.of(other), strict=True))


class TestAVector:
    @given(st.text())
    def test_it_has_length_one_or_the_text_has_no_word(self, text: str) -> None:
        vectors = LexicalVectors(64)
        length = sum(number * number for number in vectors.of(text))
        assert isclose(length, 1.0, rel_tol=1e-9) or (length == 0.0 and not any(letter.isalnum() for letter in text))

    def test_it_is_the_same_in_every_process(self) -> None:
        numbers = LexicalVectors(8).of("The dragon sleeps.")
        assert [round(number, 3) for number in numbers] == [0.132, 0.197, -0.534, 0.049, 0.095, 0.095, -0.794, 0.088]

    def test_punctuation_case_and_accents_make_no_difference(self, vectors: LexicalVectors) -> None:
        assert vectors.of("Το σπαθί, της Ελένης!") == vectors.of("το σπαθι της ελενησ")

    @pytest.mark.parametrize(
        ("near", "far"),
        [
            ("the dragons slept in the castle", "a boat on the river"),
            ("the drgaon castel", "the boat on the river"),
            ("castle of the dragon", "castle in the air with clouds"),
        ],
    )
    def test_texts_that_share_words_or_pieces_of_words_are_near(
        self, vectors: LexicalVectors, near: str, far: str
    ) -> None:
        said = "the dragon sleeps in the castle"
        assert likeness(vectors, said, near) > likeness(vectors, said, far) + 0.05


class TestCounts:
    def test_rare_words_weigh_more(self) -> None:
        counts = WordCounts.learned_from(CORPUS)
        assert counts.weight("zebra") > 4 * counts.weight("meet")
        assert counts.texts == len(CORPUS)

    def test_a_rare_word_decides_what_is_near(self) -> None:
        learned = LexicalVectors(counts=WordCounts.learned_from(CORPUS))
        asked = "the zebra of the meeting"
        assert likeness(learned, asked, CORPUS[-1]) > likeness(learned, asked, CORPUS[0])

    def test_other_counts_are_another_version(self) -> None:
        versions = {LexicalVectors(counts=counts).version for counts in (None, WordCounts.learned_from(CORPUS))}
        assert len(versions) == 2
        assert LexicalVectors(counts=WordCounts.learned_from(CORPUS)).version in versions

    def test_they_come_back_from_a_file_as_they_were(self) -> None:
        counts = WordCounts.learned_from(CORPUS)
        assert WordCounts.from_json(counts.to_json()).identity == counts.identity

    @pytest.mark.parametrize(
        "written",
        [
            "",
            "[]",
            "{}",
            '{"texts": 1, "counts": {"70000": 1}, "stems_version": 1}',
            '{"texts": 1, "counts": {}, "stems_version": 0}',
        ],
    )
    def test_what_is_something_else_is_refused(self, written: str) -> None:
        with pytest.raises(ValueError, match=r"counts|stems|Expecting"):
            WordCounts.from_json(written)
