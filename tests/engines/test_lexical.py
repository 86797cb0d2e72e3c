"""Lexical: the engine without a model."""

from __future__ import annotations

import asyncio
import base64
from array import array
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from innkeeper.runtime.catalog import Model, Option
from innkeeper.runtime.engine import Footprint, Sizing
from innkeeper.runtime.engines.lexical import Lexical, LexicalEngine
from innkeeper.runtime.errors import BadSettings, EngineDied, InvalidRequest, LoadFailed, NotSupported
from innkeeper.runtime.messages import Kind
from innkeeper.text.counts import WordCounts
from tests.engines.asking import ask, chat, documents, done, embedding


def model(**options: Option) -> Model:
    return Model("lexical", "lexical", frozenset({Kind.EMBEDDING}), options=options)


@pytest.fixture
async def engine() -> AsyncIterator[LexicalEngine]:
    started = Lexical().engine(model(dimension=64))
    await started.start()
    yield started
    await started.stop()


class TestVectors:
    async def test_one_for_each_text_in_order(self, engine: LexicalEngine) -> None:
        chunks = await ask(engine, embedding(["An inn.", "A ship at sea", "an INN"]))

        (document,) = documents(chunks)
        rows = [row["embedding"] for row in document["data"]]
        assert [row["index"] for row in document["data"]] == [0, 1, 2]
        assert rows[0] == rows[2] != rows[1]
        assert sum(number * number for number in rows[0]) == pytest.approx(1)
        assert done(chunks).usage.prompt_tokens == 8

    async def test_a_text_without_a_word_is_all_zero(self, engine: LexicalEngine) -> None:
        (document,) = documents(await ask(engine, embedding("?!")))
        assert document["data"][0]["embedding"] == [0.0] * 64

    async def test_they_can_be_had_in_base64(self, engine: LexicalEngine) -> None:
        """What OpenAI's own client asks for unless it is told otherwise."""
        (plain,) = documents(await ask(engine, embedding("an inn")))
        (packed,) = documents(await ask(engine, embedding("an inn", encoding_format="base64")))
        numbers = array("f", base64.b64decode(packed["data"][0]["embedding"]))
        assert list(numbers) == pytest.approx(plain["data"][0]["embedding"])

    async def test_counts_from_a_file_make_rare_words_weigh_more(self, tmp_path: Path) -> None:
        counts = tmp_path / "counts.json"
        counts.write_text(WordCounts.learned_from(["the inn"] * 9 + ["a zebra"]).to_json(), encoding="utf-8")
        learned = Lexical().engine(model(counts=str(counts)))
        await learned.start()

        (document,) = documents(await ask(learned, embedding(["inn", "inn zebra", "zebra"])))
        inn, both, zebra = (row["embedding"] for row in document["data"])
        assert _likeness(zebra, both) > 2 * _likeness(inn, both)

    async def test_many_callers_at_once_are_all_answered(self, engine: LexicalEngine) -> None:
        asked = (ask(engine, embedding(f"room {number}")) for number in range(20))
        answers = await asyncio.gather(*asked)
        assert len({str(documents(chunks)[0]["data"]) for chunks in answers}) == 20


def _likeness(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


class TestRefusing:
    async def test_it_does_nothing_else(self, engine: LexicalEngine) -> None:
        with pytest.raises(NotSupported):
            await ask(engine, chat("hello"))

    @pytest.mark.parametrize("fields", [{"texts": [1, 2]}, {"texts": "x", "dimensions": 3}])
    async def test_what_it_cannot_read_is_refused(self, engine: LexicalEngine, fields: dict[str, object]) -> None:
        with pytest.raises(InvalidRequest):
            await ask(engine, embedding(**fields))

    @pytest.mark.parametrize(
        "options", [{"dimensions": 3}, {"dimension": 0}, {"dimension": True}, {"dimension": "x"}, {"counts": 1}]
    )
    def test_an_option_it_has_not_is_told(self, options: dict[str, Option]) -> None:
        with pytest.raises(BadSettings):
            Lexical().footprint(model(**options))

    @pytest.mark.parametrize("written", [None, "{}", "no JSON"])
    async def test_counts_that_cannot_be_read_fail_the_load(self, tmp_path: Path, written: str | None) -> None:
        file = tmp_path / "counts.json"
        if written is not None:
            file.write_text(written)
        with pytest.raises(LoadFailed, match=r"counts\.json"):
            await Lexical().engine(model(counts=str(file))).start()


class TestItsLife:
    async def test_it_holds_a_few_megabytes_of_our_own_process(self) -> None:
        adapter = Lexical()
        assert adapter.footprint(model()) == Footprint({"ram": 16 * 1024**2}, Sizing.DECLARED)
        assert adapter.engine(model()).holding() is None

    async def test_after_stopping_it_is_gone_and_answers_no_more(self) -> None:
        engine = Lexical().engine(model())
        await engine.start()
        await engine.stop()
        await engine.stop()

        assert await engine.gone() == "stopped"
        with pytest.raises(EngineDied):
            await ask(engine, embedding("x"))
