"""Sound on its way to a provider: the file as it is where that fits, else one part after the other in a file of ours.

All decoding happens in threads. Whoever leaves waits for the thread, which looks after each second of sound whether it
still should go on; so nothing reads or writes on after an end.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import aclosing, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Final, TypeVar

from innkeeper.runtime.engines.hosted_form import TAKEN
from innkeeper.runtime.engines.provider import Provider
from innkeeper.runtime.errors import BadAudio, StateUnusable
from innkeeper.runtime.speech.containers import HEAD_BYTES, Container, container_of
from innkeeper.runtime.speech.decoders import SAMPLES_PER_S, Samples, readable, samples_of
from innkeeper.runtime.speech.parts import Part, most_samples, parts

Answer = TypeVar("Answer")

SHORTEST_S: Final = 0.1
"""In less sound there is no word, and providers refuse it."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to be sent."""

    path: Path
    name: str
    media_type: str
    start_s: float
    """Where its sound begins in the recording."""
    length_s: float | None
    """None where nothing here can tell."""
    is_whole: bool
    """Whether it is the recording itself."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A recording, looked at."""

    file: Path
    container: Container | None
    size_bytes: int
    from_s: float
    """What is before is passed over: it was heard already."""
    length_s: float | None
    """Of what is to be heard; None where nothing here can read it."""

    @classmethod
    async def of(cls, file: Path, from_s: float = 0.0) -> Sound:
        """
        Raises:
            BadAudio: It is no sound, or damaged.
        """
        stop = threading.Event()
        return await _in_thread(partial(_looked_at, file, from_s, stop), stop)

    async def uploads(self, provider: Provider, folder: Path) -> AsyncGenerator[Upload, None]:
        """What is sent, one after the other; each file is there until the next is asked for.

        Raises:
            BadAudio: It does not fit as it is, and nothing here can cut it.
            StateUnusable: The disk takes no more.
        """
        is_short = self.length_s is None or self.length_s <= provider.upload_longest_s
        fits = self.size_bytes <= provider.upload_limit_bytes and is_short
        as_it_is = TAKEN.get(self.container) if self.container is not None else None
        if as_it_is is not None and fits and not self.from_s:
            yield Upload(self.file, *as_it_is, 0.0, self.length_s, is_whole=True)
            return
        async with aclosing(self._cut(provider, folder)) as cut:
            async for upload in cut:
                yield upload

    async def _cut(self, provider: Provider, folder: Path) -> AsyncGenerator[Upload, None]:
        name, media_type = TAKEN[Container.WAV]
        most = most_samples(provider.upload_limit_bytes, provider.upload_longest_s)
        stop = threading.Event()
        with _file_of_ours(folder) as (path, out), closing(_parts_of(self, out, most, stop)) as rest:
            while (part := await _in_thread(partial(next, rest, None), stop)) is not None:
                if part.length_s >= SHORTEST_S:
                    yield Upload(path, name, media_type, part.start_s, part.length_s, is_whole=False)


def _looked_at(file: Path, from_s: float, stop: threading.Event) -> Sound:
    try:
        with file.open("rb") as opened:
            container = container_of(opened.read(HEAD_BYTES))
        size_bytes = file.stat().st_size
    except OSError as error:
        raise BadAudio(f"The sound file cannot be read: {error.strerror}.", param="file") from error
    if container in TAKEN and container not in readable():
        return Sound(file, container, size_bytes, from_s, None)
    samples = sum(block.size for block in _until(stop, samples_of(file)))
    return Sound(file, container, size_bytes, from_s, max(0.0, samples / SAMPLES_PER_S - from_s))


def _parts_of(sound: Sound, out: IO[bytes], most: int, stop: threading.Event) -> Generator[Part, None, None]:
    """The parts, written to `out`; nothing is opened before the first is asked for."""
    blocks = _until(stop, samples_of(sound.file))
    try:
        yield from parts(blocks, out, most, skip_samples=round(sound.from_s * SAMPLES_PER_S))
    except OSError as error:
        raise StateUnusable(f"A part of the sound cannot be kept in {out.name}: {error.strerror}.") from error


def _until(stop: threading.Event, blocks: Iterator[Samples]) -> Iterator[Samples]:
    for block in blocks:
        if stop.is_set():
            return
        yield block


@contextmanager
def _file_of_ours(folder: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """A file that is gone after the block."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        out = tempfile.NamedTemporaryFile(dir=folder, suffix=".wav")  # noqa: SIM115  # closed below
    except OSError as error:
        raise StateUnusable(f"No part of the sound can be kept in {folder}: {error.strerror}.") from error
    with out:
        yield Path(out.name), out.file


async def _in_thread(work: Callable[[], Answer], stop: threading.Event) -> Answer:
    """What `work` gives. Whoever leaves before sets `stop`, and waits until the thread has seen it."""
    task = asyncio.create_task(asyncio.to_thread(work), name="read sound")
    try:
        return await asyncio.shield(task)
    finally:
        while not task.done():
            stop.set()
            with suppress(asyncio.CancelledError):  # a second one does not end a thread either
                await asyncio.wait([task])
        task.cancelled() or task.exception()  # whoever left does not ask how it ended
