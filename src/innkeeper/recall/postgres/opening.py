"""Making a database ready: pgvector where it can be had, tables brought up to date, those of others left alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import sql

from innkeeper.recall.postgres.schema import ADVISORY_LOCK, MIGRATIONS, OLDEST_SERVER
from innkeeper.recall.postgres.session import Row, Session
from innkeeper.recall.postgres.words import write_words
from innkeeper.runtime.errors import StateUnusable
from innkeeper.text.stems import STEMS_VERSION, Stems

_AT_ONCE: Final = 1_000
_OLDEST_PGVECTOR: Final = (0, 7)
"""The first that counts differing bits."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What every connection must know of the database."""

    schemas: tuple[str, ...]
    """Where tables and operators are looked for."""

    without_pgvector_because: str | None
    """None where pgvector is used."""

    @property
    def differing_bits(self) -> str:
        """The SQL that counts the bits in which a sketch and %(bits)s differ."""
        if self.without_pgvector_because is None:
            return "bits <~> %(bits)s::varbit"
        return "bit_count(bits # %(bits)s::varbit)"


def made_ready(connection: psycopg.Connection[Row], schema: str) -> Opened:
    """Bring the tables in `schema` up to date, making it where it is absent.

    Raises:
        StateUnusable: The server is too old, the schema is another program's, or a later version of Innkeeper made it.
        psycopg.Error: The server refuses.
    """
    where = f"The database {connection.info.dbname}"
    if connection.info.server_version < OLDEST_SERVER * 10_000:
        raise StateUnusable(
            f"{where} is PostgreSQL {connection.info.server_version // 10_000}; recall needs {OLDEST_SERVER} or later."
        )
    if connection.info.parameter_status("server_encoding") != "UTF8":
        raise StateUnusable(f"{where} cannot keep every letter. Make one with `CREATE DATABASE … ENCODING 'UTF8'`.")
    with connection.transaction():
        session = Session(connection)
        session.execute("SELECT pg_advisory_xact_lock(%s)", (ADVISORY_LOCK,))
        pgvector_is_in, why_not = _pgvector(connection, session)
        if not session.value("SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = %s)", (schema,)):
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        schemas = (schema,) if pgvector_is_in is None else (schema, pgvector_is_in)
        look_in(connection, schemas, only_now=True)
        _migrate(session, schema, f"{where}, schema {schema}")
        _renew_stems(session, f"{where}, schema {schema}")
    return Opened(schemas, why_not)


def look_in(connection: psycopg.Connection[Row], schemas: tuple[str, ...], *, only_now: bool = False) -> None:
    """Let this connection find tables and operators there; `only_now` until its transaction ends."""
    names = sql.SQL(", ").join(map(sql.Identifier, schemas))
    connection.execute(sql.SQL("SET {} search_path = {}").format(sql.SQL("LOCAL" if only_now else "SESSION"), names))


def _pgvector(connection: psycopg.Connection[Row], session: Session) -> tuple[str | None, str | None]:
    """The schema that pgvector is in, and why it is not used; one of both is None."""
    installed = "SELECT extnamespace::regnamespace::text, extversion FROM pg_extension WHERE extname = 'vector'"
    row = session.row(installed)
    if row is None:
        if not session.value("SELECT EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'vector')"):
            return None, "The server has no pgvector; install it there, for instance with its package for the system."
        try:
            with connection.transaction():
                connection.execute("CREATE EXTENSION vector SCHEMA public")
        except psycopg.errors.InsufficientPrivilege:
            return None, "This role may not add pgvector; let the owner of the database run `CREATE EXTENSION vector`."
        row = session.row(installed)
        assert row is not None, "pgvector was added and is not there"
    schema, version = row
    if tuple(map(int, version.split(".")[:2])) < _OLDEST_PGVECTOR:
        return None, f"pgvector {version} cannot compare bits; run `ALTER EXTENSION vector UPDATE` for 0.7 or later."
    return schema, None


def _migrate(session: Session, schema: str, where: str) -> None:
    tables = [name for (name,) in session.rows("SELECT tablename FROM pg_tables WHERE schemaname = %s", (schema,))]
    if tables and not {"number", "passage"} <= set(tables):
        raise StateUnusable(f"{where} holds another program's tables. Name another schema for what is recalled.")
    version = session.number("schema_version") if tables else 0
    if version > len(MIGRATIONS):
        raise _too_new(where, f"format {version}, and this one knows up to {len(MIGRATIONS)}")
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        session.execute(script)
        session.execute("UPDATE number SET value = %s WHERE name = 'schema_version'", (number,))


def _renew_stems(session: Session, where: str) -> None:
    """Index every passage anew where an earlier version of `Stems` did it."""
    stored = session.number("stems_version")
    if stored == STEMS_VERSION:
        return
    if stored > STEMS_VERSION:
        raise _too_new(where, f"stems of version {stored}, and this one knows up to {STEMS_VERSION}")
    session.line_up()
    session.execute("DELETE FROM words")
    session.execute("DELETE FROM term")
    session.execute("UPDATE number SET value = 0 WHERE name = 'tokens'")
    stems, last = Stems(), 0
    passages = (
        "SELECT id, collection, source, said FROM passage JOIN wording ON wording.passage = passage.id"
        " WHERE id > %s ORDER BY id LIMIT %s"
    )
    while rows := session.rows(passages, (last, _AT_ONCE)):
        write_words(session, [(number, kept_in, source, stems.of(said)) for number, kept_in, source, said in rows])
        last = rows[-1][0]
    session.execute("UPDATE number SET value = %s WHERE name = 'stems_version'", (STEMS_VERSION,))


def _too_new(where: str, how: str) -> StateUnusable:
    return StateUnusable(
        f"{where} was written by a later version of Innkeeper: {how}. It is left as it is; use that version again, or "
        "name another schema."
    )
