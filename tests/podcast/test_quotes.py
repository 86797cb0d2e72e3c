"""Quotes: the sentences that answer, word for word."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from innkeeper.podcast.passages import Episode, excerpts
from innkeeper.podcast.quotes import Found, Quote, extract, quotes
from innkeeper.podcast.transcript import Line, transcript_of
from innkeeper.text.stems import Stems

TALK = [
    Line("Welcome back to the show, everybody.", 0, 4, "Erik"),
    Line("How many lines of code is Juju?", 4, 8, "Erik"),
    Line("It is a big thing. It is well over 500,000 lines, and that's just what we wrote.", 8, 16, "Nate"),
    Line("Hugo was originally written by Steve Francia.", 16, 20, "Nate"),
    Line("Το Hugo γράφτηκε από τον Στιβ. Το κάστρο χτίστηκε το 1204.", 20, 30, "Νίκος"),
]
WORDS = st.lists(
    st.sampled_from(["go", "code", "juju", "wrote", "it", "a", "500", "the;", "Why?", "τι.", "κάστρο"]), max_size=25
)


def found(lines: list[Line], episode: str = "24") -> list[Found]:
    transcript = transcript_of(lines)
    return [Found(episode, transcript, one) for one in excerpts(transcript, Episode())]


def best(question: str, lines: list[Line] = TALK) -> Quote:
    return quotes(question, found(lines), Stems())[0]


class TestTheBestQuote:
    def test_it_is_the_sentence_with_the_words_of_the_question(self) -> None:
        assert best("Hugo was originally written by whom?").text == "Hugo was originally written by Steve Francia."

    def test_it_is_the_answer_and_not_the_question_that_the_host_asked(self) -> None:
        assert "500,000" in best("How many lines of code is Juju?").text

    def test_it_says_who_speaks_and_when(self) -> None:
        quote = best("Hugo was originally written by whom?")
        assert (quote.speaker, quote.start_s, quote.end_s, quote.is_estimated) == ("Nate", 16.0, 20.0, False)

    def test_its_time_inside_a_long_line_goes_by_letters(self) -> None:
        lines = [Line("Some words first, as people do. " * 4 + "The castle was built in 1204.", 0, 157, "Anna")]
        assert best("When was the castle built?", lines).start_s == 128.0

    def test_greek_is_found_without_its_accents(self) -> None:
        assert best("ποτε χτιστηκε το καστρο").text == "Το κάστρο χτίστηκε το 1204."

    def test_none_is_given_where_no_word_is_there(self) -> None:
        assert quotes("Which wine goes with octopus?", found(TALK), Stems()) == ()

    def test_none_is_given_for_a_question_without_words(self) -> None:
        assert quotes("?!", found(TALK), Stems()) == ()


class TestQuotes:
    def test_they_are_numbered_as_they_are_cited(self) -> None:
        made = quotes("Hugo Juju lines castle Francia", found(TALK), Stems())
        assert [quote.number for quote in made] == list(range(1, len(made) + 1))

    def test_two_may_be_of_one_episode(self) -> None:
        lines = [Line("Caddy serves files over HTTP.", 0, 5), Line("Caddy was rewritten last year.", 900, 905)]
        assert len(quotes("Tell me about Caddy", found(lines), Stems())) == 2

    def test_the_overlap_of_passages_is_not_quoted_twice(self) -> None:
        twice = found(TALK) + found(TALK)
        said = [quote.text for quote in quotes("Hugo was originally written by whom?", twice, Stems())]
        assert len(said) == len(set(said))

    def test_what_the_transcript_no_longer_says_is_not_shown(self) -> None:
        changed = transcript_of([Line("Another text altogether, and a longer one at that. " * 9)])
        stale = [replace(one, transcript=changed) for one in found(TALK)]
        assert quotes("Hugo was originally written by whom?", stale, Stems()) == ()

    @given(WORDS, st.lists(WORDS, max_size=6))
    def test_each_is_a_verbatim_span_of_its_transcript(self, question: list[str], said: list[list[str]]) -> None:
        everything = found([Line(" ".join(words), speaker=str(n % 2)) for n, words in enumerate(said)])
        made = quotes(" ".join(question), everything, Stems())
        assert all(everything[0].transcript.holds(quote.text, quote.start_at) for quote in made)
        assert all(
            one.end_at <= two.start_at or two.end_at <= one.start_at for one in made for two in made if one != two
        )


class TestAnExtract:
    def test_it_is_what_was_said_with_who_and_a_number(self) -> None:
        made = extract("Hugo was originally written by whom?", found(TALK), Stems(), limit=1)
        assert made is not None
        assert made.text == "Nate: “Hugo was originally written by Steve Francia.” [1]"

    def test_there_is_none_where_nothing_fits(self) -> None:
        assert extract("Which wine goes with octopus?", found(TALK), Stems()) is None
