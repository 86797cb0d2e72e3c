"""What one model file says of itself: its metadata and its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from innkeeper.runtime.errors import BadModelFile
from innkeeper.runtime.memory.tensors import Tensor


@dataclass(frozen=True, slots=True)
class Skipped:
    """A text or list that is too long to keep; `count` is its length in bytes or items."""

    count: int


Scalar: TypeAlias = int | float | bool | str
Value: TypeAlias = Scalar | tuple[int | float | bool, ...] | Skipped


@dataclass(frozen=True, slots=True)
class Header:
    """What one model file says of itself, all parts of a split one together."""

    parts: tuple[Path, ...]
    """The files in order; one where the model is not split."""

    file_bytes: int
    """Length of all parts together."""

    metadata: Mapping[str, Value]
    """By the names of the format: "general.architecture", "llama.block_count", …"""

    tensors: tuple[Tensor, ...]

    @property
    def file(self) -> Path:
        return self.parts[0]

    @property
    def architecture(self) -> str:
        """The kind of network: "llama", "qwen3", "bert", …

        Raises:
            BadModelFile: The file does not say.
        """
        found = self.text("general.architecture")
        if found is None:
            raise BadModelFile(f"{self.file}: general.architecture is missing; this is no language model's file.")
        return found

    @property
    def name(self) -> str | None:
        return self.text("general.name")

    @property
    def context_length(self) -> int | None:
        """Tokens the model was trained to see at once."""
        return self.whole(f"{self.architecture}.context_length")

    @property
    def has_chat_template(self) -> bool:
        return "tokenizer.chat_template" in self.metadata

    @property
    def pools(self) -> bool:
        """Whether it makes one vector of a text (embedding and rerank models) instead of continuing the text."""
        return (self.whole(f"{self.architecture}.pooling_type") or 0) > 0

    @property
    def looks_both_ways(self) -> bool:
        """Whether each token sees those after it: such a model reads a text once and remembers nothing of it."""
        return self.metadata.get(f"{self.architecture}.attention.causal") is False

    @property
    def ranks(self) -> bool:
        """Whether it scores how well a text answers a question."""
        return self.whole(f"{self.architecture}.pooling_type") == 4

    @property
    def weights_bytes(self) -> int:
        """Bytes of all tensors."""
        return sum(tensor.size_bytes for tensor in self.tensors)

    def text(self, key: str) -> str | None:
        """The text under that key; None where there is none.

        Raises:
            BadModelFile: There is something else.
        """
        found = self.metadata.get(key)
        if found is None or isinstance(found, str):
            return found
        raise BadModelFile(f"{self.file}: {key} must be a text, it is {found!r}.")

    def whole(self, key: str) -> int | None:
        """The whole number, 0 or more, under that key; None where there is none.

        Raises:
            BadModelFile: There is something else.
        """
        found = self.metadata.get(key)
        if found is None or (isinstance(found, int) and not isinstance(found, bool) and found >= 0):
            return found
        raise BadModelFile(f"{self.file}: {key} must be a whole number of at least 0, it is {found!r}.")

    def wholes(self, key: str, count: int) -> tuple[int, ...] | None:
        """So many numbers under that key, one per layer; one number stands for all; None where there is none.

        Raises:
            BadModelFile: There is something else, or fewer than `count`.
        """
        found = self.metadata.get(key)
        if not isinstance(found, tuple):
            one = self.whole(key)
            return None if one is None else (one,) * count
        if len(found) < count or not all(isinstance(number, int) and number >= 0 for number in found):
            raise BadModelFile(f"{self.file}: {key} must be {count} whole numbers, it is {len(found)}: {found[:8]!r} …")
        return tuple(int(number) for number in found[:count])
