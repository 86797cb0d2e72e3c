"""Cuts a stream of sound into windows that a recogniser can hear at once, at pauses, without the silence between.

A window knows at which sample of the whole it begins, so times are counted and never added up. Nothing is kept but
the sound that is not cut yet: half a minute, however long the stream is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from innkeeper.runtime.speech.decoders import SAMPLES_PER_S, Samples

FRAME_SAMPLES: Final = 512
"""Samples that are judged together: 32 ms."""

FRAMES_PER_S: Final = SAMPLES_PER_S / FRAME_SAMPLES

LONGEST_S: Final = 28.0
"""Whisper hears 30 s at once; words at the very end of that are often lost."""

PADDING_S: Final = 0.3
"""Silence left before the first word and after the last one."""

LONG_PAUSE_S: Final = 2.0
"""A pause that ends a window although more would fit: recognisers invent words in silence."""

EARLIEST_CUT_S: Final = 10.0
"""A shorter pause is only taken for a cut after so much sound: each window costs the same, full or not."""

SHORTEST_PAUSE_S: Final = 0.16

Mask: TypeAlias = NDArray[np.bool_]

Voice: TypeAlias = Callable[[Samples], Mask]
"""For each whole frame of some sound, whether somebody speaks."""


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of sound in which somebody speaks."""

    first_sample: int
    """Its place in the whole."""

    samples: Samples

    next_sample: int
    """The first sample that no window has taken in yet: hearing the rest from there gives the same windows."""

    @property
    def start_s(self) -> float:
        """Seconds from the beginning of the whole to its own."""
        return self.first_sample / SAMPLES_PER_S

    @property
    def end_s(self) -> float:
        """Seconds from the beginning of the whole to its end."""
        return (self.first_sample + self.samples.size) / SAMPLES_PER_S


@dataclass(slots=True)
class Heard:
    """How much sound has been taken in so far."""

    samples: int = 0

    @property
    def seconds(self) -> float:
        """The same in seconds."""
        return self.samples / SAMPLES_PER_S


def windows(
    blocks: Iterable[Samples], voice: Voice, heard: Heard, *, skip_samples: int = 0, keeps_silence: bool = False
) -> Iterator[Window]:
    """The windows of a stream in order. `heard` is kept up to date; the first `skip_samples` are passed over.

    With `keeps_silence` windows hold what is between them too, so that every sample is in exactly one.
    """
    kept = np.zeros(0, dtype=np.float32)
    first = skip_samples
    longest = int(LONGEST_S * SAMPLES_PER_S)
    for block in blocks:
        before, heard.samples = heard.samples, heard.samples + block.size
        fresh = block[max(0, skip_samples - before) :]
        kept = np.concatenate([kept, fresh])
        while kept.size >= longest:
            begin, end, rest = _cut(kept[:longest], voice, is_last=False)
            if keeps_silence:
                begin, end = 0, rest
            if end > begin:
                yield Window(first + begin, kept[begin:end].copy(), first + rest)
            first, kept = first + rest, kept[rest:]
    while kept.size:
        begin, end, rest = _cut(kept, voice, is_last=True)
        if keeps_silence:
            begin, end = 0, rest
        if end > begin:
            yield Window(first + begin, kept[begin:end].copy(), first + rest)
        first, kept = first + rest, kept[rest:]


def _cut(sound: Samples, voice: Voice, *, is_last: bool) -> tuple[int, int, int]:
    """Where the next window begins and ends, and from where on sound is kept; an empty window where nobody speaks.

    `rest` is always greater than 0, so that cutting comes to an end.
    """
    speaks = voice(sound)
    padding = int(PADDING_S * SAMPLES_PER_S)
    spoken = np.flatnonzero(speaks)
    if not spoken.size:
        return 0, 0, sound.size if is_last else max(1, sound.size - padding)
    begin = max(0, int(spoken[0]) * FRAME_SAMPLES - padding)
    if begin > 2 * padding and not is_last:
        return 0, 0, begin  # let more sound in first: a window is best full
    pauses = list(_pauses(speaks, int(spoken[0])))
    for start, length in pauses:
        if length >= LONG_PAUSE_S * FRAMES_PER_S:
            end = min(sound.size, start * FRAME_SAMPLES + padding)
            return begin, end, min(sound.size, max(end, (start + length) * FRAME_SAMPLES - padding))
    if is_last and sound.size <= int(LONGEST_S * SAMPLES_PER_S):
        return begin, sound.size, sound.size
    late = [(start, length) for start, length in pauses if start * FRAME_SAMPLES >= EARLIEST_CUT_S * SAMPLES_PER_S]
    if late:
        start, length = max(late, key=lambda pause: pause[1] * (0.5 + pause[0] / speaks.size))
        middle = (start * 2 + length) * FRAME_SAMPLES // 2
    else:
        middle = _quietest(sound)
    return begin, middle, middle


def _pauses(speaks: Mask, after: int) -> Iterator[tuple[int, int]]:
    """Runs of frames in which nobody speaks, as (first frame, frames), from that frame on."""
    silent = np.concatenate([[False], ~speaks[after:], [False]]).astype(np.int8)
    changes = np.flatnonzero(np.diff(silent))
    for start, end in zip(changes[::2], changes[1::2], strict=True):
        if end - start >= SHORTEST_PAUSE_S * FRAMES_PER_S:
            yield int(start) + after, int(end - start)


def _quietest(sound: Samples) -> int:
    """The middle of the quietest frame of the last five seconds: people who never pause still draw breath."""
    tail_frames = int(5 * FRAMES_PER_S)
    frames = sound[: sound.size // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    tail = np.square(frames[-tail_frames:]).mean(axis=1)
    return (len(frames) - len(tail) + int(tail.argmin())) * FRAME_SAMPLES + FRAME_SAMPLES // 2
