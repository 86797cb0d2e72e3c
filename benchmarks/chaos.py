"""Thirty-two unruly clients, six models, room for two, and somebody who kills engines: `python -m benchmarks.chaos`.

Real llama.cpp models with random weights, 5 to 60 MB. Clients ask, streamed and whole, and leave in the queue or in
the middle of an answer; children are killed; operators unload, load and pin. Meanwhile the promises are watched:

    every request that reached the server has exactly one ending in the journal, the one its caller saw
    what is promised to models, and what the kernel says all our processes hold (PSS), stay within the budget
    the server itself grows by at most 5 MB between the end of the warm-up and the end
    afterwards there is no process, descriptor, socket or temporary file that was not there before

Written to benchmarks/results/chaos.md. It fails when a promise is broken.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import re
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import psutil

from benchmarks.doubles.unruly_guests import Doings, Guest, give_orders, kill_engines, passed
from tests.ggufs import write_llama
from tests.stories.inn import Inn, an_inn, is_alive, journal

RESULTS = Path(__file__).parent / "results" / "chaos.md"
SIZES_MB = {"m5": 5, "m12": 12, "m20": 20, "m30": 30, "m45": 45, "m60": 60}
WARM_UP = 0.2
"""The part of the time after which the server's own size is taken for the first time."""

MOST_GROWTH_BYTES = 5_000_000
MIB = 1024**2


@dataclass(slots=True)
class Watched:
    """What was seen while it went on."""

    looks: int = 0
    most_promised: int = 0
    most_held: int = 0
    children: set[psutil.Process] = field(default_factory=set)
    sizes: list[int] = field(default_factory=list)
    """Bytes of the server itself, at each look and at the end."""
    warm_bytes: int = 0
    most_waiting: int = 0
    processor_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Idle:
    """What the server has open when nothing goes on."""

    descriptors: Counter[str]
    """How many of each sort: "socket", "pipe", a file by its path."""
    threads: int


def prepare(inn: Inn, folder: Path) -> int:
    """Write the models and the settings, start the server; returns its budget, which has room for any two models."""
    entries = ""
    for name, size_mb in SIZES_MB.items():
        file = write_llama(folder / f"{name}.gguf", target_bytes=size_mb * 1_000_000, seed=size_mb)
        entries += f'[models.{name}]\nfile = "{file}"\ncontext = 512\nslots = 2\n'
    inn.settings(entries)
    inn.start()
    view = inn.ps()
    (pool,) = view["pools"]
    two = sum(sorted(model["needs"]["ram"] for model in view["models"])[-2:])
    inn.close()
    budget_mib = -(-(two + pool["overhead_bytes"] + 4 * MIB) // MIB)  # our own process grows a little at first
    inn.settings(f'budget = "{budget_mib} MiB"\n{entries}')
    inn.start()
    return int(budget_mib * MIB)


async def watch(inn: Inn, watched: Watched, is_over: asyncio.Event) -> None:
    """Look at the books and at the kernel's, ten times a second."""
    while not await passed(is_over, 0.1):
        view = await asyncio.to_thread(inn.ps)
        (pool,) = view["pools"]
        children = inn.children()
        held = await asyncio.to_thread(inn.held_bytes)
        watched.children.update(children)
        watched.looks += 1
        watched.most_promised = max(watched.most_promised, pool["held_bytes"] + pool["overhead_bytes"])
        watched.most_held = max(watched.most_held, held)
        assert inn.process is not None
        watched.sizes.append(private_bytes(inn.process.pid))
        watched.most_waiting = max(watched.most_waiting, view["waiting"])


async def let_loose(inn: Inn, clients: int, seconds: float, seed: int) -> tuple[Doings, Watched]:
    """Everybody at once, for so long."""
    assert inn.process is not None
    url, models = f"http://127.0.0.1:{inn.port}", tuple(SIZES_MB)
    doings, watched, is_over, all_over = Doings(), Watched(), asyncio.Event(), asyncio.Event()
    began_s, used = time.monotonic(), inn.process.cpu_times()
    async with asyncio.TaskGroup() as watching:
        watching.create_task(watch(inn, watched, all_over), name="watch")
        async with asyncio.TaskGroup() as tasks:
            for number in range(clients):
                guest = Guest(number, url, models, Random(seed + number), doings)
                tasks.create_task(guest.ask_until(is_over), name=f"guest {number}")
            tasks.create_task(kill_engines(inn.process, Random(seed - 1), doings, is_over), name="killer")
            tasks.create_task(give_orders(url, models, Random(seed - 2), doings, is_over), name="operator")
            await passed(is_over, seconds * WARM_UP)
            watched.warm_bytes = private_bytes(inn.process.pid)
            await passed(is_over, seconds * (1 - WARM_UP))
            is_over.set()
        now = inn.process.cpu_times()
        watched.processor_share = (now.user + now.system - used.user - used.system) / (time.monotonic() - began_s)
        all_over.set()
    return doings, watched


def private_bytes(pid: int) -> int:
    """What the process itself has filled of the memory: pages of programs and libraries, which others share, apart."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("RssAnon:"))


def settle(inn: Inn) -> Idle:
    """Send every model away and see what the server still has open."""
    for model in SIZES_MB:
        inn.post(f"/models/{model}/unload?force=true")
    inn.until(lambda: inn.ps()["serving"] == inn.ps()["waiting"] == 0)
    inn.until(lambda: len(inn.children()) == 1)  # the spare
    time.sleep(7)  # kept connections end after five seconds
    assert inn.process is not None
    return Idle(descriptors(inn.process.pid), inn.process.num_threads())


def descriptors(pid: int) -> Counter[str]:
    """What the process has open, by sort."""
    sorts: Counter[str] = Counter()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            sorts[re.sub(r":\[\d+\]$", "", str(link.readlink()))] += 1
    return sorts


def faults(
    inn: Inn, budget: int, doings: Doings, watched: Watched, before: Idle, after: Idle, ends: dict[str, list[str]]
) -> list[str]:
    """Every promise that was broken, in words."""
    found = [f"a guest saw {broken}" for broken in doings.broken]
    found += [f"{request} has {len(outcomes)} endings" for request, outcomes in ends.items() if len(outcomes) != 1]
    for request, seen in doings.endings.items():
        told = ends.get(request, [])
        if seen not in ("left", *told) and not seen.startswith("broken"):
            found.append(f"{request} was {seen} for its caller and {told} in the journal")
    if watched.most_promised > budget:
        found.append(f"{watched.most_promised - budget} bytes were promised over the budget")
    if watched.most_held > budget:
        found.append(f"{watched.most_held - budget} bytes were held over the budget")
    if watched.sizes[-1] - watched.warm_bytes > MOST_GROWTH_BYTES:
        found.append(f"the server grew by {watched.sizes[-1] - watched.warm_bytes} bytes")
    found += [
        f"{count} more {sort} open than at the start"
        for sort, count in (after.descriptors - before.descriptors).items()
    ]
    found += [f"process {child.pid} still runs" for child in watched.children if is_alive(child)]
    found += [f"{left} is still there" for left in inn.temporary.iterdir()]
    if "Traceback" in inn.output():
        found.append("the server showed a traceback")
    return found


def endings(inn: Inn) -> tuple[dict[str, list[str]], Counter[str]]:
    """The outcomes of each request asked, and how often each kind of fact was recorded."""
    ends: dict[str, list[str]] = {}
    kinds: Counter[str] = Counter()
    for kind, fact in journal(inn.home):
        kinds[kind] += 1
        if kind == "Asked":
            ends.setdefault(fact["request"], [])
        if kind == "Finished":
            ends.setdefault(fact["request"], []).append(fact["outcome"])
    return ends, kinds


def run(minutes: float, clients: int, seed: int) -> list[str]:
    """One run with its report; the promises it broke."""
    with an_inn() as inn:
        budget = prepare(inn, inn.folder)
        assert inn.process is not None
        inn.say("m5")
        before = settle(inn)
        doings, watched = asyncio.run(let_loose(inn, clients, minutes * 60, seed))
        after = settle(inn)
        watched.sizes.append(private_bytes(inn.process.pid))
        inn.close()
        ends, kinds = endings(inn)
        broken = faults(inn, budget, doings, watched, before, after, ends)
        report(minutes, clients, seed, budget, doings, watched, (before, after), ends, kinds, broken)
    return broken


def report(
    minutes: float,
    clients: int,
    seed: int,
    budget: int,
    doings: Doings,
    watched: Watched,
    idle: tuple[Idle, Idle],
    ends: dict[str, list[str]],
    kinds: Counter[str],
    broken: list[str],
) -> None:
    """Write the results with their conditions."""
    outcomes = Counter(outcome for each in ends.values() for outcome in each)
    before, after = idle
    conditions = (
        f"{clients} clients for {minutes:g} minutes (seed {seed}) over six llama.cpp models with random weights "
        f"({', '.join(f'{size} MB' for size in SIZES_MB.values())}; context 512, 2 slots, 1 thread), a budget of "
        f"{budget / MIB:.0f} MiB with room for the two largest, {os.cpu_count()} cores ({platform.machine()}, shared "
        f"with other work), Python {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}."
    )
    grown = watched.sizes[-1] - watched.warm_bytes
    fifths = [watched.sizes[(len(watched.sizes) - 1) * part // 5] / 1e6 for part in range(6)]
    rows: tuple[tuple[str, str, str], ...] = (
        ("what", "seen", "allowed"),
        ("-", "-", "-"),
        ("requests asked", f"{len(ends)}", ""),
        ("without exactly one ending", f"{sum(len(each) != 1 for each in ends.values())}", "0"),
        ("endings that callers saw broken", f"{len(doings.broken)}", "0"),
        (f"promised over the budget, of {watched.looks} looks", _over(watched.most_promised, budget), "0"),
        ("held over the budget (PSS of all our processes)", _over(watched.most_held, budget), "0"),
        (
            f"growth of the server after the first {minutes * 60 * WARM_UP:.0f} s (its anonymous pages)",
            f"{grown / 1e6:+.1f} MB; after each fifth of the time: {', '.join(f'{size:.1f}' for size in fifths)} MB",
            f"{MOST_GROWTH_BYTES / 1e6:.0f} MB",
        ),
        (
            "descriptors when idle, before and after",
            f"{before.descriptors.total()}, {after.descriptors.total()}",
            "no more",
        ),
        ("threads when idle, before and after", f"{before.threads}, {after.threads}", ""),
        (
            f"orphans, of {len(watched.children)} child processes seen",
            f"{sum(is_alive(child) for child in watched.children)}",
            "0",
        ),
        ("processor share of the server itself", f"{watched.processor_share * 100:.1f} % of one core", ""),
    )
    told = (
        f"Outcomes: {_counted(outcomes)}. Kills: {doings.kills.total()}. Orders by status: {_counted(doings.orders)}. "
        f"Loads: {kinds['ModelLoaded']}, refused or failed: {kinds['LoadRefused']}, evictions: {kinds['Evicted']}. "
        f"At most {watched.most_waiting} callers waited."
    )
    table = ["| " + " | ".join(row) + " |" for row in rows]
    verdict = (
        ["Broken promises: none."] if not broken else ["Broken promises:", "", *(f"- {one}" for one in broken[:20])]
    )
    lines = ["## Chaos", "", conditions, "", *table, "", told, "", *verdict]
    text = "\n".join(lines) + "\n"
    RESULTS.write_text(text, encoding="utf-8")
    print(text)


def _over(most: int, budget: int) -> str:
    return f"{max(0, most - budget)} bytes, the most was {most / MIB:.1f} MiB"


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counter.most_common())


def main() -> int:
    """0 when every promise was kept."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--minutes", type=float, default=10.0)
    given.add_argument("--clients", type=int, default=32)
    given.add_argument("--seed", type=int, default=1)
    chosen = given.parse_args()
    return 1 if run(chosen.minutes, chosen.clients, chosen.seed) else 0


if __name__ == "__main__":
    sys.exit(main())
