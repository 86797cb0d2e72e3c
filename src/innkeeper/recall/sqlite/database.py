"""One connection to a recall file, with the few calls that the rest of the store makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

import apsw
import numpy as np

Row: TypeAlias = tuple[Any, ...]  # the columns of our own tables are of the types that the schema gives them
Argument: TypeAlias = "str | int | float | bytes | apsw.CArrayBinding | None"  # the last but one is known to types only

_BUSY_MS: Final = 10_000
_CACHE_KIB: Final = 16 * 1024


class Database:
    """An open file. Used by one thread at a time; other connections and processes may use the same file meanwhile.

    Every method raises apsw.Error where the disk refuses.
    """

    def __init__(self, file: Path, *, writes: bool) -> None:
        """Open `file`, which must exist."""
        # a reader of a file in WAL mode writes the index of the log, so that it needs the right to write too
        self._connection = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READWRITE)
        self._connection.set_busy_timeout(_BUSY_MS)
        self._connection.transaction_mode = "IMMEDIATE" if writes else "DEFERRED"
        self.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        if not writes:
            self.execute("PRAGMA query_only = ON")

    def rows(self, query: str, arguments: Iterable[Argument] = ()) -> Iterator[Row]:
        """What a query gives, row by row."""
        return self._connection.execute(query, tuple(arguments))

    def value(self, query: str, arguments: Iterable[Argument] = ()) -> Any:
        """The first column of the first row; None where there is no row."""
        row = next(self.rows(query, arguments), None)
        return None if row is None else row[0]

    def execute(self, statement: str, arguments: Iterable[Argument] = ()) -> int:
        """How many rows were changed."""
        self._connection.execute(statement, tuple(arguments)).fetchall()
        return self._connection.changes()

    def insert(self, statement: str, arguments: Iterable[Argument]) -> int:
        """The number of the row that was put in."""
        self._connection.execute(statement, tuple(arguments))
        return self._connection.last_insert_rowid()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is done in the block, or nothing; what is read in it is of one moment."""
        self._connection.__enter__()
        try:
            yield
        except BaseException as error:
            self._connection.__exit__(type(error), error, error.__traceback__)
            raise
        self._connection.__exit__(None, None, None)

    def close(self) -> None:
        """Close the connection; safe to repeat."""
        self._connection.close()


def numbers(ids: Iterable[int]) -> apsw.CArrayBinding:
    """Numbers of rows as one argument, for `IN carray(?)`; there must be one at least."""
    array = np.fromiter(ids, dtype=np.int64)
    assert len(array), "an empty list of rows was looked for"
    return apsw.carray(array)
