"""Headers of real networks without their weights: the figures their makers publish, every matrix in one format."""

from __future__ import annotations

from pathlib import Path

from innkeeper.runtime.memory.header import Header, Value
from innkeeper.runtime.memory.tensors import TENSOR_TYPES, Tensor

FORMATS = {one.name: one for one in TENSOR_TYPES.values()}


def header(
    name: str,
    *,
    width: int,
    layers: int,
    heads: int,
    kv_heads: int,
    feed_forward: int,
    vocabulary: int,
    quantization: str = "q4_k",
) -> Header:
    """A network of the llama kind."""
    kv_width = width // heads * kv_heads
    shapes = {"token_embd.weight": (width, vocabulary), "output.weight": (width, vocabulary)}
    for layer in range(layers):
        shapes |= {
            f"blk.{layer}.attn_q.weight": (width, width),
            f"blk.{layer}.attn_k.weight": (width, kv_width),
            f"blk.{layer}.attn_v.weight": (width, kv_width),
            f"blk.{layer}.attn_output.weight": (width, width),
            f"blk.{layer}.ffn_gate.weight": (width, feed_forward),
            f"blk.{layer}.ffn_up.weight": (width, feed_forward),
            f"blk.{layer}.ffn_down.weight": (feed_forward, width),
        }
    tensors = tuple(
        Tensor(tensor, shape, quantization, 0, FORMATS[quantization].bytes_for(shape[0] * shape[1]))
        for tensor, shape in shapes.items()
    )
    metadata: dict[str, Value] = {
        "general.architecture": "llama",
        "general.name": name,
        "llama.context_length": 32_768,
        "llama.embedding_length": width,
        "llama.block_count": layers,
        "llama.feed_forward_length": feed_forward,
        "llama.attention.head_count": heads,
        "llama.attention.head_count_kv": kv_heads,
        "llama.vocab_size": vocabulary,
        "tokenizer.chat_template": "…",
    }
    size = sum(tensor.size_bytes for tensor in tensors)
    return Header((Path(f"{name}.gguf"),), size, metadata, tensors)


PRIMARY = header("primary", width=5120, layers=40, heads=40, kv_heads=40, feed_forward=13_824, vocabulary=32_000)
"""Llama 2 13B: no grouped heads, so its context is dear."""

MECHANICS = header("mechanics", width=3072, layers=28, heads=24, kv_heads=8, feed_forward=8192, vocabulary=128_256)
"""Llama 3.2 3B."""

GREEK = header("greek", width=4096, layers=32, heads=32, kv_heads=8, feed_forward=14_336, vocabulary=61_362)
"""Meltemi 7B: Mistral 7B with a Greek vocabulary."""

DEEP = header("deep", width=8192, layers=48, heads=64, kv_heads=8, feed_forward=22_016, vocabulary=64_000)
"""A network of about 35B weights, as Code Llama 34B."""
