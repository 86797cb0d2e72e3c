"""What a decision of the residency machine costs: 16 models in two pools, and so many callers waiting.

    python -m benchmarks.policies

Writes benchmarks/results/policies.md. Which policy loads least is `benchmarks/simulate.py`.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from random import Random

from innkeeper.runtime.engine import Footprint, Sizing
from innkeeper.runtime.residency.machine import Residency
from innkeeper.runtime.residency.signals import CatalogSet, Loaded, Signal, Terms, Tick, Wanted
from innkeeper.runtime.residency.states import State
from innkeeper.simulation.figures import part

RESULTS = Path(__file__).parent / "results" / "policies.md"
CONDITIONS = """## What a decision costs

`python -m benchmarks.policies`, Python {python}, {machine}. The time of the thread alone, the next wake included, with
sixteen models in two pools; callers wait for any of them."""


def crowded(waiting: int, *, pools: tuple[str, ...] = ("ram", "gpu0")) -> list[float]:
    """Seconds of decisions, the next wake included, with sixteen models and so many waiting; patience over or not."""
    dice = Random(waiting)
    machine = Residency(dict.fromkeys(pools, 100), note=lambda _: None)
    models = {
        f"m{index}": Terms(
            Footprint({pool: dice.randint(4, 24) for pool in pools}, Sizing.DECLARED), dice.uniform(1, 9), slots=2
        )
        for index in range(16)
    }

    def hear(signal: Signal, now_s: float) -> float:
        began_s = time.thread_time()
        machine.hear(signal, now_s)
        machine.wake_at_s()
        return time.thread_time() - began_s

    hear(CatalogSet(models), 0)
    tickets = 0
    while len(machine.books.queue) < waiting:
        tickets += 1
        hear(Wanted(tickets, dice.choice(list(models)), f"c{dice.randrange(8)}", dice.randrange(3)), 0)
        for one in machine.books.loaded(State.LOADING):
            hear(Loaded(one.model, one.generation, 1), 0)
    return [hear(Tick(), 0.001 * step if step < 500 else 60) for step in range(1000)]


def decisions() -> Iterable[str]:
    """A line for each number of callers."""
    yield "\n| callers waiting | p50 ms | p99 ms |\n|---|---|---|"
    for waiting in (1, 16, 64, 256):
        taken_s = sorted(crowded(waiting))
        yield f"| {waiting} | {1000 * part(taken_s, 0.5):.2f} | {1000 * part(taken_s, 0.99):.2f} |"


def main() -> int:
    lines = [CONDITIONS.format(python=platform.python_version(), machine=platform.machine()), *decisions()]
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"Wrote {RESULTS}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
