"""Sound files become samples: 16,000 a second, one channel, a block at a time, whatever the length of the file.

`miniaudio` reads what most recordings are. What it cannot read goes to PyAV where that is installed, else to the
ffmpeg program where there is one. Every sample that leaves here is a finite number between −1 and 1.
"""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import subprocess
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from innkeeper.runtime.errors import BadAudio
from innkeeper.runtime.speech.containers import HEAD_BYTES, Container, container_of, named

Samples: TypeAlias = NDArray[np.float32]

SAMPLES_PER_S: Final = 16_000
"""What Whisper hears."""

BLOCK_SAMPLES: Final = SAMPLES_PER_S

LONGEST_S: Final = 24 * 3600
"""A small file may claim to be years of silence, and hearing them would keep everybody else waiting."""

_SIMPLE: Final = frozenset({Container.WAV, Container.MP3, Container.FLAC, Container.OGG_VORBIS})
_ALL: Final = frozenset(Container)


@dataclass(frozen=True, slots=True)
class Decoder:
    """One way to read sound."""

    name: str
    reads: frozenset[Container]
    is_here: Callable[[], bool]
    blocks: Callable[[Path, Container], Generator[Samples, None, None]]
    """Raises `BadAudio` where it cannot begin; ends early where the file does."""


def samples_of(file: Path) -> Iterator[Samples]:
    """The sound of `file`, about one second at a time.

    Raises:
        BadAudio: It is no sound file, nothing here can read it, or it holds no sound. Before the first block.
            Between blocks: it is longer than `LONGEST_S`.
    """
    try:
        with file.open("rb") as opened:
            head = opened.read(HEAD_BYTES)
    except OSError as error:
        raise BadAudio(f"The sound file cannot be read: {error.strerror}.", param="file") from error
    if not head:
        raise BadAudio("The sound file is empty.", param="file")
    container = container_of(head)
    if container is None:
        raise BadAudio(f"This is no sound file that is known here. Known are {named(_ALL)}.", param="file")
    decoder = _first_that_reads(container)
    blocks = decoder.blocks(file, container)
    first = next((block for block in blocks if block.size), None)
    if first is None:
        raise BadAudio(f"This {container.told} file holds no sound, or its sound is damaged.", param="file")
    return _chained(first, blocks)


def readable() -> dict[Container, str]:
    """What this machine can read, and with what."""
    return {
        container: decoder.name
        for container in Container
        if (decoder := next((one for one in DECODERS if container in one.reads and one.is_here()), None)) is not None
    }


def _first_that_reads(container: Container) -> Decoder:
    for decoder in DECODERS:
        if container in decoder.reads and decoder.is_here():
            return decoder
    raise BadAudio(
        f"Nothing on this server can read {container.told}. It reads {named(frozenset(readable()))}. Install the "
        "package `av`, or ffmpeg, to read everything else.",
        param="file",
    )


def _chained(first: Samples, rest: Iterator[Samples]) -> Iterator[Samples]:
    yield first
    samples = first.size
    for block in rest:
        samples += block.size
        if samples > LONGEST_S * SAMPLES_PER_S:
            raise BadAudio(
                f"The recording is longer than {LONGEST_S // 3600} h. Cut it into parts.",
                param="file",
                limit_s=LONGEST_S,
            )
        yield block


def _clean(block: Samples) -> Samples:
    """Floating-point files may hold anything."""
    return np.clip(np.nan_to_num(block, nan=0.0, posinf=1.0, neginf=-1.0), -1.0, 1.0)


# ---- miniaudio ----


def _with_miniaudio(file: Path, container: Container) -> Generator[Samples, None, None]:
    import miniaudio

    try:
        stream = miniaudio.stream_file(
            str(file),
            output_format=miniaudio.SampleFormat.FLOAT32,
            nchannels=1,
            sample_rate=SAMPLES_PER_S,
            frames_to_read=BLOCK_SAMPLES,
        )
    except miniaudio.MiniaudioError as error:
        raise BadAudio(f"This {container.told} file is damaged: {error.args[0]}.", param="file") from error
    with contextlib.closing(stream):
        for block in stream:
            yield _clean(np.frombuffer(block, dtype=np.float32))


# ---- PyAV ----


def _with_av(file: Path, container: Container) -> Generator[Samples, None, None]:
    import av

    try:
        with av.open(str(file), format=container.reader, options={"protocol_whitelist": "file"}) as opened:
            if not opened.streams.audio:
                return
            resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLES_PER_S)
            yield from _joined(_av_frames(opened, resampler))
    except av.FFmpegError as error:
        raise BadAudio(f"This {container.told} file is damaged: {error.strerror}.", param="file") from error


def _av_frames(opened: Any, resampler: Any) -> Iterator[Samples]:  # Any: PyAV's own types
    import av

    decoded = opened.decode(opened.streams.audio[0])
    while True:
        try:
            frame = next(decoded)
        except StopIteration:
            break
        except av.InvalidDataError:  # a damaged packet: what comes after it may be sound again
            continue
        for part in resampler.resample(frame):
            yield part.to_ndarray().reshape(-1)
    for part in resampler.resample(None):
        yield part.to_ndarray().reshape(-1)


def _joined(parts: Iterator[Samples]) -> Iterator[Samples]:
    """Small parts as blocks of a second."""
    kept: list[Samples] = []
    size = 0
    for part in parts:
        kept.append(part)
        size += part.size
        if size >= BLOCK_SAMPLES:
            yield _clean(np.concatenate(kept))
            kept, size = [], 0
    if kept:
        yield _clean(np.concatenate(kept))


# ---- ffmpeg ----


def _with_ffmpeg(file: Path, container: Container) -> Generator[Samples, None, None]:
    command = ["ffmpeg", "-nostdin", "-v", "error", "-protocol_whitelist", "file,pipe", "-f", container.reader]
    command += ["-i", str(file), "-map", "0:a:0", "-ac", "1", "-ar", str(SAMPLES_PER_S), "-f", "f32le", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:  # noqa: S603
        assert process.stdout is not None, "a pipe was asked for"
        try:
            while block := process.stdout.read(BLOCK_SAMPLES * 4):
                yield _clean(np.frombuffer(block[: len(block) // 4 * 4], dtype=np.float32))
        finally:
            process.kill()


DECODERS: Final = (
    Decoder("miniaudio", _SIMPLE, lambda: importlib.util.find_spec("miniaudio") is not None, _with_miniaudio),
    Decoder("PyAV", _ALL, lambda: importlib.util.find_spec("av") is not None, _with_av),
    Decoder("ffmpeg", _ALL, lambda: shutil.which("ffmpeg") is not None, _with_ffmpeg),
)
"""In the order in which they are asked."""
