"""Letters: folding, scripts, and Greek in Latin letters by its sound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.runtime.routing.greeklish import sound_of, sounds_of
from innkeeper.runtime.routing.letters import Script, script_of, words_of
from innkeeper.runtime.routing.prose import prose_of
from innkeeper.text.folding import folded


class TestFolding:
    """C70."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("ΟΔΥΣΣΕΑΣ", "οδυσσεασ"),
            ("Ὀδυσσεύς", "οδυσσευσ"),
            ("προϊόντα ΐ ΰ", "προιοντα ι υ"),
            ("É é E\u0301", "e e e"),
            ("STRASSE straße", "strasse strasse"),
            ("don’t", "don't"),
        ],
    )
    def test_makes_alike_what_is_read_alike(self, text: str, expected: str) -> None:
        assert folded(text) == expected

    @given(st.text(max_size=80))
    def test_folds_what_is_folded_no_further(self, text: str) -> None:
        assert folded(folded(text)) == folded(text)


class TestWords:
    def test_are_letters_and_digits_with_apostrophes_inside(self) -> None:
        assert words_of("I don't roll_2d6, 'no'!") == ["I", "don't", "roll", "2d6", "no"]


class TestScripts:
    @pytest.mark.parametrize(
        ("letter", "script"),
        [
            *(
                ("a", Script.LATIN),
                ("é", Script.LATIN),
                ("ώ", Script.GREEK),
                ("ἐ", Script.GREEK),
                ("ж", Script.CYRILLIC),
            ),
            *(
                ("7", None),
                (" ", None),
                ("ก", Script.OTHER),
                ("あ", Script.KANA),
                ("語", Script.HAN),
                ("한", Script.HANGUL),
            ),
        ],
    )
    def test_are_told_by_the_letter(self, letter: str, script: Script | None) -> None:
        assert script_of(letter) is script


class TestGreeklish:
    """C70."""

    @pytest.mark.parametrize(
        ("greek", "ways"),
        [
            ("θέλω", ["thelo", "8elw", "8elo", "THELO", "9elw"]),
            ("αυτό", ["auto", "afto", "avto", "ayto"]),
            ("ξέρω", ["ksero", "xero", "3erw"]),
            ("χωριό", ["xorio", "chorio", "horio", "xwrio"]),
            ("η", ["i", "h"]),
            ("μπορώ", ["mporo", "boro", "mporw"]),
            ("πού", ["pou", "poy", "pu"]),
            ("σεντούκι", ["sentouki", "sedouki", "sentuki"]),
        ],
    )
    def test_sounds_like_greek_however_it_is_spelled(self, greek: str, ways: list[str]) -> None:
        assert [way for way in ways if sound_of(greek) not in sounds_of(way)] == []

    def test_what_is_not_in_latin_letters_has_no_sound(self) -> None:
        assert sounds_of("дом") == frozenset()
        assert sounds_of("7") == frozenset()

    @given(st.text(alphabet="hxjdbu", max_size=60))
    def test_has_few_readings_whatever_is_written(self, word: str) -> None:
        assert len(sounds_of(word)) <= 16


class TestProse:
    @pytest.mark.parametrize(
        "prose",
        [
            "I open the door (slowly) and wait.",
            "What is 3 + 4?",
            "He said: go -- and I went.",
            "if you want, come",
            "ti kaneis;",
            "Dear all, the rules are: no running.",
        ],
    )
    def test_stays_as_it_is(self, prose: str) -> None:
        assert prose_of(prose) == prose

    @pytest.mark.parametrize(
        ("code", "left"),
        [
            ("x = 1  # the first", "the first"),
            ("int x = 0; // the first", "the first"),
            ("/* the first */ int x;", "the first"),
            ("SELECT a FROM b; -- the first", "the first"),
            ('print("Γεια σου")', "Γεια σου"),
            ("```\nthe first\n```\nthe second", "the second"),
            ("see `the first` there", "see there"),
            ("return x;", ""),
        ],
    )
    def test_is_what_remains_of_code(self, code: str, left: str) -> None:
        assert " ".join(prose_of(code).split()) == left
