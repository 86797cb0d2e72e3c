"""The choices of an engine that decide how many bytes it holds: the estimate charges them, the engine sets them.

They are written out instead of left to the engine's defaults, so that an update of llama.cpp cannot change a
footprint behind our back. The values and what they were measured to cost: docs/memory.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from innkeeper.runtime.catalog import Option
from innkeeper.runtime.errors import BadSettings


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How llama.cpp is asked to use memory. Names are those a model's `options` use in the settings."""

    batch_tokens: int = 512
    """Tokens of all slots taken together in one pass (`n_batch`)."""

    micro_batch_tokens: int = 128
    """Tokens computed at once (`n_ubatch`). The compute buffer grows with it; on CPU more is not faster."""

    gpu_layers: int = 0
    """Layers held in GPU memory, counted from the last; more than the model has means all, output included."""

    repack: bool = False
    """Whether the CPU may keep a second, rearranged copy of quantized weights (`no_extra_bufts` is its opposite).

    A quarter faster with Q4_0 (measured, docs/memory.md), for up to twice the memory.
    """

    flash_attention: bool = True
    """Whether attention is computed without its score matrix. On means llama.cpp's "auto", off its "disabled"."""

    prompt_cache_mib: int = 0
    """MiB of past prompts that the server may keep besides the slots (`cache_ram_mib`, 8192 by llama.cpp's default)."""

    checkpoints: int = 2
    """Saved states per slot (`n_ctx_checkpoints`) for models with sliding windows or a recurrent state."""

    full_window_cache: bool = False
    """Whether layers with a sliding window keep the whole context (`swa_full`)."""

    embeds: bool = False
    """Whether it makes vectors of texts: then llama.cpp keeps an output as wide as the vocabulary for every token."""

    @classmethod
    def chosen(cls, options: Mapping[str, Option]) -> EngineOptions:
        """These options with what a model's entry says instead; names that are not ours are left to the engine.

        Raises:
            BadSettings: A value is of the wrong type or out of range.
        """
        ours = {field.name: field.type for field in fields(cls)}
        changes = {name: _checked(name, value, ours[name]) for name, value in options.items() if name in ours}
        return replace(cls(), **changes)  # type: ignore[arg-type]  # each value was checked against its field's type

    def for_whole_inputs(self, context: int) -> EngineOptions:
        """The same for embedding and rerank models, whose attention looks both ways over an input of that length."""
        return replace(self, batch_tokens=context, micro_batch_tokens=context, embeds=True)


def _checked(name: str, value: Option, kind: object) -> int | bool:
    least = 1 if name.endswith("_tokens") else 0
    if kind == "bool" and isinstance(value, bool):
        return value
    if kind == "int" and isinstance(value, int) and not isinstance(value, bool) and value >= least:
        return value
    wanted = "true or false" if kind == "bool" else f"a whole number of at least {least}"
    raise BadSettings(f"The option {name} is {value!r}; it must be {wanted}.", param=name)
