"""A child process that takes in many passages with their vectors: `python -m tests.recall.bulk_insert FILE`.

Instead of a file, two words name what connects to a PostgreSQL server and a schema there.
It says a line after each thing that is on the disk, so that its parent may kill it at any of them.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from innkeeper.recall.passage import Passage
from innkeeper.recall.postgres.store import postgres_store
from innkeeper.recall.recall import Recall
from innkeeper.recall.sqlite.store import sqlite_store
from innkeeper.recall.store import Store
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


async def insert(store: Store) -> None:
    """All of it, twice embedded; what is there already is passed over."""
    for number in range(BATCHES):
        await store.add(batch(number))
        print(f"added {number}", flush=True)  # noqa: T201  the parent listens
    current = (await store.embeddings()).current
    has_switched = current is not None and current.provenance == OTHER
    for provenance in (OTHER,) if has_switched else (TINY, OTHER):
        async for coverage in Recall(store, TinyEmbedder(provenance)).catch_up(batch=BATCH):
            print(f"{provenance.model} {coverage.vectors}", flush=True)  # noqa: T201  the parent listens
    print("done", flush=True)  # noqa: T201  the parent listens


async def insert_into(place: Sequence[str]) -> None:
    """`place` is a file, or what connects to a server and the name of a schema there."""
    if len(place) == 1:
        async with sqlite_store(Path(place[0])) as in_file:
            await insert(in_file)
    else:
        async with postgres_store(*place) as in_server:
            await insert(in_server)


if __name__ == "__main__":
    asyncio.run(insert_into(sys.argv[1:]))
