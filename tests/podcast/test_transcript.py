"""A transcript: one text of many lines, and times for all of it."""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.podcast.transcript import Line, Turn, transcript_of

TIMES = st.one_of(st.none(), st.floats(), st.floats(0, 12_000))
LINES = st.lists(
    st.builds(Line, st.text(max_size=60), TIMES, TIMES, st.sampled_from([None, "Anna", "Νίκος"])), max_size=25
)


class TestATranscript:
    def test_it_is_all_that_was_said_with_one_space_between_words(self) -> None:
        made = transcript_of([Line("Good  morning.\n", 0, 1, "Anna"), Line("And you?", 1, 2, "Anna")])
        assert made.text == "Good morning. And you?"

    def test_another_speaker_begins_a_line_of_the_text(self) -> None:
        made = transcript_of([Line("Hi.", speaker="Anna"), Line("Hello.", speaker="Ben")])
        assert (made.text, made.turns) == ("Hi.\nHello.", (Turn(0, 3, "Anna"), Turn(4, 10, "Ben")))

    def test_it_knows_who_says_a_letter(self) -> None:
        made = transcript_of([Line("Hi.", speaker="Anna"), Line("Hello.", speaker="Ben")])
        assert [made.speaker_at(at) for at in (0, 2, 4, 9)] == ["Anna", "Anna", "Ben", "Ben"]

    def test_one_without_lines_is_empty(self) -> None:
        assert (transcript_of([]).text, transcript_of([Line(" ")]).time_of(0)) == ("", 0.0)


class TestATime:
    def test_it_lies_between_its_neighbours_by_letters(self) -> None:
        made = transcript_of([Line("abcdefghij", 10, 20), Line("next", 30, 32)])
        assert [made.time_of(at) for at in (0, 5, 10, 11)] == [10, 15, 20, 30]

    def test_times_of_words_are_kept_where_there_is_one_for_each(self) -> None:
        made = transcript_of([Line("one two three", 0, 9, word_starts_s=(0.0, 7.5, 8.0))])
        assert [made.time_of(at) for at in (4, 8)] == [7.5, 8.0]

    def test_times_of_words_are_not_taken_where_their_number_is_another(self) -> None:
        made = transcript_of([Line("one two three", 0, 13, word_starts_s=(0.0, 7.5))])
        assert made.time_of(4) == pytest.approx(4.0)

    def test_a_line_that_overlaps_the_next_ends_where_that_begins(self) -> None:
        made = transcript_of([Line("abcde", 0, 60), Line("fghij", 8, 12)])
        assert [made.time_of(at) for at in (4, 6)] == pytest.approx([8 * 4 / 5, 8])

    def test_a_line_of_no_length_lasts_until_the_next(self) -> None:
        made = transcript_of([Line("abcde", 3, 3), Line("fghij", 9, 9)])
        assert made.time_of(3) == pytest.approx(6)

    def test_one_start_that_leaps_ahead_costs_itself_only(self) -> None:
        made = transcript_of([Line("aaaa", 0), Line("bbbb", 90_000), Line("cccc", 8), Line("dddd", 12)])
        assert (made.time_of(10), made.time_of(15)) == (8, 12)

    def test_lines_without_times_lie_between_those_that_have_one(self) -> None:
        made = transcript_of([Line("aaaa", 0), Line("bbbb"), Line("cccc", 10)])
        assert made.time_of(5) == pytest.approx(5)

    def test_what_follows_the_last_known_time_goes_on_at_the_pace_of_speech(self) -> None:
        assert transcript_of([Line("x" * 150, 5.0)]).time_of(150) == pytest.approx(15.0)

    def test_the_length_of_the_recording_ends_the_last_line(self) -> None:
        assert transcript_of([Line("x" * 150, 5.0)], duration_s=8.0).time_of(150) == 8.0

    def test_a_recording_that_is_shorter_than_its_transcript_says_does_not_turn_time_back(self) -> None:
        made = transcript_of([Line("abcd"), Line("efgh", 3.0, 4.0)], duration_s=1.0)
        assert [made.time_of(at) for at in (5, 9)] == [3.0, 3.0]

    @pytest.mark.parametrize("nonsense", [nan, inf, -1.0])
    def test_what_is_no_time_is_passed_over(self, nonsense: float) -> None:
        assert transcript_of([Line("abcd", nonsense), Line("efgh", 5.0)]).time_of(5) == 5.0

    def test_it_is_an_estimate_where_known_times_are_far_apart(self) -> None:
        made = transcript_of([Line("aaaa", 0), Line("bbbb", 240), Line("cccc", 250, 255)])
        assert [made.is_estimated(at) for at in (2, 6, 11)] == [True, False, False]

    @given(LINES, st.one_of(st.none(), st.floats(0, 20_000)))
    def test_it_never_falls_and_is_known_for_every_letter(self, lines: list[Line], duration_s: float | None) -> None:
        made = transcript_of(lines, duration_s)
        times = [made.time_of(at) for at in range(len(made.text) + 1)]
        assert times == sorted(times)
        assert all(0 <= time < inf for time in times)


class TestAQuote:
    def test_it_stands_in_the_transcript_or_it_does_not(self) -> None:
        made = transcript_of([Line("We use Go.")])
        assert [made.holds(quote, at) for quote, at in (("use Go", 3), ("use go", 3), ("use Go", 2), ("", 0))] == [
            True,
            False,
            False,
            False,
        ]
