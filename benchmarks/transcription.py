"""Speech to text: memory of a worker over a long recording, and, with real weights, how well it hears.

    python -m benchmarks.transcription                       memory, with random tensors in the published shapes
    python -m benchmarks.transcription --recognisers DIR     ranks other people's recognisers (Earnings-21's tables)
    python -m benchmarks.transcription --model ggml-base.en.bin --audio jfk.wav --reference jfk.txt
    python -m benchmarks.transcription --model ggml-base.en.bin --librispeech LibriSpeech/test-clean

Memory is the peak of the worker's resident set as the kernel counts it, after loading, after 3 windows and after all.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
import time
import wave
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.accuracy.word_errors import WordErrors, nlp_text, word_errors
from innkeeper.runtime.catalog import Model
from innkeeper.runtime.engines.whisper import Whisper
from innkeeper.runtime.engines.whisper_engine import WhisperEngine
from innkeeper.runtime.messages import Kind, Piece, Request
from tests.whispers import BASE_EN, SMALL, TINY_EN, Numbers, WhisperShape, write_whisper

RESULTS = Path(__file__).parent / "results" / "transcription.md"
SHAPES = (
    ("tiny.en", TINY_EN, Numbers.Q5_1),
    ("tiny.en", TINY_EN, Numbers.Q8_0),
    ("tiny.en", TINY_EN, Numbers.F16),
    ("base.en", BASE_EN, Numbers.Q5_1),
    ("base.en", BASE_EN, Numbers.Q8_0),
    ("small", SMALL, Numbers.Q5_1),
)
CEILINGS_BYTES = {("tiny.en", "Q5_1"): 220_000_000, ("base.en", "Q5_1"): 260_000_000}


@dataclass(frozen=True, slots=True)
class Held:
    """What one model's worker held at most, in bytes, and how fast it was."""

    name: str
    numbers: str
    file_bytes: int
    estimated: int
    loaded: int
    early: int
    late: int
    speed: float
    """Seconds of sound heard in a second."""


async def memory(
    name: str, shape: WhisperShape, numbers: Numbers, folder: Path, sound: Path, voice: Path | None
) -> Held:
    """Hear the whole of `sound` with a model of that shape."""
    file = write_whisper(folder / "model.bin", shape=shape, numbers=numbers)
    adapter = Whisper(voice_file=voice)
    model = Model(id=name, engine="whisper", kinds=frozenset({Kind.TRANSCRIPTION}), file=file)
    engine = adapter.engine(model)
    await engine.start()
    try:
        loaded = _peak(engine)
        early, windows, heard_s, began = 0, 0, 0.0, time.monotonic()
        async with aclosing(engine.run(_asking(sound, streams=True))) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, Piece):
                    windows += 1
                    heard_s = json.loads(chunk.data)["duration"]
                    early = _peak(engine) if windows == 3 else early
        took_s = time.monotonic() - began
        expected = adapter.footprint(model).bytes["ram"]
        return Held(name, numbers.name, file.stat().st_size, expected, loaded, early, _peak(engine), heard_s / took_s)
    finally:
        await engine.stop()


def _peak(engine: WhisperEngine) -> int:
    holding = engine.holding()
    assert holding is not None, "the worker is gone"
    return holding.peak["ram"]


def write_talk(path: Path, windows: int) -> Path:
    """Stretches of 26 s that a judge of voices takes for one, with pauses between them."""
    at = np.arange(26 * 16_000) / 16_000
    voice = 0.3 * np.sin(2 * np.pi * 180 * at) * (0.55 + 0.45 * np.sin(2 * np.pi * 4 * at))
    stretch = np.concatenate([voice, np.zeros(3 * 16_000)])
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        for _ in range(windows):
            out.writeframes((stretch * 32_767).astype("<i2").tobytes())
    return path


async def hear(model: Path, pairs: list[tuple[Path, str]], voice: Path | None) -> Iterator[tuple[str, WordErrors]]:
    """What a real model makes of real recordings."""
    engine = Whisper(voice_file=voice).engine(
        Model(id=model.stem, engine="whisper", kinds=frozenset({Kind.TRANSCRIPTION}), file=model)
    )
    await engine.start()
    found = []
    try:
        for sound, said in pairs:
            async with aclosing(engine.run(_asking(sound, streams=False))) as chunks:
                (heard,) = [json.loads(chunk.data)["text"] async for chunk in chunks if isinstance(chunk, Piece)]
            found.append((heard, word_errors(said, heard)))
    finally:
        await engine.stop()
    return iter(found)


def librispeech(folder: Path) -> list[tuple[Path, str]]:
    """Every recording below `folder` with what is said in it."""
    pairs = []
    for table in sorted(folder.rglob("*.trans.txt")):
        for line in table.read_text(encoding="utf-8").splitlines():
            name, _, said = line.partition(" ")
            pairs.append((table.parent / f"{name}.flac", said))
    return pairs


def recognisers(folder: Path) -> list[tuple[str, WordErrors]]:
    """The recognisers of Earnings-21, best first."""
    total: dict[str, WordErrors] = {}
    for call in sorted(path for path in folder.iterdir() if path.is_dir()):
        said = nlp_text(call / "reference.nlp")
        for file in sorted(call.glob("*.nlp")):
            if file.stem != "reference":
                found = word_errors(said, nlp_text(file))
                total[file.stem] = total.get(file.stem, WordErrors(0, 0)) + found
    return sorted(total.items(), key=lambda item: item[1].rate)


def _asking(sound: Path, *, streams: bool) -> Request:
    return Request("benchmark", Kind.TRANSCRIPTION, {"file": str(sound)}, streams=streams)


def table(rows: list[Held]) -> str:
    lines = [
        "| model | numbers | file MB | estimate MB | loaded MB | 3 windows MB | all windows MB | × real time |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        figures = (row.file_bytes, row.estimated, row.loaded, row.early, row.late)
        told = " | ".join(f"{figure / 1e6:.1f}" for figure in figures)
        lines.append(f"| {row.name} | {row.numbers} | {told} | {row.speed:.1f} |")
    return "\n".join(lines)


async def measure_memory(windows: int, voice: Path | None) -> int:
    rows = []
    with tempfile.TemporaryDirectory(prefix="transcription-") as folder:
        sound = write_talk(Path(folder) / "talk.wav", windows)
        for name, shape, numbers in SHAPES:
            rows.append(await memory(name, shape, numbers, Path(folder), sound, voice))
            print(table(rows[-1:]).splitlines()[-1], flush=True)
    cores = len(os.sched_getaffinity(0))
    voices = "Silero's weights" if voice else "loudness"
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(
        "## Speech: what a worker holds\n\n"
        f"`python -m benchmarks.transcription`. Conditions: {datetime.now(UTC):%Y-%m-%d}, {cores} cores, Linux "
        f"{platform.release()}, Python {platform.python_version()}, {Whisper().build}; random tensors in the published "
        f"shapes, voices told by {voices}, {windows} windows of 26 s. Peak of the worker's resident set; MB are 10⁶ "
        "bytes. The speed is that of random words, which are tried again at higher temperatures and so take longer "
        f"than real ones.\n\n{table(rows)}\n"
    )
    over = [row for row in rows if row.late > CEILINGS_BYTES.get((row.name, row.numbers), row.late)]
    for row in over:
        print(f"{row.name} {row.numbers} holds {row.late / 1e6:.0f} MB, over its ceiling", file=sys.stderr)
    return 1 if over else 0


async def main() -> int:
    wanted = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    wanted.add_argument("--windows", type=int, default=24, help="windows that each model hears")
    wanted.add_argument("--voice", type=Path, help="weights of the voice detector")
    wanted.add_argument("--recognisers", type=Path, help="a folder of Earnings-21's tables")
    wanted.add_argument("--model", type=Path, help="a real Whisper model")
    wanted.add_argument("--audio", type=Path)
    wanted.add_argument("--reference", type=Path)
    wanted.add_argument("--librispeech", type=Path)
    given = wanted.parse_args()
    if given.recognisers is not None:
        for name, found in recognisers(given.recognisers):
            print(f"{name:14} {found.rate:.1%} of {found.said} words")
        return 0
    if given.model is None:
        return await measure_memory(given.windows, given.voice)
    if given.librispeech is None and (given.audio is None or given.reference is None):
        wanted.error("--model wants --librispeech, or --audio and --reference")
    pairs = librispeech(given.librispeech) if given.librispeech else [(given.audio, given.reference.read_text())]
    total = WordErrors(0, 0)
    for heard, found in await hear(given.model, pairs, given.voice):
        total += found
        if len(pairs) == 1:
            print(heard.strip())
    print(f"{total.rate:.2%} of {total.said} words wrong")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
