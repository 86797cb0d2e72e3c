"""Tells where somebody speaks by loudness: for machines without the weights of a better judge."""

from __future__ import annotations

from typing import Final

import numpy as np

from innkeeper.runtime.speech.decoders import Samples
from innkeeper.runtime.speech.windows import FRAME_SAMPLES, Mask

ABOVE_NOISE_DB: Final = 9.0
"""How much louder than the quiet of the same stretch a voice is."""

NOISE_SHARE: Final = 0.1
"""The share of the quietest frames whose loudest is taken for the noise."""

SILENCE_DB: Final = -55.0
"""What is quieter than this, full scale being 0, is no voice in any case."""

SPREAD_FRAMES: Final = 6
"""Frames around a loud one that belong to it: the soft ends of words."""


def loud(sound: Samples) -> Mask:
    """For each whole frame, whether it stands out of the noise. Steady noise and silence do not."""
    frames = sound[: sound.size // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    if not len(frames):
        return np.zeros(0, dtype=np.bool_)
    decibel = 10 * np.log10(np.square(frames).mean(axis=1) + 1e-12)
    noise = np.quantile(decibel, NOISE_SHARE)
    if decibel.max() - noise < ABOVE_NOISE_DB:
        # Nothing stands out: speech without a pause does still move, steady noise does not.
        return np.full(len(frames), decibel.std() > ABOVE_NOISE_DB / 3 and decibel.max() > SILENCE_DB)
    stands_out = decibel > max(noise + ABOVE_NOISE_DB, SILENCE_DB)
    spread = np.ones(2 * SPREAD_FRAMES + 1)
    return np.asarray(np.convolve(stands_out, spread, mode="same") > 0)
