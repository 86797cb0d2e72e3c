"""Reading the header of a model file that may be anything."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import gguf as reference
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from innkeeper.runtime.errors import BadModelFile
from innkeeper.runtime.memory.gguf import read_header
from innkeeper.runtime.memory.header import Skipped
from innkeeper.runtime.memory.tensors import TENSOR_TYPES
from tests.ggufs import CHAT_TEMPLATE, Quantization, Shape, write_bert, write_llama
from tests.memory import bytes_of
from tests.memory.bytes_of import BOOL, F32, STRING, U32, U64, gguf, list_key, string_key, tensor, whole_key

STORIES = Path(__file__).parents[2] / "../shared/data/models/stories260K.gguf"
MEMORY_LIMIT_BYTES = 12 << 20

Write = Callable[[bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(content: bytes) -> Path:
        path = tmp_path / "model.gguf"
        path.write_bytes(content)
        return path

    return to_file


class TestAGoodFile:
    def test_says_what_it_is(self, tmp_path: Path) -> None:
        header = read_header(write_llama(tmp_path / "good.gguf", context=4096))
        assert header.architecture == "llama"
        assert header.name == "good"
        assert header.context_length == 4096
        assert header.text("tokenizer.chat_template") == CHAT_TEMPLATE
        assert header.has_chat_template
        assert not header.pools

    def test_gives_the_same_tensors_as_the_reference_reader(self, tmp_path: Path) -> None:
        path = write_llama(tmp_path / "good.gguf", quantization=Quantization.Q4_K)
        ours = [(tensor.name, tensor.type, tensor.size_bytes) for tensor in read_header(path).tensors]
        theirs = [
            (tensor.name, tensor.tensor_type.name.lower(), tensor.n_bytes)
            for tensor in reference.GGUFReader(path).tensors
        ]
        assert ours == theirs

    def test_keeps_short_lists_and_counts_long_ones(self, write: Write) -> None:
        path = write(
            gguf(
                [
                    list_key("by_layer", U32, 3, b"\1\0\0\0\2\0\0\0\3\0\0\0"),
                    list_key("tokens", STRING, 2, bytes_of.text("a") + bytes_of.text("b" * 300)),
                    list_key("scores", F32, 5_000, bytes(20_000)),
                    list_key("flags", BOOL, 2, b"\1\0"),
                    whole_key("after", 7),
                ]
            )
        )
        assert dict(read_header(path).metadata) == {
            "by_layer": (1, 2, 3),
            "tokens": Skipped(2),
            "scores": Skipped(5_000),
            "flags": (True, False),
            "after": 7,
        }

    def test_of_an_embedding_model_pools(self, tmp_path: Path) -> None:
        header = read_header(write_bert(tmp_path / "bert.gguf"))
        assert header.pools
        assert not header.ranks

    def test_with_a_large_vocabulary_takes_little_memory(self, tmp_path: Path) -> None:
        shape = Shape(width=64, layers=1, heads=1, kv_heads=1, feed_forward=64, vocabulary=40_000)
        path = write_llama(tmp_path / "wide.gguf", shape=shape)
        tracemalloc.start()
        try:
            header = read_header(path)
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert header.metadata["tokenizer.ggml.tokens"] == Skipped(40_000)
        assert peak_bytes < MEMORY_LIMIT_BYTES

    @pytest.mark.needs_shared_data
    @pytest.mark.skipif(not STORIES.exists(), reason="stories260K.gguf is not beside the checkout")
    def test_from_the_world_is_read(self) -> None:
        header = read_header(STORIES)
        assert header.architecture == "llama"
        assert header.context_length == 512
        assert header.weights_bytes == 1_171_200


class TestTensorTypes:
    def test_are_those_of_the_format(self) -> None:
        theirs = {
            int(kind): (kind.name.lower(), *reference.GGML_QUANT_SIZES[kind]) for kind in reference.GGMLQuantizationType
        }
        ours = {number: (kind.name, kind.block_weights, kind.block_bytes) for number, kind in TENSOR_TYPES.items()}
        assert ours == theirs


class TestASplitModel:
    def parts(self, folder: Path, count: int = 3) -> list[Path]:
        paths = []
        for number in range(count):
            keys = [whole_key("split.count", count), whole_key("split.no", number)]
            if number == 0:
                keys += [string_key("general.architecture", "llama"), whole_key("split.tensors.count", count)]
            path = folder / f"big-{number + 1:05}-of-{count:05}.gguf"
            path.write_bytes(gguf(keys, [tensor(f"blk.{number}.ffn_up.weight", [32, 2])], data_bytes=256))
            paths.append(path)
        return paths

    def test_is_read_as_one(self, tmp_path: Path) -> None:
        parts = self.parts(tmp_path)
        header = read_header(parts[0])
        assert header.parts == tuple(parts)
        assert [tensor.layer for tensor in header.tensors] == [0, 1, 2]
        assert header.file_bytes == sum(part.stat().st_size for part in parts)

    def test_with_a_part_missing_names_that_part(self, tmp_path: Path) -> None:
        parts = self.parts(tmp_path)
        parts[1].unlink()
        with pytest.raises(BadModelFile, match=r"big-00002-of-00003\.gguf: this part of a model of 3 is missing"):
            read_header(parts[0])

    def test_is_refused_by_a_later_part_which_names_the_first(self, tmp_path: Path) -> None:
        parts = self.parts(tmp_path)
        with pytest.raises(BadModelFile, match=r"part 2 of 3; give the first: .*big-00001-of-00003\.gguf"):
            read_header(parts[1])

    def test_under_another_name_is_refused_with_the_name_it_needs(self, tmp_path: Path) -> None:
        parts = self.parts(tmp_path)
        renamed = parts[0].rename(tmp_path / "renamed.gguf")
        with pytest.raises(BadModelFile, match=r"must end in -00001-of-00003\.gguf"):
            read_header(renamed)

    def test_with_fewer_tensors_than_it_should_have_is_refused(self, tmp_path: Path) -> None:
        parts = self.parts(tmp_path)
        parts[2].write_bytes(gguf([whole_key("split.count", 3), whole_key("split.no", 2)]))
        with pytest.raises(BadModelFile, match="should hold 3 tensors, they hold 2"):
            read_header(parts[0])

    def test_with_parts_of_two_models_is_refused(self, tmp_path: Path) -> None:
        parts = self.parts(tmp_path)
        parts[2].write_bytes(parts[1].read_bytes())
        with pytest.raises(BadModelFile, match="two parts hold a tensor of the same name"):
            read_header(parts[0])


LONG = 1 << 62
BROKEN = {
    "nothing at all": (b"", "has 0 bytes"),
    "another format": (gguf(magic=b"GGML"), "this is no GGUF file"),
    "an old version": (gguf(version=1), "GGUF version 1"),
    "a foreign byte order": (gguf(version=3 << 24), "big-endian"),
    "countless keys": (gguf(key_count=LONG), "keys and"),
    "countless tensors": (gguf(tensor_count=LONG), "keys and"),
    "keys that are not there": (gguf(key_count=9_999, data_bytes=0), "bytes are needed|should have 1 to"),
    "a key twice": (gguf([whole_key("a", 1), whole_key("a", 2)]), "is there twice"),
    "a key of no type": (gguf([bytes_of.text("a") + b"\x63\0\0\0"]), "unknown type 99"),
    "a list of lists": (gguf([list_key("a", bytes_of.ARRAY, 1)]), "list of the unknown type 9"),
    "an endless text": (gguf([bytes_of.text("a") + b"\x08\0\0\0" + b"\xff" * 8]), "it is truncated"),
    "an endless list": (gguf([list_key("a", U64, LONG)]), "it is truncated"),
    "endless texts": (gguf([list_key("a", STRING, LONG)]), "no room for them"),
    "a list's text past the end": (gguf([list_key("a", STRING, 1, b"\xff\xff\0\0\0\0\0\0")]), "after the end"),
    "a crooked alignment": (gguf([whole_key("general.alignment", 33)]), "power of two"),
    "a tensor of no dimensions": (gguf([], [tensor("a", [])]), "claims 0 dimensions"),
    "a tensor of five": (gguf([], [tensor("a", [1, 1, 1, 1, 1])]), "claims 5 dimensions"),
    "a tensor of no type": (gguf([], [tensor("a", [32], kind=200)]), "unknown type 200"),
    "a tensor of no size": (gguf([], [tensor("a", [0])]), "impossible shape"),
    "a tensor too large to count": (gguf([], [tensor("a", [LONG, LONG])]), "impossible shape"),
    "a row that fills no block": (gguf([], [tensor("a", [31], kind=8)]), "rows of 31 weights, q8_0 packs 32"),
    "a tensor past the end": (gguf([], [tensor("a", [32], offset=8192)]), "it is truncated; download it again"),
    "a tensor off its place": (gguf([], [tensor("a", [32], offset=8)]), "no multiple of 32"),
    "tensors that overlap": (gguf([], [tensor("a", [32]), tensor("b", [8])]), "a and b overlap|b and a overlap"),
    "a tensor twice": (gguf([], [tensor("a", [8]), tensor("a", [8], offset=32)]), "same name"),
}


class TestABadFile:
    @pytest.mark.parametrize(("content", "reason"), BROKEN.values(), ids=BROKEN.keys())
    def test_is_refused_with_the_file_the_place_and_the_reason(self, write: Write, content: bytes, reason: str) -> None:
        path = write(content)
        with pytest.raises(BadModelFile, match=reason) as refused:
            read_header(path)
        assert str(path) in refused.value.message
        assert "at byte " in refused.value.message
        assert refused.value.numbers["file_bytes"] == len(content)

    def test_that_is_cut_anywhere_in_its_header_is_refused(self, write: Write) -> None:
        whole = gguf(
            [string_key("general.architecture", "llama"), list_key("t", STRING, 2, bytes_of.text("ab") * 2)],
            [tensor("a", [32]), tensor("b", [32], offset=128)],
            data_bytes=256,
        )
        read_header(write(whole))
        for length in range(len(whole)):
            with pytest.raises(BadModelFile):
                read_header(write(whole[:length]))

    def test_that_is_missing_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(BadModelFile, match=r"gone\.gguf: cannot be read: No such file"):
            read_header(tmp_path / "gone.gguf")

    def test_that_is_a_folder_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(BadModelFile, match="folder or device"):
            read_header(tmp_path)

    def test_that_is_a_pipe_is_refused_without_waiting_for_a_writer(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.gguf")
        with pytest.raises(BadModelFile, match="folder or device"):
            read_header(tmp_path / "pipe.gguf")

    @pytest.mark.parametrize("key", ["general.architecture", "general.name"])
    def test_with_a_number_for_a_name_is_refused_when_asked(self, write: Write, key: str) -> None:
        header = read_header(write(gguf([whole_key(key, 5)])))
        with pytest.raises(BadModelFile, match="must be a text"):
            header.text(key)

    def test_without_an_architecture_is_refused_when_asked(self, write: Write) -> None:
        with pytest.raises(BadModelFile, match="no language model's file"):
            read_header(write(gguf())).architecture  # noqa: B018


@pytest.fixture(scope="module")
def good_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, ...]:
    folder = tmp_path_factory.mktemp("good")
    small = Shape(width=64, layers=1, heads=1, kv_heads=1, feed_forward=64, vocabulary=400)
    return (
        write_llama(folder / "llama.gguf", shape=small).read_bytes(),
        write_bert(folder / "bert.gguf", width=32, layers=1, vocabulary=300, context=32).read_bytes(),
    )


class TestAnyBytes:
    """Whatever a file holds, it is read or refused: no other error, no end of waiting, no large allocation."""

    def check(self, path: Path) -> None:
        tracemalloc.start()
        try:
            read_header(path).weights_bytes  # noqa: B018
        except BadModelFile:
            pass
        finally:
            _, peak_bytes = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert peak_bytes < MEMORY_LIMIT_BYTES

    @given(data=st.data())
    @settings(max_examples=150, deadline=None)
    def test_a_changed_file(
        self, tmp_path_factory: pytest.TempPathFactory, good_files: tuple[bytes, ...], data: st.DataObject
    ) -> None:
        folder = tmp_path_factory.getbasetemp()
        content = bytearray(data.draw(st.sampled_from(good_files)))
        for _ in range(data.draw(st.integers(1, 4))):
            # most changes go where the counts, lengths and types are
            place = data.draw(st.one_of(st.integers(0, 2_000), st.integers(0, len(content))))
            change = data.draw(st.one_of(st.binary(min_size=1, max_size=16), st.just(b"\xff" * 8), st.just(bytes(8))))
            content[place : place + len(change)] = change
        cut = data.draw(st.one_of(st.none(), st.integers(0, len(content))))
        path = folder / "changed.gguf"
        path.write_bytes(content[:cut])
        self.check(path)

    @given(rest=st.binary(max_size=2_000))
    @settings(max_examples=150, deadline=None)
    def test_noise_after_a_true_beginning(self, tmp_path_factory: pytest.TempPathFactory, rest: bytes) -> None:
        path = tmp_path_factory.getbasetemp() / "noise.gguf"
        path.write_bytes(b"GGUF\3\0\0\0" + rest)
        self.check(path)

    def test_a_file_that_claims_as_many_empty_texts_as_it_has_room_for(self, tmp_path: Path) -> None:
        path = tmp_path / "empty.gguf"
        head = gguf([list_key("a", STRING, 400_000)], data_bytes=0)
        with path.open("wb") as file:
            file.write(head)
            file.truncate(len(head) + 3_200_000)
        self.check(path)

    def test_a_file_with_as_many_tensors_as_are_read(self, tmp_path: Path) -> None:
        path = tmp_path / "many.gguf"
        tensors = [tensor(f"blk.{place}.x", [8], offset=32 * place) for place in range(16_384)]
        path.write_bytes(gguf([], tensors, data_bytes=32 * 16_384))
        assert len(read_header(path).tensors) == 16_384
        self.check(path)
