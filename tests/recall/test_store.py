"""What every store of passages promises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from innkeeper.recall.passage import Passage
from innkeeper.recall.provenance import Embedded, Provenance
from innkeeper.recall.query import Mode, Query, Recency, Scope
from innkeeper.recall.store import Coverage, Store
from innkeeper.runtime.errors import EmbeddingsDiffer, InvalidRequest
from tests.recall.some_passages import ALL, DRAGON, GREEK, OTHER, RIVER, SECRET, SWORD, TINY, texts, vectors_of

EVERYTHING = Scope(audience=None)


def words(text: str, **fields: object) -> Query:
    return Query(text, Mode.LEXICAL, **fields)  # type: ignore[arg-type]  # the fields of Query by name


async def embed_all(store: Store, provenance: Provenance = TINY) -> None:
    await store.begin(provenance)
    missing = await store.missing(provenance, 100)
    await store.put([key for key, _ in missing], Embedded(provenance, vectors_of([text for _, text in missing])))


class TestKeeping:
    async def test_a_passage_comes_back_as_it_was(self, store: Store) -> None:
        whole = Passage("Said.", "e 1", "feed", 2, 1.5, 3.25, "Ada", frozenset({"a", "b"}), 12.5, 0.25)
        assert await store.add([whole]) == 1

        assert await store.get([whole.key, "unknown"]) == (whole,)

    async def test_adding_again_changes_nothing(self, store: Store) -> None:
        assert await store.add([*ALL, DRAGON]) == len(ALL)
        assert await store.add(ALL) == 0

        assert await store.count(EVERYTHING) == len(ALL)

    async def test_adding_again_with_another_audience_replaces_it(self, store: Store) -> None:
        await store.add([SECRET])
        known_to_all = replace(SECRET, audience=frozenset(), importance=0.5, at=None)
        assert await store.add([known_to_all]) == 0

        assert await store.get([SECRET.key]) == (known_to_all,)

    async def test_a_removed_source_is_not_found_again(self, store: Store) -> None:
        await store.add(ALL)
        await embed_all(store)

        assert await store.remove("campaign", "session 1") == 2
        assert await store.search(words("dragon sword")) == ()
        question = Embedded(TINY, vectors_of([DRAGON.text]))
        assert DRAGON.text not in texts(await store.search(Query("dragon", Mode.DENSE), question))

    async def test_removing_a_collection_leaves_the_others(self, store: Store) -> None:
        await store.add(ALL)
        assert await store.remove("campaign") == 4
        assert await store.remove("campaign") == 0

        assert await store.count(EVERYTHING) == 1

    async def test_single_passages_can_be_removed_and_added_again(self, store: Store) -> None:
        await store.add(ALL)
        assert await store.remove_keys([SWORD.key, "unknown"]) == 1
        assert await store.remove_keys([]) == 0
        assert await store.add([SWORD]) == 1

        assert texts(await store.search(words("sword"))) == [SWORD.text]


class TestSearchingByWords:
    @pytest.mark.parametrize(
        ("question", "found"),
        [
            ("dragons", DRAGON),
            ("Where do the DRAGONS sleep?!", DRAGON),
            ("σπαθια", GREEK),
            ("ΕΛΕΝΗ", GREEK),
            ("κάστρου;", GREEK),
            ("flooding", RIVER),
        ],
    )
    async def test_case_accents_and_endings_make_no_difference(
        self, store: Store, question: str, found: Passage
    ) -> None:
        await store.add(ALL)
        assert texts(await store.search(words(question)))[0] == found.text

    async def test_a_passage_with_all_words_comes_before_one_with_some(self, store: Store) -> None:
        await store.add(ALL)
        assert texts(await store.search(words("sword in the river"))) == [SWORD.text, RIVER.text]

    async def test_a_hit_says_what_spoke_for_it(self, store: Store) -> None:
        await store.add(ALL)
        hit = (await store.search(words("dragon unicorn")))[0]
        assert (hit.lexical_place, hit.dense_place, hit.similarity) == (1, None, None)
        assert hit.bm25 is not None
        assert hit.bm25 > 0
        assert 0 < hit.coverage < 0.5  # the word that nobody holds says more than the one that is found

    @pytest.mark.parametrize("text", ["", "?!…", "   ", '"', "NOT AND OR", "a* b:c ^d (e", "stems:x", "\x00", "\ud800"])
    async def test_any_text_is_a_valid_question(self, store: Store, text: str) -> None:
        await store.add(ALL)
        assert len(await store.search(words(text))) <= len(ALL)

    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(text=st.text() | st.text(alphabet="\"'*():^-+{} NEARORANDaά"))
    async def test_really_any(self, store: Store, text: str) -> None:
        await store.add(ALL)
        await store.search(words(text))

    async def test_a_word_that_was_nowhere_is_found_as_soon_as_it_is_added(self, store: Store) -> None:
        await store.add([Passage(f"river number {count}", "s") for count in range(20)])
        assert await store.search(words("unicorn")) == ()
        await store.add([Passage("A unicorn drinks.", "s")])
        assert texts(await store.search(words("unicorn"))) == ["A unicorn drinks."]

    async def test_no_more_than_the_limit(self, store: Store) -> None:
        await store.add([Passage(f"river number {count}", "s") for count in range(20)])
        assert len(await store.search(words("river", limit=7))) == 7


class TestScope:
    @pytest.mark.parametrize(
        ("scope", "found"),
        [
            (Scope(), {DRAGON, SWORD, RIVER}),
            (Scope(sources=frozenset({"session 1"})), {DRAGON, SWORD}),
            (Scope(collections=frozenset({"βιβλίο"})), set()),
            (Scope(collections=frozenset({"βιβλίο", "campaign"}), speakers=frozenset({"Helen"})), {SWORD}),
            (Scope(audience=frozenset({"Bran", "Helen"})), {DRAGON, SWORD, RIVER, SECRET}),
            (Scope(audience=frozenset({"Helen"})), {DRAGON, SWORD, RIVER}),
            (EVERYTHING, {DRAGON, SWORD, RIVER, SECRET}),
            (Scope(since=1500.0, audience=None), {SWORD, SECRET}),
            (Scope(until=2000.0), {DRAGON, SWORD}),
            (Scope(sources=frozenset()), set()),
            (Scope(sources=frozenset({"\x00", "session 2"})), {RIVER}),
            (Scope(speakers=frozenset({"\ud800"}), audience=frozenset({"\x00"})), set()),
        ],
    )
    @pytest.mark.parametrize("mode", [Mode.LEXICAL, Mode.HYBRID])
    async def test_only_what_is_inside_is_found(
        self, store: Store, scope: Scope, found: set[Passage], mode: Mode
    ) -> None:
        await store.add(ALL)
        await embed_all(store)
        question = Embedded(TINY, vectors_of(["x"])) if mode is Mode.HYBRID else None
        hits = await store.search(Query("dragon sword river traitor", mode, scope=scope), question)

        inside = {hit.passage for hit in hits if hit.lexical_place is not None}
        assert inside == found
        assert await store.count(scope) >= len(found)
        if mode is Mode.HYBRID:
            assert len(hits) == await store.count(scope)  # every vector of the scope is near enough, and no other

    async def test_few_passages_are_found_among_many_of_others(self, store: Store) -> None:
        crowd = [
            Passage(f"The river of land {count}.", f"book {count % 7}", audience=frozenset({"crowd"}))
            for count in range(1500)
        ]
        await store.add([*crowd, RIVER])
        await embed_all(store)
        await store.begin(TINY)
        while missing := await store.missing(TINY, 500):
            await store.put([key for key, _ in missing], Embedded(TINY, vectors_of([text for _, text in missing])))

        hits = await store.search(Query("river"), Embedded(TINY, vectors_of(["far away"])))
        assert [(hit.passage, hit.lexical_place, hit.dense_place) for hit in hits] == [(RIVER, 1, 1)]


class TestOrder:
    async def test_recent_passages_can_be_put_forward(self, store: Store) -> None:
        old, new = (Passage("The inn burns.", name, at=at) for name, at in (("old", 0.0), ("new", 86_400.0)))
        await store.add([old, new])
        recency = Recency(now=86_400.0, half_life_s=3_600.0)

        assert [hit.passage for hit in await store.search(words("inn"))] == [old, new]
        assert [hit.passage for hit in await store.search(words("inn", recency=recency))] == [new, old]

    async def test_important_passages_can_be_put_forward(self, store: Store) -> None:
        minor, major = (Passage("The inn burns.", name, importance=weight) for name, weight in (("1", 0.0), ("2", 1.0)))
        await store.add([minor, major])

        assert [hit.passage for hit in await store.search(words("inn", importance_weight=1.0))] == [major, minor]

    @pytest.mark.parametrize("has_vectors", [True, False])
    async def test_the_same_thing_is_not_said_twice(self, store: Store, has_vectors: bool) -> None:
        said = [
            "The inn burns brightly tonight.",
            "The inn burns brightly, tonight!",
            "Bread is burnt in the cellar tonight.",
        ]
        await store.add([Passage(text, "one source", page=page) for page, text in enumerate(said)])
        if has_vectors:
            await store.begin(TINY)
            keys = [key for key, _ in await store.missing(TINY, 3)]
            await store.put(keys, Embedded(TINY, np.eye(4, dtype=np.float32)[[0, 0, 1]]))

        hits = await store.search(words("inn burns brightly tonight", limit=2, diversity=0.7, neighbours=0.0))
        assert [hit.passage.page for hit in hits] == [0, 2]


class TestVectors:
    async def test_the_nearest_vector_comes_first(self, store: Store) -> None:
        await store.add(ALL)
        await embed_all(store)
        question = Embedded(TINY, vectors_of([RIVER.text]))
        best = (await store.search(Query("no such words", Mode.DENSE), question))[0]

        assert (best.passage, best.dense_place, best.lexical_place) == (RIVER, 1, None)
        assert best.similarity == pytest.approx(1.0, abs=0.02)

    async def test_both_orders_are_fused(self, store: Store) -> None:
        await store.add(ALL)
        await embed_all(store)
        best = (await store.search(Query("sword"), Embedded(TINY, vectors_of([SWORD.text]))))[0]

        assert (best.passage, best.lexical_place, best.dense_place) == (SWORD, 1, 1)

    async def test_without_vectors_a_hybrid_search_goes_by_words(self, store: Store) -> None:
        await store.add(ALL)
        assert texts(await store.search(Query("dragon"), Embedded(TINY, vectors_of(["x"])))) == [DRAGON.text]
        assert texts(await store.search(Query("dragon"))) == [DRAGON.text]

    async def test_a_dense_search_needs_a_vector(self, store: Store) -> None:
        with pytest.raises(InvalidRequest):
            await store.search(Query("dragon", Mode.DENSE))

    async def test_passages_without_a_vector_are_named_in_the_order_they_came(self, store: Store) -> None:
        await store.add(ALL)
        await store.begin(TINY)
        assert await store.missing(TINY, 2) == ((DRAGON.key, DRAGON.text), (SWORD.key, SWORD.text))
        await store.put([DRAGON.key, "gone"], Embedded(TINY, vectors_of(["a", "b"])))
        await store.put([DRAGON.key], Embedded(TINY, vectors_of(["c"])))

        assert [key for key, _ in await store.missing(TINY, 2)] == [SWORD.key, SECRET.key]
        assert (await store.embeddings()).current == Coverage(TINY, vectors=1, passages=len(ALL))


class TestProvenance:
    @pytest.mark.parametrize(
        "other",
        [
            OTHER,
            replace(TINY, provider="openai"),
            replace(TINY, file_identity="sha256:1"),
            replace(TINY, version="2"),
            replace(TINY, dimension=8),
        ],
    )
    async def test_mixing_is_refused_and_both_makers_are_named(self, store: Store, other: Provenance) -> None:
        await store.add(ALL)
        await embed_all(store)
        foreign = Embedded(other, vectors_of(["x"], other.dimension))

        with pytest.raises(EmbeddingsDiffer, match=r"test tiny.*embedded anew") as refused:
            await store.search(Query("dragon"), foreign)
        assert str(other) in refused.value.message
        with pytest.raises(EmbeddingsDiffer):
            await store.put([DRAGON.key], foreign)

    async def test_putting_what_was_not_begun_is_refused(self, store: Store) -> None:
        await store.add(ALL)
        with pytest.raises(EmbeddingsDiffer, match="No vectors are stored"):
            await store.put([DRAGON.key], Embedded(TINY, vectors_of(["x"])))

    async def test_vectors_being_built_take_over_only_when_complete(self, store: Store) -> None:
        await store.add(ALL)
        await embed_all(store)
        await store.begin(OTHER)
        old, new = Embedded(TINY, vectors_of(["x"])), Embedded(OTHER, vectors_of(["x"]))
        assert not await store.switch(OTHER)
        assert len(await store.search(Query("dragon"), old)) == 4

        await embed_all(store, OTHER)
        await store.add([Passage("One more.", "late")])
        assert not await store.switch(OTHER)
        await embed_all(store, OTHER)
        assert await store.switch(OTHER)
        assert len(await store.search(Query("dragon"), new)) == 5
        with pytest.raises(EmbeddingsDiffer):
            await store.search(Query("dragon"), old)

    async def test_what_was_replaced_is_deleted_piece_by_piece(self, store: Store) -> None:
        await store.add(ALL)
        await embed_all(store)
        await store.begin(OTHER)
        await embed_all(store, OTHER)
        await store.switch(OTHER)

        assert [await store.forget_retired(3) for _ in range(3)] == [3, 2, 0]
        assert await store.embeddings() == replace(
            await store.embeddings(), current=Coverage(OTHER, 5, 5), building=None
        )

    async def test_going_back_gives_up_what_was_being_built(self, store: Store) -> None:
        await store.add(ALL)
        await embed_all(store)
        await store.begin(OTHER)
        await store.begin(TINY)

        stand = await store.embeddings()
        assert (stand.current, stand.building) == (Coverage(TINY, 5, 5), None)
        assert await store.switch(TINY)
        assert not await store.switch(OTHER)
