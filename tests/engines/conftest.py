"""Small real models and an adapter that leaves nobody behind."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from innkeeper.runtime.engines.llama_cpp import LlamaCpp
from tests.engines.fixtures import opened_adapter
from tests.ggufs import write_bert, write_llama


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text model of 2 MB with random weights."""
    return write_llama(tmp_path_factory.mktemp("ggufs") / "tiny.gguf")


@pytest.fixture(scope="session")
def tiny_embedder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT with random weights, mean pooling, trained context 512."""
    return write_bert(tmp_path_factory.mktemp("ggufs") / "embedder.gguf")


@pytest.fixture
async def adapter() -> AsyncIterator[LlamaCpp]:
    """Without a spare, so that a test sees only processes of its own."""
    async with opened_adapter() as opened:
        yield opened


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder whose path leaves room for the name of a socket."""
    folder = Path(tempfile.mkdtemp(prefix="t-"))
    yield folder
    shutil.rmtree(folder)
