"""Sound files become the same samples whatever holds them, and hostile ones a clear error."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from innkeeper.runtime.errors import BadAudio
from innkeeper.runtime.speech import decoders
from innkeeper.runtime.speech.containers import Container, container_of
from innkeeper.runtime.speech.decoders import SAMPLES_PER_S, Samples, readable, samples_of
from tests.speech.sounds import SHARED, silence, tone, write_encoded, write_wav

CODECS = {
    Container.FLAC: ("sound.flac", "flac"),
    Container.OGG_VORBIS: ("sound.ogg", "vorbis"),
    Container.OGG_OPUS: ("sound.opus", "libopus"),
    Container.MP4: ("sound.m4a", "aac"),
    Container.ADTS: ("sound.aac", "aac"),
    Container.MP3: ("sound.mp3", "libmp3lame"),
    Container.MATROSKA: ("sound.webm", "libopus"),
}


def whole(file: Path) -> Samples:
    return np.concatenate(list(samples_of(file)))


def loudness(sound: Samples) -> float:
    return float(np.sqrt(np.square(sound).mean()))


class TestSamples:
    @pytest.mark.parametrize("container", CODECS, ids=lambda one: one.value)
    def test_every_container_gives_the_sound_that_was_put_in(self, tmp_path: Path, container: Container) -> None:
        name, codec = CODECS[container]
        file = write_encoded(tmp_path / name, tone(3.0), codec)
        assert container_of(file.read_bytes()[:4096]) is container
        heard = whole(file)
        assert heard.size / SAMPLES_PER_S == pytest.approx(3.0, abs=0.12)  # lossy ones add some silence
        assert loudness(heard) == pytest.approx(loudness(tone(3.0)), rel=0.1)

    @pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (44_100, 2), (192_000, 6)])
    def test_any_rate_and_number_of_channels_becomes_16_khz_mono(
        self, tmp_path: Path, rate: int, channels: int
    ) -> None:
        at = np.arange(2 * rate) / rate
        sound = (0.3 * np.sin(2 * np.pi * 220 * at)).astype(np.float32)
        heard = whole(write_wav(tmp_path / "sound.wav", sound, rate=rate, channels=channels))
        assert heard.size == pytest.approx(2 * SAMPLES_PER_S, abs=200)
        peak = (
            np.abs(np.fft.rfft(heard[: 2 * SAMPLES_PER_S - 400])).argmax() * SAMPLES_PER_S / (2 * SAMPLES_PER_S - 400)
        )
        assert peak == pytest.approx(220, abs=1)
        assert loudness(heard) == pytest.approx(0.3 / np.sqrt(2), rel=0.05)

    def test_the_name_of_a_file_does_not_matter(self, tmp_path: Path) -> None:
        file = write_wav(tmp_path / "song.mp3", tone(1.0))
        assert whole(file).size == SAMPLES_PER_S

    def test_a_file_that_is_cut_short_gives_what_is_there(self, tmp_path: Path) -> None:
        file = write_wav(tmp_path / "sound.wav", tone(4.0))
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        assert whole(file).size == pytest.approx(2 * SAMPLES_PER_S, abs=100)

    def test_samples_that_are_no_numbers_are_silence(self, tmp_path: Path) -> None:
        file = tmp_path / "sound.wav"
        data = np.array([0.5, np.nan, np.inf, -np.inf, 7.0] * 2000, dtype="<f4").tobytes()
        head = struct.pack(
            "<4sI4s4sIHHIIHH4sI",
            b"RIFF",
            36 + len(data),
            b"WAVE",
            b"fmt ",
            16,
            3,
            1,
            16_000,
            64_000,
            4,
            32,
            b"data",
            len(data),
        )
        file.write_bytes(head + data)
        heard = whole(file)
        assert np.isfinite(heard).all()
        assert np.abs(heard).max() <= 1.0

    @pytest.mark.needs_shared_data
    @pytest.mark.parametrize(
        ("name", "seconds"), [("jfk.wav", 11.0), ("hotwords.mp3", 4.0), ("multilingual.mp3", 59.9)]
    )
    def test_real_recordings_have_their_length(self, name: str, seconds: float) -> None:
        file = SHARED / "speech" / name
        if not file.exists():
            pytest.skip("no real recordings beside the checkout")
        assert whole(file).size / SAMPLES_PER_S == pytest.approx(seconds, abs=0.05)

    def test_without_its_first_choice_the_next_decoder_reads_the_same(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = write_encoded(tmp_path / "sound.flac", tone(2.0), "flac")
        by_first = whole(file)
        monkeypatch.setattr(decoders, "DECODERS", decoders.DECODERS[1:])
        by_next = whole(file)
        length = min(by_first.size, by_next.size)
        assert abs(by_first.size - by_next.size) < 400
        assert np.corrcoef(by_first[:length], by_next[:length])[0, 1] > 0.99


class TestBadAudio:
    def test_an_empty_file_says_so(self, tmp_path: Path) -> None:
        (tmp_path / "empty.wav").touch()
        with pytest.raises(BadAudio, match="is empty"):
            samples_of(tmp_path / "empty.wav")

    def test_a_file_that_is_no_sound_lists_what_is(self, tmp_path: Path) -> None:
        file = tmp_path / "page.mp3"
        file.write_text("<html>404</html>")
        with pytest.raises(BadAudio, match=r"no sound file that is known here.*WAV, MP3"):
            samples_of(file)

    def test_a_head_without_sound_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(BadAudio, match="holds no sound"):
            samples_of(write_wav(tmp_path / "sound.wav", tone(0.0)))

    def test_a_small_file_that_claims_to_be_days_long_is_given_up_after_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(decoders, "LONGEST_S", 100)
        slow = write_wav(tmp_path / "slow.wav", silence(1), rate=1)
        with pytest.raises(BadAudio, match="Cut it into parts"):
            whole(slow)

    def test_a_playlist_is_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "secret.wav").write_bytes(write_wav(tmp_path / "own.wav", tone(1.0)).read_bytes())
        file = tmp_path / "list.m4a"
        file.write_text(f"#EXTM3U\n{tmp_path}/secret.wav\n")
        with pytest.raises(BadAudio):
            samples_of(file)

    def test_what_nothing_here_can_read_says_what_to_install(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = write_encoded(tmp_path / "sound.m4a", tone(1.0), "aac")
        monkeypatch.setattr(decoders, "DECODERS", decoders.DECODERS[:1])
        assert Container.MP4 not in readable()
        with pytest.raises(BadAudio, match=r"can read M4A/MP4.*It reads WAV, MP3, FLAC.*Install the package `av`"):
            samples_of(file)

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        head=st.sampled_from(
            [
                b"RIFF\x24\0\0\0WAVEfmt ",
                b"ID3\4\0\0\0\0\0\x10",
                b"OggS\0\2",
                b"fLaC\0\0\0\x22",
                b"\0\0\0\x20ftypM4A ",
                b"\xff\xfb\x90\x64",
                b"FORM\0\0\0\x2eAIFF",
            ]
        ),
        rest=st.binary(max_size=400),
    )
    def test_damaged_bytes_give_sound_or_a_clear_error(self, tmp_path: Path, head: bytes, rest: bytes) -> None:
        file = tmp_path / "damaged"
        file.write_bytes(head + rest)
        try:
            size = sum(block.size for block in samples_of(file))
        except BadAudio as error:
            assert error.param == "file"  # noqa: PT017  # either end is right
        else:
            assert size < 20 * SAMPLES_PER_S
