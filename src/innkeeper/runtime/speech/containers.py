"""What sort of sound file this is, told by its first bytes and never by its name."""

from __future__ import annotations

from enum import Enum
from typing import Final

HEAD_BYTES: Final = 4096
"""Bytes of a file's beginning that `container_of` needs."""


class Container(Enum):
    """The files that hold sound, by the name ffmpeg gives their reader."""

    WAV = "wav"
    MP3 = "mp3"
    FLAC = "flac"
    OGG_VORBIS = "ogg"
    OGG_OPUS = "ogg opus"
    MP4 = "mov"
    ADTS = "aac"
    MATROSKA = "matroska"
    AIFF = "aiff"

    @property
    def reader(self) -> str:
        """The reader that ffmpeg is told to use, so that no other one is tried on a stranger's bytes."""
        return "ogg" if self is Container.OGG_OPUS else self.value

    @property
    def told(self) -> str:
        """Its name, for people."""
        return _TOLD[self]


_TOLD: Final = {
    Container.WAV: "WAV",
    Container.MP3: "MP3",
    Container.FLAC: "FLAC",
    Container.OGG_VORBIS: "Ogg Vorbis",
    Container.OGG_OPUS: "Ogg Opus",
    Container.MP4: "M4A/MP4 (AAC)",
    Container.ADTS: "AAC",
    Container.MATROSKA: "WebM/Matroska",
    Container.AIFF: "AIFF",
}


def container_of(head: bytes) -> Container | None:
    """The container that begins with these bytes; None where it is none we know."""
    if head[:4] in {b"RIFF", b"RF64"} and head[8:12] == b"WAVE":
        return Container.WAV
    if head[:4] == b"OggS":
        return Container.OGG_OPUS if b"OpusHead" in head else Container.OGG_VORBIS
    if head[:4] == b"FORM" and head[8:12] in {b"AIFF", b"AIFC"}:
        return Container.AIFF
    if head[4:8] == b"ftyp":
        return Container.MP4
    if head[:4] == b"\x1aE\xdf\xa3":
        return Container.MATROSKA
    after_tag = head[_id3_bytes(head) :]
    if head[:4] == b"fLaC" or after_tag[:4] == b"fLaC":
        return Container.FLAC
    return _framed(after_tag) or (Container.MP3 if head[:3] == b"ID3" else None)


def named(containers: frozenset[Container]) -> str:
    """Their names, for a sentence."""
    return ", ".join(container.told for container in Container if container in containers)


def _framed(head: bytes) -> Container | None:
    """MP3 and AAC have no head of their own: a frame begins with eleven ones."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    layer = head[1] >> 1 & 3
    if layer == 0:
        return Container.ADTS if head[1] & 0xF0 == 0xF0 else None
    has_rate = head[2] >> 4 != 15 and head[2] >> 2 & 3 != 3
    return Container.MP3 if has_rate and head[1] >> 3 & 3 != 1 else None


def _id3_bytes(head: bytes) -> int:
    """The length of a tag in front of the sound."""
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte & 0x7F
    return size + 10
