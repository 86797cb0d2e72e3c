"""Searching the usual folders for models that can be offered."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from innkeeper.discovery.found import Found, FoundModel, LeftOut
from innkeeper.discovery.names import part_of, plain_id, unique_id
from innkeeper.discovery.ollama import model_of
from innkeeper.discovery.places import Keeper, Place
from innkeeper.discovery.walk import Limits, files_below
from innkeeper.runtime.errors import BadModelFile
from innkeeper.runtime.memory.gguf import read_header
from innkeeper.runtime.memory.header import Header
from innkeeper.runtime.memory.whisper_file import read_whisper_file
from innkeeper.runtime.messages import Kind

MOST_MODELS: Final = 500
"""More files than these are not offered; opening each header takes milliseconds."""

EMBEDDERS: Final = frozenset(
    {
        "bert",
        "eurobert",
        "gemma-embedding",
        "jina-bert-v2",
        "jina-bert-v3",
        "modern-bert",
        "neo-bert",
        "nomic-bert",
        "nomic-bert-moe",
        "t5encoder",
    }
)
"""Architectures that only ever make vectors, whatever else the header says."""

NO_MODELS: Final = frozenset({"adapter", "imatrix", "mmproj"})
"""Values of general.type: parts of models and tools, which cannot answer by themselves."""


def find_models(
    places: Iterable[Place],
    configured: Iterable[Path] = (),
    limits: Limits | None = None,
    seconds: Callable[[], float] = time.monotonic,
) -> Found:
    """The models in `places`, and what the headers of the `configured` files say, which are taken first.

    Reads headers only. A file reached by several names counts once. What cannot be used is told and stops nothing.
    """
    collection = _Collection()
    for file in configured:
        collection.offer(file, plain_id(file), Keeper.CONFIGURED)
    present = tuple(place for place in places if place.folder.is_dir())
    for place in present:
        for name, entry in _entries(place, limits or Limits(), seconds):
            if isinstance(entry, LeftOut):
                collection.left_out.append(entry)
            elif len(collection.models) >= MOST_MODELS:
                collection.left_out.append(
                    LeftOut(place.folder, f"holds more than {MOST_MODELS} models; the rest is not offered")
                )
                break
            else:
                collection.offer(entry, name or unique_id(entry, place.folder, collection.ids), place.keeper)
    return Found(tuple(collection.models), tuple(collection.left_out), present)


def kinds_of(header: Header) -> frozenset[Kind]:
    """What a model can do, by its header.

    Raises:
        BadModelFile: The header contradicts itself.
    """
    if header.ranks:
        return frozenset({Kind.RERANK})
    if header.pools or header.architecture in EMBEDDERS:
        return frozenset({Kind.EMBEDDING})
    return frozenset({Kind.CHAT, Kind.COMPLETION})


def _entries(place: Place, limits: Limits, seconds: Callable[[], float]) -> Iterator[tuple[str | None, Path | LeftOut]]:
    """Files to offer, with the name their keeper gives them, where it gives one."""
    if place.keeper is Keeper.OLLAMA:
        for manifest in files_below(place.folder / "manifests", "", limits, seconds):
            match manifest if isinstance(manifest, LeftOut) else model_of(manifest, place.folder):
                case LeftOut() as left_out:
                    yield None, left_out
                case (name, blob):
                    yield name, blob
                case None:
                    continue
        return
    for file in files_below(place.folder, (".gguf", ".bin"), limits, seconds):
        if isinstance(file, LeftOut) or _may_answer(file):
            yield None, file


def is_ear(file: Path) -> bool:
    """Whether its name is that of a Whisper model in ggml form."""
    name = file.name.lower()
    return name.startswith("ggml-") and name.endswith(".bin") and "silero" not in name


def _may_answer(file: Path) -> bool:
    """By its name: not the later part of a split file, nor the eyes of a model; of .bin files those that hear."""
    if file.suffix.lower() == ".bin":
        return is_ear(file)
    part = part_of(file)
    return (part is None or part[0] == 1) and not file.name.lower().startswith("mmproj")


class _Collection:
    """What was found so far, each file once."""

    def __init__(self) -> None:
        self.models: list[FoundModel] = []
        self.left_out: list[LeftOut] = []
        self.ids: set[str] = set()
        self._seen: set[tuple[int, int]] = set()

    def offer(self, file: Path, model_id: str, keeper: Keeper) -> None:
        try:
            identity = file.stat()
        except OSError as error:
            self.left_out.append(LeftOut(file, f"cannot be read: {error.strerror}"))
            return
        if (identity.st_dev, identity.st_ino) in self._seen:
            return
        self._seen.add((identity.st_dev, identity.st_ino))
        try:
            if file.suffix.lower() == ".bin":
                self._take(_ear(file, model_id, keeper))
                return
            header = read_header(file)
            if header.text("general.type") in NO_MODELS or header.text("general.architecture") in {"clip", "imatrix"}:
                return
            model = FoundModel(
                id=model_id,
                file=file,
                size_bytes=header.file_bytes,
                kinds=kinds_of(header),
                architecture=header.architecture,
                trained_context=header.context_length,
                keeper=keeper,
                looks_both_ways=header.looks_both_ways,
            )
        except BadModelFile as error:
            self.left_out.append(LeftOut(file, error.message.removeprefix(f"{file}: ")))
            return
        self._take(model)

    def _take(self, model: FoundModel) -> None:
        self.ids.add(model.id)
        self.models.append(model)


def _ear(file: Path, model_id: str, keeper: Keeper) -> FoundModel:
    """
    Raises:
        BadModelFile: It is no Whisper model.
    """
    found = read_whisper_file(file)
    return FoundModel(
        id=model_id,
        file=file,
        size_bytes=found.file_bytes,
        kinds=frozenset({Kind.TRANSCRIPTION}),
        architecture="whisper",
        trained_context=None,
        keeper=keeper,
        engine="whisper",
    )
