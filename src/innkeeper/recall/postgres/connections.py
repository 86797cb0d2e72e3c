"""Connections to one database, kept and lent: to read in one moment, to write one after another."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
import psycopg_pool

from innkeeper.recall.postgres.opening import Opened, look_in, made_ready
from innkeeper.recall.postgres.session import Row, Session
from innkeeper.runtime.errors import InvalidRequest, StateUnusable

_SCHEMA_NAME: Final = re.compile("[a-z_][a-z0-9_]{0,62}")
_CONNECT_TIMEOUT_S: Final = 10
_LENT_WITHIN_S: Final = 30.0
_LOCK_TIMEOUT_MS: Final = 60_000

_log = logging.getLogger(__name__)


class Connections:
    """A pool; one that broke is replaced before it is lent."""

    def __init__(self, conninfo: str, schema: str, at_most: int) -> None:
        """Connect, make the tables ready, and keep up to `at_most` connections.

        Raises:
            InvalidRequest: `schema` is no plain name.
            StateUnusable: The database cannot be reached or used, is newer than this program, or another's.
        """
        if not _SCHEMA_NAME.fullmatch(schema):
            raise InvalidRequest(
                f"A schema's name is of a to z, 0 to 9 and _, up to 63 of them, not {schema!r}.", param="schema"
            )
        self.name = "the database of recall"
        options = {"autocommit": True, "prepare_threshold": None, "connect_timeout": _CONNECT_TIMEOUT_S}
        with self.told():
            with psycopg.connect(conninfo, **options) as connection:  # type: ignore[arg-type]  # typed one by one there
                self.name = f"the database {connection.info.dbname} on {connection.info.host or 'this machine'}"
                self.opened = made_ready(connection, schema)
            if self.opened.without_pgvector_because is not None:
                _log.warning("Vectors are compared without pgvector. %s", self.opened.without_pgvector_because)
            self._pool = psycopg_pool.ConnectionPool(
                conninfo,
                kwargs=options,
                min_size=1,
                max_size=at_most,
                open=False,
                configure=lambda connection: _configure(connection, self.opened),
                check=psycopg_pool.ConnectionPool.check_connection,
                timeout=_LENT_WITHIN_S,
                name="recall",
            )
            self._pool.open(wait=True)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Everything read in the block is of one moment."""
        with self.told(), self._pool.connection() as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield Session(connection)

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """All that is done in the block, or nothing; on the server's disk when it has ended. One writes at a time."""
        with self.told(), self._pool.connection() as connection, connection.transaction():
            session = Session(connection)
            session.line_up()
            yield session

    def close(self) -> None:
        """Let go of all connections; safe to repeat."""
        self._pool.close()

    @contextmanager
    def told(self) -> Iterator[None]:
        """Turns what the server refuses into an error that says what to do."""
        try:
            yield
        except psycopg.errors.DiskFull as error:
            raise StateUnusable(f"The disk of {self.name} is full; nothing was written. Free space there.") from error
        except psycopg.errors.LockNotAvailable as error:
            raise StateUnusable(f"Another process has been writing {self.name} for too long. Try again.") from error
        except psycopg.errors.InsufficientPrivilege as error:
            raise StateUnusable(
                f"The role may not use {self.name} ({_first_line(error)}). Let its owner grant CREATE on the "
                "database, or make the schema and give it to this role."
            ) from error
        except psycopg.errors.ProgramLimitExceeded as error:
            raise InvalidRequest(
                f"A passage is too long to be indexed ({_first_line(error)}).", param="text"
            ) from error
        except (psycopg.OperationalError, psycopg_pool.PoolTimeout) as error:
            raise StateUnusable(
                f"{self.name[0].upper()}{self.name[1:]} cannot be reached ({_first_line(error)}). What was not "
                "acknowledged may be done again; nothing is kept twice."
            ) from error
        except psycopg.Error as error:
            raise StateUnusable(f"{self.name[0].upper()}{self.name[1:]} refuses ({_first_line(error)}).") from error


def _configure(connection: psycopg.Connection[Row], opened: Opened) -> None:
    look_in(connection, opened.schemas)
    connection.execute("SET synchronous_commit = on")
    connection.execute(f"SET lock_timeout = {_LOCK_TIMEOUT_MS}")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
