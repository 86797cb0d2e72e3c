"""Killed at any moment, a store loses nothing that was kept, and its work can be gone on with."""

from __future__ import annotations

import random
from pathlib import Path

import apsw
import pytest

from tests.recall.killing import run

KILLS = 50


def dump(file: Path) -> list[tuple[object, ...]]:
    """Everything in the file that does not depend on when it was written."""
    connection = apsw.Connection(str(file))
    vectors = (
        "FROM vector JOIN sketch ON sketch.vector = vector.id JOIN embedding ON embedding.id = vector.embedding"
        " JOIN passage ON passage.id = vector.passage"
    )
    queries = (
        "SELECT * FROM passage JOIN text ON text.passage = passage.id ORDER BY key",
        "SELECT * FROM audience ORDER BY passage, name",
        "SELECT provider, model, file_identity, dimension, version, state FROM embedding ORDER BY model",
        f"SELECT model, key, scale, bytes, bits {vectors} ORDER BY model, key",
        "SELECT * FROM number ORDER BY name",
        "SELECT * FROM vocabulary ORDER BY term",
        "SELECT rowid, rank FROM words WHERE words MATCH 'river' ORDER BY rowid",
    )
    rows: list[tuple[object, ...]] = [row for query in queries for row in connection.execute(query)]
    assert connection.execute("PRAGMA integrity_check").get == "ok"
    connection.close()
    return rows


@pytest.mark.timeout(600)
def test_killed_at_fifty_moments_it_ends_up_as_if_it_never_had_been(tmp_path: Path) -> None:
    """Each run adds to what the ones before it left, and is killed at another moment, within a write or between two."""
    undisturbed, disturbed = tmp_path / "undisturbed.sqlite", tmp_path / "disturbed.sqlite"
    assert run([str(undisturbed)])
    chance = random.Random(4)
    kills = 0
    while kills < KILLS:
        if run([str(disturbed)], chance.randrange(1, 30), chance.uniform(0.0, 0.01)):
            assert dump(disturbed) == dump(undisturbed)
            disturbed = tmp_path / f"disturbed after {kills}.sqlite"
        kills += 1

    assert run([str(disturbed)])
    assert dump(disturbed) == dump(undisturbed)
