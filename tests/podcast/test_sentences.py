"""Sentences: where they end, in two languages and in what machines heard."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.podcast.sentences import LONGEST_LETTERS, sentences


def parts(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


class TestAnEnd:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("It works. Does it? Yes!", ["It works.", "Does it?", "Yes!"]),
            ('He said "no." Then he left.', ['He said "no."', "Then he left."]),
            ("Τι είναι αυτό; Ένα σπαθί.", ["Τι είναι αυτό;", "Ένα σπαθί."]),
            ("Τι είναι αυτό\u037e Ένα σπαθί.", ["Τι είναι αυτό\u037e", "Ένα σπαθί."]),
            ("Ήρθε πρώτος· εμείς αργήσαμε.", ["Ήρθε πρώτος·", "εμείς αργήσαμε."]),
            ("Fast; also small.", ["Fast; also small."]),
            ("First line\nSecond line", ["First line", "Second line"]),
            ("それは本です。はい。", ["それは本です。", "はい。"]),
            ("Well... It stopped. And so… we left.", ["Well...", "It stopped.", "And so… we left."]),
        ],
    )
    def test_it_is_where_a_reader_would_stop(self, text: str, said: list[str]) -> None:
        assert parts(text) == said

    @pytest.mark.parametrize(
        "text",
        [
            "Dr. Smith and J. Doe met at 3.5 p.m. yesterday.",
            "Tools, e.g. gofmt, help.",
            "Οι ομάδες, π.χ. Ολυμπιακός, παίζουν.",
            "Ο κ. Παπαδόπουλος μίλησε.",
            "See fig. 3 and no. 4 of it.",
            "Version 1.7 of go.mod came out.",
            "You want stuff... and more stuff.",
        ],
    )
    def test_it_is_not_at_an_abbreviation_a_number_or_a_pause(self, text: str) -> None:
        assert parts(text) == [text]


class TestALongOne:
    def test_it_is_cut_at_a_comma_where_there_is_one(self) -> None:
        text = "word " * 60 + "here, " + "word " * 60
        assert parts(text)[0].endswith("here,")

    def test_it_is_cut_between_words_where_there_is_no_sign_at_all(self) -> None:
        text = "and so we went on and on " * 200
        assert all(len(part) <= LONGEST_LETTERS for part in parts(text))
        assert " ".join(parts(text)).split() == text.split()


class TestAll:
    @given(st.text(st.sampled_from("ab Α;·.!? \n,。\u037e\"'"), max_size=300))
    def test_nothing_but_white_space_is_left_out(self, text: str) -> None:
        spans = sentences(text)
        kept = {at for start, end in spans for at in range(start, end)}
        assert all(text[at].isspace() for at in range(len(text)) if at not in kept)
        assert spans == sorted(spans)

    @given(st.integers(1, 5_000), st.sampled_from(["λ", "本", "x y "]))
    def test_none_grows_without_bound(self, times: int, letter: str) -> None:
        assert all(len(part) <= 4 * LONGEST_LETTERS for part in parts(letter * times))
