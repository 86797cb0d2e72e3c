"""The store in PostgreSQL: whose tables they are, what it survives, and that its parts agree."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import numpy as np
import psycopg
import pytest

from innkeeper.recall.passage import Passage
from innkeeper.recall.postgres.schema import MIGRATIONS
from innkeeper.recall.postgres.store import PostgresStore, postgres_store
from innkeeper.recall.provenance import Embedded, unit_rows
from innkeeper.recall.query import Mode, Query, Scope
from innkeeper.recall.recall import Recall
from innkeeper.runtime.errors import Closing, InvalidRequest, StateUnusable
from tests.recall.postgres_server import programs, server
from tests.recall.some_passages import ALL, DRAGON, GREEK, OTHER, TINY, TinyEmbedder, texts, vectors_of

EVERYTHING = Scope(audience=None)


def ask(conninfo: str, schema: str, statement: str) -> list[tuple[object, ...]]:
    """What the statement gives, asked beside the store."""
    with psycopg.connect(conninfo, autocommit=True, options=f"-c search_path={schema},public") as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
async def filled(postgres: str, schema: str) -> AsyncIterator[PostgresStore]:
    async with postgres_store(postgres, schema) as store:
        await store.add(ALL)
        yield store


class TestTheDatabase:
    async def test_what_was_added_is_there_after_opening_again(self, postgres: str, schema: str) -> None:
        async with postgres_store(postgres, schema) as store:
            await store.add(ALL)
        async with postgres_store(postgres, schema) as store:
            assert texts(await store.search(Query("σπαθιά"))) == [GREEK.text]

    async def test_only_its_own_schema_is_touched(self, postgres: str, schema: str, filled: PostgresStore) -> None:
        ours = "SELECT count(*) FROM pg_tables WHERE tablename IN ('passage', 'words') AND schemaname = 'public'"
        assert ask(postgres, schema, ours) == [(0,)]

    async def test_several_that_start_together_make_the_tables_once(self, postgres: str, schema: str) -> None:
        stores = await asyncio.gather(*(asyncio.to_thread(PostgresStore, postgres, schema, 1) for _ in range(4)))
        counts = [await store.add(ALL) for store in stores]
        for store in stores:
            await store.close()
        assert counts == [len(ALL), 0, 0, 0]

    async def test_tables_of_a_later_version_are_refused_and_left_as_they_are(self, postgres: str, schema: str) -> None:
        async with postgres_store(postgres, schema) as store:
            await store.add(ALL)
        ask(postgres, schema, f"UPDATE number SET value = {len(MIGRATIONS) + 1} WHERE name = 'schema_version'")
        with pytest.raises(StateUnusable, match="later version of Innkeeper"):
            PostgresStore(postgres, schema)

        ask(postgres, schema, f"UPDATE number SET value = {len(MIGRATIONS)} WHERE name = 'schema_version'")
        async with postgres_store(postgres, schema) as store:
            assert await store.count(EVERYTHING) == len(ALL)

    async def test_stems_of_a_later_version_are_refused_too(
        self, postgres: str, schema: str, filled: PostgresStore
    ) -> None:
        ask(postgres, schema, "UPDATE number SET value = 99 WHERE name = 'stems_version'")
        with pytest.raises(StateUnusable, match="stems of version 99"):
            PostgresStore(postgres, schema)

    async def test_stems_of_an_earlier_version_are_made_anew(
        self, postgres: str, schema: str, filled: PostgresStore
    ) -> None:
        before = [ask(postgres, schema, f"TABLE {table} ORDER BY 1") for table in ("words", "term", "number")]
        ask(postgres, schema, "UPDATE number SET value = 0 WHERE name = 'stems_version'")
        ask(postgres, schema, "UPDATE words SET stems = ''")
        async with postgres_store(postgres, schema):
            pass
        assert [ask(postgres, schema, f"TABLE {table} ORDER BY 1") for table in ("words", "term", "number")] == before

    def test_the_tables_of_another_program_are_left_alone(self, postgres: str, schema: str) -> None:
        ask(postgres, schema, f"CREATE SCHEMA {schema} CREATE TABLE theirs (x integer)")
        with pytest.raises(StateUnusable, match="another program's tables"):
            PostgresStore(postgres, schema)

    def test_a_server_that_is_not_there_is_told_without_the_password(self) -> None:
        with pytest.raises(StateUnusable, match="cannot be reached") as refused:
            PostgresStore("host=/no/such/folder user=x password=hidden dbname=y")
        assert "hidden" not in str(refused.value)

    def test_what_is_no_address_is_told_without_the_password(self) -> None:
        with pytest.raises(StateUnusable) as refused:
            PostgresStore("postgresql://x:hidden@host:port/y")
        assert "hidden" not in str(refused.value)

    def test_a_role_without_rights_is_told_what_to_be_granted(self, plain_postgres: str) -> None:
        with pytest.raises(StateUnusable, match="grant CREATE"):
            PostgresStore(plain_postgres, "nobody_made_this")

    def test_a_database_that_cannot_hold_every_letter_is_refused(self, postgres: str) -> None:
        ask(postgres, "public", "CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0")
        with pytest.raises(StateUnusable, match="ENCODING 'UTF8'"):
            PostgresStore(f"{postgres} dbname=ascii")
        ask(postgres, "public", "DROP DATABASE ascii")

    def test_a_schema_has_a_plain_name(self, postgres: str) -> None:
        with pytest.raises(InvalidRequest, match="schema"):
            PostgresStore(postgres, 'x"; DROP TABLE passage')

    async def test_a_closed_store_says_so(self, filled: PostgresStore) -> None:
        await filled.close()
        await filled.close()
        with pytest.raises(Closing):
            await filled.count(EVERYTHING)


class TestPgvector:
    async def test_it_is_added_where_it_can_be(self, filled: PostgresStore) -> None:
        assert filled.without_pgvector_because is None

    async def test_where_it_is_not_the_log_says_why_and_what_to_do(
        self, plain_postgres: str, schema: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING):
            async with postgres_store(plain_postgres, schema) as store:
                assert "CREATE EXTENSION vector" in str(store.without_pgvector_because)
        assert "without pgvector" in caplog.text


class TestOldServers:
    @pytest.mark.skipif(len(programs()) < 2, reason="there is but one version of PostgreSQL here")
    async def test_the_oldest_that_is_here_does_too(self) -> None:
        found = programs()
        with server(found[min(found)]) as conninfo:
            async with postgres_store(conninfo) as store:
                recall = Recall(store, TinyEmbedder())
                await recall.add(ALL)
                async for _ in recall.catch_up():
                    pass
                assert (await recall.search(Query(GREEK.text))).hits[0].passage == GREEK


class TestALostConnection:
    async def test_the_next_call_has_a_new_one(self, postgres: str, schema: str, filled: PostgresStore) -> None:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        ask(postgres, schema, f"{others} AND backend_type = 'client backend'")
        assert await filled.count(EVERYTHING) == len(ALL)
        assert await filled.add([Passage("One more.", "late")]) == 1


class TestTwoPrograms:
    async def test_what_one_adds_the_other_finds(self, postgres: str, schema: str, filled: PostgresStore) -> None:
        async with postgres_store(postgres, schema) as other:
            await asyncio.gather(*(store.add([DRAGON, GREEK]) for store in (filled, other)))
            await filled.begin(TINY)
            await asyncio.gather(
                *(store.put([DRAGON.key], Embedded(TINY, vectors_of([DRAGON.text]))) for store in (filled, other))
            )
            found = await other.search(Query("x", Mode.DENSE), Embedded(TINY, vectors_of(["x"])))
            assert texts(found) == [DRAGON.text]

    async def test_numbers_follow_each_other_however_many_add(self, postgres: str, schema: str) -> None:
        """Neighbours in a source are found by their numbers."""
        async with postgres_store(postgres, schema) as one, postgres_store(postgres, schema) as other:
            await asyncio.gather(
                *(
                    store.add([Passage(f"Said {place}.", f"{name} {part}", page=place) for place in range(20)])
                    for name, store in (("one", one), ("other", other))
                    for part in range(4)
                )
            )
        rows = ask(postgres, schema, "SELECT max(id) - min(id) FROM passage GROUP BY source")
        assert rows == [(19,)] * 8
        assert ask(postgres, schema, "SELECT min(id), max(id), count(*) FROM passage") == [(1, 160, 160)]


class TestItsParts:
    async def test_what_is_counted_is_what_is_there(self, postgres: str, schema: str) -> None:
        async with postgres_store(postgres, schema) as store:
            await store.add(ALL)
            for provenance in (TINY, OTHER):
                await store.begin(provenance)
                keys, said = zip(*await store.missing(provenance, 9), strict=True)
                await store.put(keys, Embedded(provenance, vectors_of(said)))
                await store.remove_keys([DRAGON.key])
                await store.add([DRAGON])
            await store.remove("campaign", "session 2")

        for table in ("wording", "words"):
            assert ask(postgres, schema, f"SELECT count(*) FROM {table}") == [(3,)], table
        assert ask(postgres, schema, "SELECT value FROM number WHERE name = 'passages'") == [(3,)]
        tokens = ask(postgres, schema, "SELECT value FROM number WHERE name = 'tokens'")
        assert tokens == ask(postgres, schema, "SELECT sum(length)::bigint FROM words")
        counted = "SELECT lexeme, count(*) FROM words, unnest(stems) GROUP BY lexeme"
        assert ask(postgres, schema, f"({counted}) EXCEPT (SELECT word, holding FROM term)") == []
        assert ask(postgres, schema, f"(SELECT word, holding FROM term) EXCEPT ({counted})") == []
        pairs = "SELECT embedding, passage FROM"
        assert ask(postgres, schema, f"({pairs} vector) EXCEPT ({pairs} sketch)") == []

    async def test_a_word_may_be_said_oftener_than_a_tsvector_can_count(self, postgres: str, schema: str) -> None:
        async with postgres_store(postgres, schema) as store:
            await store.add([Passage("river " * 20_000, "long"), Passage("A river.", "short")])
            found = await store.search(Query("river"))
            assert {hit.passage.source for hit in found} == {"short", "long"}

    async def test_bits_choose_well_among_many(self, postgres: str, schema: str) -> None:
        """More than are compared exactly; the nearest are there all the same."""
        passages = [Passage(f"Number {number}.", "many") for number in range(1500)]
        rows = unit_rows(np.random.default_rng(3).standard_normal((1500, 64)))
        embedder = TINY.__class__("test", "wide", "", 64)
        async with postgres_store(postgres, schema) as store:
            await store.add(passages)
            await store.begin(embedder)
            await store.put([passage.key for passage in passages], Embedded(embedder, rows))
            found = await store.search(Query("x", Mode.DENSE, limit=10), Embedded(embedder, rows[700:701]))
        exact = np.argsort(-(rows @ rows[700]))[:10]
        assert texts(found)[0] == "Number 700."
        assert len({f"Number {place}." for place in exact} & set(texts(found))) >= 9
