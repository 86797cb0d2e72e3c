"""The head of a Whisper file is read, and nothing else can make us stumble."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from innkeeper.runtime.errors import BadModelFile
from innkeeper.runtime.memory.whisper_file import read_whisper_file
from tests.whispers import BASE_EN, SMALL, TOY, Numbers, write_whisper


class TestReading:
    def test_the_figures_are_those_of_the_model(self, tmp_path: Path) -> None:
        found = read_whisper_file(write_whisper(tmp_path / "toy.bin", shape=TOY))
        assert (found.width, found.layers, found.audio_context) == (TOY.width, TOY.layers, TOY.audio_context)
        assert found.knows_many_languages
        assert found.file_bytes == (tmp_path / "toy.bin").stat().st_size

    def test_a_larger_model_holds_more(self, tmp_path: Path) -> None:
        base = read_whisper_file(write_whisper(tmp_path / "base.bin", shape=BASE_EN, numbers=Numbers.Q5_1))
        small = read_whisper_file(write_whisper(tmp_path / "small.bin", shape=SMALL, numbers=Numbers.Q5_1))
        assert base.footprint_bytes > base.file_bytes + 48_000_000
        assert small.footprint_bytes - small.file_bytes > base.footprint_bytes - base.file_bytes

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(BadModelFile, match=r"gone.bin: cannot be read: No such file"):
            read_whisper_file(tmp_path / "gone.bin")

    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.binary(max_size=60))
    def test_anything_else_is_refused_in_words(self, tmp_path: Path, data: bytes) -> None:
        file = tmp_path / "other.bin"
        for head in (b"", b"lmgg"):
            file.write_bytes(head + data)
            try:
                found = read_whisper_file(file)
            except BadModelFile as error:
                assert "other.bin" in error.message  # noqa: PT017  # either end is right
            else:
                assert found.footprint_bytes < 1 << 62
