"""Model files that all stories share, and inns to tell them in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ggufs import write_bert, write_llama
from tests.stories.inn import Inn, an_inn


@dataclass(frozen=True, slots=True)
class Shelf:
    """Real GGUF files with random weights; the numbers are about what the files hold."""

    small: Path
    """2 MB."""
    middle: Path
    """12 MB."""
    large: Path
    """20 MB."""
    huge: Path
    """30 MB."""
    embedder: Path


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    folder = tmp_path_factory.mktemp("shelf")
    return Shelf(
        small=write_llama(folder / "small.gguf"),
        middle=write_llama(folder / "middle.gguf", target_bytes=12_000_000, seed=2),
        large=write_llama(folder / "large.gguf", target_bytes=20_000_000, seed=3),
        huge=write_llama(folder / "huge.gguf", target_bytes=30_000_000, seed=4),
        embedder=write_bert(folder / "embedder.gguf"),
    )


@pytest.fixture
def fresh_inn() -> Iterator[Inn]:
    """An inn that is not started."""
    with an_inn() as inn:
        yield inn
