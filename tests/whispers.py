"""Whisper files in ggml form with random tensors in the published shapes: real inputs that need no download.

The words they hear mean nothing; size, memory and time of a window are those of the real models. The same arguments
give the same bytes.

    write_whisper(tmp_path / "tiny.bin")                                          # tiny.en as F16, 78 MB
    write_whisper(path, shape=BASE_EN, numbers=Numbers.Q5_1)                      # base.en as q5_1, 60 MB
    write_whisper(path, shape=TOY)                                                # under 2 MB, for tests of all else
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

MAGIC: Final = 0x67676D6C
SCALE: Final = 0.02  # the spread of the weights; small, so that no layer runs away


NEEDED_WORDS: Final = (b" ", b" -", b" '")
"""Tokens that whisper.cpp looks for in every vocabulary."""


class Numbers(Enum):
    """Number format of the matrices, by ggml's type, its file type, and (weights, bytes) of a block."""

    F16 = (1, 1, 1, 2)
    Q5_1 = (7, 2009, 32, 24)
    Q8_0 = (8, 2007, 32, 34)

    @property
    def tensor_type(self) -> int:
        return self.value[0]

    @property
    def file_type(self) -> int:
        return self.value[1]

    def matrix(self, random: np.random.Generator, weights: int) -> bytes:
        if self is Numbers.F16:
            return (random.standard_normal(weights, dtype=np.float32) * SCALE).astype(np.float16).tobytes()
        blocks = weights // self.value[2]
        assert blocks * self.value[2] == weights, "a row is not a number of whole blocks"
        block = random.integers(0, 256, (blocks, self.value[3]), dtype=np.uint8)
        if self is Numbers.Q8_0:
            block[:, :2] = np.frombuffer(np.float16(SCALE / 64).tobytes(), np.uint8)
        else:
            block[:, :2] = np.frombuffer(np.float16(SCALE / 8).tobytes(), np.uint8)
            block[:, 2:4] = np.frombuffer(np.float16(-SCALE * 2).tobytes(), np.uint8)
        return block.tobytes()


@dataclass(frozen=True, slots=True)
class WhisperShape:
    """The figures of a Whisper network."""

    width: int
    heads: int
    layers: int
    vocabulary: int = 51_864
    """51,864 for models of English alone, 51,865 for those of many languages."""

    audio_context: int = 1_500
    text_context: int = 448
    mels: int = 80


TOY: Final = WhisperShape(width=64, heads=1, layers=1, vocabulary=51_865)
TINY_EN: Final = WhisperShape(width=384, heads=6, layers=4)
BASE_EN: Final = WhisperShape(width=512, heads=8, layers=6)
SMALL: Final = WhisperShape(width=768, heads=12, layers=12, vocabulary=51_865)


def write_whisper(
    path: Path,
    *,
    shape: WhisperShape = TINY_EN,
    numbers: Numbers = Numbers.F16,
    seed: int = 0,
    word: Callable[[int], bytes] = lambda number: f" w{number}".encode(),
) -> Path:
    """Write a file that whisper.cpp loads and runs. `word` gives each token's text, whole letters or not."""
    random = np.random.default_rng(seed)
    with path.open("wb") as out:
        out.write(
            struct.pack(
                "<12i",
                MAGIC,
                shape.vocabulary,
                shape.audio_context,
                shape.width,
                shape.heads,
                shape.layers,
                shape.text_context,
                shape.width,
                shape.heads,
                shape.layers,
                shape.mels,
                numbers.file_type,
            )
        )
        out.write(struct.pack("<2i", shape.mels, 201))
        out.write(np.abs(random.standard_normal(shape.mels * 201, dtype=np.float32) * 0.01).tobytes())
        words = [*NEEDED_WORDS, *(word(number) for number in range(len(NEEDED_WORDS), 50_257))]
        out.write(struct.pack("<i", len(words)))
        for one in words:
            out.write(struct.pack("<i", len(one)) + one)
        for name, dimensions, is_matrix in tensors(shape):
            _write_tensor(out, random, name, dimensions, numbers if is_matrix else None)
    return path


def tensors(shape: WhisperShape) -> Iterator[tuple[str, tuple[int, ...], bool]]:
    """Every tensor: its name, its dimensions as ggml counts them, and whether it is stored in the model's numbers."""
    width = shape.width
    yield "encoder.positional_embedding", (width, shape.audio_context), False
    yield "encoder.conv1.weight", (3, shape.mels, width), False
    yield "encoder.conv1.bias", (1, width), False
    yield "encoder.conv2.weight", (3, width, width), False
    yield "encoder.conv2.bias", (1, width), False
    yield from _norm("encoder.ln_post", width)
    yield "decoder.positional_embedding", (width, shape.text_context), False
    yield "decoder.token_embedding.weight", (width, shape.vocabulary), True
    yield from _norm("decoder.ln", width)
    for layer in range(shape.layers):
        yield from _block(f"encoder.blocks.{layer}", width, ("attn",))
        yield from _block(f"decoder.blocks.{layer}", width, ("attn", "cross_attn"))


def _block(name: str, width: int, attentions: tuple[str, ...]) -> Iterator[tuple[str, tuple[int, ...], bool]]:
    yield from _norm(f"{name}.mlp_ln", width)
    yield f"{name}.mlp.0.weight", (width, 4 * width), True
    yield f"{name}.mlp.0.bias", (4 * width,), False
    yield f"{name}.mlp.2.weight", (4 * width, width), True
    yield f"{name}.mlp.2.bias", (width,), False
    for attention in attentions:
        yield from _norm(f"{name}.{attention}_ln", width)
        for part in ("query", "key", "value", "out"):
            yield f"{name}.{attention}.{part}.weight", (width, width), True
            if part != "key":
                yield f"{name}.{attention}.{part}.bias", (width,), False


def _norm(name: str, width: int) -> Iterator[tuple[str, tuple[int, ...], bool]]:
    yield f"{name}.weight", (width,), False
    yield f"{name}.bias", (width,), False


def _write_tensor(
    out: BinaryIO, random: np.random.Generator, name: str, dimensions: tuple[int, ...], numbers: Numbers | None
) -> None:
    weights = int(np.prod(dimensions))
    if numbers is not None:
        tensor_type, data = numbers.tensor_type, numbers.matrix(random, weights)
    elif name.endswith(("conv1.weight", "conv2.weight")):
        tensor_type, data = Numbers.F16.tensor_type, Numbers.F16.matrix(random, weights)
    else:
        tensor_type, data = 0, (random.standard_normal(weights, dtype=np.float32) * SCALE).tobytes()
    encoded = name.encode()
    out.write(struct.pack("<3i", len(dimensions), len(encoded), tensor_type))
    out.write(struct.pack(f"<{len(dimensions)}i", *dimensions))
    out.write(encoded + data)
