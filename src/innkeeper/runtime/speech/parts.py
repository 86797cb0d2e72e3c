"""Cuts a recording into files that are small and short enough to be sent: WAV, 16 kHz, one channel, cut at pauses.

A part is some windows in a row with the silence between them. Every sample is in one part, and a part knows at which
sample of the whole it begins, so times are counted and never added up.
"""

from __future__ import annotations

import wave
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Final

import numpy as np

from innkeeper.runtime.speech.decoders import SAMPLES_PER_S, Samples
from innkeeper.runtime.speech.voice import loud
from innkeeper.runtime.speech.windows import Heard, windows

HEAD_BYTES: Final = 44
"""Of a WAV file, before its samples."""

SAMPLE_BYTES: Final = 2

LOUDEST: Final = 32_767


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a recording."""

    first_sample: int
    """Its place in the whole."""
    samples: int

    @property
    def start_s(self) -> float:
        """Seconds from the beginning of the whole to its own."""
        return self.first_sample / SAMPLES_PER_S

    @property
    def length_s(self) -> float:
        """Of its sound."""
        return self.samples / SAMPLES_PER_S

    @property
    def end_s(self) -> float:
        """Seconds from the beginning of the whole to its end."""
        return (self.first_sample + self.samples) / SAMPLES_PER_S


def most_samples(limit_bytes: int, longest_s: float) -> int:
    """Samples that a part may have so that its file is no larger and its sound no longer."""
    return max(1, min((limit_bytes - HEAD_BYTES) // SAMPLE_BYTES, int(longest_s * SAMPLES_PER_S)))


def parts(blocks: Iterable[Samples], out: IO[bytes], most: int, *, skip_samples: int = 0) -> Iterator[Part]:
    """The parts in order, of at most `most` samples. Each lies in `out` until the next one is asked for.

    The first `skip_samples` of the blocks are passed over.
    """
    writer: _Writer | None = None
    for window in windows(blocks, loud, Heard(), skip_samples=skip_samples, keeps_silence=True):
        first, left = window.first_sample, window.samples
        while left.size:
            if writer is None:
                writer = _Writer(out, first)
            # a window that does not fit begins the next part; one that never fits is cut where it is
            if not writer.samples or writer.samples + left.size <= most:
                taken = left[:most]
                writer.write(taken)
                first, left = first + taken.size, left[taken.size :]
            if left.size:
                yield writer.finished()
                writer = None
    if writer is not None:
        yield writer.finished()


class _Writer:
    """One part, while it is written."""

    def __init__(self, out: IO[bytes], first_sample: int) -> None:
        out.seek(0)
        out.truncate()
        self._out = out
        self._file = wave.open(out, "wb")  # noqa: SIM115  # closed by `finished`; the file beneath it is not ours
        self._file.setnchannels(1)
        self._file.setsampwidth(SAMPLE_BYTES)
        self._file.setframerate(SAMPLES_PER_S)
        self._first_sample = first_sample
        self.samples = 0

    def write(self, sound: Samples) -> None:
        """Append it."""
        self._file.writeframesraw((np.clip(sound, -1.0, 1.0) * LOUDEST).astype("<i2").tobytes())
        self.samples += sound.size

    def finished(self) -> Part:
        """The part; its file is whole."""
        self._file.close()
        self._out.flush()
        return Part(self._first_sample, self.samples)
