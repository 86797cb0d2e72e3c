"""A program killed at any moment leaves nothing half done on the server, and its work can be gone on with."""

from __future__ import annotations

import random

import psycopg
import pytest

from tests.recall.killing import run

KILLS = 12


def dump(conninfo: str, schema: str) -> list[tuple[object, ...]]:
    """Everything in the schema that does not depend on when it was written."""
    vectors = (
        "FROM vector JOIN sketch USING (embedding, passage) JOIN embedding ON embedding.id = vector.embedding"
        " JOIN passage ON passage.id = vector.passage"
    )
    queries = (
        "SELECT * FROM passage JOIN wording ON wording.passage = passage.id ORDER BY key",
        "SELECT provider, model, file_identity, dimension, version, state FROM embedding ORDER BY model",
        f"SELECT model, key, scale, bytes, bits::text {vectors} ORDER BY model, key",
        "SELECT * FROM number ORDER BY name",
        "SELECT * FROM term ORDER BY word",
        "SELECT passage, stems::text, length FROM words ORDER BY passage",
    )
    with psycopg.connect(conninfo, options=f"-c search_path={schema}") as connection:
        return [row for query in queries for row in connection.execute(query)]


@pytest.mark.timeout(600)
def test_killed_at_many_moments_it_ends_up_as_if_it_never_had_been(postgres: str, schema: str) -> None:
    """Each run adds to what the ones before it left: passages, their vectors, then those of another model."""
    chance = random.Random(4)
    undisturbed = f"{schema}_undisturbed"
    try:
        assert run([postgres, undisturbed])
        expected = dump(postgres, undisturbed)
        for _ in range(KILLS):
            run([postgres, schema], chance.randrange(1, 30), chance.uniform(0.0, 0.01))
        assert run([postgres, schema])
        assert dump(postgres, schema) == expected
    finally:
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA IF EXISTS {undisturbed} CASCADE")
