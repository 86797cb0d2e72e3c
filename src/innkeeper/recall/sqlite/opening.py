"""Opening a recall file: durable writes, tables brought up to date, files of others left alone."""

from __future__ import annotations

from pathlib import Path

from innkeeper.recall.sqlite.database import Database
from innkeeper.recall.sqlite.schema import APPLICATION_ID, MIGRATIONS
from innkeeper.recall.sqlite.words import write_words
from innkeeper.runtime.errors import StateUnusable
from innkeeper.text.stems import STEMS_VERSION, Stems


def opened_to_write(file: Path) -> Database:
    """`file`, made where absent and brought up to date. What a transaction wrote is on the disk when it ends.

    Raises:
        StateUnusable: It is another program's file, or a later version of Innkeeper wrote it.
        apsw.Error, OSError: It cannot be opened, read or written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)  # what is recalled may be private
    database = Database(file, writes=True)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA journal_size_limit = 16777216")
        with database.transaction():
            _migrate(database, file)
            _renew_stems(database, file)
    except BaseException:
        database.close()
        raise
    return database


def _migrate(database: Database, file: Path) -> None:
    version = database.value("PRAGMA user_version")
    owner = database.value("PRAGMA application_id")
    if owner != APPLICATION_ID and database.value("SELECT count(*) FROM sqlite_schema"):
        raise StateUnusable(f"{file} is another program's database. Name another file for what is recalled.")
    if version > len(MIGRATIONS):
        raise _too_new(file, f"format {version}, and this one knows up to {len(MIGRATIONS)}")
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        database.execute(script)
        database.execute(f"PRAGMA user_version = {number}")
    if owner != APPLICATION_ID:
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _renew_stems(database: Database, file: Path) -> None:
    """Index every passage anew where an earlier version of `Stems` did it."""
    stored = database.value("SELECT value FROM number WHERE name = 'stems_version'")
    if stored == STEMS_VERSION:
        return
    if stored > STEMS_VERSION:
        raise _too_new(file, f"stems of version {stored}, and this one knows up to {STEMS_VERSION}")
    stems = Stems()
    database.execute("INSERT INTO words (words) VALUES ('delete-all')")
    passages = "SELECT id, collection, source, said FROM passage JOIN text ON text.passage = passage.id ORDER BY id"
    for passage, collection, source, said in database.rows(passages):
        write_words(database, passage, collection, source, stems.of(said))
    database.execute("UPDATE number SET value = ? WHERE name = 'stems_version'", (STEMS_VERSION,))


def _too_new(file: Path, how: str) -> StateUnusable:
    return StateUnusable(
        f"{file} was written by a later version of Innkeeper: {how}. It is left as it is; use that version again, or "
        "name another file."
    )
