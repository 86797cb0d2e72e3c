"""From "load this model" to its first token, beside starting the same child by hand: `python -m benchmarks.swap`.

Two models of a size take turns, A B A B, with both files in the page cache. Four ways, interleaved in each round:

    by hand      a Python that makes the same server with the same parameters, asked over its socket
    no spare     the engine, every worker started when it is wanted
    spare        the engine with a worker started ahead
    swap         the same, with the other model resident, whose child must be gone first

A first token is the first streamed piece with text for a prompt of three words. The fixed cost of a start is what a
file of 2 MB takes, whose bytes cost nothing. Written to benchmarks/results/swap.md; `--quick` leaves out 2 GB.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.engines.child import child_environment
from innkeeper.runtime.engines.llama_cpp import LlamaCpp
from innkeeper.runtime.engines.llama_engine import LlamaCppEngine
from innkeeper.runtime.messages import Kind, Piece, Request
from tests.ggufs import Quantization, write_llama

RESULTS = Path(__file__).parent / "results" / "swap.md"
SIZES = (2_000_000, 250_000_000, 1_000_000_000, 2_000_000_000)
WAYS = ("by hand", "no spare", "spare", "swap")
BODY = {"prompt": "one two three", "max_tokens": 1, "temperature": 0, "stream": True}

BY_HAND = """
import sys
from innkeeper.runtime.engines.launch import Launch
from innkeeper.runtime.engines.worker import parameters
import xllamacpp
server = xllamacpp.Server(parameters(Launch.from_json(sys.argv[1].encode())))
print("ready", flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True, slots=True)
class Timed:
    """One start."""

    way: str
    size_bytes: int
    to_ready_s: float
    to_first_token_s: float


def by_hand(adapter: LlamaCpp, model: Model, folder: Path) -> Timed:
    """Start the same child without any of our machinery."""
    assert model.file is not None
    path = folder / "by-hand.sock"
    launch = adapter.launch(model, None, path)
    began = time.perf_counter()
    command = [sys.executable, "-P", "-c", BY_HAND, launch.to_json().decode()]
    # In a session of its own, as ours are: on a busy machine the kernel shares the cores between sessions.
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=child_environment(
            os.environ
        ),  # the same way of waiting for threads: without it this row is 2 to 9 × slower
        start_new_session=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        ready = time.perf_counter()
        _first_token(path)
        first = time.perf_counter()
        child.kill()
    path.unlink(missing_ok=True)
    return Timed("by hand", model.file.stat().st_size, ready - began, first - began)


def _first_token(path: Path) -> None:
    body = json.dumps(BODY).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        got = b""
        while b"\ndata: " not in got:
            got += connection.recv(1 << 16)


async def ours(
    way: str, adapter: LlamaCpp, model: Model, resident: LlamaCppEngine | None
) -> tuple[Timed, LlamaCppEngine]:
    """Start the engine, after `resident` has left where there is one; leave it running."""
    assert model.file is not None
    began = time.perf_counter()
    if resident is not None:
        await resident.stop()
    engine = adapter.engine(model)
    await engine.start()
    ready = time.perf_counter()
    async with aclosing(engine.run(Request("r", Kind.COMPLETION, BODY, streams=True))) as chunks:
        async for chunk in chunks:
            if isinstance(chunk, Piece):
                break
    first = time.perf_counter()
    return Timed(way, model.file.stat().st_size, ready - began, first - began), engine


async def measure(pairs: dict[int, tuple[Path, Path]], rounds: int, folder: Path) -> list[Timed]:
    """Every way and size in turn, `rounds` times, A and B alternating."""
    found: list[Timed] = []
    plain, spared = LlamaCpp(has_spare=False), LlamaCpp(has_spare=True)
    await plain.open()
    await spared.open()
    try:
        for turn in range(rounds):
            for files in pairs.values():
                a, b = (_model(file) for file in (files if turn % 2 == 0 else files[::-1]))
                found.append(await asyncio.to_thread(by_hand, plain, a, folder))
                timed, engine = await ours("no spare", plain, b, None)
                found.append(timed)
                await engine.stop()
                await spared.spare_ready()
                timed, engine = await ours("spare", spared, a, None)
                found.append(timed)
                await spared.spare_ready()
                timed, engine = await ours("swap", spared, b, engine)
                found.append(timed)
                await engine.stop()
                await spared.spare_ready()
            print(f"round {turn + 1} of {rounds}", flush=True)
    finally:
        await plain.close()
        await spared.close()
    return found


def _model(file: Path) -> Model:
    return Model(file.stem, "llama_cpp", frozenset({Kind.COMPLETION}), file=file, context=2048)


def report(found: list[Timed], rounds: int) -> str:
    """The result as a page, with its conditions."""
    sizes = sorted({timed.size_bytes // 1_000_000 for timed in found})
    about = (
        f"Two Q8_0 models of each size with random weights take turns, files in the page cache, mapped, context 2048. "
        f"Median (least to most) of {rounds} interleaved rounds, in milliseconds from the wish to the first streamed "
        "token. By hand: a Python that makes the same server with the same parameters and environment. Swap: with the "
        "other model resident, whose child must be gone first."
    )
    lines = [
        "## From a load to the first token",
        "",
        about,
        "",
        "| file | " + " | ".join(WAYS) + " | spare ÷ by hand | swap ÷ by hand |",
        "| - |" + " - |" * (len(WAYS) + 2),
    ]
    for size in sizes:
        times = {way: _ms(found, way, size) for way in WAYS}
        middle = {way: statistics.median(times[way]) for way in WAYS}
        cells = [f"{middle[way]:.0f} ({min(times[way]):.0f} to {max(times[way]):.0f})" for way in WAYS]
        ratios = [f"{middle[way] / middle['by hand']:.2f}" for way in ("spare", "swap")]
        lines.append(f"| {size} MB | " + " | ".join([*cells, *ratios]) + " |")
    fixed = {way: statistics.median(_ms(found, way, sizes[0])) for way in WAYS}
    verdict = (
        f"Fixed cost of a start, all that does not depend on the file's length ({sizes[0]} MB): "
        f"{fixed['spare']:.0f} ms with a spare, {fixed['no spare']:.0f} ms without, {fixed['by hand']:.0f} ms by hand. "
        "Limits: a swap 1.15 × by hand, a fixed cost of 150 ms."
    )
    conditions = (
        f"{platform.machine()}, {os.cpu_count()} cores shared with whatever else ran (load {os.getloadavg()[0]:.1f} at "
        f"the end), Python {platform.python_version()}, {LlamaCpp(has_spare=False).build}, "
        f"{datetime.now(tz=UTC):%Y-%m-%d}."
    )
    return "\n".join([*lines, "", verdict, "", conditions]) + "\n"


def _ms(found: list[Timed], way: str, size: int) -> list[float]:
    return [
        1000 * timed.to_first_token_s for timed in found if timed.way == way and timed.size_bytes // 1_000_000 == size
    ]


def main(words: list[str]) -> int:
    """Write the files, measure, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="up to 1 GB, three rounds")
    parser.add_argument("--rounds", type=int, default=7)
    chosen = parser.parse_args(words)
    sizes = SIZES[:-1] if chosen.quick else SIZES
    rounds = 3 if chosen.quick else chosen.rounds
    with tempfile.TemporaryDirectory(prefix="swap-") as name:
        folder = Path(name)
        pairs = {
            size: (
                write_llama(folder / f"a{size}.gguf", target_bytes=size, quantization=Quantization.Q8_0, seed=1),
                write_llama(folder / f"b{size}.gguf", target_bytes=size, quantization=Quantization.Q8_0, seed=2),
            )
            for size in sizes
        }
        for files in pairs.values():
            for file in files:
                _warm(file)
        found = asyncio.run(measure(pairs, rounds, folder))
    page = report(found, rounds)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(page, encoding="utf-8")
    print(page)
    return 0


def _warm(file: Path) -> None:
    with file.open("rb") as opened:
        while opened.read(1 << 24):
            pass


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
