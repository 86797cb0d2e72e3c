"""What models hold in memory: estimated, learned and measured, over sizes, quantizations, contexts and slots.

    python -m benchmarks.footprint            the whole grid, up to 2 GB; about an hour on 2 cores
    python -m benchmarks.footprint --quick    up to 250 MB, some minutes

Each case writes a GGUF file of random weights, loads it with the engine as the product does, fills the context of
all slots at the same time, asks once more, and reads the peak of the child's PSS. Pages of programs and libraries are
counted whole, as for an only child, so that what else runs does not matter; growth is that less an idle child's.
Where filling would take longer than the time set for a case, fewer tokens are asked; the column `filled` says so
(the cache itself is resident from the start). The table is written to benchmarks/results/footprint.md.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.engines.llama_cpp import LlamaCpp
from innkeeper.runtime.engines.llama_engine import LlamaCppEngine
from innkeeper.runtime.engines.log_ring import LogRing
from innkeeper.runtime.engines.process_memory import process_memory
from innkeeper.runtime.engines.worker_process import WorkerProcess
from innkeeper.runtime.memory.estimate import estimate
from innkeeper.runtime.memory.gguf import read_header
from innkeeper.runtime.memory.options import EngineOptions
from innkeeper.runtime.messages import Kind, Request
from tests.ggufs import Quantization, shape_for, write_llama

RESULTS = Path(__file__).parent / "results" / "footprint.md"
SIZES = (25_000_000, 250_000_000, 1_000_000_000, 2_000_000_000)
CONTEXTS = (512, 4_096, 16_384)
SLOTS = (1, 4)
WEIGHTS_PER_S = 50e9
"""Weights × prompt tokens that this machine passes in a second, roughly; only to plan how much can be filled."""

LEAST_TOKENS = 144
"""More than one micro-batch, so that the compute buffer is used whole."""


@dataclass(frozen=True, slots=True)
class Case:
    """One cell of the grid."""

    size_bytes: int
    quantization: str
    context: int
    slots: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What one case came to."""

    case: Case
    estimated_bytes: int
    idle_bytes: int
    held_bytes: int
    again_bytes: int | None
    """Held by a second run of the same case, where there was one: what was learned is held against it."""
    filled_tokens: int
    load_s: float


def cases(sizes: tuple[int, ...]) -> Iterator[Case]:
    for size_bytes in sizes:
        for quantization in Quantization:
            for context in CONTEXTS:
                for slots in SLOTS:
                    yield Case(size_bytes, quantization.name, context, slots)


async def measure(case: Case, file: Path, seconds: float, idle_bytes: int, *, twice: bool) -> Measured:
    """Estimate and run one case of the model in `file`."""
    header = read_header(file)
    expected = estimate(header, context=case.context, slots=case.slots, cache_type="f16", options=EngineOptions())
    shape = shape_for(case.size_bytes, Quantization[case.quantization])
    weights = shape.layers * shape.layer_weights() + shape.width * shape.vocabulary
    attention = shape.layers * shape.width * min(case.context, 8_192)  # half the context, twice
    affordable = int(seconds * WEIGHTS_PER_S / (weights + attention) / case.slots)
    tokens = max(LEAST_TOKENS, min(case.context - 64, affordable))
    held, load_s = await run(file, case, tokens)
    again = (await run(file, case, tokens))[0] if twice else None
    return Measured(
        case,
        expected.bytes["ram"],
        idle_bytes,
        held,
        again,
        tokens,
        load_s,
    )


def held_by(pid: int) -> int:
    """Peak of what a process held, its program and libraries counted whole."""
    found = process_memory(pid)
    assert found is not None, "the kernel does not say what a process holds"
    return found.peak_bytes


async def run(file: Path, case: Case, tokens: int) -> tuple[int, float]:
    """Bytes the child held at most, and seconds to load."""
    adapter = LlamaCpp(has_spare=False)
    await adapter.open()
    model = Model(
        id="case",
        engine="llama_cpp",
        kinds=frozenset({Kind.CHAT, Kind.COMPLETION}),
        file=file,
        context=case.context,
        slots=case.slots,
    )
    engine = adapter.engine(model)
    try:
        began = time.monotonic()
        await engine.start()
        load_s = time.monotonic() - began
        await asyncio.gather(*(ask(engine, seed, tokens) for seed in range(case.slots)))
        await ask(engine, seed=100, tokens=32)
        assert engine.pid is not None
        return held_by(engine.pid), load_s
    finally:
        await engine.stop()
        await adapter.close()


async def ask(engine: LlamaCppEngine, seed: int, tokens: int) -> None:
    prompt = [random.Random(seed).randrange(260, 500) for _ in range(tokens)]
    body = {"prompt": prompt, "max_tokens": 8, "temperature": 0, "ignore_eos": True}
    async with aclosing(engine.run(Request(id=str(seed), kind=Kind.COMPLETION, body=body))) as chunks:
        async for _ in chunks:
            pass


async def idle_child() -> int:
    """PSS of a child that has loaded nothing."""
    worker = WorkerProcess(LogRing())
    try:
        assert await worker._says("spare")
        assert worker.child.pid is not None
        return held_by(worker.child.pid)
    finally:
        await worker.child.stop()
        worker.let_go()


def table(rows: list[Measured]) -> str:
    lines = [
        "| MB | type | context | slots | filled | held MB | growth MB | estimate MB | error | of growth | learned |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        case = row.case
        growth = row.held_bytes - row.idle_bytes
        learned = "" if row.again_bytes is None else _error(row.held_bytes, row.again_bytes)
        lines.append(
            f"| {case.size_bytes // 1_000_000} | {case.quantization} | {case.context} | {case.slots} "
            f"| {row.filled_tokens / case.context:.0%} | {row.held_bytes / 1e6:.1f} | {growth / 1e6:.1f} "
            f"| {row.estimated_bytes / 1e6:.1f} | {_error(row.estimated_bytes, row.held_bytes)} "
            f"| {_error(row.estimated_bytes - row.idle_bytes, growth)} | {learned} |"
        )
    return "\n".join(lines)


def summary(rows: list[Measured]) -> str:
    errors = [row.estimated_bytes / row.held_bytes - 1 for row in rows]
    growths = [(row.estimated_bytes - row.held_bytes) / (row.held_bytes - row.idle_bytes) for row in rows]
    learned = [row.held_bytes / row.again_bytes - 1 for row in rows if row.again_bytes is not None]
    said = [
        f"- Estimate with its margin against bytes held, {len(rows)} cases: {min(errors):+.1%} to {max(errors):+.1%}.",
        f"- The same as part of the growth over an idle child: {min(growths):+.1%} to {max(growths):+.1%}.",
    ]
    if learned:
        said.append(
            f"- Peak of one run (without margin) against the next run, {len(learned)} cases: "
            f"{min(learned):+.1%} to {max(learned):+.1%}."
        )
    return "\n".join(said)


def conditions() -> str:
    processor = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "?"
    )
    cores = len(os.sched_getaffinity(0))
    build = LlamaCpp(has_spare=False).build
    return (
        f"Conditions: {datetime.now(UTC):%Y-%m-%d}, {processor}, {cores} cores, Linux {platform.release()}, "
        f"Python {platform.python_version()}, {build}; options as in `EngineOptions()`, KV cache f16; llama "
        "architecture, random weights. MB are 10⁶ bytes."
    )


def _error(said: int, real: int) -> str:
    return f"{said / real - 1:+.1%}"


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


async def main() -> None:
    wanted = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    wanted.add_argument("--quick", action="store_true", help="files up to 250 MB only")
    wanted.add_argument("--seconds", type=float, default=15, help="seconds a case may spend on its prompts")
    wanted.add_argument("--results", type=Path, default=RESULTS, help="where the table goes")
    given = wanted.parse_args()
    sizes = tuple(size for size in SIZES if size <= 250_000_000 or not given.quick)
    idle_bytes = await idle_child()
    rows: list[Measured] = []
    with tempfile.TemporaryDirectory(prefix="footprint-") as folder:
        file = Path(folder) / "case.gguf"
        written: tuple[int, str] | None = None
        for case in cases(sizes):
            if written != (case.size_bytes, case.quantization):
                write_llama(file, target_bytes=case.size_bytes, quantization=Quantization[case.quantization])
                written = (case.size_bytes, case.quantization)
            twice = case.context == 4_096 and case.slots == 1
            rows.append(await measure(case, file, given.seconds, idle_bytes, twice=twice))
            print(table(rows[-1:]).splitlines()[-1], flush=True)
    given.results.parent.mkdir(parents=True, exist_ok=True)
    given.results.write_text(
        f"## Footprint: estimated, learned, measured\n\n{conditions()}\n\n"
        f"An idle child holds {idle_bytes / 1e6:.1f} MB. `error` is estimate ÷ held − 1, `of growth` the same as part "
        "of the growth, `learned` the peak of one run against that of the next.\n\n"
        f"{summary(rows)}\n\n{table(rows)}\n"
    )


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
