"""Answers of a language model: what it is told, and what of its answer may be shown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from innkeeper.podcast.generated import checked, prompt, tokens
from innkeeper.podcast.passages import Episode, excerpts
from innkeeper.podcast.quotes import Found
from innkeeper.podcast.transcript import Line, transcript_of
from innkeeper.text.stems import Stems


def passage(text: str, speaker: str | None = None, episode: str = "1") -> Found:
    transcript = transcript_of([Line(text, 0, 10, speaker)])
    return Found(episode, transcript, excerpts(transcript, Episode("Go Time", f"Episode {episode}"))[0])


CADDY = passage("I rewrote Caddy 0.9 from scratch, with a whole new architecture.", "Matt")
JUJU = passage("Juju is well over 500,000 lines of code.", "Nate", "2")
GREEK = passage("Το κάστρο χτίστηκε στη Ρόδο το 1204 από τους ιππότες.", "Νίκος", "3")
ALL = [CADDY, JUJU, GREEK]


def shown(answer: str) -> str:
    return checked(answer, ALL, Stems()).text


class TestAPrompt:
    def test_it_numbers_the_passages_and_says_who_speaks(self) -> None:
        said = prompt("How big is Juju?", ALL, 1_000).user
        assert "[2] (Go Time · Episode 2 · Nate)\nNate: Juju is well over 500,000 lines of code." in said
        assert said.endswith("Question: How big is Juju?")

    def test_it_stays_within_its_tokens(self) -> None:
        many = [passage(f"Passage {n}. " + "Some words of it. " * 40, episode=str(n)) for n in range(50)]
        made = prompt("Which words?", many, 1_200)
        assert tokens(made.system) + tokens(made.user) <= 1_200
        assert 1 < len(made.passages) < 50

    def test_the_best_passage_is_in_it_however_small_it_is(self) -> None:
        made = prompt("Which?", [passage("Some words of it. " * 60)], 10)
        assert made.user.startswith("[1] (Go Time")

    def test_a_passage_cannot_pass_for_another(self) -> None:
        made = prompt("Which?", [passage("He said [2] (show) and [laughs].")], 1_000)
        assert "[2]" not in made.user


class TestASupportedSentence:
    def test_it_is_shown_with_its_number(self) -> None:
        assert shown("Caddy 0.9 was rewritten from scratch [1].") == "Caddy 0.9 was rewritten from scratch. [1]"

    def test_the_number_may_stand_after_the_full_stop(self) -> None:
        assert shown("Caddy got a new architecture. [1] Juju has 500,000 lines. [2]") == (
            "Caddy got a new architecture. [1] Juju has 500,000 lines. [2]"
        )

    def test_numbers_are_counted_anew_in_the_order_of_the_answer(self) -> None:
        made = checked("Juju has over 500,000 lines [2].", ALL, Stems())
        assert (made.text, made.passages) == ("Juju has over 500,000 lines. [1]", (JUJU,))

    def test_one_that_cites_the_wrong_passage_gets_the_right_one(self) -> None:
        assert checked("Juju has over 500,000 lines [1].", ALL, Stems()).passages == (JUJU,)

    def test_one_that_cites_nothing_gets_its_passage(self) -> None:
        assert checked("Juju has over 500000 lines.", ALL, Stems()).passages == (JUJU,)

    def test_two_passages_may_support_one_together(self) -> None:
        made = checked("Caddy was rewritten from scratch and Juju has 500,000 lines of code [1, 2].", ALL, Stems())
        assert made.sentences[0].cited == (1, 2)

    def test_greek_goes_by_stems_without_accents(self) -> None:
        assert shown("Οι ιππότες χτισαν το κάστρο στη Ρόδο [3].") == "Οι ιππότες χτισαν το κάστρο στη Ρόδο. [1]"


class TestAnUnsupportedSentence:
    def test_it_is_removed(self) -> None:
        made = checked("Caddy was rewritten from scratch [1]. Bananas are rich in potassium [1].", ALL, Stems())
        assert made.text == "Caddy was rewritten from scratch. [1]"
        assert made.removed == ("Bananas are rich in potassium.",)

    def test_a_number_that_nobody_said_is_one(self) -> None:
        assert checked("Juju is well over 900,000 lines of code [2].", ALL, Stems()).sentences == ()

    def test_a_name_that_nobody_said_is_one(self) -> None:
        assert checked("In scratch Caddy was rewritten by Peter [1].", ALL, Stems()).sentences == ()

    def test_a_number_of_no_passage_supports_nothing(self) -> None:
        assert checked("Whales sing at night [9].", ALL, Stems()).text == ""


class TestARefusal:
    def test_it_is_known(self) -> None:
        assert checked(" NOT COVERED. ", ALL, Stems()).refuses

    def test_an_answer_is_none(self) -> None:
        assert not checked("Juju has over 500,000 lines [2].", ALL, Stems()).refuses


class TestAnyAnswer:
    @given(st.text(st.sampled_from("abJ 5.[]1239,;!?\nκ"), max_size=200))
    def test_every_citation_leads_to_a_passage_and_every_passage_is_cited(self, answer: str) -> None:
        made = checked(answer, ALL, Stems())
        cited = [number for one in made.sentences for number in one.cited]
        assert set(cited) == set(range(1, len(made.passages) + 1))
        assert all(one.cited for one in made.sentences)
