"""One transaction on one connection, with the few calls that the rest of the store makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import psycopg

Row: TypeAlias = tuple[Any, ...]  # the columns of our own tables are of the types that the schema gives them
Arguments: TypeAlias = Sequence[object] | Mapping[str, object]


class Session:
    """Every method raises psycopg.Error where the server refuses."""

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self._connection = connection

    def rows(self, query: str, arguments: Arguments = ()) -> list[Row]:
        """What a query gives."""
        with self._connection.cursor(binary=True) as cursor:
            return cursor.execute(query, arguments or None).fetchall()

    def row(self, query: str, arguments: Arguments = ()) -> Row | None:
        """The first row; None where there is none."""
        return next(iter(self.rows(query, arguments)), None)

    def value(self, query: str, arguments: Arguments = ()) -> Any:
        """The first column of the first row; None where there is no row."""
        row = self.row(query, arguments)
        return None if row is None else row[0]

    def execute(self, statement: str, arguments: Arguments = ()) -> int:
        """How many rows were changed."""
        return self._connection.execute(statement, arguments or None).rowcount

    def execute_each(self, statement: str, arguments: Iterable[Mapping[str, object]]) -> None:
        """The statement for each of these, without waiting for each answer."""
        with self._connection.cursor() as cursor:
            cursor.executemany(statement, arguments)

    def copy(self, into: str, rows: Iterable[Sequence[object]]) -> None:
        """Put many rows into a table; `into` names it and its columns."""
        with self._connection.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def number(self, name: str) -> int:
        """One of the numbers that the store keeps of itself."""
        return int(self.value("SELECT value FROM number WHERE name = %s", (name,)))

    def add_to(self, name: str, change: int) -> None:
        """Change one of them."""
        self.execute("UPDATE number SET value = value + %s WHERE name = %s", (change, name))

    def line_up(self) -> None:
        """Wait until no other transaction writes; then none does until this one ends.

        Whoever writes holds the row that counts passages from the first moment, so that numbers of passages follow each
        other, two writers never wait for each other in a ring, and nothing is added while a switch is decided.
        """
        self.execute("SELECT value FROM number WHERE name = 'passages' FOR UPDATE")
