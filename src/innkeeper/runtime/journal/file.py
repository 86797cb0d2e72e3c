"""The journal's file: entries in SQLite, written in batches, found again by whom they name, forgotten when old."""

from __future__ import annotations

import logging
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from innkeeper.runtime.facts import Fact
from innkeeper.runtime.journal.entry import Entry
from innkeeper.runtime.journal.schema import migrate
from innkeeper.runtime.journal.subjects import subjects
from innkeeper.runtime.journal.written import Unreadable, fact_from_json, fact_to_json, kind_of

_log = logging.getLogger(__name__)

_BROKEN: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class JournalFile:
    """One open file. Used by one thread at a time, and by no other process that writes."""

    def __init__(self, file: Path) -> None:
        """Open `file`, made with its folder where absent, and bring its tables up to date.

        Raises:
            OSError: The folder cannot be made.
            sqlite3.Error: The file cannot be opened, read or written.
            TooNew: A later version of Innkeeper wrote it.
        """
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)  # who asked what kind of thing and when is nobody else's business
        self._connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        try:
            self._connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            self._connection.execute("PRAGMA journal_mode = WAL").fetchall()
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute("PRAGMA journal_size_limit = 4000000").fetchall()
            migrate(self._connection)
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the connection; safe to repeat."""
        self._connection.close()

    def newest_number(self) -> int:
        """The number of the newest entry; 0 when there is none. Raises sqlite3.Error."""
        return self._number("SELECT coalesce(max(number), 0) FROM entry")

    def add(self, entries: Sequence[Entry]) -> None:
        """Write `entries` in one transaction: all of them or none. Raises sqlite3.Error."""
        with self._connection as writing:
            writing.execute("BEGIN IMMEDIATE")
            last = self._number("SELECT coalesce(max(id), 0) FROM entry")
            rows = list(enumerate(entries, start=last + 1))
            writing.executemany(
                "INSERT INTO entry (id, number, at, kind, fact) VALUES (?, ?, ?, ?, ?)",
                [(row, one.number, one.at, kind_of(one.fact), fact_to_json(one.fact)) for row, one in rows],
            )
            writing.executemany(
                "INSERT INTO subject (entry, name) VALUES (?, ?)",
                [(row, name) for row, one in rows for name in {*map(_storable, subjects(one.fact))}],
            )

    def trim(self, before: float, keep_bytes: int) -> None:
        """Forget what is older than the moment `before`, then the oldest tenth until `keep_bytes` suffice.

        Raises sqlite3.Error.
        """
        self._forget_before(self._number("SELECT coalesce(max(id) + 1, 0) FROM entry WHERE at < ?", before))
        while self.used_bytes() > keep_bytes:
            oldest = self._number("SELECT coalesce(min(id), 0) FROM entry")
            newest = self._number("SELECT coalesce(max(id), 0) FROM entry")
            if oldest == newest:
                break
            self._forget_before(oldest + max(1, (newest - oldest) // 10))
        self._connection.execute("PRAGMA incremental_vacuum").fetchall()

    def used_bytes(self) -> int:
        """Bytes of the file that hold something. Raises sqlite3.Error."""
        used_pages = self._number("PRAGMA page_count") - self._number("PRAGMA freelist_count")
        return used_pages * self._number("PRAGMA page_size")

    def _forget_before(self, row: int) -> None:
        with self._connection as writing:
            writing.execute("BEGIN IMMEDIATE")
            writing.execute("DELETE FROM subject WHERE entry < ?", (row,))
            writing.execute("DELETE FROM entry WHERE id < ?", (row,))

    def _number(self, query: str, *arguments: float) -> int:
        (number,) = self._connection.execute(query, arguments).fetchone()
        return int(number)


def story_in(file: Path, subject: str, at_most: int, before: int = sys.maxsize) -> tuple[Entry, ...]:
    """The newest entries of `file` numbered below `before` that name `subject`, oldest first.

    Entries of a kind that this version does not know are left out.

    May be called from any thread while another one writes. Raises sqlite3.Error.
    """
    query = (
        "SELECT entry.number, entry.at, entry.kind, entry.fact FROM subject JOIN entry ON entry.id = subject.entry"
        " WHERE subject.name = ? AND entry.number < ? ORDER BY subject.entry DESC LIMIT ?"
    )
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as reading:
        rows = reading.execute(query, (_storable(subject), before, at_most)).fetchall()
    return tuple(entry for row in reversed(rows) if (entry := _read(*row)) is not None)


def entries_since(file: Path, at: float) -> Iterator[Entry]:
    """Every entry of `file` from the moment `at` on (seconds since 1970), in the order in which they happened.

    Entries of a kind that this version does not know are left out. Reads as it goes, while another one may write.
    Raises sqlite3.Error.
    """
    query = "SELECT number, at, kind, fact FROM entry WHERE at >= ? ORDER BY id"
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as reading:
        for row in reading.execute(query, (at,)):
            entry = _read(*row)
            if entry is not None:
                yield entry


def facts_since(file: Path, at: float) -> Iterator[Fact]:
    """The facts alone of `entries_since`."""
    return (entry.fact for entry in entries_since(file, at))


def is_broken(error: Exception) -> bool:
    """Whether `error` says that the file is not a database or is damaged; trying again cannot help then."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _BROKEN


def _storable(name: str) -> str:
    """A name as SQLite can hold it: a lone half of a character pair, possible in JSON from outside, is spelled out."""
    return name if name.isascii() else name.encode("utf-8", "backslashreplace").decode("utf-8")


def _read(number: int, at: float, kind: str, text: str) -> Entry | None:
    try:
        return Entry(number, at, fact_from_json(kind, text))
    except Unreadable as error:
        _log.warning("Entry %d of the journal is left out: %s.", number, error)
        return None
