"""What a search of the disk gives: models, files left out with the reason, and where it looked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from innkeeper.discovery.places import Keeper, Place
from innkeeper.runtime.messages import Kind


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model file that can be offered."""

    id: str
    file: Path
    """The model file; the first part of a split one."""
    size_bytes: int
    """All parts together."""
    kinds: frozenset[Kind]
    architecture: str
    trained_context: int | None
    """Tokens it was trained for, where its header says so."""
    keeper: Keeper
    engine: str = "llama_cpp"
    """What runs it."""
    looks_both_ways: bool = False
    """Whether it reads a text at once and remembers nothing of it, so that more slots cost it next to nothing."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file or folder that cannot be used, and why."""

    path: Path
    why: str


@dataclass(frozen=True, slots=True)
class Found:
    """The result of one search."""

    models: tuple[FoundModel, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    looked_in: tuple[Place, ...] = ()
    """The places that exist."""

    def of_file(self, file: Path) -> FoundModel | None:
        """What is known of that file, or None."""
        return next((model for model in self.models if model.file == file), None)

    def named(self, model_id: str) -> FoundModel | None:
        """The model of that id, or None."""
        return next((model for model in self.models if model.id == model_id), None)
