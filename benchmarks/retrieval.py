"""How well what answers a question is found: meetings in English, paragraphs in Greek, calls as recognisers heard them.

    python -m benchmarks.retrieval            all of it; the first time some minutes, to make the vectors of MiniLM
    python -m benchmarks.retrieval --words    without MiniLM

A passage counts as an answer where it overlaps the evidence that people marked. R@n is the share of questions with an
answer among the first n; nDCG@10 weighs all answers by their place.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import log2
from pathlib import Path
from typing import Final

import apsw

from benchmarks.recalling.calls import CALLS, VENDORS, call, wer
from benchmarks.recalling.corpora import DATA, Corpus, Question, greek_paragraphs, meetings
from benchmarks.recalling.minilm import minilm
from innkeeper.recall.embedder import Embedder
from innkeeper.recall.lexical import LexicalEmbedder
from innkeeper.recall.query import By, Fusion, Mode, Query, Scope
from innkeeper.recall.recall import Recall
from innkeeper.recall.sqlite.store import sqlite_store
from innkeeper.text.counts import WordCounts
from innkeeper.text.folding import folded
from tests.fetch_minilm import wheel

RESULTS = Path(__file__).parent / "results" / "retrieval.md"
FIRST: Final = (1, 5, 10)

ScopeOf = Callable[[Question], Scope]


@dataclass(frozen=True, slots=True)
class Quality:
    """Of one way to search."""

    found: tuple[float, ...]
    """R@n for each n of `FIRST`."""
    ndcg: float

    def __str__(self) -> str:
        return " | ".join(f"{number:.3f}" for number in (*self.found, self.ndcg))


async def quality(recall: Recall, questions: Sequence[Question], scope_of: ScopeOf, query: Query) -> Quality:
    """Ask all of them."""
    found, gain = [0] * len(FIRST), 0.0
    for question in questions:
        asked = Query(
            question.text, query.mode, scope_of(question), max(FIRST), query.fusion, neighbours=query.neighbours
        )
        keys = [hit.passage.key for hit in (await recall.search(asked)).hits]
        for place, first in enumerate(FIRST):
            found[place] += bool(question.answers & set(keys[:first]))
        gain += _ndcg([key in question.answers for key in keys], len(question.answers))
    return Quality(tuple(number / len(questions) for number in found), gain / len(questions))


def _ndcg(is_answer: Sequence[bool], answers: int) -> float:
    gained = sum(1 / log2(place + 1) for place, right in enumerate(is_answer, start=1) if right)
    return gained / sum(1 / log2(place + 1) for place in range(1, min(answers, len(is_answer) or 1) + 1))


def everywhere(_: Question) -> Scope:
    """All passages."""
    return Scope()


def within_its_source(question: Question) -> Scope:
    """Those of the document that the question is about."""
    return Scope(sources=frozenset({question.source}))


async def table(corpus: Corpus, ways: Sequence[tuple[str, Embedder | None, Query]], scope_of: ScopeOf) -> list[str]:
    """One line for each way to search."""
    lines = ["", "| by | R@1 | R@5 | R@10 | nDCG@10 |", "| - | - | - | - | - |"]
    embedders = list({id(embedder): embedder for _, embedder, _ in ways}.values())
    for embedder in embedders:
        with tempfile.TemporaryDirectory() as folder:
            async with sqlite_store(Path(folder) / "recall.sqlite") as store:
                recall = Recall(store, embedder)
                await recall.add(corpus.passages)
                if embedder is not None:
                    async for _ in recall.catch_up(256):
                        pass
                for name, own, query in ways:
                    if own is embedder:
                        lines.append(f"| {name} | {await quality(recall, corpus.questions, scope_of, query)} |")
                        print(lines[-1], flush=True)
    return lines


WORDS: Final = Query("", Mode.LEXICAL)
ALONE: Final = Query("", Mode.LEXICAL, neighbours=0.0)
VECTORS: Final = Query("", Mode.DENSE)
BOTH: Final = Query("")
BY_PLACES: Final = Query("", fusion=Fusion(By.PLACES))


async def about_meetings(dense: Embedder | None) -> list[str]:
    """QMSum."""
    corpus = meetings()
    counted = LexicalEmbedder(WordCounts.learned_from(passage.text for passage in corpus.passages))
    ways: list[tuple[str, Embedder | None, Query]] = [
        ("words, without neighbours", None, ALONE),
        ("words", None, WORDS),
        ("lexical vectors", counted, VECTORS),
        ("words and lexical vectors", counted, BOTH),
    ]
    if dense is not None:
        ways += [
            ("MiniLM", dense, VECTORS),
            ("words and MiniLM, by places", dense, BY_PLACES),
            ("words and MiniLM", dense, BOTH),
        ]
    told = (
        f"QMSum, validation: 35 meetings, {len(corpus.passages)} passages of about 900 letters, {len(corpus.questions)}"
        " questions whose evidence is under half of their meeting. One question is 0.004. The weights of neighbours and"
        " of vectors were chosen on these questions."
    )
    lines = ["", "### Meetings", "", told]
    lines += ["", "Within one meeting:", *await table(corpus, ways, within_its_source)]
    return [*lines, "", "Over all meetings:", *await table(corpus, ways, everywhere)]


async def about_greek() -> list[str]:
    """XQuAD."""
    corpus = greek_paragraphs()
    counted = LexicalEmbedder(WordCounts.learned_from(passage.text for passage in corpus.passages))
    ways: list[tuple[str, Embedder | None, Query]] = [
        ("words", None, WORDS),
        ("lexical vectors", counted, VECTORS),
        ("words and lexical vectors", counted, BOTH),
    ]
    lines = await table(corpus, ways, everywhere)
    for name, cut in (("plain words of FTS5", plain), ("folded, not stemmed", without_stems)):
        lines.append(f"| {name} | {fts_alone(corpus, cut)} |")
        print(lines[-1], flush=True)
    size = f"XQuAD in Greek: {len(corpus.passages)} paragraphs, {len(corpus.questions)} questions."
    return ["", "### Greek", "", size, *lines]


def plain(text: str) -> list[str]:
    """As SQLite's own tokenizer has them."""
    return re.findall(r"[^\W_]+", text.lower())


def without_stems(text: str) -> list[str]:
    """Case, accents and final sigma folded, nothing else."""
    return re.findall(r"[^\W_]+", folded(text))


def fts_alone(corpus: Corpus, cut: Callable[[str], list[str]]) -> Quality:
    """BM25 over any word of the question, without anything of ours: what folding and stems are compared with."""
    database = apsw.Connection(":memory:")
    database.execute("CREATE VIRTUAL TABLE words USING fts5(said, tokenize='unicode61 remove_diacritics 0')")
    for number, passage in enumerate(corpus.passages):
        database.execute("INSERT INTO words (rowid, said) VALUES (?, ?)", (number, " ".join(cut(passage.text))))
    found, gain = [0] * len(FIRST), 0.0
    for question in corpus.questions:
        match = " OR ".join(f'"{word}"' for word in dict.fromkeys(cut(question.text)))
        rows = database.execute("SELECT rowid FROM words WHERE words MATCH ? ORDER BY rank LIMIT 10", (match,))
        is_answer = [corpus.passages[int(row)].key in question.answers for (row,) in rows]
        for place, first in enumerate(FIRST):
            found[place] += any(is_answer[:first])
        gain += _ndcg(is_answer, len(question.answers))
    count = len(corpus.questions)
    return Quality(tuple(number / count for number in found), gain / count)


async def about_calls() -> list[str]:
    """Earnings calls: what is lost when a recogniser wrote the text."""
    texts = " ".join(passage.text for number in CALLS for passage in call(number, "reference").passages)
    counted = LexicalEmbedder(WordCounts.learned_from(re.split(r"(?<=\.)\s", texts)))
    lines = ["", "| text of | word errors | by | R@1 | R@5 | R@10 | nDCG@10 |", "| - | - | - | - | - | - | - |"]
    for vendor in ("reference", *VENDORS):
        corpora = [call(number, vendor) for number in CALLS]
        errors = sum(wer(number, vendor) for number in CALLS) / len(CALLS)
        corpus = Corpus(
            tuple(passage for one in corpora for passage in one.passages),
            tuple(question for one in corpora for question in one.questions),
        )
        ways: list[tuple[str, Embedder | None, Query]] = [
            ("words", None, WORDS),
            ("words and lexical vectors", counted, BOTH),
        ]
        lines += [f"| {vendor} | {errors:.1%} {line}" for line in (await table(corpus, ways, everywhere))[3:]]
    told = (
        "Earnings-21: four calls, each as four recognisers wrote it. Passages are cut at the same moments in every text"
        " (aligned word by word with the human reference, about 150 words each). Every question is 8 words in a row of"
        " the human reference, one for each passage, as they stand there."
    )
    return ["", "### Heard by machines", "", told, *lines]


async def measured(words_alone: bool) -> list[str]:
    """All tables."""
    lines = []
    if words_alone:
        lines += await about_meetings(None)
    else:
        async with minilm() as dense:
            lines += await about_meetings(dense)
    return [*lines, *await about_greek(), *await about_calls()]


def main() -> int:
    """Measure, print, write."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--words", action="store_true", help="without MiniLM")
    options = asked.parse_args()
    if not DATA.is_dir():
        print(f"{DATA} is not there; nothing is measured.", file=sys.stderr)
        return 0
    lines = asyncio.run(measured(options.words or wheel() is None))
    conditions = (
        f"`python -m benchmarks.retrieval`. Conditions: {datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, Python "
        f"{platform.python_version()}; MiniLM is all-MiniLM-L6-v2 in F16 through our llama.cpp child. R@n: the share of"
        " questions with an answer among the first n."
    )
    RESULTS.write_text("\n".join(["## What is found", "", conditions, *lines, ""]), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
