"""Passages: whole sentences, about 45 seconds, with who says them and when."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from innkeeper.podcast.passages import LENGTHS, Chapter, Episode, Excerpt, excerpts, text_of
from innkeeper.podcast.transcript import Line, Transcript, transcript_of

EPISODE = Episode("Go Time", "All about Caddy", "2016-08-18")
SOUND = st.text(st.sampled_from("ab ΕΑ;·.!? ,"), max_size=90)
TIME = st.one_of(st.none(), st.floats(0, 9_000))
LINES = st.lists(st.builds(Line, SOUND, TIME, TIME, st.sampled_from([None, "Anna", "Ben"])), max_size=40)
CHAPTERS = st.lists(st.builds(Chapter, st.floats(0, 9_000), st.sampled_from(["News", "Sponsor"])), max_size=4)


def talk(sentences: int, sentence_s: float = 5.0, speaker: str = "Anna") -> list[Line]:
    return [
        Line(f"Sentence number {n} says something.", n * sentence_s, (n + 1) * sentence_s, speaker)
        for n in range(sentences)
    ]


def cut(lines: list[Line], *chapters: Chapter) -> tuple[Excerpt, ...]:
    return excerpts(transcript_of(lines), EPISODE, chapters)


class TestAPassage:
    def test_it_lasts_from_half_a_minute_to_a_minute(self) -> None:
        assert all(30 <= one.end_s - one.start_s <= 60 for one in cut(talk(200))[:-1])

    def test_its_end_is_the_beginning_of_the_next(self) -> None:
        assert all(0 < one.end_s - other.start_s <= LENGTHS.overlap_s for one, other in pairwise(cut(talk(200))))

    def test_it_knows_who_says_which_part(self) -> None:
        [one] = cut([Line("Who wrote it?", 0, 2, "Anna"), Line("Matt did, in 2014.", 2, 6, "Ben")])
        assert [one.text[turn.start_at : turn.end_at] for turn in one.turns] == ["Who wrote it?", "Matt did, in 2014."]
        assert one.speaker == "Ben"

    def test_it_is_searched_with_its_context_and_quoted_without(self) -> None:
        [one] = cut([Line("It is a web server.", 0, 2, "Matt")], Chapter(0, "Welcome"))
        kept = one.searched("go-time", "14")
        assert kept.text == "Go Time · All about Caddy · 2016-08-18 · Welcome · Matt\nIt is a web server."
        assert text_of(kept) == "It is a web server."

    def test_one_without_any_context_is_kept_too(self) -> None:
        [one] = excerpts(transcript_of([Line("Hello.")]), Episode())
        assert text_of(one.searched("show", "1")) == "Hello."

    def test_it_stays_in_its_chapter(self) -> None:
        made = cut(talk(8), Chapter(0, "News"), Chapter(20, "Interview"))
        assert [(one.chapter, one.end_s) for one in made] == [("News", 20.0), ("Interview", 40.0)]

    def test_what_precedes_the_first_chapter_has_none(self) -> None:
        assert cut(talk(8), Chapter(20, "Interview"))[0].chapter is None

    def test_silence_is_not_bridged(self) -> None:
        made = cut([Line("Before.", 0, 2), Line("After.", 900, 902)])
        assert [one.text for one in made] == ["Before.", "After."]

    def test_a_line_of_three_hours_is_cut_where_its_sentences_end(self) -> None:
        made = cut([Line("A sentence like this one is said again and again. " * 3_000, 0, 10_800)])
        assert max(one.end_s - one.start_s for one in made) <= LENGTHS.longest_s
        assert all(one.text.startswith("A ") and one.text.endswith(".") for one in made)

    def test_what_has_no_sentence_at_all_is_cut_too(self) -> None:
        made = cut([Line("so we went on and on " * 2_000, 0, 2_800)])
        assert max(one.end_s - one.start_s for one in made) <= LENGTHS.longest_s

    def test_times_that_are_all_zero_do_not_make_one_passage_of_an_episode(self) -> None:
        made = excerpts(transcript_of([Line("Some words here.", 0, 0) for _ in range(1_000)], 0.0), EPISODE)
        assert max(len(one.text) for one in made) <= LENGTHS.most_letters


class TestAnAdvert:
    SPOKEN = (
        "Let's take a break and thank our sponsor Equinox.",
        "They make packages for every system.",
        "You can see more if you go to equinox.io/gotime.",
    )

    def test_it_is_a_passage_of_its_own_and_marked(self) -> None:
        said = ["We wrote it in Go.", *self.SPOKEN, "Now back to certificates."]
        made = cut([Line(text, 4.0 * n, 4.0 * n + 4, "Anna") for n, text in enumerate(said)])
        assert [(one.text, one.is_advert) for one in made] == [
            ("We wrote it in Go.", False),
            (" ".join(self.SPOKEN), True),
            ("Now back to certificates.", False),
        ]

    def test_it_is_known_in_greek(self) -> None:
        said = "Χορηγός του επεισοδίου είναι η Άλφα. Μπείτε στο alfa.gr/show με τον κωδικό ΠΟΝΤ."
        assert [one.is_advert for one in cut([Line(said, 0, 9)])] == [True]

    def test_to_name_a_sponsor_is_not_one(self) -> None:
        said = "Our sponsors for today are Toptal and Linode. Huge shout out to our sponsors. Today we talk about Helm."
        assert not any(one.is_advert for one in cut([Line(said, 0, 9)]))

    def test_a_link_in_the_transcript_is_no_offer(self) -> None:
        said = (
            "Today's show is sponsored by Toptal. Here is [Matt](https://twitter.com/matt), [Ann](https://x.com/ann)."
        )
        assert not any(one.is_advert for one in cut([Line(said, 0, 9)]))

    def test_an_offer_long_after_a_sponsor_is_not_one(self) -> None:
        made = cut([Line("Now a word from our sponsor.", 0, 4), Line("Head over to x.io/a, use code A.", 600, 604)])
        assert not any(one.is_advert for one in made)

    def test_a_chapter_or_a_speaker_may_be_called_one(self) -> None:
        by_chapter = cut(talk(2), Chapter(0, "Sponsor: Linode"))
        by_speaker = cut(talk(2, speaker="Ad"))
        assert [by_chapter[0].is_advert, by_speaker[0].is_advert] == [True, True]

    def test_a_chapter_that_only_sounds_like_it_is_none(self) -> None:
        assert not cut(talk(2), Chapter(0, "Adding reads"))[0].is_advert


def covered(transcript: Transcript, made: tuple[Excerpt, ...]) -> set[int]:
    assert all(transcript.holds(one.text, one.start_at) for one in made), "every passage is a verbatim span"
    return {at for one in made for at in range(one.start_at, one.end_at)}


class TestAnyTranscript:
    @given(LINES, CHAPTERS)
    def test_every_word_is_in_a_passage(self, lines: list[Line], chapters: list[Chapter]) -> None:
        transcript = transcript_of(lines)
        places = covered(transcript, excerpts(transcript, EPISODE, chapters))
        assert all(transcript.text[at].isspace() for at in set(range(len(transcript.text))) - places)

    @given(LINES, CHAPTERS)
    def test_starts_and_ends_never_fall(self, lines: list[Line], chapters: list[Chapter]) -> None:
        made = excerpts(transcript_of(lines), EPISODE, chapters)
        assert all(one.start_s <= two.start_s and one.end_s <= two.end_s for one, two in pairwise(made))
        assert all(one.start_s <= one.end_s for one in made)

    @given(LINES)
    def test_none_is_inside_another(self, lines: list[Line]) -> None:
        made = excerpts(transcript_of(lines), EPISODE)
        assert all(one.start_at < two.start_at and one.end_at < two.end_at for one, two in pairwise(made))

    @given(LINES)
    def test_turns_are_the_text(self, lines: list[Line]) -> None:
        transcript = transcript_of(lines)
        assert all(
            "\n".join(transcript.text[turn.start_at : turn.end_at] for turn in one.turns) == one.text
            for one in excerpts(transcript, EPISODE)
        )
