"""The tables of the journal's file, as numbered migrations: each is applied once, in order, and never edited."""

from __future__ import annotations

import sqlite3
from typing import Final

MIGRATIONS: Final = (
    # 1: an entry, and whom it names. Rows go in order of age, so the number of the row is the order of the story.
    """
    CREATE TABLE entry (
        id INTEGER PRIMARY KEY,
        number INTEGER NOT NULL,
        at REAL NOT NULL,
        kind TEXT NOT NULL,
        fact TEXT NOT NULL
    );
    CREATE TABLE subject (
        entry INTEGER NOT NULL REFERENCES entry (id),
        name TEXT NOT NULL,
        PRIMARY KEY (entry, name)
    ) WITHOUT ROWID;
    CREATE INDEX subject_by_name ON subject (name, entry);
    """,
)


class TooNew(Exception):
    """The file was written by a later version of Innkeeper; it is left as it is."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file up to the newest migration; all of one migration happens or nothing.

    Raises:
        TooNew: The file knows migrations that we do not.
        sqlite3.Error: The file cannot be read or written.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise TooNew(f"a later version wrote it: format {version}, this one knows {len(MIGRATIONS)}")
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;")
