"""Policies compared on the machine that runs: load time, waits, order, and what a decision costs.

    python -m benchmarks.policies            all workloads, five seeds each; about two minutes
    python -m benchmarks.policies --quick    one seed

Writes benchmarks/results/policies.md.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from statistics import mean

from benchmarks.scheduling.optimum import least_load_s
from benchmarks.scheduling.workloads import Workload, azure, party, podcast, rpg
from innkeeper.runtime.engine import Footprint, Sizing
from innkeeper.runtime.residency.callers import Rules
from innkeeper.runtime.residency.machine import Residency
from innkeeper.runtime.residency.policy import Policy, keep_the_most_valuable_set, least_recently_used
from innkeeper.runtime.residency.signals import CatalogSet, Loaded, Signal, Terms, Tick, Wanted
from innkeeper.runtime.residency.simulator import Outcome, Simulator
from innkeeper.runtime.residency.states import State

RESULTS = Path(__file__).parent / "results" / "policies.md"
UNLOAD_S = 0.2
CONDITIONS = """## Policies

`python -m benchmarks.policies`, seeds 1 to {seeds}, Python {python}, {machine}. Simulated: the residency machine
itself decides, engines are numbers. Loads take a fixed 0.8 s and 3 GB/s (podcast: 1 s and 0.4 GB/s), one after
another; unloads 0.2 s; four slots a model; patience 30 s. Models stay until their room is wanted where nothing else
is said. *Least* is the exact offline optimum for the order of arrival (benchmarks/scheduling/optimum.py); serving
out of order, because callers join a load, can come out below it. Means over seeds, with the range; maxima over all
seeds. The bound of a wait is patience, the longest answer for each model, and one swap of each. Decisions are timed
in the thread's own time. The workload `azure` has real arrival times and answer lengths; which model a request is
for is drawn by lot."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to run the house."""

    name: str
    policy: Policy
    preloads_by_rate: bool = False
    one_at_a_time: bool = False
    keep_for_s: float | None = None


WAYS = (
    Way("the most valuable set", keep_the_most_valuable_set),
    Way("… and preloads by rate (the default)", keep_the_most_valuable_set, preloads_by_rate=True),
    Way("least recently used", least_recently_used),
    Way("least recently used, idle 5 min", least_recently_used, keep_for_s=300.0),
    Way("one model at a time", least_recently_used, one_at_a_time=True),
)
WORKLOADS: tuple[Callable[[int], Workload | None], ...] = (rpg, podcast, party, azure)


def run(workload: Workload, way: Way) -> Outcome:
    """The workload under one way, with decisions timed in the thread's own time."""
    models = {name: _terms(terms, workload, way) for name, terms in workload.models.items()}
    rules = Rules(queue_limit=100_000, longest_wait_s=1e6, preloads_by_rate=way.preloads_by_rate)
    simulator = Simulator(
        workload.budget, models, policy=way.policy, rules=rules, unload_s=UNLOAD_S, stopwatch=time.thread_time
    )
    return simulator.run(workload.visits)


def _terms(terms: Terms, workload: Workload, way: Way) -> Terms:
    """With one model at a time, each is said to need the whole budget."""
    needs = Footprint(workload.budget, Sizing.DECLARED) if way.one_at_a_time else terms.needs
    return replace(terms, needs=needs, keep_for_s=way.keep_for_s)


def bound_s(workload: Workload) -> float:
    """The longest anybody should wait: patience, the longest answer, and one swap of every model before its own."""
    swaps_s = sum(terms.load_s + UNLOAD_S for terms in workload.models.values())
    longest_s = max(visit.service_s for visit in workload.visits)
    return Rules().patience_s + len(workload.models) * longest_s + swaps_s


@dataclass(frozen=True, slots=True)
class Row:
    """One way on one workload and seed, in figures."""

    ratio: float
    loads_per_100: float
    wait_p50_s: float
    wait_p95_s: float
    wait_max_s: float
    in_vain: int
    overrun_bytes: int
    beyond_bound: int
    decision_p99_ms: float
    most_waiting: int
    preloads: Mapping[str, int]


def row(workload: Workload, way: Way, optimum_s: float) -> Row:
    outcome = run(workload, way)
    waits_s = outcome.waits_s()
    assert len(waits_s) == len(workload.visits), "somebody was not served"
    bound = bound_s(workload)
    return Row(
        ratio=outcome.load_s / optimum_s,
        loads_per_100=100 * len(outcome.loads) / len(workload.visits),
        wait_p50_s=_part(waits_s, 0.5),
        wait_p95_s=_part(waits_s, 0.95),
        wait_max_s=waits_s[-1],
        in_vain=outcome.evictions_in_vain,
        overrun_bytes=outcome.overrun_bytes,
        beyond_bound=sum(waited_s > bound for waited_s in waits_s),
        decision_p99_ms=1000 * _part(sorted(outcome.decision_s), 0.99),
        most_waiting=outcome.most_waiting,
        preloads=outcome.preloads,
    )


def _part(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def table(name: str, workloads: list[Workload]) -> Iterable[str]:
    """A heading and one line for each way."""
    optima_s = [least_load_s(workload) for workload in workloads]
    counts = ", ".join(str(len(workload.visits)) for workload in workloads)
    yield f"\n### {name}: {counts} requests, least loading {', '.join(f'{one:.0f}' for one in optima_s)} s\n"
    yield (
        "| way | load s ÷ least | loads per 100 requests | wait s p50 / p95 / max | evictions in vain | "
        "over budget B | waits beyond bound | decision p99 ms | most waiting |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for way in WAYS:
        rows = [row(workload, way, optimum_s) for workload, optimum_s in zip(workloads, optima_s, strict=True)]
        ratios = [one.ratio for one in rows]
        yield (
            f"| {way.name} | {mean(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f}) "
            f"| {mean(one.loads_per_100 for one in rows):.1f} "
            f"| {mean(one.wait_p50_s for one in rows):.1f} / {mean(one.wait_p95_s for one in rows):.1f} / "
            f"{max(one.wait_max_s for one in rows):.1f} "
            f"| {sum(one.in_vain for one in rows)} | {max(one.overrun_bytes for one in rows)} "
            f"| {sum(one.beyond_bound for one in rows)} "
            f"| {max(one.decision_p99_ms for one in rows):.2f} | {max(one.most_waiting for one in rows)} |"
        )
        print(f"{name}: {way.name}: {mean(ratios):.3f}, preloads {dict(rows[0].preloads)}", flush=True)


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
    yield "\n### What a decision costs: 16 models in two pools\n"
    yield "| callers waiting | p50 ms | p99 ms |\n|---|---|---|"
    for waiting in (1, 16, 64, 256):
        taken_s = sorted(crowded(waiting))
        yield f"| {waiting} | {1000 * _part(taken_s, 0.5):.2f} | {1000 * _part(taken_s, 0.99):.2f} |"


def page(seeds: int) -> str:
    lines = [CONDITIONS.format(seeds=seeds, python=platform.python_version(), machine=platform.machine())]
    for make in WORKLOADS:
        made = [workload for seed in range(1, seeds + 1) if (workload := make(seed)) is not None]
        if made:
            lines += table(made[0].name, made)
        else:
            lines.append(f"\n### {make.__name__}\n\nNot run: its data is not beside the checkout.")
    lines += decisions()
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.policies")
    parser.add_argument("--quick", action="store_true", help="one seed instead of five")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(page(1 if parser.parse_args(arguments).quick else 5), encoding="utf-8")
    print(f"Wrote {RESULTS}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
