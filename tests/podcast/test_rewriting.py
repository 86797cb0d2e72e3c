"""Questions that lean on the one before them."""

from __future__ import annotations

import pytest

from innkeeper.podcast.rewriting import MOST_TAKEN, Exchange, standalone

TORBIT = Exchange("Who acquired Torbit?", ("Chase Adams",))
CASTLE = Exchange("Ποιος έχτισε το κάστρο της Ρόδου;")


class TestAFollowUp:
    @pytest.mark.parametrize(
        ("question", "searched"),
        [
            ("And when was that?", "And when was that? acquired Torbit"),
            ("Why?", "Why? acquired Torbit"),
            ("Tell me more", "Tell me more acquired Torbit"),
            ("What about Docker?", "What about Docker? acquired Torbit"),
            ("How much did it cost?", "How much did it cost? acquired Torbit"),
            ("What did he study?", "What did he study? acquired Torbit Chase Adams"),
        ],
    )
    def test_it_takes_over_what_the_last_one_was_about(self, question: str, searched: str) -> None:
        assert standalone(question, [TORBIT]).text == searched

    @pytest.mark.parametrize("question", ["Και πότε έγινε αυτό;", "Γιατί;", "Πες μου περισσότερα"])
    def test_it_does_in_greek(self, question: str) -> None:
        assert standalone(question, [CASTLE]).taken == ("έχτισε", "κάστρο", "Ρόδου")

    def test_it_leans_on_the_last_one_only(self) -> None:
        assert "Torbit" not in standalone("Γιατί;", [TORBIT, CASTLE]).text

    def test_it_does_not_take_a_word_that_it_has(self) -> None:
        assert standalone("And what is Torbit?", [TORBIT]).taken == ("acquired",)

    def test_it_takes_no_more_than_some_words(self) -> None:
        long = Exchange(" ".join(f"word{n}" for n in range(50)))
        assert len(standalone("Why?", [long]).taken) == MOST_TAKEN


class TestAQuestionThatStandsAlone:
    @pytest.mark.parametrize(
        "question", ["Which key derivation function does Restic use?", "Πόσες γραμμές κώδικα έχει το Juju;"]
    )
    def test_it_is_left_as_it_is(self, question: str) -> None:
        assert standalone(question, [TORBIT]).text == question

    def test_the_first_of_a_conversation_does(self) -> None:
        assert standalone("And when was that?", []).text == "And when was that?"
