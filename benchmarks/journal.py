"""What recording a fact costs: on the caller's thread and in all; with no sink, with metrics, with the file."""

from __future__ import annotations

import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from innkeeper.runtime.facts import Asked, Fact, Finished, FirstWords, Leased, Routed
from innkeeper.runtime.journal.entry import Sink
from innkeeper.runtime.journal.journal import Journal
from innkeeper.runtime.journal.prometheus import PrometheusSink
from innkeeper.runtime.journal.sqlite import SqliteSink
from innkeeper.runtime.messages import Usage

RESULTS = Path(__file__).parent / "results" / "journal.md"
REQUESTS = 4_000
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one fact."""

    caller_s: float
    """Processor time of the thread that records; what a request waits for."""
    processor_s: float
    """Processor time of the whole process until everything is written."""


def a_request(number: int) -> tuple[Fact, ...]:
    """The facts of a plain request that is answered."""
    name = f"r-{number}"
    return (
        Asked(name, "chat", "narrator", "story", "local"),
        Routed(name, ("narrator",), "asked for by name"),
        Leased(name, "narrator", 0.5, 0.2),
        FirstWords(name, "narrator", "story", 0.7),
        Finished(name, "narrator", "answered", 1.5, Usage(prompt_tokens=10, answer_tokens=20)),
    )


def cost(sinks: list[Sink]) -> Cost:
    """Record so many requests once."""
    every = [fact for number in range(REQUESTS) for fact in a_request(number)]
    with closing(Journal(time.time, sinks)) as journal:
        thread_s, processor_s = time.thread_time(), time.process_time()
        for fact in every:
            journal.record(fact)
        took_s = time.thread_time() - thread_s
    return Cost(took_s / len(every), (time.process_time() - processor_s) / len(every))


def main() -> int:
    """Measure, print, write."""
    with tempfile.TemporaryDirectory() as name:
        files = (Path(name) / f"{number}.db" for number in range(1_000))

        def file_sink() -> SqliteSink:
            return SqliteSink(next(files), clock=time.time, queue=10 * REQUESTS)

        cases: dict[str, Callable[[], list[Sink]]] = {
            "memory only": list,
            "with metrics": lambda: [PrometheusSink()],
            "with the file": lambda: [file_sink()],
            "with both": lambda: [PrometheusSink(), file_sink()],
        }
        rounds = [{case: cost(sinks()) for case, sinks in cases.items()} for _ in range(ROUNDS)]
    rows = [
        f"| {case} | {1e6 * statistics.median(one[case].caller_s for one in rounds):.1f}"
        f" | {1e6 * statistics.median(one[case].processor_s for one in rounds):.1f} |"
        for case in cases
    ]
    page = "\n".join(
        [
            "## Recording a fact",
            "",
            (
                f"Median of {ROUNDS} rounds, interleaved, of {REQUESTS} requests with five facts each."
                f" {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} from others and this,"
                f" Python {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}."
            ),
            "",
            "| | µs of processor on the caller's thread | in all |",
            "| - | - | - |",
            *rows,
            "",
        ]
    )
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(page, encoding="utf-8")
    print(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
