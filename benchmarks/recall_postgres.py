"""How fast the store in PostgreSQL answers, beside the one in SQLite.

    python -m benchmarks.recall_postgres                  100,000 passages; some minutes, most of them to fill the store
    python -m benchmarks.recall_postgres --count 20000    fewer

The server is one of the tests' own, on this machine, with 32 MB of shared buffers and no fsync, which matters to the
filling only. Vectors are made up, in clouds; they cost what real ones cost. A time is that of a whole search with its
round trips; server and client share the processors.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import random
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import psycopg

from benchmarks.recall import QUESTIONS, WAYS, fill, questions_from
from benchmarks.recalling.corpora import DATA
from benchmarks.recalling.crowd import crowd_of_vectors
from benchmarks.recalling.minilm import MINILM
from innkeeper.recall.postgres.store import SCHEMA, postgres_store
from innkeeper.recall.provenance import Embedded, Vectors, unit_rows
from innkeeper.recall.query import Mode, Query
from tests.recall.postgres_server import programs, server

RESULTS = Path(__file__).parent / "results" / "recall_postgres.md"
_SIZES: Final = ("passage", "wording", "words", "term", "vector", "sketch")


def asked(conninfo: str, count: int) -> list[str]:
    """Half real questions, half words in a row from the passages; the same as SQLite is asked."""
    chance = random.Random(3)
    numbers = [chance.randrange(1, count) for _ in range(QUESTIONS // 2)]
    with psycopg.connect(conninfo) as connection:
        query = f"SELECT passage, said FROM {SCHEMA}.wording WHERE passage = ANY(%s)"
        texts: dict[int, str] = dict(connection.execute(query, (numbers,)).fetchall())
    return questions_from([texts[number] for number in numbers], chance)


async def measured(conninfo: str, count: int, stored: Vectors, questions: Vectors) -> list[str]:
    """Fill the store and search in it: a line for each way."""
    async with postgres_store(conninfo) as store:
        began = time.perf_counter()
        await fill(store, count, stored)
        filled_s = time.perf_counter() - began
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")  # what autovacuum does a minute later
        lines = [
            f"Filled in {filled_s:.0f} s; pgvector: {store.without_pgvector_because or 'yes'}.",
            "",
            "| search | clock ms p50 | p95 | most |",
            "| - | - | - | - |",
        ]
        texts = asked(conninfo, count)
        for name, mode, scope in WAYS:
            took = []
            for number, text in enumerate(texts):
                question = Embedded(MINILM, questions[number % len(questions)][None])
                before = time.perf_counter()
                await store.search(Query(text, mode, scope), None if mode is Mode.LEXICAL else question)
                took.append(1e3 * (time.perf_counter() - before))
            lines.append(f"| {name} | {' | '.join(f'{one:.1f}' for one in np.percentile(took, [50, 95, 100]))} |")
            print(lines[-1], flush=True)
    with psycopg.connect(conninfo) as connection:
        sizes = [
            (name, connection.execute("SELECT pg_total_relation_size(%s)", (f"{SCHEMA}.{name}",)).fetchone())
            for name in _SIZES
        ]
    taken = (f"{name} {row[0] / 1e6:.0f}" for name, row in sizes if row is not None)
    return [*lines, "", f"Tables with their indexes, in MB: {', '.join(taken)}."]


def main() -> int:
    """Measure, print, write."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--count", type=int, default=100_000)
    chosen = options.parse_args()
    found = programs()
    if not DATA.is_dir() or not found:
        print(f"{DATA} or PostgreSQL is not here; nothing is measured.", file=sys.stderr)
        return 0
    chance = np.random.default_rng(1)
    centres = unit_rows(chance.standard_normal((2_000, MINILM.dimension)))
    stored, questions = crowd_of_vectors(centres, chosen.count), centres[:QUESTIONS]
    with server(found[max(found)]) as conninfo:
        lines = asyncio.run(measured(conninfo, chosen.count, stored, questions))
    conditions = (
        f"`python -m benchmarks.recall_postgres --count {chosen.count}`. Conditions: {datetime.now(UTC):%Y-%m-%d},"
        f" PostgreSQL {max(found)} on the same machine, {platform.machine()}, {os.cpu_count()} cores with a load of"
        f" {os.getloadavg()[0]:.0f} from others and this, Python {platform.python_version()}. {chosen.count}"
        f" passages of about 900 letters with vectors of 384 numbers; {QUESTIONS} questions."
    )
    page = ["## Recall in PostgreSQL", "", conditions, "", *lines, ""]
    RESULTS.write_text("\n".join(page), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
