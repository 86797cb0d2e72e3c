"""Tasks: what the words of a text are for."""

from __future__ import annotations

import unicodedata

import pytest

from innkeeper.runtime.routing.names import Task
from innkeeper.runtime.routing.tasks import WORDS_PER_POINT, task_of
from innkeeper.runtime.routing.vocabulary import STRONG, WEAK, Vocabulary
from innkeeper.text.folding import folded


def task(text: str, vocabulary: Vocabulary) -> Task | None:
    meant = task_of(text, vocabulary)
    return None if meant is None else meant.task


class TestWholeWords:
    """C70."""

    @pytest.mark.parametrize(
        "text",
        [
            "a trace of braces in the terrace",
            "the question of this request and its conquest",
            "scroll, unroll, enroll, stroll, parolling",
            "classical underclass classified",
            "spicedice and prejudiced",
            "the embattled, the combative",
            "το ζαρίφικο και το μαζάρι",
            "η αμαχητί παράδοση",
        ],
    )
    def test_a_part_of_a_word_says_nothing(self, vocabulary: Vocabulary, text: str) -> None:
        assert task_of(text, vocabulary) is None

    @pytest.mark.parametrize("text", ["ζάρι", "ΖΑΡΙΑ", "ζαριά", "ζαριές", "διάσωση", "διασώσεις"])
    def test_a_greek_stem_knows_its_endings(self, vocabulary: Vocabulary, text: str) -> None:
        assert task(text, vocabulary) is Task.MECHANICS

    @pytest.mark.parametrize("text", ["περίληψη", "ΠΕΡΙΛΗΨΗ", "Περίληψης", "περιλήψεις"])
    def test_case_accents_and_final_sigma_are_folded(self, vocabulary: Vocabulary, text: str) -> None:
        assert {task(unicodedata.normalize(form, text), vocabulary) for form in ("NFC", "NFD", "NFKD")} == {
            Task.SUMMARY
        }

    def test_one_weak_word_is_not_enough(self, vocabulary: Vocabulary) -> None:
        assert task_of("What a nice bow", vocabulary) is None
        assert task("His bow and her dagger", vocabulary) is Task.COMBAT

    def test_a_word_speaks_once(self, vocabulary: Vocabulary) -> None:
        once = task_of("I attack the wall", vocabulary)

        assert once is not None
        assert once == task_of("I attack the wall, I attack the wall", vocabulary)
        assert once.words == ("i attack",)


class TestDice:
    @pytest.mark.parametrize("text", ["2d6+3", "d20", "D100", "10D10-2", "4d6, please", "(1d8)", "3d7"])
    def test_written_out_are_mechanics(self, vocabulary: Vocabulary, text: str) -> None:
        assert task(text, vocabulary) is Task.MECHANICS

    @pytest.mark.parametrize("text", ["3d", "d2", "d7", "a1d20f", "2d", "1d20x", "0x2d6", "id20"])
    def test_what_only_looks_like_dice_is_not(self, vocabulary: Vocabulary, text: str) -> None:
        assert task_of(text, vocabulary) is None

    def test_outweigh_the_fight_they_decide(self, vocabulary: Vocabulary) -> None:
        assert task("I attack the goblin: 2d6+3", vocabulary) is Task.MECHANICS


class TestLongTexts:
    def test_hold_a_word_of_every_task_by_chance(self, vocabulary: Vocabulary) -> None:
        filler = "apple " * (3 * WORDS_PER_POINT)

        assert task("Summarise this.", vocabulary) is Task.SUMMARY
        assert task_of(f"They summarise. {filler}", vocabulary) is None
        assert task(f"Give me the key points and a recap. {filler} Summarise this.", vocabulary) is Task.SUMMARY


class TestTheLists:
    def test_every_task_but_two_has_strong_and_weak_words_in_english_and_greek(self, vocabulary: Vocabulary) -> None:
        phrases = [*vocabulary.stems, *(one for those in vocabulary.phrases.values() for one in those)]
        for needed in set(Task) - {Task.EMBEDDING, Task.GENERAL}:
            those = [one for one in phrases if one.task is needed]
            greek = [one for one in those if any("α" <= letter <= "ω" for letter in "".join(one.words))]
            assert {one.points for one in greek} == {STRONG, WEAK}, needed
            assert {one.points for one in those if one not in greek} == {STRONG, WEAK}, needed

    def test_every_phrase_is_written_as_texts_are_folded(self, vocabulary: Vocabulary) -> None:
        phrases = [*vocabulary.stems, *(one for those in vocabulary.phrases.values() for one in those)]
        words = {word for one in phrases for word in one.words}

        assert {word for word in words if folded(word) != word} == set()

    def test_no_phrase_speaks_for_one_task_twice(self, vocabulary: Vocabulary) -> None:
        phrases = [*vocabulary.stems, *(one for those in vocabulary.phrases.values() for one in those)]
        seen = [(one.words, one.task) for one in phrases]

        assert sorted({str(one) for one in seen if seen.count(one) > 1}) == []
