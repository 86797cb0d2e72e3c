"""GGUF files of any size with random weights, which llama.cpp loads and runs: real inputs that need no download.

The words they say mean nothing; all else is as in a file from the hub: architecture, tokenizer, chat
template, quantized blocks, optional sliding window. Weights are written as a stream, so a file of 2 GB takes
seconds and some MB of memory. The same arguments give the same bytes.

    write_llama(tmp_path / "small.gguf")                                        # about 2 MB, F16
    write_llama(path, target_bytes=2_000_000_000, quantization=Quantization.Q4_K)
    write_bert(tmp_path / "embedder.gguf")                                      # answers /v1/embeddings
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import product
from pathlib import Path
from typing import BinaryIO

import gguf
import numpy as np
from numpy.typing import NDArray

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
HEAD_WIDTH = 64
_CHUNK_BLOCKS = 1 << 15  # blocks of random numbers made once and written again and again


class Quantization(Enum):
    """Number format of the matrices. Norms and biases are always F32, as in real files."""

    F16 = gguf.GGMLQuantizationType.F16
    Q8_0 = gguf.GGMLQuantizationType.Q8_0
    Q4_0 = gguf.GGMLQuantizationType.Q4_0
    Q4_K = gguf.GGMLQuantizationType.Q4_K

    @property
    def block_weights(self) -> int:
        return int(gguf.GGML_QUANT_SIZES[self.value][0])

    @property
    def block_bytes(self) -> int:
        return int(gguf.GGML_QUANT_SIZES[self.value][1])


@dataclass(frozen=True, slots=True)
class Shape:
    """The figures of a llama-like network."""

    width: int
    layers: int
    heads: int
    kv_heads: int
    feed_forward: int
    vocabulary: int

    def layer_weights(self) -> int:
        kv_width = self.width // self.heads * self.kv_heads
        return 2 * self.width * self.width + 2 * self.width * kv_width + 3 * self.width * self.feed_forward


def shape_for(target_bytes: int, quantization: Quantization, kv_heads: int | None = None) -> Shape:
    """A sensible network whose file is about `target_bytes` long, never below one layer."""
    weights = target_bytes * quantization.block_weights // quantization.block_bytes
    width, vocabulary = 4096, 32_000
    for most_weights, its_width, its_vocabulary in (
        (3_000_000, 128, 512),
        (16_000_000, 256, 2_048),
        (60_000_000, 512, 8_000),
        (300_000_000, 1_024, 16_000),
        (2_500_000_000, 2_048, 32_000),
    ):
        if weights <= most_weights:
            width, vocabulary = its_width, its_vocabulary
            break
    width = max(width, quantization.block_weights)
    heads = max(1, width // HEAD_WIDTH)
    one = Shape(width, 1, heads, kv_heads or max(1, heads // 4), 4 * width, vocabulary)
    layers = max(1, round((weights - 2 * width * vocabulary) / one.layer_weights()))
    return Shape(one.width, layers, one.heads, one.kv_heads, one.feed_forward, one.vocabulary)


def write_llama(
    path: Path,
    *,
    target_bytes: int = 2_000_000,
    quantization: Quantization = Quantization.F16,
    shape: Shape | None = None,
    context: int = 16_384,
    kv_heads: int | None = None,
    sliding_window: int | None = None,
    chat_template: str | None = CHAT_TEMPLATE,
    seed: int = 1,
) -> Path:
    """Write a text model and return `path`.

    `context` is what the header says the model was trained for. With `sliding_window` the file is of the
    gemma2 architecture, whose every second layer sees only so many tokens; otherwise it is llama.
    """
    shape = shape or shape_for(target_bytes, quantization, kv_heads)
    architecture = "llama" if sliding_window is None else "gemma2"
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name(path.stem)
    writer.add_context_length(context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_file_type(_file_type(quantization))
    if sliding_window is None:
        writer.add_rope_dimension_count(shape.width // shape.heads)
    else:
        writer.add_sliding_window(sliding_window)
        writer.add_key_length(shape.width // shape.heads)
        writer.add_value_length(shape.width // shape.heads)
    _add_sentencepiece(writer, shape.vocabulary)
    if chat_template is not None:
        writer.add_chat_template(chat_template)
    tensors = _Tensors(quantization, 1 / np.sqrt(shape.width), seed)
    kv_width = shape.width // shape.heads * shape.kv_heads
    tensors.matrix("token_embd.weight", shape.width, shape.vocabulary)
    if sliding_window is None:
        tensors.matrix("output.weight", shape.width, shape.vocabulary)
    tensors.ones("output_norm.weight", shape.width)
    for layer in range(shape.layers):
        block = f"blk.{layer}."
        tensors.ones(block + "attn_norm.weight", shape.width)
        tensors.matrix(block + "attn_q.weight", shape.width, shape.width)
        tensors.matrix(block + "attn_k.weight", shape.width, kv_width)
        tensors.matrix(block + "attn_v.weight", shape.width, kv_width)
        tensors.matrix(block + "attn_output.weight", shape.width, shape.width)
        tensors.ones(block + "ffn_norm.weight", shape.width)
        tensors.matrix(block + "ffn_gate.weight", shape.width, shape.feed_forward)
        tensors.matrix(block + "ffn_up.weight", shape.width, shape.feed_forward)
        tensors.matrix(block + "ffn_down.weight", shape.feed_forward, shape.width)
        if sliding_window is not None:
            tensors.ones(block + "post_attention_norm.weight", shape.width)
            tensors.ones(block + "post_ffw_norm.weight", shape.width)
    tensors.write(writer)
    return path


def write_bert(
    path: Path,
    *,
    width: int = 128,
    layers: int = 2,
    vocabulary: int = 1_000,
    context: int = 512,
    quantization: Quantization = Quantization.F16,
    seed: int = 1,
) -> Path:
    """Write an embedding model (BERT, mean pooling) and return `path`."""
    heads = width // 32
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_name(path.stem)
    writer.add_context_length(context)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(4 * width)
    writer.add_head_count(heads)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(value=False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_file_type(_file_type(quantization))
    _add_wordpiece(writer, vocabulary)
    tensors = _Tensors(quantization, 1 / np.sqrt(width), seed)
    tensors.matrix("token_embd.weight", width, vocabulary)
    tensors.floats("position_embd.weight", width, context)
    tensors.floats("token_types.weight", width, 2)
    tensors.norm("token_embd_norm", width)
    for layer in range(layers):
        block = f"blk.{layer}."
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            tensors.matrix(f"{block}{name}.weight", width, width)
            tensors.floats(f"{block}{name}.bias", width)
        tensors.norm(f"{block}attn_output_norm", width)
        tensors.matrix(f"{block}ffn_up.weight", width, 4 * width)
        tensors.floats(f"{block}ffn_up.bias", 4 * width)
        tensors.matrix(f"{block}ffn_down.weight", 4 * width, width)
        tensors.floats(f"{block}ffn_down.bias", width)
        tensors.norm(f"{block}layer_output_norm", width)
    tensors.write(writer)
    return path


class _Tensors:
    """The table of tensors first, then their bytes, one after the other."""

    def __init__(self, quantization: Quantization, spread: float, seed: int) -> None:
        self._quantization = quantization
        self._random = np.random.default_rng(seed)
        self._chunk = _random_blocks(quantization, spread, self._random)
        self._planned: list[tuple[str, tuple[int, ...], Quantization | NDArray[np.float32]]] = []

    def matrix(self, name: str, columns: int, rows: int) -> None:
        assert columns % self._quantization.block_weights == 0, f"{name}: {columns} columns do not fill blocks"
        self._planned.append((name, (rows, columns), self._quantization))

    def ones(self, name: str, length: int) -> None:
        self._planned.append((name, (length,), np.ones(length, np.float32)))

    def floats(self, name: str, columns: int, rows: int | None = None) -> None:
        shape = (columns,) if rows is None else (rows, columns)
        numbers = self._random.standard_normal(shape, np.float32) * np.float32(0.02)
        self._planned.append((name, shape, numbers))

    def norm(self, name: str, length: int) -> None:
        self.ones(f"{name}.weight", length)
        self._planned.append((f"{name}.bias", (length,), np.zeros(length, np.float32)))

    def write(self, writer: gguf.GGUFWriter) -> None:
        for name, shape, content in self._planned:
            if isinstance(content, Quantization):
                byte_shape = gguf.quant_shape_to_byte_shape(shape, content.value)
                writer.add_tensor_info(name, byte_shape, np.dtype(np.uint8), int(np.prod(byte_shape)), content.value)
            else:
                writer.add_tensor_info(name, shape, content.dtype, content.nbytes)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        assert writer.fout is not None
        out = writer.fout[0]
        out.write(bytes(writer.ggml_pad(out.tell(), writer.data_alignment) - out.tell()))
        for _, shape, content in self._planned:
            if isinstance(content, Quantization):
                written = int(np.prod(shape)) // content.block_weights * content.block_bytes
                self._stream(out, written, content.block_bytes)
            else:
                written = content.nbytes
                out.write(content.tobytes())
            out.write(bytes(writer.ggml_pad(written, writer.data_alignment) - written))
        writer.close()

    def _stream(self, out: BinaryIO, size_bytes: int, block_bytes: int) -> None:
        chunk = memoryview(self._chunk)
        while size_bytes > 0:
            start = int(self._random.integers(_CHUNK_BLOCKS // 2)) * block_bytes  # so that no two rows repeat in step
            piece = chunk[start : start + size_bytes]
            out.write(piece)
            size_bytes -= len(piece)


def _random_blocks(quantization: Quantization, spread: float, random: np.random.Generator) -> bytes:
    """Blocks whose numbers have about the standard deviation `spread`; their scales are finite and small."""
    match quantization:
        case Quantization.F16:
            numbers = random.standard_normal(_CHUNK_BLOCKS * 8, np.float32) * np.float32(spread)
            return numbers.astype(np.float16).tobytes()
        case Quantization.Q8_0:
            return _blocks(random, spread / 73, (), 32)
        case Quantization.Q4_0:
            return _blocks(random, spread / 4.6, (), 16)
        case Quantization.Q4_K:
            # weight = d × scale × q - dmin × minimum; scales and minima are at most 63, q at most 15
            return _blocks(random, spread / 180, (spread / 24,), 140)


def _blocks(random: np.random.Generator, scale: float, more_scales: tuple[float, ...], payload_bytes: int) -> bytes:
    scales = np.full((_CHUNK_BLOCKS, 1 + len(more_scales)), (scale, *more_scales), np.float16).view(np.uint8)
    payload = random.integers(0, 256, (_CHUNK_BLOCKS, payload_bytes), np.uint8)
    return np.concatenate((scales, payload), axis=1).tobytes()


def _file_type(quantization: Quantization) -> int:
    match quantization:
        case Quantization.F16:
            return int(gguf.LlamaFileType.MOSTLY_F16)
        case Quantization.Q8_0:
            return int(gguf.LlamaFileType.MOSTLY_Q8_0)
        case Quantization.Q4_0:
            return int(gguf.LlamaFileType.MOSTLY_Q4_0)
        case Quantization.Q4_K:
            return int(gguf.LlamaFileType.MOSTLY_Q4_K_S)


def _words(count: int) -> list[str]:
    """So many different pronounceable words, short ones first."""
    syllables = ["".join(pair) for pair in product("bdfgklmnprstvz", "aeiou")]
    words: list[str] = []
    for length in (1, 2, 3):
        for parts in product(syllables, repeat=length):
            words.append("".join(parts))
            if len(words) == count:
                return words
    raise AssertionError(f"{count} words are more than three syllables give")


def _add_sentencepiece(writer: gguf.GGUFWriter, size: int) -> None:
    letters = [chr(code) for code in range(0x20, 0x7F) if chr(code) != " "] + ["▁", "\n"]
    special, single_bytes = ["<unk>", "<s>", "</s>"], [f"<0x{byte:02X}>" for byte in range(256)]
    fixed = [*special, *single_bytes, *letters]
    assert size > len(fixed), f"a vocabulary of {size} is too small; {len(fixed)} tokens are always there"
    words: list[str] = []
    for word in _words(size):
        words += (word, f"▁{word}")
    tokens = [*fixed, *words[: size - len(fixed)]]
    kind = gguf.TokenType
    types = [kind.UNKNOWN, kind.CONTROL, kind.CONTROL, *[kind.BYTE] * 256]
    types += [kind.NORMAL] * (size - len(types))
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * 259 + [-float(place) for place in range(size - 259)])
    writer.add_token_types(types)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)


def _add_wordpiece(writer: gguf.GGUFWriter, size: int) -> None:
    letters = [chr(code) for code in range(0x21, 0x7F) if not chr(code).isupper()]
    # llama.cpp writes the start of a word as "▁" and its middle without "##"
    fixed = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *[f"▁{letter}" for letter in letters], *letters]
    assert size > len(fixed), f"a vocabulary of {size} is too small; {len(fixed)} tokens are always there"
    tokens = [*fixed, *[f"▁{word}" for word in _words(size - len(fixed))]]
    kind = gguf.TokenType
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_types([kind.CONTROL] * 5 + [kind.NORMAL] * (size - 5))
    writer.add_token_type_count(2)
    writer.add_pad_token_id(0)
    writer.add_unk_token_id(1)
    writer.add_bos_token_id(2)
    writer.add_sep_token_id(3)
    writer.add_eos_token_id(3)
    writer.add_mask_token_id(4)
