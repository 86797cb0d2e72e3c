"""Tells where somebody speaks with the Silero network, in whisper.cpp's own library.

The wheel's Python face of these four functions gives nothing usable back, so they are called as C knows them.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Final

import numpy as np

from innkeeper.runtime.speech.decoders import Samples
from innkeeper.runtime.speech.windows import FRAME_SAMPLES, Mask

ENOUGH: Final = 0.5
"""Probability from which a frame is a voice."""


class _Parameters(ctypes.Structure):
    """`whisper_vad_context_params` of whisper.h."""

    _fields_ = (("n_threads", ctypes.c_int), ("use_gpu", ctypes.c_bool), ("gpu_device", ctypes.c_int))


class SileroVoice:
    """One detector in memory. Call it with some sound: for each whole frame, whether somebody speaks."""

    def __init__(self, file: str) -> None:
        """
        Raises:
            RuntimeError: The weights cannot be read.
        """
        library = ctypes.CDLL(_loaded_library())
        library.whisper_vad_init_from_file_with_params.argtypes = [ctypes.c_char_p, _Parameters]
        library.whisper_vad_init_from_file_with_params.restype = ctypes.c_void_p
        library.whisper_vad_detect_speech.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_float), ctypes.c_int]
        library.whisper_vad_detect_speech.restype = ctypes.c_bool
        library.whisper_vad_n_probs.argtypes = [ctypes.c_void_p]
        library.whisper_vad_n_probs.restype = ctypes.c_int
        library.whisper_vad_probs.argtypes = [ctypes.c_void_p]
        library.whisper_vad_probs.restype = ctypes.POINTER(ctypes.c_float)
        self._library = library
        self._detector = library.whisper_vad_init_from_file_with_params(
            file.encode(), _Parameters(n_threads=1, use_gpu=False, gpu_device=0)
        )
        if not self._detector:
            raise RuntimeError(f"failed to read the voice detector {file}")

    def __call__(self, sound: Samples) -> Mask:
        """See `windows.Voice`."""
        frames = sound.size // FRAME_SAMPLES
        given = np.ascontiguousarray(sound, dtype=np.float32)
        pointer = given.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        if not frames or not self._library.whisper_vad_detect_speech(self._detector, pointer, given.size):
            return np.zeros(frames, dtype=np.bool_)
        found = self._library.whisper_vad_n_probs(self._detector)
        probabilities = np.ctypeslib.as_array(self._library.whisper_vad_probs(self._detector), shape=(found,))
        return np.asarray(probabilities[:frames] > ENOUGH)


def _loaded_library() -> str:
    """The library that the wheel brought along and this process has loaded; its name differs with every build."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        path = line.partition("/")[2]
        if Path(path).name.startswith("libwhisper"):
            return f"/{path}"
    raise RuntimeError("whisper.cpp's library is not loaded")
