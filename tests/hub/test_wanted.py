"""What `pull` is asked for, and which files that means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.hub.wanted import RemoteFile, Wanted, choose, parse
from innkeeper.runtime.errors import InvalidRequest


def files(*paths: str) -> list[RemoteFile]:
    return [RemoteFile(path, 1024**3, None) for path in paths]


def chosen(what: str | None, *paths: str) -> list[str]:
    return [file.path for file in choose(Wanted("o/n", what), files(*paths))]


class TestAsking:
    @pytest.mark.parametrize(
        ("text", "wanted"),
        [
            ("org/name", Wanted("org/name")),
            ("org/name:Q4_K_M", Wanted("org/name", "Q4_K_M")),
            ("org/name:sub/file.gguf", Wanted("org/name", "sub/file.gguf")),
            ("org/name/sub/file.gguf", Wanted("org/name", "sub/file.gguf")),
            ("org/name.gguf", Wanted("org/name.gguf")),
            ("whisper:base.en-q5_1", Wanted("ggerganov/whisper.cpp", "ggml-base.en-q5_1.bin")),
            ("whisper:voice", Wanted("ggml-org/whisper-vad")),
        ],
    )
    def test_a_repository_may_be_followed_by_what_is_wanted_of_it(self, text: str, wanted: Wanted) -> None:
        assert parse(text) == wanted

    @pytest.mark.parametrize(
        "text", ["", "name", "a/b/c", "org/name:", "../..", "o/..", "https://x/o/n", "o/n n", "ö/n"]
    )
    def test_anything_else_is_refused_with_an_example(self, text: str) -> None:
        with pytest.raises(InvalidRequest, match="OWNER/NAME"):
            parse(text)

    @given(st.text())
    def test_no_text_does_harm(self, text: str) -> None:
        try:
            wanted = parse(text)
        except InvalidRequest:
            return
        assert wanted.repository.count("/") == 1


class TestChoosing:
    def test_the_only_model_needs_no_name(self) -> None:
        assert chosen(None, "README.md", "m.gguf", "mmproj-m.gguf") == ["m.gguf"]

    def test_without_a_word_the_favourite_quantization_is_taken(self) -> None:
        assert chosen(None, "m-F16.gguf", "m-Q8_0.gguf", "m-q4_k_m.gguf") == ["m-q4_k_m.gguf"]

    def test_a_quantization_is_a_whole_word_of_the_name(self) -> None:
        assert chosen("q4_k", "m-Q4_K_M.gguf", "m-Q4_K.gguf") == ["m-Q4_K.gguf"]
        assert chosen("F16", "m-BF16.gguf", "m.F16.gguf") == ["m.F16.gguf"]

    def test_all_parts_of_a_split_model_are_taken_in_order(self) -> None:
        parts = ["Q8_0/m-00002-of-00002.gguf", "Q8_0/m-00001-of-00002.gguf"]
        assert chosen("Q8_0", *parts, "m-Q4_0.gguf") == sorted(parts)
        assert chosen("m-00001-of-00002.gguf", *parts, "m-Q4_0.gguf") == sorted(parts)

    def test_a_whisper_model_is_one_file_among_many(self) -> None:
        there = ("ggml-base.bin", "ggml-base.en.bin", "ggml-base-q5_1.bin", "ggml-base-encoder.mlmodelc.zip")
        assert chosen("ggml-base.bin", *there) == ["ggml-base.bin"]

    def test_a_file_may_be_named_with_or_without_its_folder(self) -> None:
        assert chosen("b/m.gguf", "a/m.gguf", "b/m.gguf") == ["b/m.gguf"]
        assert chosen("x.gguf", "a/m.gguf", "b/x.gguf") == ["b/x.gguf"]

    @pytest.mark.parametrize(
        ("what", "paths", "told"),
        [
            (None, ("README.md",), "holds no GGUF and no Whisper files"),
            (None, ("a.gguf", "b.gguf"), r"say which: a\.gguf \(1\.0 GiB\), b\.gguf"),
            ("Q2_K", ("m-Q8_0.gguf",), r"has no 'Q2_K'. It has: m-Q8_0\.gguf"),
            ("Q8_0", ("a-Q8_0.gguf", "b-Q8_0.gguf"), "fits several files"),
        ],
    )
    def test_what_is_unclear_is_asked_back_with_what_there_is(
        self, what: str | None, paths: tuple[str, ...], told: str
    ) -> None:
        with pytest.raises(InvalidRequest, match=told):
            chosen(what, *paths)
