"""Windows are cut at pauses, know their place in the whole, and leave silence out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from innkeeper.runtime.speech.decoders import SAMPLES_PER_S, Samples
from innkeeper.runtime.speech.voice import loud
from innkeeper.runtime.speech.windows import FRAME_SAMPLES, LONGEST_S, Heard, Mask, Window, windows
from tests.speech.sounds import in_blocks, noise, silence, tone


def cut(sound: Samples, *, skip_samples: int = 0, block: int = SAMPLES_PER_S) -> list[Window]:
    return list(windows(in_blocks(sound, block), loud, Heard(), skip_samples=skip_samples))


def anything(sound: Samples) -> Mask:
    """Takes everything but digital silence for a voice."""
    frames = sound[: sound.size // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    return np.asarray(np.abs(frames).max(axis=1) > 0)


class TestWindows:
    @settings(max_examples=60, deadline=None)
    @given(
        parts=st.lists(st.tuples(st.floats(0.3, 40), st.floats(0.1, 12)), min_size=1, max_size=6),
        block=st.sampled_from([1_000, 16_000, 50_000]),
    )
    def test_all_that_is_said_is_in_one_window_and_nothing_is_in_two(
        self, parts: list[tuple[float, float]], block: int
    ) -> None:
        sound = np.concatenate([piece for said_s, pause_s in parts for piece in (tone(said_s), silence(pause_s))])
        found = cut(sound, block=block)
        covered = np.zeros(sound.size, dtype=np.int8)
        for window in found:
            assert window.samples.size <= LONGEST_S * SAMPLES_PER_S
            here = slice(window.first_sample, window.first_sample + window.samples.size)
            assert np.array_equal(sound[here], window.samples)
            covered[here] += 1
        assert covered.max() <= 1
        assert (covered[np.abs(sound) > 0.2] == 1).all()
        assert [window.first_sample for window in found] == sorted(window.first_sample for window in found)

    def test_silence_has_no_windows(self) -> None:
        heard = Heard()
        assert list(windows(in_blocks(silence(95)), loud, heard)) == []
        assert heard.seconds == 95

    def test_steady_noise_has_no_windows(self) -> None:
        assert cut(noise(70)) == []

    def test_a_cut_is_made_in_a_pause(self) -> None:
        sound = np.concatenate([tone(17), silence(0.6), tone(17)])
        first, second = cut(sound)
        assert 17.0 <= first.end_s <= 17.6
        assert second.start_s == first.end_s

    def test_who_never_pauses_is_cut_where_it_is_quietest(self) -> None:
        sound = tone(50)
        quiet = slice(round(25.5 * SAMPLES_PER_S), round(25.6 * SAMPLES_PER_S))
        sound[quiet] *= 0.05
        first, *_ = cut(sound)
        assert 25.5 <= first.end_s <= 25.6

    def test_a_long_pause_is_left_out(self) -> None:
        before, after = cut(np.concatenate([silence(8), tone(6), silence(20), tone(6)]))
        assert before.start_s == pytest.approx(7.7, abs=0.3)
        assert before.end_s == pytest.approx(14.3, abs=0.3)
        assert after.start_s == pytest.approx(33.7, abs=0.3)

    def test_hearing_goes_on_from_where_it_was_stopped(self) -> None:
        sound = np.concatenate([tone(20), silence(1), tone(20), silence(1), tone(20)])
        everything = cut(sound)
        for heard, window in enumerate(everything, start=1):
            rest = cut(sound, skip_samples=window.next_sample)
            places = [(one.first_sample, one.samples.size) for one in everything[heard:]]
            assert [(one.first_sample, one.samples.size) for one in rest] == places

    def test_after_three_hours_a_click_is_at_its_sample(self) -> None:
        """Times are counted: the drift over three hours is none, where windows of nominal length add up to seconds."""
        every = round(97.3 * SAMPLES_PER_S)
        length = 3 * 3600 * SAMPLES_PER_S

        def clicks() -> object:
            for start in range(0, length, 3 * SAMPLES_PER_S):
                block = np.zeros(3 * SAMPLES_PER_S, dtype=np.float32)
                block[(-start) % every :: every] = 0.9
                yield block

        heard = Heard()
        places = [
            window.first_sample + int(place)
            for window in windows(clicks(), anything, heard)  # type: ignore[arg-type]  # an iterator of blocks
            for place in np.flatnonzero(window.samples > 0.5)
        ]
        assert places == list(range(0, length, every))
        assert heard.seconds == 3 * 3600
