"""What a model will hold, from its header."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from innkeeper.runtime.engine import Sizing
from innkeeper.runtime.errors import BadModelFile, BadSettings
from innkeeper.runtime.memory.estimate import ESTIMATE_MARGIN, Breakdown, breakdown, estimate
from innkeeper.runtime.memory.gguf import read_header
from innkeeper.runtime.memory.header import Header, Skipped, Value
from innkeeper.runtime.memory.network import Memory, Network
from innkeeper.runtime.memory.options import EngineOptions
from innkeeper.runtime.memory.tensors import Tensor
from tests.ggufs import Quantization, Shape, write_bert, write_llama

DEFAULT = EngineOptions()
KB = 1024


def header(
    architecture: str = "llama", *, layers: int = 4, tensors: tuple[str, ...] = ("attn_k",), **more: Value
) -> Header:
    """A network of width 1024 with 16 heads, 4 of them for keys and values; `more` by key, "__" for a dot."""
    keys: dict[str, Value] = {
        "block_count": layers,
        "embedding_length": 1024,
        "feed_forward_length": 4096,
        "attention.head_count": 16,
        "attention.head_count_kv": 4,
    }
    keys |= {key.replace("__", "."): value for key, value in more.items()}
    metadata: dict[str, Value] = {f"{architecture}.{key}": value for key, value in keys.items()}
    metadata |= {"general.architecture": architecture, "tokenizer.ggml.tokens": Skipped(10_000)}
    names = ["token_embd.weight", "output.weight"]
    names += [f"blk.{layer}.{name}.weight" for layer in range(layers) for name in (*tensors, "ffn_gate", "ffn_down")]
    rows = tuple(Tensor(name, (1024, 64), "q4_0", place * 65536, 36864) for place, name in enumerate(names))
    return Header((Path("x.gguf"),), 65536 * len(rows), metadata, rows)


def ram(
    head: Header, *, context: int = 1024, slots: int = 1, cache_type: str = "f16", options: EngineOptions = DEFAULT
) -> Breakdown:
    return breakdown(head, context=context, slots=slots, cache_type=cache_type, options=options)["ram"]


class TestTheCache:
    def test_is_keys_and_values_of_every_layer_token_and_slot(self) -> None:
        # 4 layers × 1024 tokens × 2 slots × (256 + 256) numbers × 2 bytes
        assert ram(header(), slots=2).cache == 4 * 1024 * 2 * 512 * 2

    def test_is_rounded_up_to_whole_steps_of_256_tokens(self) -> None:
        assert ram(header(), context=257).cache == ram(header(), context=512).cache

    @pytest.mark.parametrize(("cache_type", "row_bytes"), [("f32", 2048), ("q8_0", 544), ("q4_0", 288)])
    def test_follows_its_number_format(self, cache_type: str, row_bytes: int) -> None:
        assert ram(header(), cache_type=cache_type).cache == 4 * 1024 * row_bytes

    def test_counts_the_heads_of_each_layer_where_they_differ(self) -> None:
        head = header(attention__head_count_kv=(4, 0, 4, 2))
        assert ram(head).cache == 1024 * (4 + 0 + 4 + 2) * 64 * 2 * 2

    def test_takes_the_lengths_of_keys_and_values_from_the_file_where_they_are_given(self) -> None:
        head = header(attention__key_length=128, attention__value_length=32)
        assert ram(head).cache == 4 * 1024 * 4 * (128 + 32) * 2

    def test_of_a_sliding_window_is_the_window_a_micro_batch_and_the_rounding(self) -> None:
        head = header("gemma3", layers=6, attention__sliding_window=512)
        row_bytes = 512 * 2
        assert ram(head, context=4096).cache == (5 * 768 + 1 * 4096) * row_bytes

    def test_of_a_sliding_window_is_never_more_than_the_context(self) -> None:
        head = header("gemma3", layers=6, attention__sliding_window=4096)
        assert ram(head, context=1024).cache == 6 * 1024 * 512 * 2

    def test_of_a_sliding_window_can_be_made_whole(self) -> None:
        head = header("gemma3", layers=6, attention__sliding_window=512)
        whole = replace(DEFAULT, full_window_cache=True)
        assert ram(head, context=4096, options=whole).cache == 6 * 4096 * 512 * 2

    def test_follows_the_pattern_in_the_file(self) -> None:
        head = header(
            "gemma4", attention__sliding_window=256, attention__sliding_window_pattern=(True, True, True, False)
        )
        assert [layer.memory for layer in Network.of(head).layers] == [Memory.WINDOW] * 3 + [Memory.ALL]

    def test_of_an_unknown_architecture_with_a_window_is_counted_in_full(self) -> None:
        head = header("brandnew", attention__sliding_window=256)
        assert {layer.memory for layer in Network.of(head).layers} == {Memory.ALL}

    def test_is_none_for_a_network_that_looks_both_ways(self, tmp_path: Path) -> None:
        assert ram(read_header(write_bert(tmp_path / "bert.gguf"))).cache == 0

    def test_of_compressed_attention_is_one_row_for_a_token(self) -> None:
        head = header(
            "deepseek2",
            tensors=("attn_kv_a_mqa",),
            attention__head_count_kv=1,
            attention__key_length=576,
            attention__value_length=512,
            attention__kv_lora_rank=512,
            attention__key_length_mla=192,
        )
        assert ram(head).cache == 4 * 1024 * 576 * 2

    def test_of_windows_may_have_narrower_heads(self) -> None:
        head = header(
            "gemma4",
            attention__sliding_window=256,
            attention__sliding_window_pattern=2,
            attention__key_length=128,
            attention__value_length=128,
            attention__key_length_swa=64,
            attention__value_length_swa=64,
        )
        assert [layer.key_width for layer in Network.of(head).layers] == [256, 512, 256, 512]

    def test_is_not_counted_for_layers_that_share_another_one_s(self) -> None:
        assert ram(header(attention__shared_kv_layers=3)).cache == 1 * 1024 * 512 * 2

    def test_of_an_unknown_format_is_refused_with_those_there_are(self) -> None:
        with pytest.raises(BadSettings, match="no cache type 'q3'; there are f32, f16"):
            ram(header(), cache_type="q3")


class TestStates:
    STATE_BYTES = 4 * (3 * 2048 + 2048 * 16)

    def stateful(self, architecture: str, *tensors: str) -> Header:
        return header(architecture, tensors=tensors, ssm__inner_size=2048, ssm__state_size=16, ssm__conv_kernel=4)

    def test_of_a_recurrent_network_do_not_grow_with_the_context(self) -> None:
        head = self.stateful("mamba", "ssm_in")
        none_saved = replace(DEFAULT, checkpoints=0)
        assert ram(head, context=512, options=none_saved).states == 4 * self.STATE_BYTES
        assert ram(head, context=8192, options=none_saved).states == 4 * self.STATE_BYTES
        assert ram(head).cache == 0

    def test_stand_beside_the_cache_where_layers_have_both(self) -> None:
        head = self.stateful("falcon-h1", "ssm_in", "attn_k")
        assert ram(head).states > 0
        assert ram(head).cache == ram(header()).cache

    def test_are_saved_as_often_as_the_options_say(self) -> None:
        head = self.stateful("mamba", "ssm_in")
        assert ram(head, slots=2).states == 2 * (1 + DEFAULT.checkpoints) * 4 * self.STATE_BYTES

    def test_are_saved_for_sliding_windows_too(self) -> None:
        head = header("gemma3", layers=6, attention__sliding_window=512)
        assert ram(head, context=4096).states == DEFAULT.checkpoints * 5 * 512 * 512 * 2

    def test_of_time_mixing_are_a_square_for_each_head_and_the_shifted_tokens(self) -> None:
        head = header("rwkv7", tensors=("time_mix_key",), wkv__head_size=64, token_shift_count=2)
        assert {layer.state_bytes for layer in Network.of(head).layers} == {4 * (2 + 64) * 1024}

    def test_of_short_convolutions_are_the_tokens_they_look_back_to(self) -> None:
        head = header("lfm2", tensors=("shortconv.in_proj",), shortconv__l_cache=3)
        assert {layer.state_bytes for layer in Network.of(head).layers} == {4 * 2 * 1024}

    def test_are_nothing_for_a_plain_network(self) -> None:
        assert ram(header()).states == 0


class TestTheInside:
    def test_of_experts_is_as_wide_as_those_that_work_on_a_token(self) -> None:
        head = header(
            feed_forward_length=1024,
            expert_used_count=4,
            expert_feed_forward_length=768,
            expert_shared_feed_forward_length=512,
        )
        assert Network.of(head).feed_forward == 4 * 768 + 512

    def test_without_a_gate_needs_a_row_less(self, tmp_path: Path) -> None:
        assert not Network.of(read_header(write_bert(tmp_path / "bert.gguf"))).gated
        assert Network.of(read_header(write_llama(tmp_path / "llama.gguf"))).gated


class TestWeights:
    def test_are_all_tensors(self, tmp_path: Path) -> None:
        head = read_header(write_llama(tmp_path / "model.gguf"))
        assert head.weights_bytes <= ram(head).weights <= head.file_bytes

    def test_are_not_copied_unless_repacking_is_wanted(self) -> None:
        assert ram(header()).repacked == 0

    def test_that_can_be_repacked_are_held_twice_where_it_is_wanted(self) -> None:
        head = header()
        assert ram(head, options=replace(DEFAULT, repack=True)).repacked == 36864 * (len(head.tensors) - 1)

    def test_in_other_formats_are_not_repacked(self, tmp_path: Path) -> None:
        head = read_header(write_llama(tmp_path / "model.gguf", quantization=Quantization.Q8_0))
        assert ram(head, options=replace(DEFAULT, repack=True)).repacked == 0


class TestOffload:
    def pools(self, layers: int) -> dict[str, Breakdown]:
        options = replace(DEFAULT, gpu_layers=layers)
        return dict(breakdown(header(), context=1024, slots=1, cache_type="f16", options=options))

    def test_of_nothing_leaves_one_pool(self) -> None:
        assert set(self.pools(0)) == {"ram"}

    def test_of_everything_leaves_the_embedding_in_ram(self) -> None:
        pools = self.pools(99)
        assert pools["ram"].weights == 36864
        assert pools["ram"].cache == 0
        assert pools["gpu0"].cache == ram(header()).cache

    def test_of_some_layers_takes_the_output_first_and_then_the_last_layers(self) -> None:
        pools = self.pools(3)
        assert pools["gpu0"].weights == 36864 * (1 + 2 * 3)
        assert pools["gpu0"].cache == ram(header()).cache // 2 == pools["ram"].cache


class TestAnEstimate:
    def test_says_that_it_is_one_and_holds_its_margin(self) -> None:
        found = estimate(header(), context=1024, slots=1, cache_type="f16", options=DEFAULT)
        assert found.sizing is Sizing.ESTIMATED
        assert found.margin == ESTIMATE_MARGIN
        assert found.bytes["ram"] == round(ram(header()).total * (1 + ESTIMATE_MARGIN))

    def test_charges_past_prompts_that_may_be_kept(self) -> None:
        more = ram(header(), options=replace(DEFAULT, prompt_cache_mib=100)).total - ram(header()).total
        assert more == 100 << 20

    def test_without_flash_attention_grows_with_context_and_heads(self) -> None:
        plain = replace(DEFAULT, flash_attention=False)
        short, long = (ram(header(), context=context, options=plain).compute for context in (2048, 8192))
        assert long > 3.5 * short

    def test_of_vectors_charges_a_row_of_the_vocabulary_for_every_token(self) -> None:
        vectors = DEFAULT.for_whole_inputs(2048)
        rest = replace(vectors, embeds=False)
        more = ram(header(), context=2048, options=vectors).compute - ram(header(), context=2048, options=rest).compute
        assert more == 2048 * 10_000 * 4

    @pytest.mark.parametrize("key", ["block_count", "embedding_length"])
    def test_needs_the_figures_of_the_network(self, key: str) -> None:
        without = replace(header(), metadata={**header().metadata, f"llama.{key}": 0})
        with pytest.raises(BadModelFile, match=f"llama.{key} is missing or 0"):
            ram(without)

    def test_refuses_more_layers_than_there_are_tensors(self) -> None:
        broken = replace(header(), metadata={**header().metadata, "llama.block_count": 10**9})
        with pytest.raises(BadModelFile, match="1000000000 layers are claimed"):
            ram(broken)

    def test_refuses_a_list_that_is_too_short_for_the_layers(self) -> None:
        with pytest.raises(BadModelFile, match="must be 4 whole numbers"):
            ram(header(attention__head_count_kv=(1, 2)))

    @given(
        context=st.integers(1, 100_000),
        slots=st.integers(1, 16),
        cache_type=st.sampled_from(["f32", "f16", "q8_0", "q4_0"]),
        layers=st.integers(1, 40),
    )
    @settings(max_examples=60, deadline=None)
    def test_never_shrinks_when_more_is_asked(self, context: int, slots: int, cache_type: str, layers: int) -> None:
        head = header(layers=layers)
        less = ram(head, context=context, slots=slots, cache_type=cache_type).total
        assert ram(head, context=context + 256, slots=slots, cache_type=cache_type).total > less
        assert ram(head, context=context, slots=slots + 1, cache_type=cache_type).total > less


MEASURED = (
    # shape; format; context; slots; window; MB held by the child at its peak.
    # One case each from the runs behind docs/memory.md: 2 cores, xllamacpp 2026.10, libraries counted whole.
    (Shape(256, 12, 4, 1, 1024, 2048), Quantization.F16, 512, 1, 67.1),
    (Shape(256, 12, 4, 1, 1024, 2048), Quantization.F16, 4096, 1, 79.8),
    (Shape(512, 4, 8, 2, 2048, 8000), Quantization.Q8_0, 512, 4, 73.7),
)


class TestAgainstMeasurements:
    @pytest.mark.parametrize(("shape", "quantization", "context", "slots", "held_mb"), MEASURED)
    def test_it_is_within_five_per_cent_and_hardly_under(
        self, tmp_path: Path, shape: Shape, quantization: Quantization, context: int, slots: int, held_mb: float
    ) -> None:
        head = read_header(write_llama(tmp_path / "model.gguf", shape=shape, quantization=quantization))
        found = estimate(head, context=context, slots=slots, cache_type="f16", options=DEFAULT)
        assert -0.03 <= found.bytes["ram"] / (held_mb * 1e6) - 1 <= 0.05
