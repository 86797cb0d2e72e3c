"""What a feed says of a show and its episodes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final
from urllib.parse import urlsplit

from innkeeper.podcast.passages import Chapter

_SOUNDS: Final = ("mp3", "m4a", "aac", "ogg", "oga", "opus", "flac", "wav", "m4b")
_FILMS: Final = ("mp4", "m4v", "mov", "webm", "mkv")


class Sort(Enum):
    """What an episode is to its show."""

    FULL = "full"
    TRAILER = "trailer"
    BONUS = "bonus"


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A file that can be heard or seen."""

    url: str
    media_type: str = ""
    size_bytes: int | None = None
    """As the feed says it, which is often wrong."""

    @property
    def has_sound(self) -> bool:
        """Whether it is a sound file, or a film with one."""
        kind = self.media_type.partition("/")[0]
        if kind in ("audio", "video"):
            return True
        ending = urlsplit(self.url).path.rpartition(".")[2].lower()
        return kind != "image" and ending in (*_SOUNDS, *_FILMS)

    @property
    def is_film(self) -> bool:
        """Whether pictures come along."""
        return self.media_type.startswith("video/") or urlsplit(self.url).path.lower().endswith(_FILMS)


@dataclass(frozen=True, slots=True)
class TranscriptLink:
    """A transcript that the publisher offers."""

    url: str
    media_type: str = ""
    language: str | None = None
    rel: str | None = None
    """"captions" where it is meant to be shown with the sound."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who takes part."""

    name: str
    role: str = "host"
    href: str | None = None


@dataclass(frozen=True, slots=True)
class FeedEpisode:
    """One episode as its feed tells of it."""

    guid: str
    """Unlike that of every other episode of the feed; made from the file or the title where the feed gives none."""

    title: str
    link: str | None = None
    summary: str = ""
    """May be HTML."""

    published_at: float | None = None
    """Unix seconds."""

    duration_s: float | None = None
    season: int | None = None
    number: int | None = None
    sort: Sort = Sort.FULL
    enclosures: tuple[Enclosure, ...] = ()
    transcripts: tuple[TranscriptLink, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    chapters_url: str | None = None
    people: tuple[Person, ...] = ()

    @property
    def sound(self) -> Enclosure | None:
        """The file to be heard: sound before film, then the smallest that says its size; None where there is none."""
        heard = [one for one in self.enclosures if one.has_sound]
        return min(heard, key=lambda one: (one.is_film, one.size_bytes or float("inf")), default=None)


@dataclass(frozen=True, slots=True)
class Show:
    """A feed, or one page of it."""

    title: str
    link: str | None = None
    description: str = ""
    language: str | None = None
    author: str | None = None
    image_url: str | None = None
    guid: str | None = None
    """The show's own id in Podcasting 2.0; stays when the feed moves."""

    new_url: str | None = None
    """Where the feed has moved to."""

    next_page_url: str | None = None
    """Where older episodes are; None on the last page."""

    people: tuple[Person, ...] = ()
    episodes: tuple[FeedEpisode, ...] = ()
    """In the order of the feed."""

    fault: str | None = None
    """What is wrong with its XML, where something is; what could be read is here all the same."""
