"""Every kind of store finds the same passages in the same order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from innkeeper.recall.passage import Passage
from innkeeper.recall.postgres.store import PostgresStore
from innkeeper.recall.provenance import Embedded
from innkeeper.recall.query import Mode, Query, Recency, Scope
from innkeeper.recall.sqlite.store import SqliteStore
from innkeeper.recall.store import Store
from tests.recall.some_passages import TINY, vectors_of

WORDS = ("dragon", "dragons", "river", "rivers", "sword", "the", "inn", "σπαθί", "σπαθιά", "κάστρο", "ΚΑΣΤΡΟΥ", "42")
SPEAKERS = ("Ada", "Bran")
said = st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join)
some = st.frozensets(st.sampled_from(SPEAKERS))

passages = st.builds(
    Passage,
    text=said,
    source=st.sampled_from(("s 1", "s 2")),
    collection=st.sampled_from(("", "feed")),
    page=st.integers(1, 3),
    speaker=st.none() | st.sampled_from(SPEAKERS),
    audience=some,
    at=st.none() | st.integers(0, 100).map(float),
    importance=st.sampled_from((0.0, 0.5, 1.0)),
)
scopes = st.builds(
    Scope,
    collections=st.none() | st.frozensets(st.sampled_from(("", "feed", "no such feed"))),
    sources=st.none() | st.frozensets(st.sampled_from(("s 1", "s 2", "\x00", "\ud800"))),
    speakers=st.none() | some,
    audience=st.none() | some,
    since=st.none() | st.integers(0, 100).map(float),
    until=st.none() | st.integers(0, 100).map(float),
)
queries = st.builds(
    Query,
    text=said,
    mode=st.sampled_from(Mode),
    scope=scopes,
    limit=st.integers(1, 30),
    recency=st.none() | st.just(Recency(now=100.0, half_life_s=10.0)),
    importance_weight=st.sampled_from((0.0, 1.0)),
    neighbours=st.sampled_from((0.0, 0.2)),
    diversity=st.sampled_from((0.0, 0.5)),
)

COLLECTIONS: Final = ("", "feed")
_schemas: Final = count()


@pytest.fixture(scope="module")
def stores(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Store]]:
    schema = f"agreement_{next(_schemas)}"
    file: Path = tmp_path_factory.mktemp("agreement") / "recall.sqlite"
    pair = SqliteStore(file), PostgresStore(postgres, schema)
    yield pair
    for store in pair:
        asyncio.run(store.close())
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {schema} CASCADE")


async def found(store: Store, corpus: list[Passage], query: Query) -> list[tuple[object, ...]]:
    """What the store finds in this corpus and nothing else."""
    for collection in COLLECTIONS:
        await store.remove(collection)
    await store.add(corpus)
    await store.begin(TINY)
    if missing := await store.missing(TINY, 1000):
        await store.put([key for key, _ in missing], Embedded(TINY, vectors_of([text for _, text in missing])))
    hits = await store.search(query, Embedded(TINY, vectors_of([query.text])))
    return [
        (
            hit.passage,
            hit.lexical_place,
            hit.dense_place,
            None if hit.bm25 is None else round(hit.bm25, 9),
            hit.similarity,
            round(hit.score, 9),
            hit.coverage,
        )
        for hit in hits
    ]


class TestSqliteAndPostgres:
    @settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(corpus=st.lists(passages, max_size=25), query=queries)
    def test_they_find_the_same_for_the_same_reasons(
        self, stores: tuple[Store, Store], corpus: list[Passage], query: Query
    ) -> None:
        in_file, in_server = (asyncio.run(found(store, corpus, query)) for store in stores)
        assert in_server == in_file
