"""What a llama.cpp child is told, complete: nothing that costs memory or changes answers is left to its defaults.

Stands on the standard library alone, because the worker imports it too and should start fast.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import Enum


class Role(Enum):
    """What a child is set up for. llama.cpp fixes it for the life of a process."""

    GENERATES = "generates"  # chat and completions
    EMBEDS = "embeds"  # embeddings, and chat too where the model can generate
    RERANKS = "reranks"  # relevance of documents to a query


POOLINGS = ("none", "mean", "cls", "last", "rank")
"""How an embedding is made of its tokens' vectors, in llama.cpp's words."""


@dataclass(frozen=True, slots=True)
class Launch:
    """One load of one model."""

    file: str
    socket: str
    name: str
    """The model's id; answers carry it."""

    role: Role
    context: int
    """Tokens of one slot."""

    slots: int
    cache_type: str
    threads: int
    batch_tokens: int
    micro_batch_tokens: int
    gpu_layers: int
    repack: bool
    flash_attention: bool
    prompt_cache_mib: int
    checkpoints: int
    full_window_cache: bool
    pooling: str | None
    """One of `POOLINGS`; None takes what the file says."""

    @property
    def total_context(self) -> int:
        """Tokens of all slots: llama.cpp is told the sum and divides it again."""
        return self.context * self.slots

    @property
    def http_threads(self) -> int:
        """Threads of the child's HTTP server: each answer under way and each kept connection occupies one."""
        return 2 * self.slots + 8

    def to_json(self) -> bytes:
        """One line for the worker."""
        return json.dumps(asdict(self) | {"role": self.role.value}).encode() + b"\n"

    @classmethod
    def from_json(cls, line: bytes) -> Launch:
        """What `to_json` made."""
        fields = json.loads(line)
        return cls(**(fields | {"role": Role(fields["role"])}))
