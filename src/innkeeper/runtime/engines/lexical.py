"""An engine without a model: vectors of hashed words and pieces of words, for machines with no room for more.

It runs in our own process and holds a few megabytes at most. What its vectors bring together and what not:
`innkeeper.text.vectors`.
"""

from __future__ import annotations

import asyncio
import base64
import json
from array import array
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Final

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.engine import Engine, Footprint, Holding, Sizing
from innkeeper.runtime.engines.embedding_parts import inputs_of
from innkeeper.runtime.errors import BadSettings, EngineDied, InvalidRequest, LoadFailed, NotSupported
from innkeeper.runtime.messages import Chunk, Done, Kind, Piece, Request, Usage
from innkeeper.text.counts import WordCounts
from innkeeper.text.folding import folded
from innkeeper.text.stems import words_of
from innkeeper.text.vectors import DIMENSION, LexicalVectors

_HOLDS_BYTES: Final = 16 * 1024**2
"""Words it remembers, their stems and their places: 13 MB at the most, measured with 60,000 different words."""

_POOL: Final = "ram"
_OPTIONS: Final = ("counts", "dimension")
_LARGEST_DIMENSION: Final = 16_384


class Lexical:
    """The adapter. A model's options are `dimension`, and `counts`, a file written from `WordCounts.to_json`."""

    name = "lexical"

    def engine(self, model: Model, context: int | None = None) -> LexicalEngine:  # noqa: ARG002  it reads any length
        """A new engine for `model`."""
        return LexicalEngine(model, *_options(model))

    def footprint(self, model: Model, context: int | None = None) -> Footprint:  # noqa: ARG002  the port's
        """What it declares, else a few megabytes."""
        _options(model)
        declared = model.declared if model.declared is not None else {_POOL: _HOLDS_BYTES}
        return Footprint(declared, Sizing.DECLARED)

    def load_s(self, model: Model) -> float:  # noqa: ARG002  the port's
        """Nothing worth counting."""
        return 0.0

    def learn(self, model: Model, engine: Engine, holding: Holding) -> None:
        """It holds what it declared; there is nothing to learn."""


class LexicalEngine:
    """One load of it."""

    def __init__(self, model: Model, dimension: int, counts: Path | None) -> None:
        self._model = model
        self._dimension = dimension
        self._counts = counts
        self._vectors: LexicalVectors | None = None
        self._turn = asyncio.Lock()
        self._is_gone = asyncio.Event()

    async def start(self) -> None:
        """See `Engine.start`."""
        try:
            counts = await asyncio.to_thread(_read, self._counts) if self._counts is not None else None
        except (OSError, ValueError) as error:
            raise LoadFailed(f"{self._model.id}: {self._counts} cannot be used as counts of words: {error}.") from error
        self._vectors = LexicalVectors(self._dimension, counts)

    async def run(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """See `Engine.run`; one answer in OpenAI's shape."""
        if request.kind is not Kind.EMBEDDING:
            raise NotSupported(f"{self._model.id} makes vectors; it does not do {request.kind.value}.", param="model")
        texts = inputs_of(request.body)
        if not all(isinstance(text, str) for text in texts):
            raise InvalidRequest(f"{self._model.id} has no tokens; give `input` as text.", param="input")
        if request.body.get("dimensions") not in (None, self._dimension):
            wanted = f"{self._model.id} makes vectors of {self._dimension} numbers"
            raise InvalidRequest(f"{wanted}; leave `dimensions` away, or set the model's option.", param="dimensions")
        rows = [await self._vector(text) for text in texts]  # in turn with other callers; leaving ends it
        tokens = sum(len(words_of(folded(text))) for text in texts)
        as_base64 = request.body.get("encoding_format") == "base64"
        yield Piece(_answer(self._model.id, rows, tokens, as_base64=as_base64))
        yield Done(Usage(prompt_tokens=tokens))

    async def stop(self) -> None:
        """See `Engine.stop`."""
        self._vectors = None
        self._is_gone.set()

    async def gone(self) -> str:
        """See `Engine.gone`."""
        await self._is_gone.wait()
        return "stopped"

    def holding(self) -> Holding | None:
        """It is a part of our own process, which is read and charged by itself."""
        return None

    async def _vector(self, text: str) -> list[float]:
        async with self._turn:  # it remembers words, and is not for two threads
            if self._vectors is None:
                raise EngineDied(f"{self._model.id}: the engine is gone.")
            return await asyncio.to_thread(self._vectors.of, text)


def _answer(model: str, rows: list[list[float]], tokens: int, *, as_base64: bool) -> bytes:
    data = [
        {"object": "embedding", "index": index, "embedding": _base64(row) if as_base64 else row}
        for index, row in enumerate(rows)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return json.dumps({"object": "list", "model": model, "data": data, "usage": usage}).encode()


def _base64(row: list[float]) -> str:
    """Little-endian 32-bit floats.  Source: OpenAI's API reference, `encoding_format`."""
    return base64.b64encode(array("f", row).tobytes()).decode()


def _options(model: Model) -> tuple[int, Path | None]:
    """The dimension, and the file of counts.

    Raises:
        BadSettings: An option is unknown or out of range.
    """
    for name in model.options:
        if name not in _OPTIONS:
            raise BadSettings(
                f"{model.id}: the lexical engine has no option {name!r}; it has {', '.join(_OPTIONS)}.", param=name
            )
    dimension, counts = model.options.get("dimension", DIMENSION), model.options.get("counts")
    if isinstance(dimension, bool) or not isinstance(dimension, int) or not 1 <= dimension <= _LARGEST_DIMENSION:
        raise BadSettings(
            f"{model.id}: `dimension` is a whole number from 1 to {_LARGEST_DIMENSION}, not {dimension!r}.",
            param="dimension",
        )
    if counts is not None and not isinstance(counts, str):
        raise BadSettings(f"{model.id}: `counts` is the name of a file, not {counts!r}.", param="counts")
    return dimension, Path(counts) if counts is not None else None


def _read(file: Path) -> WordCounts:
    return WordCounts.from_json(file.read_text(encoding="utf-8"))
