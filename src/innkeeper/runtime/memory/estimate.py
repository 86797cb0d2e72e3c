"""How many bytes a model will hold, computed from its file's header before it was ever loaded.

    weights    the tensors, mapped from the file: all of them become resident
    repacked   a second copy of those that the CPU rearranges, where that is allowed
    cache      keys and values of every slot's context, by what each layer remembers
    states     recurrent states, and the saved ones of models that cannot go back
    prompts    past prompts the server may keep
    compute    what one micro-batch needs while it passes through the layers, and the outputs
    program    the child itself: Python, llama.cpp, vocabulary, HTTP server, requests

Everything but `compute` and `program` follows from llama.cpp's own arithmetic. The factors of those two were
fitted to 41 measured children and hold for the options of `EngineOptions` on CPU: docs/memory.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Final

from innkeeper.runtime.engine import Footprint, Sizing
from innkeeper.runtime.errors import BadSettings
from innkeeper.runtime.memory.header import Header
from innkeeper.runtime.memory.network import Layer, Memory, Network
from innkeeper.runtime.memory.options import EngineOptions
from innkeeper.runtime.memory.tensors import CACHE_TYPES, Tensor, TensorType

ESTIMATE_MARGIN: Final = 0.01
"""Safety on top of an estimate, as a fraction of it; measured errors are below it, docs/memory.md."""

_REPACKED: Final = frozenset({"q4_0", "q4_k", "q5_k", "q6_k", "q2_k", "iq4_nl", "mxfp4"})
_CACHE_STEP_TOKENS: Final = 256  # llama.cpp rounds a slot's context and a window up to it

_PROGRAM_BYTES: Final = 37_500_000
_PER_SLOT_BYTES: Final = 170_000
_PER_TOKEN_BYTES: Final = 220  # of each slot's context: the cache's own books, and the prompt as text and numbers
_PER_WORD_BYTES: Final = 194  # of the vocabulary
_PER_WORD_AND_SLOT_BYTES: Final = 16.5
_PER_LAYER_BYTES: Final = 46_000
_GPU_PROGRAM_BYTES: Final = 400_000_000  # the driver's context and the kernels; not measured here


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Bytes in one pool, by what they are for."""

    weights: int = 0
    repacked: int = 0
    cache: int = 0
    states: int = 0
    prompts: int = 0
    compute: int = 0
    program: int = 0

    @property
    def total(self) -> int:
        return sum(astuple(self))


def estimate(
    header: Header,
    *,
    context: int,
    slots: int,
    cache_type: str,
    options: EngineOptions,
    gpu: str = "gpu0",
) -> Footprint:
    """Bytes in "ram" and, where layers are offloaded, in the pool `gpu`; the margin is in them.

    `context` is tokens per slot. For embedding and rerank models hand in `options.for_whole_inputs(context)`.

    Raises:
        BadModelFile: The header lacks a figure that is needed.
        BadSettings: The cache type is unknown.
    """
    parts = breakdown(header, context=context, slots=slots, cache_type=cache_type, options=options, gpu=gpu)
    held = {pool: round(part.total * (1 + ESTIMATE_MARGIN)) for pool, part in parts.items()}
    return Footprint(held, Sizing.ESTIMATED, ESTIMATE_MARGIN)


def breakdown(
    header: Header,
    *,
    context: int,
    slots: int,
    cache_type: str,
    options: EngineOptions,
    gpu: str = "gpu0",
) -> Mapping[str, Breakdown]:
    """The same by purpose, without margin. Raises as `estimate` does."""
    assert context > 0, f"a context of {context} tokens"
    assert slots > 0, f"{slots} slots"
    network = Network.of(header)
    kind = CACHE_TYPES.get(cache_type)
    if kind is None:
        raise BadSettings(f"There is no cache type {cache_type!r}; there are {', '.join(CACHE_TYPES)}.", param="cache")
    first_on_gpu = max(0, len(network.layers) + 1 - options.gpu_layers)  # the output counts as the last layer
    here, there = _tensors(header, network, first_on_gpu, with_output=options.gpu_layers > 0)
    plan = _Plan(network, context, slots, kind, options, _converted_bytes(header))
    ram = Breakdown(
        weights=_mapped_bytes(header, here, options),
        repacked=_repacked_bytes(here) if options.repack else 0,
        cache=plan.cache_bytes(network.layers[:first_on_gpu]),
        states=plan.states_bytes(network.layers[:first_on_gpu]) + plan.saved_bytes(),
        prompts=options.prompt_cache_mib << 20,
        compute=plan.compute_bytes(),
        program=plan.program_bytes(),
    )
    if not there:
        return {"ram": ram}
    return {
        "ram": ram,
        gpu: Breakdown(
            weights=sum(tensor.size_bytes for tensor in there),
            cache=plan.cache_bytes(network.layers[first_on_gpu:]),
            states=plan.states_bytes(network.layers[first_on_gpu:]),
            compute=plan.compute_bytes(),
            program=_GPU_PROGRAM_BYTES,
        ),
    }


@dataclass(frozen=True, slots=True)
class _Plan:
    """One network under one set of choices."""

    network: Network
    context: int
    slots: int
    cache_type: TensorType
    options: EngineOptions
    converted_bytes: float
    """Bytes of one number in the format to which llama.cpp converts a row before it multiplies weights with it."""

    def cache_bytes(self, layers: tuple[Layer, ...]) -> int:
        return self.slots * sum(self._layer_tokens(layer) * self._row_bytes(layer) for layer in layers)

    def states_bytes(self, layers: tuple[Layer, ...]) -> int:
        return self.slots * sum(layer.state_bytes for layer in layers)

    def saved_bytes(self) -> int:
        """States of the conversation that the server keeps to go back to; they are in RAM wherever the layers are."""
        if not self.network.keeps_states:
            return 0
        window_tokens = min(self.network.window_tokens, self.context)
        one = sum(
            layer.state_bytes + (window_tokens * self._row_bytes(layer) if layer.memory is Memory.WINDOW else 0)
            for layer in self.network.layers
        )
        return self.slots * self.options.checkpoints * one

    def compute_bytes(self) -> int:
        """The buffer one micro-batch touches, the rows converted for a product, and the outputs."""
        network, micro_batch = self.network, self._micro_batch_tokens
        mask = 1.8 * self._padded_context
        rows = 4 * (3.32 if network.gated else 2.0) + 1.65 * self.converted_bytes
        inner = network.feed_forward * rows + 4 * network.width
        if self.options.flash_attention:
            widest = inner
        else:
            scores = 6.3 * self._padded_context * network.heads + 16 * network.width
            widest = max(inner, scores)
        output_tokens = min(self.options.batch_tokens, self._padded_context * self.slots) if self.options.embeds else 0
        outputs = 4 * network.vocabulary * output_tokens
        return round(micro_batch * (widest + mask)) + outputs

    def program_bytes(self) -> int:
        per_slot = _PER_SLOT_BYTES + _PER_TOKEN_BYTES * self._padded_context
        per_word = _PER_WORD_BYTES + _PER_WORD_AND_SLOT_BYTES * self.slots
        return round(
            _PROGRAM_BYTES
            + self.slots * per_slot
            + self.network.vocabulary * per_word
            + len(self.network.layers) * _PER_LAYER_BYTES
        )

    @property
    def _micro_batch_tokens(self) -> int:
        return min(self.options.micro_batch_tokens, self.options.batch_tokens, self._padded_context * self.slots)

    @property
    def _padded_context(self) -> int:
        return _rounded_up(self.context, _CACHE_STEP_TOKENS)

    def _layer_tokens(self, layer: Layer) -> int:
        match layer.memory:
            case Memory.NOTHING:
                return 0
            case Memory.ALL:
                return self._padded_context
            case Memory.WINDOW:
                if self.options.full_window_cache:
                    return self._padded_context
                needed_tokens = self.network.window_tokens + self.options.micro_batch_tokens
                return _rounded_up(min(self._padded_context, needed_tokens), _CACHE_STEP_TOKENS)

    def _row_bytes(self, layer: Layer) -> int:
        return self.cache_type.bytes_for(layer.key_width) + self.cache_type.bytes_for(layer.value_width)


def _tensors(
    header: Header, network: Network, first_on_gpu: int, *, with_output: bool
) -> tuple[list[Tensor], list[Tensor]]:
    """The tensors that stay in RAM and those that go to the GPU, as llama.cpp deals them out."""
    here: list[Tensor] = []
    there: list[Tensor] = []
    has_output = any(tensor.name == "output.weight" for tensor in header.tensors)
    for tensor in header.tensors:
        if tensor.layer is not None:
            (there if with_output and tensor.layer >= first_on_gpu else here).append(tensor)
        elif with_output and tensor.name.startswith("output"):
            there.append(tensor)
        else:
            here.append(tensor)
            if with_output and tensor.name == "token_embd.weight" and not has_output and not network.looks_both_ways:
                there.append(tensor)  # it is also the output, so there is a copy on the GPU
    return here, there


def _converted_bytes(header: Header) -> float:
    types = {tensor.type for tensor in header.tensors if ".ffn_down" in tensor.name}
    if types and types <= {"q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "iq4_nl", "mxfp4"}:
        return 34 / 32
    return 4 if "f32" in types else 2


def _mapped_bytes(header: Header, here: list[Tensor], options: EngineOptions) -> int:
    """Bytes of the file that stay mapped: from the first to the last tensor that is used from there."""
    used = [tensor for tensor in here if not (options.repack and _is_repacked(tensor))]
    if not used or len(header.parts) > 1:
        return sum(tensor.size_bytes for tensor in here)
    first = min(tensor.offset for tensor in used)
    return max(tensor.offset + tensor.size_bytes for tensor in used) - first


def _repacked_bytes(tensors: list[Tensor]) -> int:
    return sum(tensor.size_bytes for tensor in tensors if _is_repacked(tensor))


def _is_repacked(tensor: Tensor) -> bool:
    """Whether the CPU would rearrange it: a quantized matrix that is multiplied, in rows of eight."""
    is_matrix = len(tensor.shape) > 1 and tensor.shape[1] % 8 == 0 and not tensor.name.startswith("token_embd")
    return is_matrix and tensor.type in _REPACKED


def _rounded_up(number: int, step: int) -> int:
    return -(-number // step) * step
