"""What the head of a Whisper file says, and what its model will hold in memory.

The file is whisper.cpp's own form: a magic number, eleven figures, the tables of the ear, the vocabulary, the tensors.
Only the figures are read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from innkeeper.runtime.errors import BadModelFile

_MAGIC: Final = 0x67676D6C
_HEAD: Final = struct.Struct("<12i")

CHILD_BYTES: Final = 53_000_000
"""What a worker holds before it has a model: Python, numpy and the library."""

WORKING_BYTES: Final = 26_000_000
"""What one window costs whatever the model's size: the sound, its spectrum, the words' scores."""

WORKING_BYTES_PER_WIDTH: Final = 87_000
"""And what it costs for each number of the model's width. Both measured with files of the published shapes, flash
attention on, greedy search (docs/speech.md)."""

MARGIN: Final = 0.03


@dataclass(frozen=True, slots=True)
class WhisperFile:
    """The figures of a Whisper model."""

    file: Path
    file_bytes: int
    changed_ns: int
    vocabulary: int
    audio_context: int
    width: int
    layers: int
    text_context: int

    @property
    def knows_many_languages(self) -> bool:
        """Whether it hears other languages than English."""
        return self.vocabulary >= 51_865

    @property
    def footprint_bytes(self) -> int:
        """Bytes of memory a worker with this model holds while it hears, without a margin."""
        padded = -(-self.audio_context // 256) * 256 + -(-self.text_context // 256) * 256
        keys_and_values = 2 * self.layers * padded * self.width * 2
        working = WORKING_BYTES + WORKING_BYTES_PER_WIDTH * self.width
        return CHILD_BYTES + self.file_bytes + keys_and_values + working


def read_whisper_file(file: Path) -> WhisperFile:
    """The figures of the model in `file`.

    Raises:
        BadModelFile: It is missing, or no Whisper model.
    """
    try:
        with file.open("rb") as opened:
            head = opened.read(_HEAD.size)
        status = file.stat()
    except OSError as error:
        raise BadModelFile(f"{file}: cannot be read: {error.strerror}.") from error
    if len(head) < _HEAD.size or struct.unpack_from("<i", head)[0] != _MAGIC:
        raise BadModelFile(
            f"{file}: this is no Whisper model in ggml form. `innkeeper pull whisper:base` fetches one.",
        )
    _, vocabulary, audio_context, width, heads, layers, text_context, *_ = _HEAD.unpack(head)
    figures = (vocabulary, audio_context, width, heads, layers, text_context)
    limits = (1_000_000, 65_536, 16_384, 1_024, 1_024, 65_536)
    if any(not 0 < figure <= limit for figure, limit in zip(figures, limits, strict=True)):
        raise BadModelFile(f"{file}: the figures in its head are absurd; the file is damaged. Fetch it again.")
    return WhisperFile(file, status.st_size, status.st_mtime_ns, vocabulary, audio_context, width, layers, text_context)
