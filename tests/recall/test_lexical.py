"""The embedder without a model."""

from __future__ import annotations

from innkeeper.recall.lexical import LexicalEmbedder
from innkeeper.recall.query import Query
from innkeeper.recall.recall import Recall
from innkeeper.recall.store import Store
from innkeeper.text.counts import WordCounts
from tests.recall.some_passages import ALL, SWORD


class TestLexicalEmbedder:
    async def test_a_misspelled_word_is_found_by_its_pieces(self, store: Store) -> None:
        recall = Recall(store, LexicalEmbedder())
        await recall.add(ALL)
        async for _ in recall.catch_up():
            pass
        hit = (await recall.search(Query("swrod of Hellen"))).hits[0]

        assert (hit.passage, hit.lexical_place, hit.dense_place) == (SWORD, None, 1)

    async def test_nothing_gives_no_rows(self) -> None:
        assert (await LexicalEmbedder(dimension=32).embed([])).vectors.shape == (0, 32)

    async def test_vectors_of_other_counts_are_of_another_provenance(self) -> None:
        counts = WordCounts.learned_from(passage.text for passage in ALL)
        assert LexicalEmbedder(counts).provenance != LexicalEmbedder().provenance
