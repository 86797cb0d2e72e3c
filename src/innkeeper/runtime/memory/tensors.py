"""Tensors of a model file: their number formats and sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class TensorType:
    """A number format: so many weights are packed into a block of so many bytes."""

    name: str
    block_weights: int
    block_bytes: int

    def bytes_for(self, weights: int) -> int:
        """Bytes of so many weights; a block that is begun is a whole block."""
        return -(-weights // self.block_weights) * self.block_bytes


@dataclass(frozen=True, slots=True)
class Tensor:
    """One row of a file's table of tensors."""

    name: str
    shape: tuple[int, ...]
    """Weights along each dimension, rows' length first."""
    type: str
    """Name of its `TensorType`."""
    offset: int
    """Bytes from the start of its part's data."""
    size_bytes: int

    @property
    def layer(self) -> int | None:
        """The layer it belongs to; None for what stands before and after the layers."""
        head, _, rest = self.name.partition(".")
        number, _, _ = rest.partition(".")
        return int(number) if head == "blk" and number.isascii() and number.isdigit() else None


TENSOR_TYPES: Final[Mapping[int, TensorType]] = {
    number: TensorType(name, block_weights, block_bytes)
    for number, name, block_weights, block_bytes in (
        (0, "f32", 1, 4),
        (1, "f16", 1, 2),
        (2, "q4_0", 32, 18),
        (3, "q4_1", 32, 20),
        (6, "q5_0", 32, 22),
        (7, "q5_1", 32, 24),
        (8, "q8_0", 32, 34),
        (9, "q8_1", 32, 40),
        (10, "q2_k", 256, 84),
        (11, "q3_k", 256, 110),
        (12, "q4_k", 256, 144),
        (13, "q5_k", 256, 176),
        (14, "q6_k", 256, 210),
        (15, "q8_k", 256, 292),
        (16, "iq2_xxs", 256, 66),
        (17, "iq2_xs", 256, 74),
        (18, "iq3_xxs", 256, 98),
        (19, "iq1_s", 256, 50),
        (20, "iq4_nl", 32, 18),
        (21, "iq3_s", 256, 110),
        (22, "iq2_s", 256, 82),
        (23, "iq4_xs", 256, 136),
        (24, "i8", 1, 1),
        (25, "i16", 1, 2),
        (26, "i32", 1, 4),
        (27, "i64", 1, 8),
        (28, "f64", 1, 8),
        (29, "iq1_m", 256, 56),
        (30, "bf16", 1, 2),
        (34, "tq1_0", 256, 54),
        (35, "tq2_0", 256, 66),
        (39, "mxfp4", 32, 17),
        (40, "nvfp4", 64, 36),
        (41, "q1_0", 128, 18),
    )
}
"""By the format's number.  Source: ggml_type in ggml.h; 4 and 5 were taken out of the format."""

CACHE_TYPES: Final[Mapping[str, TensorType]] = {
    kind.name: kind
    for kind in TENSOR_TYPES.values()
    if kind.name in {"f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "iq4_nl", "q5_0", "q5_1"}
}
"""The formats a KV cache may have, by name.  Source: llama.cpp's --cache-type-k."""
