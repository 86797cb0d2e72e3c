"""Search by words: PostgreSQL's own index of stems, and BM25 as SQLite's FTS5 computes it.

Both stores order the same passages alike, because the stems are made by the same code and the formula is the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from math import log
from typing import Final

from innkeeper.recall.marks import marked, marks_of
from innkeeper.recall.postgres.scope import condition
from innkeeper.recall.postgres.session import Session
from innkeeper.recall.query import Scope
from innkeeper.recall.terms import Step

_MOST_PLACES: Final = 255
"""How often one word may stand in a tsvector; a passage that says it oftener is no better for it."""

_LEAST_WEIGHT: Final = 1e-6
"""What a word counts that more than half of the passages hold.  Source: FTS5."""


def write_words(session: Session, passages: Iterable[tuple[int, str, str, Sequence[str]]]) -> None:
    """Index these: number, collection, source and stems of each. Raises psycopg.Error."""
    rows, holding, tokens = [], Counter[str](), 0
    for passage, collection, source, stems in passages:
        counted = Counter(stem for stem in stems if stem) + Counter(marks_of(collection, source))
        rows.append((passage, _tsvector(counted), counted.total()))
        holding.update(counted.keys())
        tokens += counted.total()
    session.copy("words (passage, stems, length)", rows)
    session.execute(
        "INSERT INTO term (word, holding) SELECT * FROM unnest(%s::text[], %s::bigint[])"
        " ON CONFLICT (word) DO UPDATE SET holding = term.holding + excluded.holding",
        (list(holding.keys()), list(holding.values())),
    )
    session.add_to("tokens", tokens)


def forget_words(session: Session, passages: Sequence[int]) -> None:
    """Take these out of the index. Raises psycopg.Error."""
    tokens = session.value("SELECT sum(length)::bigint FROM words WHERE passage = ANY(%s::bigint[])", (passages,))
    session.execute(
        "UPDATE term SET holding = holding - gone.number FROM (SELECT lexeme, count(*) AS number FROM words,"
        " unnest(words.stems) WHERE passage = ANY(%s::bigint[]) GROUP BY lexeme) AS gone WHERE word = gone.lexeme",
        (passages,),
    )
    session.execute(
        "DELETE FROM term WHERE holding = 0 AND word IN"
        " (SELECT lexeme FROM words, unnest(words.stems) WHERE passage = ANY(%s::bigint[]))",
        (passages,),
    )
    session.execute("DELETE FROM words WHERE passage = ANY(%s::bigint[])", (passages,))
    session.add_to("tokens", -int(tokens or 0))


def holding(session: Session, words: Sequence[str]) -> dict[str, int]:
    """How many passages hold each of these stems or marks."""
    known: dict[str, int] = dict(
        session.rows("SELECT word, holding FROM term WHERE word = ANY(%s::text[])", (list(words),))
    )
    return {word: known.get(word, 0) for word in words}


def matching(session: Session, step: Step, scope: Scope, at_most: int, newest: float) -> list[tuple[int, float]]:
    """See `Rows.matching`.

    ts_rank_cd with weights of 1 says of a single word how often it is there: each place is a cover of length 1.
    """
    marks = marked(scope)
    if not all(marks):
        return []
    where, arguments = condition(scope)
    counted = _counted(step)
    passages, tokens = session.number("passages"), session.number("tokens")
    held = holding(session, counted)
    columns = {word: f"word{place}" for place, word in enumerate(dict.fromkeys(counted))}
    for word, column in columns.items():
        arguments[column] = _quoted(word)
        arguments[f"weight_of_{column}"] = _weight(held[word], passages)
    often = [
        f"ts_rank_cd('{{1,1,1,1}}', stems, %({column})s::tsquery)::float8 AS {column}" for column in columns.values()
    ]
    scores = [
        f"%(weight_of_{column})s::float8 * (({column} * 2.2::float8) / ({column} + saturation))"
        for column in map(columns.__getitem__, counted)
    ]
    query = (
        f"SELECT found.passage, {' + '.join(scores)} AS score FROM (SELECT passage, {', '.join(often)},"
        "  1.2::float8 * (0.25::float8 + 0.75::float8 * length / %(mean_length)s::float8) AS saturation"
        "  FROM words WHERE stems @@ %(match)s::tsquery AND passage > %(after)s OFFSET 0) AS found"
        f" JOIN passage ON passage.id = found.passage WHERE {where}"
        " ORDER BY score DESC, found.passage LIMIT %(at_most)s"
    )
    arguments |= {
        "mean_length": tokens / max(1, passages),
        "match": " & ".join(_any(group) for group in (*marks, *step.groups)),
        "after": int((1 - newest) * (session.value("SELECT max(id) FROM passage") or 0)),
        "at_most": at_most,
    }
    return [(passage, score) for passage, score in session.rows(query, arguments)]


def _counted(step: Step) -> tuple[str, ...]:
    """The words whose weights are added up, in their order; FTS5 counts a word that chooses twice where others do not.

    There it is named twice in the question: once to choose, and once beside those that only count.
    """
    choosing = tuple(term for group in step.groups for term in group)
    if set(step.scored) <= set(choosing):
        return choosing
    return choosing + tuple(dict.fromkeys((*step.groups[0], *step.scored)))


def _weight(held: int, passages: int) -> float:
    weight = log((passages - held + 0.5) / (held + 0.5))
    return weight if weight > 0 else _LEAST_WEIGHT


def _tsvector(counted: Counter[str]) -> str:
    """Each word with as many places as it has; which places does not matter here."""
    return " ".join(
        f"{_quoted(word)}:{','.join(map(str, range(1, 1 + min(often, _MOST_PLACES))))}"
        for word, often in sorted(counted.items())
    )


def _any(words: Sequence[str]) -> str:
    return f"({' | '.join(map(_quoted, words))})"


def _quoted(word: str) -> str:
    """Stems and marks hold letters and digits only."""
    return f"'{word}'"
