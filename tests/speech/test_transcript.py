"""Loops of a recogniser are cut to one; what people say twice stays."""

from __future__ import annotations

from innkeeper.runtime.speech.transcript import Segment, Word, without_loops


def said(text: str, start_s: float = 0.0, words: tuple[Word, ...] = ()) -> Segment:
    return Segment(text, start_s, start_s + 1, -0.2, words)


def texts(*segments: Segment) -> list[str]:
    return [segment.text for segment in without_loops(segments)]


class TestLoops:
    def test_a_phrase_that_goes_round_is_left_once(self) -> None:
        assert texts(said(" I think so. " + "Thank you for watching. " * 9)) == [" I think so. Thank you for watching."]

    def test_a_word_that_goes_round_is_left_once(self) -> None:
        assert texts(said("no " * 20 + "way")) == ["no way"]

    def test_what_people_repeat_stays(self) -> None:
        assert texts(said("no no no, very very good, row, row, row your boat")) == [
            "no no no, very very good, row, row, row your boat"
        ]

    def test_a_segment_again_and_again_is_left_twice_at_most(self) -> None:
        loop = [said("Thanks for watching!", float(place)) for place in range(6)]
        assert len(texts(said("And so it ends."), *loop)) == 3

    def test_times_of_what_is_left_are_those_it_had(self) -> None:
        words = tuple(Word("go", place, place + 0.5, 0.9) for place in range(10))
        (left,) = without_loops([said("go " * 10, 3.0, words)])
        assert left.start_s == 3.0
        assert left.words == words[:1]

    def test_empty_segments_go(self) -> None:
        assert texts(said("  "), said("word")) == ["word"]
