"""Prompts that do not fit are refused before they wait for a slot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.engine import Engine
from innkeeper.runtime.engines.llama_cpp import LlamaCpp
from innkeeper.runtime.engines.prompt_length import may_be_too_long
from innkeeper.runtime.engines.unix_http import UnixHttp
from innkeeper.runtime.errors import InvalidRequest, NotSupported, PromptTooLong
from innkeeper.runtime.messages import Kind, Request
from tests.engines.asking import ask, chat, completion, done, embedding, rerank
from tests.ggufs import write_bert

LIMIT = 256
LONG = "word " * 500


async def started(adapter: LlamaCpp, file: Path, *kinds: Kind) -> Engine:
    engine = adapter.engine(Model("tiny", "llama_cpp", frozenset(kinds), file=file, context=LIMIT))
    await engine.start()
    return engine


@pytest.fixture
async def talker(adapter: LlamaCpp, tiny: Path) -> AsyncIterator[Engine]:
    engine = await started(adapter, tiny, Kind.CHAT, Kind.COMPLETION)
    yield engine
    await engine.stop()


class TestRefusing:
    @pytest.mark.parametrize(
        "request_",
        [
            chat(LONG),
            chat(LONG, streams=True),
            completion(LONG),
            completion(["short", LONG]),
            completion([[5] * 300]),
            completion([5] * 300),
        ],
        ids=["chat", "stream", "text", "several texts", "several lists of tokens", "tokens"],
    )
    async def test_every_shape_of_a_long_prompt_is_refused(self, talker: Engine, request_: Request) -> None:
        with pytest.raises(PromptTooLong) as refused:
            await ask(talker, request_)

        assert refused.value.numbers["limit_tokens"] == LIMIT
        assert int(refused.value.numbers["needed_tokens"] or 0) > LIMIT

    async def test_a_long_text_to_embed_is_refused(self, adapter: LlamaCpp, tiny_embedder: Path) -> None:
        engine = await started(adapter, tiny_embedder, Kind.EMBEDDING)

        with pytest.raises(PromptTooLong):
            await ask(engine, embedding(["short", LONG]))
        await engine.stop()

    async def test_a_query_and_a_document_that_do_not_fit_together_are_refused(
        self, adapter: LlamaCpp, tmp_path: Path
    ) -> None:
        engine = await started(adapter, write_bert(tmp_path / "judge.gguf"), Kind.RERANK)

        with pytest.raises(PromptTooLong):
            await ask(engine, rerank("word", ["short", LONG]))
        await engine.stop()

    async def test_the_refusal_does_not_wait_for_a_slot(self, talker: Engine) -> None:
        """The only slot is answering somebody else, and goes on doing so."""
        async with aclosing(talker.run(completion("word", streams=True, max_tokens=200, ignore_eos=True))) as busy:
            await anext(busy)

            with pytest.raises(PromptTooLong):
                await ask(talker, completion(LONG))

            assert [type(chunk).__name__ async for chunk in busy][-1] == "Done"


class TestPassing:
    async def test_a_long_body_with_few_tokens_is_answered(self, talker: Engine) -> None:
        chunks = await ask(talker, completion("word", max_tokens=1, a_field_nobody_reads="x" * 10_000))

        assert done(chunks).usage.answer_tokens == 1

    @pytest.mark.parametrize("content", [None, 7, [{"type": "image_url", "image_url": {"url": "data:,"}}]])
    async def test_what_cannot_be_counted_is_left_to_the_engine(self, talker: Engine, content: object) -> None:
        messages = [{"role": "user", "content": content}]
        body = {"messages": messages, "max_tokens": 1, "padding": "x" * 1000}
        answers = await asyncio.gather(ask(talker, Request("r", Kind.CHAT, body)), return_exceptions=True)

        assert isinstance(answers[0], (list, InvalidRequest, NotSupported)), answers

    async def test_of_many_texts_only_those_that_could_be_too_long_are_counted(
        self, adapter: LlamaCpp, tiny_embedder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        engine = await started(adapter, tiny_embedder, Kind.EMBEDDING)
        counted: list[str] = []
        post = UnixHttp.post

        async def noting(http: UnixHttp, target: str, body: bytes) -> tuple[int, bytes]:
            counted.append(target)
            return await post(http, target, body)

        monkeypatch.setattr(UnixHttp, "post", noting)
        await ask(engine, embedding(["a few words"] * 50 + ["word " * 40]))
        await engine.stop()

        assert counted == ["/tokenize"]

    def test_a_short_body_is_not_even_counted(self) -> None:
        assert not may_be_too_long(b"x" * 100, 256)
        assert may_be_too_long(b"x" * 256, 256)
