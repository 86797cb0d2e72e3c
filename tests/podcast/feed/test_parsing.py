"""Feeds as they are found: tidy, old, broken, of Podcasting 2.0, and what only pretends to be one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.podcast.feed.parsing import show_of
from innkeeper.podcast.feed.show import Enclosure, FeedEpisode, Person, Show, Sort, TranscriptLink
from innkeeper.podcast.passages import Chapter
from innkeeper.runtime.errors import BadFeed

URL = "https://a.example/feeds/show.xml"
SHARED = Path(__file__).parents[4] / "shared" / "data" / "feeds"
GOLDEN = sorted((SHARED / "podcastparser").glob("*.rss"))
READS_OTHERWISE = {
    "max_episodes": "we take all",
    "no_enclosure": "an episode without sound is listed too",
    "no_title_multi_enclosure": "an episode without a title is called by its file",
    "no_url": "an episode without sound is listed too",
    "itunes_type_serial": "we keep the order of the feed",
}
"""Feeds of which podcastparser, whose examples these are, takes other episodes than we do."""


def show(
    *items: str, channel: str = "", namespaces: str = 'xmlns:podcast="https://podcastindex.org/namespace/1.0"'
) -> Show:
    body = "".join(f"<item>{item}</item>" for item in items)
    document = f'<rss version="2.0" {namespaces}><channel><title>Show</title>{channel}{body}</channel></rss>'
    return show_of(document.encode(), URL)


def episode(item: str) -> FeedEpisode:
    (one,) = show(item).episodes
    return one


class TestEpisodes:
    def test_all_is_taken_that_podcasting_2_0_says(self) -> None:
        told = episode(
            '<guid>g</guid><podcast:transcript url="a.srt" type="application/srt"/>'
            '<podcast:transcript url="https://b.example/a.vtt?x=1&amp;y=2" type="text/vtt" language="el" rel="captions"/>'  # noqa: E501  # a feed
            '<podcast:chapters url="/c.json" type="application/json+chapters"/><podcast:season name="Two">2</podcast:season>'  # noqa: E501  # a feed
            "<podcast:episode>7</podcast:episode><podcast:person>Ann &amp; Co</podcast:person>"
            '<podcast:person role="Guest" href="https://bo.example">Bo</podcast:person>'
        )
        assert told.transcripts == (
            TranscriptLink("https://a.example/feeds/a.srt", "application/srt"),
            TranscriptLink("https://b.example/a.vtt?x=1&y=2", "text/vtt", "el", "captions"),
        )
        assert (told.chapters_url, told.season, told.number) == ("https://a.example/c.json", 2, 7)
        assert told.people == (Person("Ann & Co"), Person("Bo", "guest", "https://bo.example"))

    def test_the_sound_is_preferred_to_the_film_and_the_small_file_to_the_large(self) -> None:
        told = episode(
            '<enclosure url="a.mp4" type="video/mp4" length="5"/><enclosure url="cover.jpg" type="image/jpeg" length="1"/>'  # noqa: E501  # a feed
            '<enclosure url="a.mp3" type="audio/mpeg" length="900"/><enclosure url="a.opus" type="audio/opus" length="90"/>'  # noqa: E501  # a feed
        )
        assert told.sound == Enclosure("https://a.example/feeds/a.opus", "audio/opus", 90)

    @pytest.mark.parametrize("item", ["<title>Only words</title>", '<enclosure url="c.jpg" type="image/jpeg"/>'])
    def test_without_sound_it_is_listed_all_the_same(self, item: str) -> None:
        assert episode(item).sound is None

    @pytest.mark.parametrize(
        ("item", "guid"),
        [
            ('<guid isPermaLink="true">a</guid>', "a"),
            ('<enclosure url="a.mp3"/><link>b</link>', "https://a.example/feeds/a.mp3"),
            ("<link>b</link>", "https://a.example/feeds/b"),
        ],
    )
    def test_it_has_a_name_of_its_own_that_does_not_move_with_the_feed(self, item: str, guid: str) -> None:
        assert episode(item).guid == guid

    def test_one_guid_for_two_files_is_two_episodes_and_the_same_twice_is_one(self) -> None:
        one, two = '<guid>g</guid><enclosure url="1.mp3"/>', '<guid>g</guid><enclosure url="2.mp3"/>'
        assert [e.guid for e in show(one, two, one, two).episodes] == ["g", "g#https://a.example/feeds/2.mp3"]

    def test_chapters_in_the_feed_have_their_times(self) -> None:
        told = show_of(
            b'<rss version="2.0" xmlns:psc="http://podlove.org/simple-chapters"><channel><title>S</title><item>'
            b'<psc:chapters><psc:chapter start="0" title="In"/><psc:chapter start="01:02:03.5" title="Out"/>'
            b"</psc:chapters></item></channel></rss>",
            URL,
        )
        assert told.episodes[0].chapters == (Chapter(0.0, "In"), Chapter(3723.5, "Out"))

    @pytest.mark.parametrize("url", ["javascript:alert(1)", "file:///etc/passwd", "http://[::1", "data:audio/mp3,x"])
    def test_what_cannot_be_fetched_is_no_file(self, url: str) -> None:
        assert episode(f'<title>t</title><enclosure url="{url}" type="audio/mpeg"/>').enclosures == ()


class TestShow:
    def test_it_says_where_it_moved_and_where_its_next_page_is(self) -> None:
        told = show(
            channel="<itunes:new-feed-url>https://b.example/new.xml</itunes:new-feed-url>"
            '<atom:link rel="next" href="?page=2"/><podcast:guid>42</podcast:guid><podcast:person>Ann</podcast:person>',
            namespaces='xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" xmlns:atom="http://www.w3.org/2005/Atom" '  # noqa: E501  # a feed
            'xmlns:podcast="https://podcastindex.org/namespace/1.0"',
        )
        assert (told.new_url, told.next_page_url) == ("https://b.example/new.xml", f"{URL}?page=2")
        assert (told.guid, told.people) == ("42", (Person("Ann"),))

    def test_a_page_that_follows_itself_is_the_last(self) -> None:
        atom = 'xmlns:atom="http://www.w3.org/2005/Atom"'
        assert show(channel=f'<atom:link rel="next" href="{URL}"/>', namespaces=atom).next_page_url is None

    def test_a_broadcast_under_way_lends_nothing_to_the_episodes(self) -> None:
        live = "<podcast:liveItem><podcast:person>Cy</podcast:person><title>now</title></podcast:liveItem>"
        told = show("<title>t</title>", channel=live)
        assert (told.people, told.episodes[0].people) == ((), ())


class TestBrokenFeeds:
    def test_a_fault_in_the_xml_is_told_and_costs_nothing_else(self) -> None:
        """The seed of this project refused every feed with such a fault."""
        items = '<title>A & B &nope;</title><guid>1</guid><podcast:transcript url="1.srt"/>'
        told = show_of(f"<rss version='2.0'><channel><title>Show</title><item>{items}</item>".encode(), URL)
        assert told.fault is not None
        assert [(one.guid, len(one.transcripts)) for one in told.episodes] == [("1", 1)]

    @pytest.mark.parametrize(
        ("document", "told"),
        [
            (b"", "empty"),
            (b"  \n", "empty"),
            (b"<!DOCTYPE html><html><body>Sign in</body></html>", "a web page"),
            (b"{}", "begins with"),
            (b"\x00\xff\xfe", "begins with"),
        ],
    )
    def test_what_is_no_feed_is_said_to_be_none(self, document: bytes, told: str) -> None:
        with pytest.raises(BadFeed, match=told):
            show_of(document, URL)

    def test_entities_do_not_multiply(self) -> None:
        laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
        document = f'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY l0 "ha">{laughs}]><rss version="2.0"><channel><title>&l11;</title></channel></rss>'  # noqa: E501  # a feed
        assert len(show_of(document.encode(), URL).title) < 1000

    def test_a_file_of_this_machine_is_not_read(self) -> None:
        document = b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss version="2.0"><channel><title>&x;</title></channel></rss>'  # noqa: E501  # a feed
        assert "root" not in show_of(document, URL).title

    @given(st.text('<>/"= abhtrsemi:![]CDAT&;-', max_size=300))
    def test_any_text_is_a_show_or_is_refused(self, text: str) -> None:
        try:
            told = show_of(f"<rss><channel><title>t</title>{text}".encode(), URL)
        except BadFeed:
            return
        assert len({one.guid for one in told.episodes}) == len(told.episodes)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real inputs are not beside the checkout")
class TestRealFeeds:
    @pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
    def test_the_examples_of_podcastparser(self, file: Path) -> None:
        wanted: dict[str, Any] = json.loads(file.with_suffix(".json").read_text())
        told = show_of(file.read_bytes(), "file://tests/data/" + file.name)
        assert (told.new_url, told.next_page_url) == (wanted.get("new_url"), wanted.get("paged_feed_next"))
        if file.stem in READS_OTHERWISE:
            return
        assert len(told.episodes) == len(wanted["episodes"])
        for one, other in zip(told.episodes, wanted["episodes"], strict=True):
            assert (int(one.published_at or 0), int(one.duration_s or 0)) == (other["published"], other["total_time"])
            assert (one.season, one.number) == (other.get("season"), other.get("number"))
            assert one.sort is Sort(other.get("type", "full"))
            assert one.chapters_url == other.get("chapters_json_url")
            assert [each.url for each in one.transcripts][:1] == [other[k] for k in ("transcript_url",) if k in other]
            chapters = [(int(each["start"]), each["title"]) for each in other.get("chapters", ())]
            assert [(int(each.start_s), each.title) for each in one.chapters] == chapters
            urls = {each["url"] for each in other["enclosures"] if each["url"].startswith("http")}
            assert {each.url for each in one.enclosures} == urls
            assert [each.name for each in one.people] == [each["name"] for each in other.get("persons", ())]

    @pytest.mark.parametrize(
        ("name", "episodes", "transcripts", "chapters", "people", "is_whole"),
        [
            ("real/1865.xml", 61, 0, 0, 0, True),
            ("real/changing-the-tide.xml", 15, 0, 0, 0, True),
            ("real/homegrown-hits.xml", 4, 0, 4, 4, True),
            ("real/no-agenda.xml", 29, 29, 29, 28, False),
            ("podcast-namespace/example.xml", 3, 4, 3, 9, True),
        ],
    )
    def test_feeds_of_real_shows(
        self, name: str, episodes: int, transcripts: int, chapters: int, people: int, is_whole: bool
    ) -> None:
        told = show_of((SHARED / name).read_bytes(), URL)
        assert len(told.episodes) == episodes == len([one for one in told.episodes if one.sound and one.published_at])
        assert sum(len(one.transcripts) for one in told.episodes) == transcripts
        assert sum(one.chapters_url is not None for one in told.episodes) == chapters
        assert sum(len(one.people) for one in told.episodes) == people
        assert (told.fault is None) is is_whole
