"""A long recording becomes files that may be sent: no larger, no longer, nothing lost, times by counting."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from innkeeper.runtime.speech.decoders import Samples
from innkeeper.runtime.speech.parts import HEAD_BYTES, Part, most_samples, parts
from tests.speech.sounds import in_blocks, silence, tone

RATE = 16_000


def cut(sound: Samples, most: int, *, skip_samples: int = 0) -> list[tuple[Part, bytes]]:
    out = io.BytesIO()
    return [(part, out.getvalue()) for part in parts(in_blocks(sound), out, most, skip_samples=skip_samples)]


def samples_in(file: bytes) -> Samples:
    with wave.open(io.BytesIO(file)) as opened:
        return np.frombuffer(opened.readframes(opened.getnframes()), "<i2").astype(np.float32) / np.float32(32_767)


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.tuples(st.booleans(), st.floats(0.05, 40.0)), min_size=1, max_size=5),
    st.integers(RATE // 2, 60 * RATE),
)
def test_every_sample_is_in_one_part_and_none_is_too_long(stretches: list[tuple[bool, float]], most: int) -> None:
    sound = np.concatenate([tone(length_s) if is_voice else silence(length_s) for is_voice, length_s in stretches])
    found = cut(sound, most)

    assert [part.first_sample for part, _ in found] == [0, *np.cumsum([part.samples for part, _ in found])[:-1]]
    assert all(0 < part.samples <= most for part, _ in found)
    assert all(len(file) == HEAD_BYTES + 2 * part.samples for part, file in found)
    assert np.allclose(np.concatenate([samples_in(file) for _, file in found]), sound, atol=1e-4)


def test_a_part_is_full_before_the_next_begins() -> None:
    sound = np.concatenate([np.concatenate([tone(9.0), silence(1.0)]) for _ in range(12)])

    lengths_s = [part.length_s for part, _ in cut(sound, 60 * RATE)]
    assert all(length_s > 30.0 for length_s in lengths_s[:-1])
    assert sum(lengths_s) == 120.0


def test_what_was_sent_before_is_passed_over_and_the_rest_is_cut_as_it_would_have_been() -> None:
    sound = np.concatenate([np.concatenate([tone(9.0), silence(1.0)]) for _ in range(12)])
    first, *others = cut(sound, 40 * RATE)

    again = cut(sound, 40 * RATE, skip_samples=first[0].samples)
    assert again == others


def test_silence_is_sent_too() -> None:
    (part, _) = cut(silence(5.0), 60 * RATE)[0]
    assert part.length_s == 5.0


def test_of_nothing_there_is_no_part() -> None:
    assert cut(silence(0.0), RATE) == []


@pytest.mark.parametrize(("limit_bytes", "longest_s", "seconds"), [(32_044, 60.0, 1.0), (10**9, 30.0, 30.0)])
def test_the_limit_counts_the_head_of_the_file(limit_bytes: int, longest_s: float, seconds: float) -> None:
    assert most_samples(limit_bytes, longest_s) == seconds * RATE
