"""Transcripts as publishers write them: SubRip, WebVTT, JSON, HTML, Markdown and plain text."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from innkeeper.podcast.published.clock import clock_s, named
from innkeeper.podcast.published.reading import Form, form_of, lines_of
from innkeeper.podcast.transcript import Line

SHARED = Path(__file__).parents[4] / "shared" / "data"
needs_shared_data = pytest.mark.skipif(not SHARED.is_dir(), reason="the real inputs are not beside the checkout")

WORDS = st.text("abcdefgh αβγδέ'", min_size=1, max_size=40).map(lambda text: " ".join(text.split())).filter(bool)
CUES = st.lists(st.tuples(st.integers(0, 99 * 3_600_000), st.integers(1, 20_000), WORDS), max_size=30)


def lines(text: str, promised: Form | None = None) -> list[Line]:
    return list(lines_of(text.encode(), promised))


def said(text: str) -> list[tuple[str | None, str]]:
    return [(line.speaker, line.text) for line in lines(text)]


def clock(milliseconds: int, mark: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{mark}{rest:03}"


class TestSubtitles:
    def test_a_cue_is_a_line_with_its_times(self) -> None:
        text = "1\n00:00:01,500 --> 00:00:03,000\nGood\nevening.\n\n2\n01:00:03,000 --> 01:00:04,250\nYes?\n"
        assert lines(text) == [Line("Good evening.", 1.5, 3.0), Line("Yes?", 3603.0, 3604.25)]

    def test_a_name_in_front_speaks_until_the_next_name(self) -> None:
        text = (
            "1\n00:00:01,000 --> 00:00:02,000\nÉva de Roo: Well\n\n2\n00:00:02,000 --> 00:00:03,000\nmet.\n\n"
            "3\n00:00:03,000 --> 00:00:04,000\nBo: Note: three things\n"
        )
        assert said(text) == [("Éva de Roo", "Well"), ("Éva de Roo", "met."), ("Bo", "Note: three things")]

    def test_a_voice_tag_names_who_speaks_and_ends_with_its_cue(self) -> None:
        text = (
            "WEBVTT - talk\nKind: captions\n\nNOTE not this\nnor this\n\nSTYLE\n::cue { color: red }\n\nintro\n"
            "00:01.000 --> 00:02.000 align:start\n<v.loud Ann>Hi <i>Q&amp;A</i>!\n\n"
            "00:02.000 --> 00:03.000\n<v Ann>One.</v> <v Bo>Two.</v>\n\n00:03.000 --> 00:04.000\nThree.\n"
        )
        assert said(text) == [("Ann", "Hi Q&A!"), ("Ann", "One."), ("Bo", "Two."), (None, "Three.")]

    def test_a_broken_time_costs_its_cue_only(self) -> None:
        text = (
            "WEBVTT\n\n00:00:xx --> 00:02.000\nlost\n\n00:02.000 --> broken\nlost too\n\n00:05.000 --> 00:06.000\nkept"
        )
        assert [line.text for line in lines(text)] == ["kept"]

    def test_files_without_gaps_or_with_old_line_ends_are_read(self) -> None:
        text = "1\r\n00:00:01,000 --> 00:00:02,000\r\nOne\r\n2\r\n00:00:02,000 --> 00:00:03,000\r\nTwo\r\n"
        assert [line.text for line in lines(text)] == ["One", "Two"]
        assert [line.text for line in lines(text.replace("\r\n", "\r"))] == ["One", "Two"]

    @given(CUES)
    def test_times_come_through_every_form_as_they_were(self, cues: list[tuple[int, int, str]]) -> None:
        srt = "".join(
            f"{number}\n{clock(at, ',')} --> {clock(at + long, ',')}\n{words}\n\n"
            for number, (at, long, words) in enumerate(cues, start=1)
        )
        vtt = "WEBVTT\n\n" + "".join(f"{clock(at, '.')} --> {clock(at + n, '.')}\n{words}\n\n" for at, n, words in cues)
        segments = [{"startTime": at / 1000, "endTime": (at + n) / 1000, "body": words} for at, n, words in cues]
        wanted = [(words, at, at + long) for at, long, words in cues]
        for text in (srt, vtt, json.dumps({"segments": segments})):
            told = [(one.text, round((one.start_s or 0) * 1000), round((one.end_s or 0) * 1000)) for one in lines(text)]
            assert told == wanted


class TestJson:
    def test_podcasting_2_0_says_who_and_when(self) -> None:
        text = '{"version":"1.0.0","segments":[{"speaker":"Ann","startTime":0.5,"endTime":0.75,"body":"I"}]}'
        assert lines(text) == [Line("I", 0.5, 0.75, "Ann")]

    def test_whisper_says_when_each_word_was(self) -> None:
        words = [{"word": " So", "start": 1.0, "end": 1.2}, {"word": " it", "start": 1.2, "end": 1.5}]
        text = json.dumps({"text": "So it", "segments": [{"start": 1.0, "end": 1.5, "text": " So it", "words": words}]})
        assert lines(text) == [Line("So it", 1.0, 1.5, word_starts_s=(1.0, 1.2))]

    def test_whisper_cpp_counts_milliseconds(self) -> None:
        text = '{"transcription": [{"offsets": {"from": 1500, "to": 2000}, "text": " So"}]}'
        assert lines(text) == [Line("So", 1.5, 2.0)]

    def test_a_file_that_was_cut_short_gives_what_is_there(self) -> None:
        text = '{"version":"1","segments":[{"startTime":1,"endTime":2,"body":"One"},{"startTime":2,"endT'
        assert lines(text) == [Line("One", 1.0, 2.0)]

    @pytest.mark.parametrize("time", ["NaN", "-1", "1e999", "true", "[]", '"x"'])
    def test_what_is_no_time_is_left_away(self, time: str) -> None:
        assert lines(f'{{"segments":[{{"startTime":{time},"body":"One"}}]}}') == [Line("One")]

    def test_depth_without_end_is_no_transcript(self) -> None:
        assert lines('{"segments":' + "[" * 100_000) == []


class TestPages:
    def test_cite_and_time_stand_before_what_is_said(self) -> None:
        text = (
            "<html><head><title>x</title></head><body><script>var a = '<p>no</p>';</script><cite>Ann:</cite>\n"
            "<time>1:05</time>\n<p>It&#39;s <b>me</b>.</p><!-- <p>no --><p>Still me.</p>"
            "<cite>Bo</cite><time>2:00</time><p>And I.</body>"
        )
        assert lines(text) == [
            Line("It's me.", 65.0, None, "Ann"),
            Line("Still me.", None, None, "Ann"),
            Line("And I.", 120.0, None, "Bo"),
        ]


class TestText:
    def test_a_bold_name_speaks(self) -> None:
        text = (
            "# Episode 1\n\n**Ann Lee:** Well \\[laughs\\] see [the notes](https://a.example/x).\n\n"
            "And *more*.\n\n**Bo**: snake_case\n"
        )
        assert said(text) == [
            ("Ann Lee", "Well [laughs] see the notes."),
            ("Ann Lee", "And more."),
            ("Bo", "snake_case"),
        ]

    def test_times_before_or_behind_the_name_are_the_lines(self) -> None:
        text = (
            "[00:01:02] Ann: One.\n[00:01:05] Bo: Two.\n\n**Cy** (1:00:00): Three.\n\n"
            "**Break:** \\[\\02:00:00.00\\]\n\n**Cy:** Four."
        )
        assert [(line.speaker, line.start_s, line.text) for line in lines(text)] == [
            ("Ann", 62.0, "One."),
            ("Bo", 65.0, "Two."),
            ("Cy", 3600.0, "Three."),
            ("Cy", 7200.0, "Four."),
        ]

    def test_prose_with_colons_is_not_a_play(self) -> None:
        assert said("He said this: come in.\n\nThere are two: a and b.") == [
            (None, "He said this: come in."),
            (None, "There are two: a and b."),
        ]


class TestAnyFile:
    @given(st.binary(max_size=400) | st.text('WEBVTT<v p>:-->0123456789[]{}"\n,. ab*_\\', max_size=400).map(str.encode))
    @settings(max_examples=400)
    def test_no_bytes_at_all_are_an_error(self, document: bytes) -> None:
        for promised in (None, *Form):
            for line in lines_of(document, promised):
                assert line.text.strip()
                assert line.start_s is None or line.start_s >= 0

    @pytest.mark.parametrize(
        "nasty",
        [
            pytest.param(piece * times + end, id=name)
            for name, piece, times, end in (
                ("voices", "<v ", 50_000, ""),
                ("dots", "<v.", 50_000, ""),
                ("blanks", " ", 200_000, "<v"),
                ("stars", "**", 100_000, ""),
                ("brackets", "[", 200_000, ""),
                ("names", "A ", 100_000, ":"),
                ("clocks", "1:", 100_000, "-->"),
                ("tags", "<", 200_000, ""),
                ("escapes", "\\", 200_000, ""),
                ("marks", "_a", 100_000, ""),
            )
        ],
    )
    def test_reading_takes_no_longer_for_being_nasty(self, nasty: str) -> None:
        """A quadratic search would run into the net of five minutes."""
        for text in (nasty, f"WEBVTT\n\n00:01.000 --> 00:02.000\n{nasty}", f"<p>{nasty}", f'{{"segments":[{nasty}'):
            lines(text)

    def test_older_encodings_are_told(self) -> None:
        srt = "1\n00:00:01,000 --> 00:00:02,000\nCafé, où êtes-vous, été après été\n"
        assert {lines_of(srt.encode(name))[0].text for name in ("utf-8", "utf-8-sig", "utf-16", "cp1252")} == {
            "Café, où êtes-vous, été après été"
        }

    @pytest.mark.parametrize(
        ("media_type", "name", "form"),
        [
            ("text/vtt; charset=utf-8", "x", Form.VTT),
            ("text/plain", "https://a.example/1.srt?x=1.json", Form.SRT),
            (None, "a.json", Form.JSON),
            ("application/x-subrip", "a", Form.SRT),
            ("text/plain", "a", Form.TEXT),
            (None, "a", None),
        ],
    )
    def test_a_link_promises_a_form(self, media_type: str | None, name: str, form: Form | None) -> None:
        assert form_of(media_type, name) is form

    def test_a_clock_and_a_name(self) -> None:
        assert [clock_s(text) for text in ("1:02:03.5", "02:03", "7.5", "x", "")] == [3723.5, 123.0, 7.5, None, None]
        assert [named(text)[0] for text in ("Ann: a", "Speaker 1: a", "http://a", "So it is: a", "ann: a")] == [
            "Ann", "Speaker 1", None, None, None,
        ]  # fmt: skip


@needs_shared_data
class TestRealTranscripts:
    @pytest.mark.parametrize(
        ("name", "count", "speakers", "first", "last_start_s"),
        [
            (
                "example.srt",
                222,
                {"Travis", "Sarah", "Gilon"},
                "When you first get started in podcasting, it's",
                752.671,
            ),
            ("example.vtt", 7, {"Sarah", "Gillian"}, "In today's episode, you'll learn whether or not you", 21.45),
            ("transcripts-example.json", 5, {"Darth Vader", "Luke"}, "I", 2.75),
        ],
    )
    def test_the_examples_of_the_namespace(
        self, name: str, count: int, speakers: set[str], first: str, last_start_s: float
    ) -> None:
        told = lines_of((SHARED / "feeds" / "podcast-namespace" / name).read_bytes())
        assert (len(told), {line.speaker for line in told}) == (count, speakers)
        assert (told[0].text, told[-1].start_s) == (first, last_start_s)

    def test_markdown_with_speakers(self) -> None:
        told = [
            line for file in (SHARED / "transcripts" / "go-time").glob("*.md") for line in lines_of(file.read_bytes())
        ]
        speakers = Counter(line.speaker for line in told)
        assert len(told) > 5_900
        assert None not in speakers
        assert [name for name, _ in speakers.most_common(3)] == [
            "Erik St. Martin",
            "Brian Ketelsen",
            "Carlisia Thompson",
        ]
        assert not any(mark in line.text for line in told for mark in ("**", "\\["))
