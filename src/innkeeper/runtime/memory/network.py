"""What in a network needs memory besides its weights: which layer remembers what, and how wide the layers are.

Most of it is in the file. What is not, and lives in llama.cpp's source instead, is which layers have a sliding
window where the file gives no pattern; `_WINDOW_EVERY` lists it. A layer of an architecture that is not listed
counts as one that remembers everything, which is never too little.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from innkeeper.runtime.errors import BadModelFile
from innkeeper.runtime.memory.header import Header, Skipped


class Memory(Enum):
    """What a layer keeps of the tokens it has seen."""

    NOTHING = "nothing"  # no cache: it looks at a whole input at once, or shares another layer's
    ALL = "all"
    WINDOW = "window"  # the latest ones


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer's memory of a conversation."""

    memory: Memory
    key_width: int
    """Numbers it keeps of a token as key, all heads together."""
    value_width: int
    state_bytes: int = 0
    """Bytes of a recurrent state, per slot, whatever the context."""


@dataclass(frozen=True, slots=True)
class Network:
    """The figures of a network that decide its memory."""

    width: int
    """Numbers that pass from layer to layer for each token."""
    feed_forward: int
    """Numbers inside a layer for each token; of a mixture of experts, of those that work on one token."""
    gated: bool
    """Whether a second row of that width decides how much of the first passes."""
    heads: int
    vocabulary: int
    window_tokens: int
    looks_both_ways: bool
    """Whether it takes a whole input at once and keeps nothing of it (most embedding models)."""
    layers: tuple[Layer, ...]

    @property
    def keeps_states(self) -> bool:
        """Whether some layers cannot go back in a conversation, so that the server saves states of it."""
        return any(layer.memory is Memory.WINDOW or layer.state_bytes for layer in self.layers)

    @classmethod
    def of(cls, header: Header) -> Network:
        """What `header` says.

        Raises:
            BadModelFile: A figure is missing, or two contradict each other.
        """
        said = header.architecture
        layers = _needed(header, f"{said}.block_count")
        if layers > len(header.tensors):
            raise BadModelFile(f"{header.file}: {layers} layers are claimed, {len(header.tensors)} tensors are there.")
        return cls(
            width=_needed(header, f"{said}.embedding_length"),
            feed_forward=_feed_forward(header, layers),
            gated=_gated(header),
            heads=max(header.wholes(f"{said}.attention.head_count", layers) or (0,), default=0),
            vocabulary=_vocabulary(header),
            window_tokens=header.whole(f"{said}.attention.sliding_window") or _WINDOW_TOKENS.get(said, 0),
            looks_both_ways=header.looks_both_ways,
            layers=_layers(header, layers),
        )


_WINDOW_EVERY: Final[Mapping[str, int]] = {
    "gemma2": 2,
    "gpt-oss": 2,
    "cohere2": 4,
    "exaone4": 4,
    "exaone-moe": 4,
    "llama4": 4,
    "olmo2": 4,
    "afmoe": 4,
    "gemma3n": 5,
    "gemma3": 6,
}
"""Every so many layers, counted from the first, the last remembers all; the others have the window.

Source: set_swa_pattern in llama.cpp's src/models/*.cpp.
"""

_WINDOW_TOKENS: Final[Mapping[str, int]] = {"llama4": 8_192}
"""Windows that are not in the file.  Source: as above."""

_STATEFUL: Final = ("ssm_", "time_mix_", "shortconv")
_ATTENTIVE: Final = ("attn_k.", "attn_k_b.", "attn_kv_a_mqa.", "attn_kv_b.")


def _layers(header: Header, count: int) -> tuple[Layer, ...]:
    said = header.architecture
    heads = header.wholes(f"{said}.attention.head_count", count) or (0,) * count
    kv_heads = header.wholes(f"{said}.attention.head_count_kv", count) or heads
    shared = header.whole(f"{said}.attention.shared_kv_layers") or 0
    drafting = header.whole(f"{said}.nextn_predict_layers") or 0
    windows = _windows(header, count)
    names = _tensor_names(header, count)
    layers: list[Layer] = []
    for place in range(count):
        stateful = any(name.startswith(_STATEFUL) for name in names[place])
        attentive = any(name.startswith(_ATTENTIVE) for name in names[place])
        remembers = (attentive or not stateful) and not header.looks_both_ways and place < count - drafting - shared
        suffix = "_swa" if windows[place] else ""
        key, value = (_head_width(header, which, suffix, max(heads)) for which in ("key", "value"))
        if header.whole(f"{said}.attention.kv_lora_rank") and header.whole(f"{said}.attention.key_length_mla"):
            value = 0  # compressed attention keeps one row and reads the values out of the keys
        layers.append(
            Layer(
                memory=(Memory.WINDOW if windows[place] else Memory.ALL) if remembers else Memory.NOTHING,
                key_width=key * kv_heads[place],
                value_width=value * kv_heads[place],
                state_bytes=_state_bytes(header) if stateful else 0,
            )
        )
    return tuple(layers)


def _windows(header: Header, count: int) -> tuple[bool, ...]:
    said = header.architecture
    if not (header.whole(f"{said}.attention.sliding_window") or said in _WINDOW_TOKENS):
        return (False,) * count
    pattern = header.metadata.get(f"{said}.attention.sliding_window_pattern")
    if isinstance(pattern, tuple) and len(pattern) >= count:
        return tuple(bool(has_window) for has_window in pattern[:count])
    every = pattern if isinstance(pattern, int) else _WINDOW_EVERY.get(said)
    if every is None or every < 1:
        return (False,) * count
    return tuple(place % every < every - 1 for place in range(count))


def _head_width(header: Header, which: str, suffix: str, heads: int) -> int:
    said = header.architecture
    own = header.whole(f"{said}.attention.{which}_length{suffix}") if suffix else None
    found = own or header.whole(f"{said}.attention.{which}_length")
    if found is None:
        found = _needed(header, f"{said}.embedding_length") // heads if heads else 0
    return found


def _state_bytes(header: Header) -> int:
    """Bytes of one layer's recurrent state for one slot, always as F32.  Source: n_embd_r, n_embd_s in llama.cpp."""

    def figure(name: str) -> int:
        return header.whole(f"{header.architecture}.{name}") or 0

    width = _needed(header, f"{header.architecture}.embedding_length")
    if figure("wkv.head_size"):
        numbers = (figure("token_shift_count") + figure("wkv.head_size")) * width
    elif figure("shortconv.l_cache"):
        numbers = width * (figure("shortconv.l_cache") - 1)
    else:
        inner, state = figure("ssm.inner_size"), figure("ssm.state_size")
        convolved = max(0, figure("ssm.conv_kernel") - 1) * (inner + 2 * figure("ssm.group_count") * state)
        numbers = convolved + inner * state
    return 4 * numbers


def _tensor_names(header: Header, count: int) -> list[list[str]]:
    names: list[list[str]] = [[] for _ in range(count)]
    for tensor in header.tensors:
        if tensor.layer is not None and tensor.layer < count:
            names[tensor.layer].append(tensor.name.split(".", 2)[2])
    return names


def _feed_forward(header: Header, layers: int) -> int:
    said = header.architecture
    dense = max(header.wholes(f"{said}.feed_forward_length", layers) or (0,), default=0)
    used = header.whole(f"{said}.expert_used_count") or 0
    expert = header.whole(f"{said}.expert_feed_forward_length") or (dense if used else 0)
    shared = header.whole(f"{said}.expert_shared_feed_forward_length") or 0
    return max(dense, used * expert + shared)


def _gated(header: Header) -> bool:
    inner = max(header.wholes(f"{header.architecture}.feed_forward_length", 1) or (0,))
    rows = [tensor.shape[-1] for tensor in header.tensors if tensor.name.endswith("ffn_up.weight")]
    fused = bool(rows) and inner > 0 and rows[0] >= 2 * inner
    return fused or not rows or any(".ffn_gate" in tensor.name for tensor in header.tensors)


def _vocabulary(header: Header) -> int:
    told = header.whole(f"{header.architecture}.vocab_size")
    if told is not None:
        return told
    tokens = header.metadata.get("tokenizer.ggml.tokens")
    return tokens.count if isinstance(tokens, Skipped) else 0


def _needed(header: Header, key: str) -> int:
    found = header.whole(key)
    if not found:
        raise BadModelFile(f"{header.file}: {key} is missing or 0; the file cannot be sized or run.")
    return found
