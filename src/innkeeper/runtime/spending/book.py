"""What was spent, in a small SQLite file: one row for each time a provider was asked.

A row is written before the provider is asked, with the most it can cost, and corrected when the answer is over. So a
server that is killed in between has counted too much rather than too little.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from innkeeper.runtime.errors import StateUnusable

Answer = TypeVar("Answer")

KEEP_DAYS: Final = 400
"""How long a row is kept: a year and the month in which one looks back at it."""

_BUSY_LIMIT_S: Final = 1.0
_MIGRATIONS: Final = (
    """
    CREATE TABLE spent (
        ticket INTEGER PRIMARY KEY, at REAL NOT NULL, day TEXT NOT NULL, client TEXT NOT NULL, model TEXT NOT NULL,
        request TEXT NOT NULL, cost REAL NOT NULL, prompt_tokens INTEGER NOT NULL, answer_tokens INTEGER NOT NULL,
        standing TEXT NOT NULL
    ) STRICT;
    CREATE INDEX spent_by_day ON spent (day);
    """,
)
"""One step each, in order; a file remembers how many it has had in `user_version`."""


@dataclass(frozen=True, slots=True)
class Row:
    """One time a provider was asked."""

    at: float
    """Unix seconds."""
    day: str
    client: str
    model: str
    request: str
    most: float
    """What it can cost."""


class SpendBook:
    """The file. Opened with the first row; used by one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database: sqlite3.Connection | None = None

    def of_day(self, day: str) -> Mapping[str, float]:
        """Money spent on `day` by each caller; what was never settled counts with the most it can have cost.

        Raises:
            StateUnusable: The file cannot be read.
        """
        if self._database is None and not self._path.exists():
            return {}
        rows = self._work(
            lambda database: database.execute(
                "SELECT client, sum(cost) FROM spent WHERE day = ? GROUP BY client", (day,)
            ).fetchall()
        )
        return {str(client): float(cost) for client, cost in rows}

    def by_model(self, since_day: str) -> Mapping[str, float]:
        """Money spent on each model from the beginning of `since_day` until now.

        Raises:
            StateUnusable: The file cannot be read.
        """
        if self._database is None and not self._path.exists():
            return {}
        rows = self._work(
            lambda database: database.execute(
                "SELECT model, sum(cost) FROM spent WHERE day >= ? GROUP BY model ORDER BY model", (since_day,)
            ).fetchall()
        )
        return {str(model): float(cost) for model, cost in rows}

    def open_row(self, row: Row) -> int:
        """Write down that a provider is about to be asked; returns the number to settle it with.

        Raises:
            StateUnusable: It cannot be written.
        """
        values = (row.at, row.day, row.client, row.model, row.request, row.most)
        ticket = self._work(
            lambda database: database.execute(
                "INSERT INTO spent (at, day, client, model, request, cost, prompt_tokens, answer_tokens, standing) "
                "VALUES (?, ?, ?, ?, ?, ?, 0, 0, 'under way') RETURNING ticket",
                values,
            ).fetchone()[0]
        )
        return int(ticket)

    def settle(self, ticket: int, cost: float, prompt_tokens: int, answer_tokens: int, *, is_estimated: bool) -> None:
        """Correct a row to what the answer cost.

        Raises:
            StateUnusable: It cannot be written; the row then stands with the most.
        """
        standing = "estimated" if is_estimated else "counted"
        self._work(
            lambda database: database.execute(
                "UPDATE spent SET cost = ?, prompt_tokens = ?, answer_tokens = ?, standing = ? WHERE ticket = ?",
                (cost, prompt_tokens, answer_tokens, standing, ticket),
            )
        )

    def forget(self, before_day: str) -> None:
        """Drop the rows of days before that one.

        Raises:
            StateUnusable: It cannot be written.
        """
        if self._database is not None or self._path.exists():
            self._work(lambda database: database.execute("DELETE FROM spent WHERE day < ?", (before_day,)))

    def close(self) -> None:
        """Safe to repeat; a later row opens the file again."""
        database, self._database = self._database, None
        if database is not None:
            database.close()

    def _work(self, work: Callable[[sqlite3.Connection], Answer]) -> Answer:
        try:
            if self._database is None:
                self._database = self._opened()
            with self._database:
                return work(self._database)
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise StateUnusable(f"{self._path} cannot be used: {error}") from error

    def _opened(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = sqlite3.connect(self._path, timeout=_BUSY_LIMIT_S)
        try:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")  # survives kill -9; a power cut may cost the last rows
            _migrate(database)
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                database.close()
            raise
        return database


def _migrate(database: sqlite3.Connection) -> None:
    (done,) = database.execute("PRAGMA user_version").fetchone()
    if done > len(_MIGRATIONS):
        raise sqlite3.DatabaseError(f"it was written by a newer Innkeeper (step {done} of {len(_MIGRATIONS)})")
    for number, step in enumerate(_MIGRATIONS[done:], start=done + 1):
        database.executescript(f"BEGIN IMMEDIATE; {step} PRAGMA user_version = {number}; COMMIT;")
