"""Ways to run the house compared in simulated time, on the code that serves: what `innkeeper simulate` shows.

    python -m benchmarks.simulate            five seeds, about five minutes
    python -m benchmarks.simulate --quick    one seed

Writes benchmarks/results/simulate.md.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Iterable
from pathlib import Path

from innkeeper.cli.comparing import cells, heading
from innkeeper.cli.workloads import STRETCHED, Scene, from_trace, generated
from innkeeper.settings.words import read_vocabulary
from innkeeper.simulation.comparison import compare, meaning
from innkeeper.simulation.ways import ALL
from innkeeper.simulation.workload import Workload

RESULTS = Path(__file__).parent / "results" / "simulate.md"
AZURE = Path(__file__).parents[1] / ".." / "shared" / "data" / "traces" / "azure-llm-2023-conv.csv"
CEILING = 0.25
REQUESTS = 2000
CONDITIONS = """## Ways to run the house

`python -m benchmarks.simulate`, seeds {seeds}, Python {python}. Simulated: the reception chooses and the residency
machine decides, both as in the server; engines are numbers. Loads take 0.8 s and 3 GB/s (podcast: 1 s and 0.4 GB/s),
one after another; unloads 0.2 s; four slots a model, which do not slow each other. *Least* is the least loading for the
order of arrival; serving out of order, because callers join a load, can come out below it. *In time* is by the usual
targets to the first words (mechanics 1 s, roleplay and general 2 s, story 5 s, Greek 8 s, others 3 s; vectors and ranks
1 s, a voice 3 s, a transcription 60 s). Quality of substitutes is a guess, the same for all ways; hosted answers cost
at most {ceiling} USD a day. Means over the seeds, with the range. docs/simulate.md says what the workloads are."""


def table(workloads: list[Workload]) -> Iterable[str]:
    """A heading, a line for each way, and what it means."""
    vocabulary = read_vocabulary()
    comparison = compare(workloads, ALL, vocabulary, ceiling=CEILING, told=lambda way: print(way, flush=True))
    yield f"\n### {heading(comparison)}\n"
    yield (
        "| way | load ÷ least | first words s p50 / p95 / p99 | in time | in time, quality ≥ 0.8 | mean quality "
        "| loads, GB per 1,000 requests | hosted USD |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for row in comparison.rows:
        yield f"| {row.way.name} | {' | '.join(cells(row))} |"
    yield f"\n{meaning(comparison)}"


def page(seeds: range) -> str:
    told = f"{seeds.start} to {seeds.stop - 1}" if len(seeds) > 1 else str(seeds.start)
    lines = [CONDITIONS.format(seeds=told, python=platform.python_version(), ceiling=CEILING)]
    for scene in Scene:
        lines += table([generated(scene.value, seed, None) for seed in seeds])
    if AZURE.is_file():
        lines += table([from_trace(AZURE, seed, REQUESTS, None) for seed in seeds])
        lines.append(
            f"\nReal arrivals and token counts of a service with many users, slowed down {STRETCHED:g} times; models "
            "are drawn by lot, so that nobody can know the next one."
        )
    else:
        lines.append("\n### Real arrivals\n\nNot run: the trace is not beside the checkout.")
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulate")
    parser.add_argument("--quick", action="store_true", help="one seed instead of five")
    RESULTS.write_text(page(range(1, 2 if parser.parse_args(arguments).quick else 6)), encoding="utf-8")
    print(f"Wrote {RESULTS}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
