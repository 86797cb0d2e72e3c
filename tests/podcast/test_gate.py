"""The gate: what covers a question, and what does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.podcast.gate import Fit, Gate, Signs, signs_of
from innkeeper.podcast.shipped_gate import shipped_gate
from innkeeper.recall.passage import Passage
from innkeeper.recall.query import Hit, Mode, Query
from innkeeper.recall.recall import Recall
from innkeeper.recall.sqlite.store import sqlite_store
from innkeeper.recall.terms import terms_of
from innkeeper.text.stems import Stems

SHARE = st.floats(0, 1)
SAID = ["The dragon sleeps under the old castle.", "Helen hides her sword in the river.", "It rained on Monday."]


def hit(coverage: float, bm25: float | None, similarity: float | None) -> Hit:
    return Hit(Passage("text", "source"), 1.0, 1, None, bm25, similarity, coverage)


async def signs_in(folder: Path, question: str) -> Signs | None:
    async with sqlite_store(folder / "recall.sqlite") as store:
        recall = Recall(store)
        await recall.add([Passage(f"{text} {n}", "talk") for n in range(40) for text in SAID[n % 3 :][:1]])
        hits = (await recall.search(Query(question, Mode.LEXICAL))).hits
        return signs_of(hits, len(terms_of(question, Stems())), 40)


class TestSigns:
    def test_they_are_the_best_of_all_hits(self) -> None:
        made = signs_of([hit(0.2, 1.0, 0.9), hit(0.8, None, 0.1)], terms=1, passages=0)
        assert made is not None
        assert (made.coverage, made.cosine) == (0.8, 0.9)

    def test_nothing_found_gives_none(self) -> None:
        assert signs_of([], terms=3, passages=10) is None

    def test_without_vectors_there_is_no_cosine(self) -> None:
        made = signs_of([hit(0.2, 1.0, None)], terms=1, passages=10)
        assert made is not None
        assert made.cosine is None

    def test_a_long_question_needs_more_to_say_the_same(self) -> None:
        short, long = (signs_of([hit(0.5, 4.0, None)], terms, passages=10) for terms in (2, 8))
        assert short is not None
        assert long is not None
        assert short.bm25 > long.bm25


class TestTheShippedGate:
    async def test_it_lets_through_what_is_there(self, tmp_path: Path) -> None:
        signs = await signs_in(tmp_path, "Where does the dragon sleep, under which castle?")
        assert signs is not None
        assert shipped_gate().judge(signs).is_covered

    async def test_it_refuses_what_only_shares_a_word(self, tmp_path: Path) -> None:
        signs = await signs_in(tmp_path, "Which Greek philosopher taught Alexander beside a river?")
        assert signs is not None
        assert not shipped_gate().judge(signs).is_covered

    @given(SHARE, SHARE, SHARE, SHARE)
    def test_more_of_a_sign_never_speaks_against(
        self, coverage: float, bm25: float, cosine: float, more: float
    ) -> None:
        gate = shipped_gate()
        for fit, least in ((gate.by_words, None), (gate.with_vectors, cosine)):
            here = fit.probability(Signs(coverage, bm25, least))
            assert fit.probability(Signs(coverage + more, bm25, least)) >= here
            assert fit.probability(Signs(coverage, bm25 + more, least)) >= here
            assert fit.probability(Signs(coverage, bm25, cosine + more)) >= fit.probability(
                Signs(coverage, bm25, cosine)
            )

    def test_it_says_why(self) -> None:
        said = str(shipped_gate().judge(Signs(0.0, 0.0, 0.1)))
        assert said.startswith("not covered: 0.0")
        assert said.endswith("(words 0.00, BM25 0.00, cosine 0.10)")


class TestWeights:
    def test_they_come_back_from_a_file_as_they_were(self) -> None:
        gate = Gate(Fit(-1, 2, 3, 0, 0.5), Fit(-1, 2, 3, 4, 0.25))
        assert Gate.from_json(gate.to_json()) == gate

    @pytest.mark.parametrize(
        "written", ["", "[]", "{}", '{"by_words": {}}', json.dumps({"by_words": {"constant": 1}, "with_vectors": 2})]
    )
    def test_what_is_no_weights_is_refused(self, written: str) -> None:
        with pytest.raises(ValueError, match="no weights of a gate"):
            Gate.from_json(written)
