"""A child process that takes in many passages with their vectors: `python -m tests.recall.bulk_insert FILE`.

It says a line after each thing that is on the disk, so that its parent may kill it at any of them.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from innkeeper.recall.passage import Passage
from innkeeper.recall.recall import Recall
from innkeeper.recall.sqlite.store import sqlite_store
from tests.recall.some_passages import OTHER, TINY, TinyEmbedder

BATCHES = 8
BATCH = 25


def batch(number: int) -> list[Passage]:
    """A batch of passages, every third of them for somebody."""
    return [
        Passage(
            f"Passage {place} of batch {number} speaks of the river and of number {place * number}.",
            f"source {number}",
            "bulk",
            page=place,
            audience=frozenset({"somebody"}) if place % 3 == 0 else frozenset(),
        )
        for place in range(BATCH)
    ]


async def insert(file: Path) -> None:
    """All of it, twice embedded; what is there already is passed over."""
    async with sqlite_store(file) as store:
        for number in range(BATCHES):
            await store.add(batch(number))
            print(f"added {number}", flush=True)  # noqa: T201  the parent listens
        current = (await store.embeddings()).current
        has_switched = current is not None and current.provenance == OTHER
        for provenance in (OTHER,) if has_switched else (TINY, OTHER):
            async for coverage in Recall(store, TinyEmbedder(provenance)).catch_up(batch=BATCH):
                print(f"{provenance.model} {coverage.vectors}", flush=True)  # noqa: T201  the parent listens
        print("done", flush=True)  # noqa: T201  the parent listens


if __name__ == "__main__":
    asyncio.run(insert(Path(sys.argv[1])))
