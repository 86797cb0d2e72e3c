"""What is written to a recall file: passages with their words, vectors with their sketches; a call is a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from typing import Final

from innkeeper.recall.passage import Passage
from innkeeper.recall.provenance import Embedded, Provenance, differing
from innkeeper.recall.quantized import quantized, sketches
from innkeeper.recall.sqlite.database import Database, numbers
from innkeeper.recall.sqlite.words import write_words
from innkeeper.runtime.errors import EmbeddingsDiffer
from innkeeper.text.stems import Stems

_PROVENANCE: Final = "provider, model, file_identity, dimension, version"
_IN_USE: Final = f"({_PROVENANCE}) = (?, ?, ?, ?, ?) AND state <> 'retired'"
_CURRENT: Final = "current"
_BUILDING: Final = "building"


class Writing:
    """Writes in one file. Every method raises apsw.Error where the disk refuses, and has then done nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stems = Stems()

    def add(self, passages: Sequence[Passage]) -> int:
        """See `Store.add`."""
        stems = [self._stems.of(passage.text) for passage in passages]  # before the file is locked
        with self._database.transaction():
            new = sum(self._add(passage, own) for passage, own in zip(passages, stems, strict=True))
            self._database.execute("UPDATE number SET value = value + ? WHERE name = 'passages'", (new,))
        return new

    def remove(self, where: str, arguments: Sequence[str]) -> int:
        """Forget the passages of which `where` is true; how many there were."""
        with self._database.transaction():
            rows = [row for (row,) in self._database.rows(f"SELECT id FROM passage WHERE {where}", arguments)]
            if rows:
                self._remove(rows)
        return len(rows)

    def begin(self, provenance: Provenance) -> None:
        """See `Store.begin`."""
        with self._database.transaction():
            state = self._state(provenance)
            if state != _BUILDING:
                self._database.execute("UPDATE embedding SET state = 'retired' WHERE state = 'building'")
            if state is None:
                has_current = self._database.value("SELECT count(*) FROM embedding WHERE state = 'current'")
                self._database.execute(
                    f"INSERT INTO embedding ({_PROVENANCE}, state) VALUES (?, ?, ?, ?, ?, ?)",
                    (*astuple(provenance), _BUILDING if has_current else _CURRENT),
                )

    def put(self, keys: Sequence[str], embedded: Embedded) -> None:
        """See `Store.put`."""
        assert len(keys) == len(embedded.vectors), f"{len(keys)} keys, {len(embedded.vectors)} vectors"
        data, scales = quantized(embedded.vectors)
        bits = sketches(data)
        with self._database.transaction():
            embedding = self._embedding(embedded.provenance)
            if embedding is None:
                raise self._not_wanted(embedded.provenance)
            for key, row, scale, sketch in zip(keys, data, scales, bits, strict=True):
                is_new = self._database.execute(
                    "INSERT OR IGNORE INTO vector (embedding, passage, scale, bytes)"
                    " SELECT ?, id, ?, ? FROM passage WHERE key = ?",
                    (embedding, float(scale), row.tobytes(), key),
                )
                if is_new:
                    self._database.execute(
                        "INSERT INTO sketch (vector, embedding, passage, bits)"
                        " SELECT id, embedding, passage, ? FROM vector WHERE id = last_insert_rowid()",
                        (sketch.tobytes(),),
                    )

    def switch(self, provenance: Provenance) -> bool:
        """See `Store.switch`."""
        with self._database.transaction():
            embedding = self._embedding(provenance)
            if embedding is None:
                return False
            missing = (
                "SELECT EXISTS (SELECT 1 FROM passage WHERE NOT EXISTS"
                " (SELECT 1 FROM vector WHERE vector.embedding = ? AND vector.passage = passage.id))"
            )
            if self._state(provenance) == _BUILDING:
                if self._database.value(missing, (embedding,)):
                    return False
                self._database.execute("UPDATE embedding SET state = 'retired' WHERE state = 'current'")
                self._database.execute("UPDATE embedding SET state = 'current' WHERE id = ?", (embedding,))
        return True

    def forget_retired(self, at_most: int) -> int:
        """See `Store.forget_retired`."""
        with self._database.transaction():
            old = "SELECT id FROM vector WHERE embedding IN (SELECT id FROM embedding WHERE state = 'retired') LIMIT ?"
            rows = [row for (row,) in self._database.rows(old, (at_most,))]
            if rows:
                self._database.execute("DELETE FROM sketch WHERE vector IN carray(?)", (numbers(rows),))
                self._database.execute("DELETE FROM vector WHERE id IN carray(?)", (numbers(rows),))
            if len(rows) < at_most:
                self._database.execute("DELETE FROM embedding WHERE state = 'retired'")
        return len(rows)

    def _add(self, passage: Passage, stems: Sequence[str]) -> bool:
        """Whether it was new."""
        known = self._database.value("SELECT id FROM passage WHERE key = ?", (passage.key,))
        changeable = (passage.at, passage.importance, not passage.audience)
        if known is not None:
            self._database.execute(
                "UPDATE passage SET at = ?1, importance = ?2, for_everybody = ?3 WHERE id = ?4"
                " AND (at, importance, for_everybody) IS NOT (?1, ?2, ?3)",
                (*changeable, known),
            )
            self._set_audience(known, passage.audience)
            return False
        row = self._database.insert(
            "INSERT INTO passage"
            " (key, collection, source, page, start_s, end_s, speaker, at, importance, for_everybody)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                passage.key,
                passage.collection,
                passage.source,
                passage.page,
                passage.start_s,
                passage.end_s,
                passage.speaker,
                *changeable,
            ),
        )
        self._database.execute("INSERT INTO text (passage, said) VALUES (?, ?)", (row, passage.text))
        self._set_audience(row, passage.audience)
        write_words(self._database, row, passage.collection, passage.source, stems)
        return True

    def _set_audience(self, row: int, audience: frozenset[str]) -> None:
        stored = {name for (name,) in self._database.rows("SELECT name FROM audience WHERE passage = ?", (row,))}
        for name in sorted(stored - audience):
            self._database.execute("DELETE FROM audience WHERE passage = ? AND name = ?", (row, name))
        for name in sorted(audience - stored):
            self._database.execute("INSERT INTO audience (passage, name) VALUES (?, ?)", (row, name))

    def _remove(self, rows: list[int]) -> None:
        for table, column in (
            ("sketch", "passage"),
            ("vector", "passage"),
            ("audience", "passage"),
            ("words", "rowid"),
            ("text", "passage"),
            ("passage", "id"),
        ):
            self._database.execute(f"DELETE FROM {table} WHERE {column} IN carray(?)", (numbers(rows),))
        for name, change in (("removals", len(rows)), ("passages", -len(rows))):
            self._database.execute("UPDATE number SET value = value + ? WHERE name = ?", (change, name))

    def _embedding(self, provenance: Provenance) -> int | None:
        """The number of the vectors in use that have this provenance; None where there are none."""
        found: int | None = self._database.value(f"SELECT id FROM embedding WHERE {_IN_USE}", astuple(provenance))
        return found

    def _state(self, provenance: Provenance) -> str | None:
        """ "current" or "building"; None where no vectors in use have this provenance."""
        found: str | None = self._database.value(f"SELECT state FROM embedding WHERE {_IN_USE}", astuple(provenance))
        return found

    def _not_wanted(self, given: Provenance) -> EmbeddingsDiffer:
        row = next(self._database.rows(f"SELECT {_PROVENANCE} FROM embedding WHERE state = 'current'"), None)
        return differing(None if row is None else Provenance(*row), given)
