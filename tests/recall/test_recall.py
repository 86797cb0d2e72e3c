"""Recall: a store and an embedder kept in step."""

from __future__ import annotations

import numpy as np
import pytest

from innkeeper.recall.embedder import CalledEmbedder
from innkeeper.recall.provenance import Provenance
from innkeeper.recall.query import Mode, Query
from innkeeper.recall.recall import Recall
from innkeeper.recall.store import Store
from innkeeper.runtime.errors import EmbeddingsDiffer, InvalidRequest
from tests.recall.some_passages import ALL, DRAGON, OTHER, RIVER, SWORD, TINY, TinyEmbedder, texts


async def caught_up(recall: Recall, batch: int = 2) -> list[tuple[int, int]]:
    return [(one.vectors, one.passages) async for one in recall.catch_up(batch)]


class TestCatchingUp:
    async def test_every_passage_gets_its_vector_batch_by_batch(self, store: Store) -> None:
        recall = Recall(store, TinyEmbedder())
        await recall.add(ALL)

        assert await caught_up(recall) == [(2, 5), (4, 5), (5, 5)]
        assert await caught_up(recall) == []

    async def test_what_was_made_before_a_failure_is_not_made_again(self, store: Store) -> None:
        failing = TinyEmbedder(answers=2)
        await store.add(ALL)
        with pytest.raises(ConnectionError):
            await caught_up(Recall(store, failing))

        assert await caught_up(Recall(store, TinyEmbedder())) == [(5, 5)]

    async def test_without_an_embedder_there_is_nothing_to_catch_up_with(self, store: Store) -> None:
        with pytest.raises(InvalidRequest):
            await caught_up(Recall(store))


class TestChangingTheEmbedder:
    async def test_search_goes_on_and_switches_over_when_the_new_vectors_are_complete(self, store: Store) -> None:
        old, new = Recall(store, TinyEmbedder()), Recall(store, TinyEmbedder(OTHER))
        await old.add(ALL)
        await caught_up(old)

        seen = []
        async for _ in new.catch_up(batch=2):
            assert (await old.search(Query("dragon"))).words_only_because is None
            found = await new.search(Query("dragon"))
            seen.append((texts(found.hits), found.words_only_because is None))
        assert seen == [([DRAGON.text], False)] * 3

        assert (await new.search(Query("dragon"))).words_only_because is None
        assert "test other" in str((await old.search(Query("dragon"))).words_only_because)
        with pytest.raises(EmbeddingsDiffer, match="embedded anew"):
            await old.search(Query("dragon", Mode.DENSE))

    async def test_passages_added_meanwhile_are_waited_for(self, store: Store) -> None:
        recall = Recall(store, TinyEmbedder())
        await recall.add(ALL[:2])
        await caught_up(recall)
        new = Recall(store, TinyEmbedder(OTHER))
        async for progress in new.catch_up(batch=2):
            if progress.vectors == 2:
                await new.add(ALL)

        stand = await store.embeddings()
        assert stand.current is not None
        assert (stand.current.provenance, stand.current.is_complete, stand.building) == (OTHER, True, None)


class TestSearching:
    async def test_before_the_first_vector_it_says_why_it_goes_by_words(self, store: Store) -> None:
        recall = Recall(store, TinyEmbedder())
        await recall.add(ALL)
        found = await recall.search(Query("sword"))

        assert (texts(found.hits), found.words_only_because) == ([SWORD.text], "No passage has a vector yet.")
        assert (await recall.search(Query("sword", Mode.LEXICAL))).words_only_because is None

    async def test_a_dense_search_needs_an_embedder(self, store: Store) -> None:
        with pytest.raises(InvalidRequest, match="no embedding provider"):
            await Recall(store).search(Query("sword", Mode.DENSE))

    async def test_a_hybrid_search_asks_the_embedder_for_the_question(self, store: Store) -> None:
        recall = Recall(store, TinyEmbedder())
        await recall.add(ALL)
        await caught_up(recall)

        assert (await recall.search(Query(RIVER.text, Mode.DENSE))).hits[0].passage == RIVER


class TestAnythingThatCanBeCalled:
    async def test_it_is_an_embedder_whose_rows_are_brought_to_length_one(self) -> None:
        async def call(texts: object) -> list[list[float]]:
            return [[3.0, 4.0], [0.0, 0.0]]

        embedded = await CalledEmbedder(Provenance("openai", "small", "", 2), call).embed(["a", "b"])
        assert np.allclose(embedded.vectors, [[0.6, 0.8], [0.0, 0.0]])

    @pytest.mark.parametrize("rows", [[[1.0, 2.0, 3.0]], [[1.0], [1.0, 2.0]], [[float("nan"), 1.0]]])
    async def test_rows_that_are_no_vectors_of_its_dimension_are_refused(self, rows: list[list[float]]) -> None:
        async def call(texts: object) -> list[list[float]]:
            return rows

        with pytest.raises(InvalidRequest):
            await CalledEmbedder(TINY, call).embed(["a"])
