"""Sound made for tests: tones that stand for speech, silence, clicks; and files that hold it."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from innkeeper.runtime.speech.decoders import SAMPLES_PER_S, Samples

SHARED = Path(__file__).parents[2] / "../shared/data"


def tone(seconds: float, *, level: float = 0.3) -> Samples:
    """Something that a judge by loudness takes for a voice: it swells and falls as syllables do."""
    at = np.arange(round(seconds * SAMPLES_PER_S)) / SAMPLES_PER_S
    return (level * np.sin(2 * np.pi * 220 * at) * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * at))).astype(np.float32)


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * SAMPLES_PER_S), dtype=np.float32)


def noise(seconds: float, *, level: float = 0.05) -> Samples:
    made = np.random.default_rng(7).standard_normal(round(seconds * SAMPLES_PER_S)) * level
    return made.astype(np.float32)


def in_blocks(sound: Samples, size: int = SAMPLES_PER_S) -> Iterator[Samples]:
    for start in range(0, sound.size, size):
        yield sound[start : start + size]


def write_wav(path: Path, sound: Samples, *, rate: int = SAMPLES_PER_S, channels: int = 1) -> Path:
    """16 bits; every channel has the same sound."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(np.repeat((sound * 32767).astype("<i2"), channels).tobytes())
    return path


def write_encoded(path: Path, sound: Samples, codec: str) -> Path:
    """A file of that codec, in the container that its name says."""
    import av

    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream(codec, rate=48_000)
        layout = "stereo" if codec == "vorbis" else "mono"  # that encoder knows no other
        resampler = av.AudioResampler(format=stream.format.name, layout=layout, rate=48_000, frame_size=960)
        stream.layout = layout
        stream.codec_context.options = {"strict": "experimental"}
        if layout == "stereo":
            sound = sound * np.float32(2**0.5)  # either side is given half of the power
        frame = av.AudioFrame.from_ndarray(sound.reshape(1, -1), format="flt", layout="mono")
        frame.rate = SAMPLES_PER_S
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            for packet in stream.encode(part):
                out.mux(packet)
        for packet in stream.encode(None):
            out.mux(packet)
    return path
