"""The store in one SQLite file: whose file it is, what it survives, and that its parts agree."""

from __future__ import annotations

import asyncio
import multiprocessing
import sqlite3
from pathlib import Path

import apsw
import numpy as np
import pytest

from innkeeper.recall.provenance import Embedded, unit_rows
from innkeeper.recall.query import Mode, Query, Scope
from innkeeper.recall.sqlite import opening
from innkeeper.recall.sqlite.schema import MIGRATIONS
from innkeeper.recall.sqlite.store import SqliteStore, sqlite_store
from innkeeper.runtime.errors import Closing, StateUnusable
from tests.recall.some_passages import ALL, DRAGON, GREEK, OTHER, TINY, texts, vectors_of

EVERYTHING = Scope(audience=None)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "recall.sqlite"


async def filled(file: Path) -> None:
    async with sqlite_store(file) as store:
        await store.add(ALL)


def change(file: Path, statement: str) -> None:
    connection = apsw.Connection(str(file))
    connection.execute(statement)
    connection.close()


class TestTheFile:
    async def test_what_was_added_is_there_after_opening_again(self, file: Path) -> None:
        await filled(file)
        async with sqlite_store(file) as store:
            assert texts(await store.search(Query("σπαθιά"))) == [GREEK.text]

    def test_only_its_owner_may_read_it(self, file: Path) -> None:
        asyncio.run(filled(file))
        assert file.stat().st_mode & 0o077 == 0

    async def test_a_write_waits_for_the_disk(self, file: Path) -> None:
        """FULL is 2; source: SQLite's documentation of PRAGMA synchronous."""
        database = opening.opened_to_write(file)
        assert (database.value("PRAGMA journal_mode"), database.value("PRAGMA synchronous")) == ("wal", 2)
        database.close()

    async def test_a_file_of_a_later_version_is_refused_and_left_as_it_is(self, file: Path) -> None:
        await filled(file)
        change(file, f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
        with pytest.raises(StateUnusable, match="later version of Innkeeper"):
            SqliteStore(file)

        change(file, f"PRAGMA user_version = {len(MIGRATIONS)}")
        async with sqlite_store(file) as store:
            assert await store.count(EVERYTHING) == len(ALL)

    async def test_stems_of_a_later_version_are_refused_too(self, file: Path) -> None:
        await filled(file)
        change(file, "UPDATE number SET value = 99 WHERE name = 'stems_version'")
        with pytest.raises(StateUnusable, match="stems of version 99"):
            SqliteStore(file)

    async def test_stems_of_an_earlier_version_are_made_anew(self, file: Path) -> None:
        await filled(file)
        change(file, "UPDATE number SET value = 0 WHERE name = 'stems_version'")
        change(file, "INSERT INTO words (words) VALUES ('delete-all')")
        async with sqlite_store(file) as store:
            assert texts(await store.search(Query("dragons"))) == [DRAGON.text]

    def test_the_database_of_another_program_is_left_alone(self, tmp_path: Path) -> None:
        file = tmp_path / "other.sqlite"
        with sqlite3.connect(file) as other:
            other.execute("CREATE TABLE theirs (x)")
        other.close()
        with pytest.raises(StateUnusable, match="another program's database"):
            SqliteStore(file)

    def test_what_is_no_database_is_left_alone(self, tmp_path: Path) -> None:
        file = tmp_path / "notes.txt"
        file.write_text("Buy milk. " * 1000)
        with pytest.raises(StateUnusable, match="no database"):
            SqliteStore(file)
        assert file.read_text().startswith("Buy milk.")

    def test_a_folder_that_cannot_be_made_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(StateUnusable, match="cannot be read or written"):
            SqliteStore(tmp_path / "file" / "recall.sqlite")

    async def test_a_closed_store_says_so(self, file: Path) -> None:
        async with sqlite_store(file) as store:
            await store.close()
            with pytest.raises(Closing):
                await store.count(EVERYTHING)


def add_in_another_process(file: str) -> None:
    async def add() -> None:
        async with sqlite_store(Path(file)) as store:
            await store.add([GREEK])
            await store.begin(TINY)
            await store.put([GREEK.key], Embedded(TINY, vectors_of([GREEK.text])))

    asyncio.run(add())


class TestTwoProcesses:
    async def test_what_one_adds_the_other_finds(self, file: Path) -> None:
        async with sqlite_store(file) as store:
            await store.add([DRAGON])
            await store.begin(TINY)
            await store.put([DRAGON.key], Embedded(TINY, vectors_of([DRAGON.text])))
            question = Embedded(TINY, vectors_of([GREEK.text]))
            assert len(await store.search(Query("x", Mode.DENSE), question)) == 1

            other = multiprocessing.get_context("spawn").Process(target=add_in_another_process, args=(str(file),))
            other.start()
            other.join(60)
            assert other.exitcode == 0
            assert texts(await store.search(Query("x", Mode.DENSE), question)) == [GREEK.text, DRAGON.text]


class TestItsParts:
    async def test_every_row_of_every_table_belongs_to_a_passage(self, file: Path) -> None:
        async with sqlite_store(file) as store:
            await store.add(ALL)
            for provenance in (TINY, OTHER):
                await store.begin(provenance)
                keys, said = zip(*await store.missing(provenance, 9), strict=True)
                await store.put(keys, Embedded(provenance, vectors_of(said)))
                await store.remove_keys([DRAGON.key])
                await store.add([DRAGON])
            await store.remove("campaign", "session 2")

        connection = apsw.Connection(str(file))
        for table, column in (
            ("text", "passage"),
            ("audience", "passage"),
            ("vector", "passage"),
            ("sketch", "passage"),
        ):
            orphans = f"SELECT count(*) FROM {table} WHERE {column} NOT IN (SELECT id FROM passage)"
            assert connection.execute(orphans).get == 0, table
        assert (
            connection.execute("SELECT count(*) FROM sketch").get
            == connection.execute("SELECT count(*) FROM vector").get
        )
        assert (
            connection.execute("SELECT count(*) FROM words").get
            == connection.execute("SELECT count(*) FROM passage").get
        )
        assert connection.execute("SELECT value FROM number WHERE name = 'passages'").get == 3
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute("PRAGMA integrity_check").get == "ok"
        connection.execute("INSERT INTO words (words) VALUES ('integrity-check')")
        connection.close()

    async def test_the_bits_in_memory_follow_what_is_removed_and_added(self, file: Path) -> None:
        async with sqlite_store(file) as store:
            await store.begin(TINY)
            for round_number in range(6):
                await store.remove("campaign")
                await store.add(ALL)
                missing = await store.missing(TINY, 9)
                rows = np.random.default_rng(round_number).standard_normal((len(missing), 4))
                await store.put([key for key, _ in missing], Embedded(TINY, unit_rows(rows)))
                question = Embedded(TINY, vectors_of(["x"]))
                assert len(await store.search(Query("x", Mode.DENSE, EVERYTHING), question)) == len(ALL)
