"""What is written to the database: passages with their words, vectors with their sketches; in one transaction each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Final

from innkeeper.recall.passage import Passage, possible
from innkeeper.recall.postgres.reading import bits_of
from innkeeper.recall.postgres.session import Session
from innkeeper.recall.postgres.words import forget_words, write_words
from innkeeper.recall.provenance import Embedded, Provenance, differing
from innkeeper.recall.quantized import quantized
from innkeeper.runtime.errors import EmbeddingsDiffer

_PROVENANCE: Final = "provider, model, file_identity, dimension, version"
_IN_USE: Final = f"({_PROVENANCE}) = (%s, %s, %s, %s, %s) AND state <> 'retired'"
_CURRENT: Final = "current"
_BUILDING: Final = "building"


class Writing:
    """Writes in one transaction that has lined up. Every method raises psycopg.Error where the server refuses."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, passages: Mapping[str, Passage], stems: Mapping[str, Sequence[str]]) -> int:
        """See `Store.add`; both by key."""
        query = "SELECT key, id FROM passage WHERE key = ANY(%s::text[])"
        known: dict[str, int] = dict(self._session.rows(query, (list(passages),)))
        new = [passage for key, passage in passages.items() if key not in known]
        after = self._session.number("last_passage")
        numbered = list(enumerate(new, start=after + 1))
        self._session.copy(
            "passage (id, key, collection, source, page, start_s, end_s, speaker, at, importance, audience)",
            (
                (
                    number,
                    passage.key,
                    passage.collection,
                    passage.source,
                    passage.page,
                    passage.start_s,
                    passage.end_s,
                    passage.speaker,
                    passage.at,
                    passage.importance,
                    sorted(passage.audience),
                )
                for number, passage in numbered
            ),
        )
        self._session.copy("wording (passage, said)", ((number, passage.text) for number, passage in numbered))
        write_words(
            self._session,
            ((number, passage.collection, passage.source, stems[passage.key]) for number, passage in numbered),
        )
        for name in ("passages", "last_passage"):
            self._session.add_to(name, len(new))
        self._session.execute_each(
            "UPDATE passage SET at = %(at)s, importance = %(importance)s, audience = %(audience)s::text[]"
            " WHERE id = %(id)s AND (at, importance, audience) IS DISTINCT FROM"
            " (%(at)s::float8, %(importance)s::float8, %(audience)s::text[])",
            (
                {"id": known[key], "at": one.at, "importance": one.importance, "audience": sorted(one.audience)}
                for key, one in passages.items()
                if key in known
            ),
        )
        return len(new)

    def remove(self, collection: str, source: str | None) -> int:
        """See `Store.remove`."""
        rows = self._session.rows(
            "SELECT id FROM passage WHERE collection = ANY(%s::text[]) AND (%s OR source = ANY(%s::text[]))",
            (possible([collection]), source is None, possible([] if source is None else [source])),
        )
        return self._remove([row for (row,) in rows])

    def remove_keys(self, keys: Sequence[str]) -> int:
        """See `Store.remove_keys`."""
        rows = self._session.rows("SELECT id FROM passage WHERE key = ANY(%s::text[])", (possible(keys),))
        return self._remove([row for (row,) in rows])

    def begin(self, provenance: Provenance) -> None:
        """See `Store.begin`."""
        state = self._state(provenance)
        if state != _BUILDING:
            self._session.execute("UPDATE embedding SET state = 'retired' WHERE state = 'building'")
        if state is None:
            has_current = self._session.value("SELECT EXISTS (SELECT 1 FROM embedding WHERE state = 'current')")
            self._session.execute(
                f"INSERT INTO embedding ({_PROVENANCE}, state) VALUES (%s, %s, %s, %s, %s, %s)",
                (*astuple(provenance), _BUILDING if has_current else _CURRENT),
            )

    def put(self, keys: Sequence[str], embedded: Embedded) -> None:
        """See `Store.put`."""
        assert len(keys) == len(embedded.vectors), f"{len(keys)} keys, {len(embedded.vectors)} vectors"
        embedding = self._embedding(embedded.provenance)
        if embedding is None:
            raise self._not_wanted(embedded.provenance)
        wanted = set(possible(keys))
        first = {key: place for place, key in reversed(list(enumerate(keys))) if key in wanted}
        data, scales = quantized(embedded.vectors[list(first.values())])
        self._session.execute(
            "WITH given AS ("
            " SELECT passage.id, scale, bytes, bits"
            " FROM unnest(%s::text[], %s::real[], %s::bytea[], %s::text[]) AS one (key, scale, bytes, bits)"
            " JOIN passage USING (key)"
            "), kept AS ("
            " INSERT INTO vector (embedding, passage, scale, bytes) SELECT %s, id, scale, bytes FROM given"
            " ON CONFLICT DO NOTHING RETURNING embedding, passage"
            ") INSERT INTO sketch (embedding, passage, bits)"
            " SELECT kept.embedding, kept.passage, given.bits::varbit FROM kept JOIN given ON given.id = kept.passage",
            (list(first), scales.tolist(), [row.tobytes() for row in data], bits_of(data), embedding),
        )

    def switch(self, provenance: Provenance) -> bool:
        """See `Store.switch`."""
        embedding = self._embedding(provenance)
        if embedding is None:
            return False
        if self._state(provenance) == _BUILDING:
            missing = (
                "SELECT EXISTS (SELECT 1 FROM passage WHERE NOT EXISTS"
                " (SELECT 1 FROM vector WHERE vector.embedding = %s AND vector.passage = passage.id))"
            )
            if self._session.value(missing, (embedding,)):
                return False
            self._session.execute("UPDATE embedding SET state = 'retired' WHERE state = 'current'")
            self._session.execute("UPDATE embedding SET state = 'current' WHERE id = %s", (embedding,))
        return True

    def forget_retired(self, at_most: int) -> int:
        """See `Store.forget_retired`."""
        deleted = self._session.execute(
            "DELETE FROM vector WHERE (embedding, passage) IN (SELECT embedding, passage FROM vector"
            " WHERE embedding IN (SELECT id FROM embedding WHERE state = 'retired') LIMIT %s)",
            (at_most,),
        )
        if deleted < at_most:
            self._session.execute("DELETE FROM embedding WHERE state = 'retired'")
        return deleted

    def _remove(self, rows: list[int]) -> int:
        if rows:
            forget_words(self._session, rows)
            self._session.execute("DELETE FROM passage WHERE id = ANY(%s::bigint[])", (rows,))  # and what hangs on it
            self._session.add_to("passages", -len(rows))
        return len(rows)

    def _embedding(self, provenance: Provenance) -> int | None:
        """The number of the vectors in use that have this provenance; None where there are none."""
        found: int | None = self._session.value(f"SELECT id FROM embedding WHERE {_IN_USE}", astuple(provenance))
        return found

    def _state(self, provenance: Provenance) -> str | None:
        """ "current" or "building"; None where no vectors in use have this provenance."""
        found: str | None = self._session.value(f"SELECT state FROM embedding WHERE {_IN_USE}", astuple(provenance))
        return found

    def _not_wanted(self, given: Provenance) -> EmbeddingsDiffer:
        row = self._session.row(f"SELECT {_PROVENANCE} FROM embedding WHERE state = 'current'")
        return differing(None if row is None else Provenance(*row), given)
