"""The bytes of a feed become a show. Whatever can be understood is taken; only what is no feed at all is refused."""

from __future__ import annotations

import html
import io
from calendar import timegm
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from innkeeper.podcast.feed.namespace import Tag, podcast_tags
from innkeeper.podcast.feed.show import Enclosure, FeedEpisode, Person, Show, Sort, TranscriptLink
from innkeeper.podcast.passages import Chapter
from innkeeper.podcast.published.clock import clock_s
from innkeeper.runtime.errors import BadFeed

MOST_EPISODES: Final = 20_000
"""Of one page of a feed."""

MOST_LETTERS: Final = 20_000
"""Of a description."""

Parsed = Mapping[str, Any]  # what feedparser found: text, lists and such mappings, all of them perhaps


def show_of(document: bytes, url: str, media_type: str | None = None) -> Show:
    """The show that this document, fetched from `url`, tells of.

    Raises:
        BadFeed: It is no feed: empty, a web page, or nothing that can be read.
    """
    import feedparser

    charset = (media_type or "").partition("charset=")[2].partition(";")[0].strip(" '\"")
    headers = {"content-type": f"application/xml; charset={charset}" if charset else "application/xml"}
    told = feedparser.parse(io.BytesIO(document), response_headers=headers, sanitize_html=False)
    feed: Parsed = told["feed"]
    entries: list[Parsed] = told["entries"][:MOST_EPISODES]
    new_url = _text(feed, "itunes_new-feed-url") or _text(feed, "newlocation")
    if (not entries and not told.get("version") and not (new_url or _text(feed, "title"))) or _is_page(document):
        raise BadFeed(f"There is no feed at {url}: {_instead(document)}.", param="feed", size_bytes=len(document))
    tags = podcast_tags(document.decode(told.get("encoding") or "utf-8", "replace"))
    own = tags.items if len(tags.items) == len(told["entries"]) else [[] for _ in entries]
    episodes = (_episode(entry, mine, url) for entry, mine in zip(entries, own, strict=False))
    return Show(
        title=html.unescape(_text(feed, "title") or "") or urlsplit(url).hostname or url,
        link=_url(feed.get("link"), url),
        description=(_text(feed, "subtitle") or _text(feed, "summary") or "")[:MOST_LETTERS],
        language=_text(feed, "language"),
        author=html.unescape(_text(feed, "author") or "") or None,
        image_url=_url((feed.get("image") or {}).get("href"), url),
        guid=next((tag.text for tag in tags.show if tag.name == "guid" and tag.text), None),
        new_url=_url(new_url, url),
        next_page_url=_next_page(feed, url),
        people=_people(tags.show, url),
        episodes=tuple(_unlike(episodes)),
        fault=_text({"why": str(told.get("bozo_exception", "broken"))}, "why") if told.get("bozo") else None,
    )


def _episode(entry: Parsed, tags: list[Tag], base: str) -> FeedEpisode:
    enclosures = tuple(dict.fromkeys(_enclosures(entry, base)))
    title, link = html.unescape(_text(entry, "title") or ""), _url(entry.get("link"), base)
    content = next((one.get("value") for one in entry.get("content") or () if one.get("value")), None)
    published = entry.get("published_parsed") or entry.get("updated_parsed")
    first = enclosures[0].url if enclosures else None
    return FeedEpisode(
        guid=_text(entry, "id") or first or link or sha256(f"{title}\n{published}".encode()).hexdigest()[:32],
        title=title or (urlsplit(first).path.rpartition("/")[2] if first is not None else link or "Untitled"),
        link=link,
        summary=(content or _text(entry, "summary") or "")[:MOST_LETTERS],
        published_at=float(timegm(published)) if published else None,
        duration_s=clock_s(_text(entry, "itunes_duration") or ""),
        season=_whole(_of(tags, "season") or _text(entry, "itunes_season")),
        number=_whole(_of(tags, "episode") or _text(entry, "itunes_episode")),
        sort=next((one for one in Sort if one.value == (_text(entry, "itunes_episodetype") or "").lower()), Sort.FULL),
        enclosures=enclosures,
        transcripts=tuple(_transcripts(tags, base)),
        chapters=tuple(_chapters(entry)),
        chapters_url=next((_url(one.attributes.get("url"), base) for one in tags if one.name == "chapters"), None),
        people=_people(tags, base),
    )


def _enclosures(entry: Parsed, base: str) -> Iterator[Enclosure]:
    for link in entry.get("links") or ():
        if link.get("rel") == "enclosure" and (url := _url(link.get("href") or link.get("url"), base)):
            yield Enclosure(url, (_text(link, "type") or "").lower(), _whole(_text(link, "length")) or None)
    for media in entry.get("media_content") or ():
        if url := _url(media.get("url"), base):
            yield Enclosure(url, (_text(media, "type") or "").lower(), _whole(_text(media, "filesize")) or None)


def _transcripts(tags: Iterable[Tag], base: str) -> Iterator[TranscriptLink]:
    for tag in tags:
        if tag.name == "transcript" and (url := _url(tag.attributes.get("url"), base)):
            told = tag.attributes
            yield TranscriptLink(url, told.get("type", ""), told.get("language"), told.get("rel"))


def _chapters(entry: Parsed) -> Iterator[Chapter]:
    for one in (entry.get("psc_chapters") or {}).get("chapters") or ():
        parts = [float(part) for part in str(one.get("start", "")).split(":") if part.replace(".", "", 1).isdecimal()]
        if parts and len(parts) <= 3 and (title := _text(one, "title")):
            yield Chapter(sum(part * 60**place for place, part in enumerate(reversed(parts))), title)


def _people(tags: Iterable[Tag], base: str) -> tuple[Person, ...]:
    return tuple(
        Person(tag.text, (tag.attributes.get("role") or "host").lower(), _url(tag.attributes.get("href"), base))
        for tag in tags
        if tag.name == "person" and tag.text
    )


def _next_page(feed: Parsed, url: str) -> str | None:
    """RFC 5005; a page that names itself as the next is the last."""
    pages = (link.get("href") for link in feed.get("links") or () if link.get("rel") == "next")
    following = next((page for page in (_url(page, url) for page in pages) if page), None)
    return following if following != url else None


def _unlike(episodes: Iterable[FeedEpisode]) -> Iterator[FeedEpisode]:
    """The episodes, each once. Two of one GUID with different files are two; the later one gets another name."""
    seen: dict[str, FeedEpisode] = {}
    for one in episodes:
        before = seen.get(one.guid)
        if before is not None:
            if one.enclosures == before.enclosures:
                continue
            one = replace(one, guid=f"{one.guid}#{one.enclosures[0].url if one.enclosures else one.title}")  # noqa: PLW2901
            if one.guid in seen:
                continue
        seen[one.guid] = one
        yield one


def _of(tags: Iterable[Tag], name: str) -> str | None:
    return next((tag.text for tag in tags if tag.name == name and tag.text), None)


def _text(told: Parsed, name: str) -> str | None:
    value = told.get(name)
    return " ".join(value.split()) or None if isinstance(value, str) else None


def _url(told: object, base: str) -> str | None:
    """An address that can be fetched; None for anything else, such as a script."""
    if not isinstance(told, str) or not told.strip():
        return None
    try:
        url = urljoin(base, told.strip())
        return url if urlsplit(url).scheme in ("http", "https") and urlsplit(url).hostname else None
    except ValueError:
        return None


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() and len(text) < 16 else None


def _is_page(document: bytes) -> bool:
    head = document[:1000].lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    return head.startswith((b"<!doctype html", b"<html"))


def _instead(document: bytes) -> str:
    if not document.strip():
        return "the answer is empty"
    return "it is a web page" if _is_page(document) else f"it begins with {document[:40]!r}"
