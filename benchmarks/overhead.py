"""What the server adds to a request: over the engine's own socket, and beside LiteLLM's proxy.

    python -m benchmarks.overhead                            ours alone
    python -m benchmarks.overhead --litellm ENV/bin/python   LiteLLM's proxy from that environment beside it

The whole product runs (`innkeeper up`, llama.cpp's adapter, the journal on disk). In the place of llama-server stands
a program that answers at once, so that the difference is ours. Both are asked in turn within one run: use the
ratios.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles

import psutil

from benchmarks.doubles.many_streams import Relayed, relay
from benchmarks.doubles.raw_client import RawClient, Target
from benchmarks.doubles.standing import innkeeper, litellm, tcp_engine

RESULTS = Path(__file__).parent / "results" / "overhead.md"
BLOCK, WARM_UP = 50, 5
"""Rounds with one front before it is the next one's turn, and those before them that do not count."""

STREAMS, PIECES_PER_S, STREAMED_S = 64, 50, 10
_COLUMNS = (
    "added per small request, ms",
    "added to the first piece, ms",
    "first piece p99, ms",
    "of one core for the streams",
    "µs of it per piece",
    "pieces on time",
    "resident MiB",
)
WHOLE_LIMIT_MS, PIECE_LIMIT_MS, SHARE_LIMIT = 0.5, 1.0, 0.10


@dataclass(frozen=True, slots=True)
class Front:
    """What stands before an engine, and the engine itself."""

    name: str
    through: Target
    direct: Target
    process: psutil.Process


@dataclass(frozen=True, slots=True)
class Times:
    """One kind of request, asked in turn directly and through. Seconds."""

    direct_s: tuple[float, ...]
    through_s: tuple[float, ...]

    @property
    def added_ms(self) -> float:
        return (median(self.through_s) - median(self.direct_s)) * 1000


@dataclass(frozen=True, slots=True)
class Measured:
    """All of one front."""

    front: Front
    whole: Times
    first_piece: Times
    streams: Relayed
    share: float
    """Of one core, that its process used while it relayed the streams."""
    resident_bytes: int


def measure(fronts: tuple[Front, ...], rounds: int) -> Iterator[Measured]:
    """Small requests, directly and through in turn, in blocks from front to front; then the streams."""
    whole: dict[str, list[tuple[float, float]]] = {front.name: [] for front in fronts}
    first: dict[str, list[tuple[float, float]]] = {front.name: [] for front in fronts}
    with ExitStack() as stack:
        clients = {
            front.name: (
                stack.enter_context(RawClient(front.direct)),
                stack.enter_context(RawClient(front.through)),
            )
            for front in fronts
        }
        for _ in range(rounds // BLOCK):
            for name, (direct, through) in clients.items():
                for turn in range(BLOCK + WARM_UP):
                    pairs = (direct.whole_s(), through.whole_s()), (direct.first_piece_s(), through.first_piece_s())
                    if turn >= WARM_UP:
                        whole[name].append(pairs[0])
                        first[name].append(pairs[1])
    for front in fronts:
        before = _cpu_s(front.process)
        relayed = relay(front.through, streams=STREAMS, pieces_per_s=PIECES_PER_S, for_s=STREAMED_S)
        share = (_cpu_s(front.process) - before) / relayed.took_s
        yield Measured(
            front,
            _times(whole[front.name]),
            _times(first[front.name]),
            relayed,
            share,
            front.process.memory_info().rss,
        )


def report(measured: tuple[Measured, ...], rounds: int, notes: tuple[str, ...]) -> str:
    """The result as a page, with its conditions."""
    rows = [
        f"| {one.front.name} | {one.whole.added_ms:.2f} | {one.first_piece.added_ms:.2f}"
        f" | {_p99_ms(one.first_piece.through_s):.2f} | {one.share * 100:.1f} %"
        f" | {one.share * one.streams.took_s / one.streams.pieces * 1e6:.0f} | {one.streams.share_in_time * 100:.1f} %"
        f" | {one.resident_bytes / 2**20:.0f} |"
        for one in measured
    ]
    directly = measured[0]
    whole_ms, piece_ms = median(directly.whole.direct_s) * 1000, median(directly.first_piece.direct_s) * 1000
    head = (
        "The whole server (`innkeeper up`, journal on disk) before an engine that answers at once over its Unix socket:"
        f" {whole_ms:.3f} ms for a small request and {piece_ms:.3f} ms to the first piece when asked directly. One"
        f" client, medians of {rounds} rounds, directly and through in turn. Then {STREAMS} streams of"
        f" {PIECES_PER_S} pieces a second for {STREAMED_S} s."
    )
    limits = (
        f"Limits: {WHOLE_LIMIT_MS} ms, {PIECE_LIMIT_MS} ms, {SHARE_LIMIT * 100:.0f} % of one core. On time: within"
        " 20 ms of when the engine's pace has it due. A LiteLLM row is measured against the same engine program on TCP."
    )
    niceness = os.getpriority(os.PRIO_PROCESS, 0)
    machine = (
        f"{platform.machine()}, {os.cpu_count()} cores shared with client, engine and whatever else ran (load"
        f" {os.getloadavg()[0]:.1f} at the end), Python {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}"
        f"{f', all at nice {niceness}' if niceness else ''}"
    )
    table = [
        f"| | {' | '.join(_COLUMNS)} |",
        "| - | - | - | - | - | - | - | - |",
        *rows,
    ]
    title = "## What the server adds to a request"
    return "\n".join([title, "", head, "", *table, "", limits, *(f"\n{note}" for note in notes), "", machine, ""])


def main(words: list[str]) -> int:
    """0 when our limits are kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litellm", type=Path, help="the Python of an environment with litellm[proxy]")
    parser.add_argument("--rounds", type=int, default=2000)
    told = parser.parse_args(words)
    notes: tuple[str, ...] = ()
    with tempfile.TemporaryDirectory(prefix="o-") as name, ExitStack() as stack:
        folder = Path(name)
        ours, engine, process = stack.enter_context(innkeeper(folder / "inn", slots=STREAMS))
        fronts = [Front("innkeeper", ours, engine, process)]
        if told.litellm is not None and told.litellm.exists():
            port = stack.enter_context(tcp_engine())
            theirs, process, version = stack.enter_context(litellm(folder / "litellm", told.litellm, port))
            fronts.append(Front(f"LiteLLM {version}", theirs, Target("engine", ("127.0.0.1", port)), process))
        else:
            notes = ("LiteLLM was not measured: give `--litellm` the Python of an environment that has it.",)
        measured = tuple(measure(tuple(fronts), told.rounds))
    page = report(measured, told.rounds, notes)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(page, encoding="utf-8")
    print(page)
    mine = measured[0]
    kept = (
        mine.whole.added_ms <= WHOLE_LIMIT_MS
        and mine.first_piece.added_ms <= PIECE_LIMIT_MS
        and mine.share <= SHARE_LIMIT
    )
    return 0 if kept else 1


def _cpu_s(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)


def _times(pairs: list[tuple[float, float]]) -> Times:
    return Times(tuple(direct for direct, _ in pairs), tuple(through for _, through in pairs))


def _p99_ms(times_s: tuple[float, ...]) -> float:
    return quantiles(times_s, n=100)[98] * 1000


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
