"""Search by words: the index of stems, by SQLite's FTS5 and its BM25."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from innkeeper.recall.marks import marked, marks_of
from innkeeper.recall.query import Scope
from innkeeper.recall.sqlite.database import Database, numbers
from innkeeper.recall.sqlite.scope import condition
from innkeeper.recall.terms import Step

_REMEMBERED_FROM: Final = 1_000
"""Counting fewer is quick, and what was rare a moment ago, or nowhere, must be found as soon as it is added."""

_FREQUENCIES_REMEMBERED: Final = 20_000


def write_words(database: Database, passage: int, collection: str, source: str, stems: Sequence[str]) -> None:
    """Index one passage. Raises apsw.Error."""
    database.execute(
        "INSERT INTO words (rowid, stems, marks) VALUES (?, ?, ?)",
        (passage, " ".join(stems), " ".join(marks_of(collection, source))),
    )


class WordSearch:
    """Searches by words in one file."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._holding: dict[str, int] = {}
        self._counted_at = 0

    def holding(self, terms: Sequence[str], passages: int) -> dict[str, int]:
        """How many of the passages hold each term. Of a common one it may be a tenth behind while the store grows."""
        if abs(passages - self._counted_at) > self._counted_at // 10 or len(self._holding) > _FREQUENCIES_REMEMBERED:
            self._holding.clear()
            self._counted_at = passages
        counts = {}
        for term in terms:
            counted = self._holding.get(term)
            if counted is None:
                counted = int(self._database.value("SELECT doc FROM vocabulary WHERE term = ?", (term,)) or 0)
                if counted >= _REMEMBERED_FROM:
                    self._holding[term] = counted
            counts[term] = counted
        return counts

    def matching(self, step: Step, scope: Scope, at_most: int, newest: float) -> list[tuple[int, float]]:
        """See `Rows.matching`."""
        match = _expression(step, scope)
        where, arguments = condition(scope)
        # First without looking at each passage: most are in most scopes, and what is not is left out afterwards.
        generous = 4 * at_most
        after = int((1 - newest) * (self._database.value("SELECT max(id) FROM passage") or 0))
        query = (
            "SELECT rowid, -rank FROM words WHERE words MATCH ? AND rowid > ? AND rank MATCH 'bm25(1.0, 0.0)'"
            " ORDER BY rank LIMIT ?"
        )
        best = [(row, score) for row, score in self._database.rows(query, (match, after, generous))]
        if not best:
            return []
        query = f"SELECT id FROM carray(?) AS wanted CROSS JOIN passage ON passage.id = wanted.value WHERE {where}"
        inside = {row for (row,) in self._database.rows(query, (numbers(row for row, _ in best), *arguments))}
        kept = [(row, score) for row, score in best if row in inside]
        if len(kept) >= at_most or len(best) < generous:
            return kept[:at_most]
        query = (
            "SELECT words.rowid, -bm25(words, 1.0, 0.0) AS score FROM words JOIN passage ON passage.id = words.rowid"
            f" WHERE words MATCH ? AND words.rowid > ? AND {where} ORDER BY score DESC LIMIT ?"
        )
        return [(row, score) for row, score in self._database.rows(query, (match, after, *arguments, at_most))]


def _expression(step: Step, scope: Scope) -> str:
    """The step in FTS5's language. Every word is quoted; stems and marks hold letters and digits only."""
    groups = [f"marks : ({_any(group)})" for group in marked(scope)]
    groups += [f"stems : ({_any(group)})" for group in step.groups]
    chosen = {term for group in step.groups for term in group}
    if set(step.scored) - chosen:
        groups.append(f"stems : ({_any((*step.groups[0], *step.scored))})")  # chooses nothing more, but counts them
    return " AND ".join(groups)


def _any(words: Sequence[str]) -> str:
    return " OR ".join(f'"{word}"' for word in dict.fromkeys(words)) or '""'
