"""Whisper hears in a child process, a window at a time, and can be stopped, starved and broken without harm.

The models have random tensors in real shapes: their words mean nothing, all else is as with real ones.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.engine import Sizing
from innkeeper.runtime.engines.whisper import Whisper
from innkeeper.runtime.engines.whisper_engine import WhisperEngine
from innkeeper.runtime.errors import BadAudio, BadModelFile, BadSettings, EngineDied, LoadFailed, NotSupported
from innkeeper.runtime.memory.learned import Learned
from innkeeper.runtime.messages import Chunk, Done, Kind, Piece, Request
from tests.speech.sounds import SHARED, noise, silence, tone, write_wav
from tests.whispers import TOY, write_whisper

HEARS = frozenset({Kind.TRANSCRIPTION})
SILERO = SHARED / "models/ggml-silero-v6.2.0.bin"


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_whisper(tmp_path_factory.mktemp("whisper") / "toy.bin", shape=TOY)


@pytest.fixture
def model(toy: Path) -> Model:
    return Model(id="ear", engine="whisper", kinds=HEARS, file=toy)


@pytest.fixture
async def engine(model: Model) -> AsyncIterator[WhisperEngine]:
    made = Whisper(threads=1).engine(model)
    await made.start()
    yield made
    await made.stop()


def asking(file: Path, *, streams: bool = True, **fields: Any) -> Request:
    body = {"file": str(file)} | fields
    return Request(id="r-1", kind=Kind.TRANSCRIPTION, body=body, streams=streams)


async def chunks(engine: WhisperEngine, request: Request) -> list[Chunk]:
    async with aclosing(engine.run(request)) as answer:
        return [chunk async for chunk in answer]


def documents(answer: list[Chunk]) -> list[dict[str, Any]]:
    return [json.loads(chunk.data) for chunk in answer if isinstance(chunk, Piece)]


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """Three windows of sound with silence between them, 56 s in all."""
    parts = [silence(4), tone(12), silence(5), tone(12), silence(5), tone(12), silence(6)]
    return write_wav(tmp_path / "talk.wav", np.concatenate(parts))


class TestHearing:
    async def test_each_window_is_a_piece_with_its_place_in_the_whole(self, engine: WhisperEngine, talk: Path) -> None:
        answer = await chunks(engine, asking(talk))
        windows = documents(answer)
        times = [time for one in windows for time in (one["start"], one["duration"])]
        assert times == pytest.approx([4, 16, 21, 33, 38, 50], abs=0.6)
        for one in windows:
            for segment in one["segments"]:
                assert one["start"] <= segment["start"] <= segment["end"] <= one["duration"]
        last = answer[-1]
        assert isinstance(last, Done)
        assert last.usage.audio_s == 56

    async def test_without_a_stream_one_piece_holds_the_whole(self, engine: WhisperEngine, talk: Path) -> None:
        (whole,) = documents(await chunks(engine, asking(talk, streams=False)))
        starts = [segment["start"] for segment in whole["segments"]]
        assert starts == sorted(starts)
        for stretch in ((3.5, 16.5), (20.5, 33.5), (37.5, 50.5)):
            assert any(stretch[0] <= start <= stretch[1] for start in starts)
        assert [segment["id"] for segment in whole["segments"]] == list(range(len(starts)))
        assert whole["text"] == " ".join(segment["text"].strip() for segment in whole["segments"])
        assert whole["duration"] == 56

    async def test_words_have_their_times_where_they_are_asked_for(self, engine: WhisperEngine, talk: Path) -> None:
        (without,) = documents(await chunks(engine, asking(talk, streams=False)))
        (timed,) = documents(await chunks(engine, asking(talk, streams=False, timestamp_granularities=["word"])))
        assert "words" not in without
        assert timed["words"]
        assert all(0 <= word["start"] <= word["end"] <= 56 for word in timed["words"])

    async def test_words_of_letters_that_are_torn_between_tokens_are_told(self, tmp_path: Path, talk: Path) -> None:
        """As Greek is in every Whisper model: a token is some bytes, and need not be whole letters."""
        torn = write_whisper(
            tmp_path / "torn.bin", shape=TOY, word=lambda number: b" \xce" if number % 2 else b"\xb1%d" % number
        )
        made = Whisper(threads=1).engine(Model(id="ear", engine="whisper", kinds=HEARS, file=torn))
        await made.start()
        try:
            (timed,) = documents(
                await chunks(made, asking(talk, streams=False, language="el", timestamp_granularities=["word"]))
            )
        finally:
            await made.stop()
        assert any("α" in word["word"] or "\ufffd" in word["word"] for word in timed["words"])

    @pytest.mark.parametrize("made", [silence(65), noise(65)], ids=["silence", "noise"])
    async def test_where_nobody_speaks_there_are_no_words(
        self, engine: WhisperEngine, tmp_path: Path, made: Any
    ) -> None:
        for streams in (False, True):
            (only,) = documents(await chunks(engine, asking(write_wav(tmp_path / "quiet.wav", made), streams=streams)))
            assert (only["text"], only["segments"], only["duration"]) == ("", [], 65)

    async def test_hearing_goes_on_from_a_window(self, engine: WhisperEngine, talk: Path) -> None:
        everything = documents(await chunks(engine, asking(talk)))
        rest = documents(await chunks(engine, asking(talk, from_s=everything[0]["resume"])))
        assert [one["start"] for one in rest] == [one["start"] for one in everything[1:]]
        assert [one["resume"] for one in rest] == [one["resume"] for one in everything[1:]]

    async def test_a_language_that_is_named_is_taken(self, engine: WhisperEngine, talk: Path) -> None:
        (whole,) = documents(await chunks(engine, asking(talk, streams=False, language="el")))
        assert whole["language"] == "el"

    async def test_a_language_that_no_model_knows_is_refused_by_name(self, engine: WhisperEngine, talk: Path) -> None:
        with pytest.raises(NotSupported, match="no language 'xx'") as told:
            await chunks(engine, asking(talk, language="xx"))
        assert told.value.param == "language"

    async def test_a_model_of_english_alone_is_not_asked_for_greek(self, tmp_path: Path, talk: Path) -> None:
        english = write_whisper(tmp_path / "toy.en.bin", shape=replace(TOY, vocabulary=51_864))
        made = Whisper(threads=1).engine(Model(id="ear", engine="whisper", kinds=HEARS, file=english))
        await made.start()
        try:
            with pytest.raises(NotSupported, match="English only"):
                await chunks(made, asking(talk, language="el"))
            assert len(documents(await chunks(made, asking(talk, language="en")))) == 3
        finally:
            await made.stop()

    async def test_a_prompt_may_be_longer_than_what_is_read_of_it(self, engine: WhisperEngine, talk: Path) -> None:
        """The library takes it apart with a regular expression, and 30,000 letters ended the process."""
        assert len(documents(await chunks(engine, asking(talk, prompt="w" * 60_000)))) == 3

    async def test_memory_does_not_grow_with_the_windows(self, engine: WhisperEngine, tmp_path: Path) -> None:
        """C48: 3 windows or 24, the same bytes."""
        parts = [part for _ in range(24) for part in (tone(10), silence(3))]
        file = write_wav(tmp_path / "long.wav", np.concatenate(parts))
        held = []
        async with aclosing(engine.run(asking(file))) as answer:
            async for _ in answer:
                holding = engine.holding()
                assert holding is not None
                held.append(holding.now["ram"])
        assert len(held) == 25
        assert held[-1] - held[3] < 10_000_000

    @pytest.mark.needs_shared_data
    async def test_the_better_judge_of_voices_finds_the_pauses_of_real_speech(
        self, model: Model, tmp_path: Path
    ) -> None:
        if not SILERO.exists():
            pytest.skip("no weights of a voice detector beside the checkout")
        engine = Whisper(threads=1, voice_file=SILERO).engine(model)
        await engine.start()
        try:
            loud = write_wav(tmp_path / "tone.wav", tone(8))  # loud, and no voice
            assert documents(await chunks(engine, asking(loud, streams=False)))[0]["segments"] == []
            spoken = documents(await chunks(engine, asking(SHARED / "speech/jfk.wav")))
            assert len(spoken) == 1
            assert spoken[0]["duration"] == pytest.approx(11, abs=0.5)
        finally:
            await engine.stop()


class TestTroubles:
    async def test_a_damaged_file_is_refused_and_the_next_one_heard(
        self, engine: WhisperEngine, tmp_path: Path, talk: Path
    ) -> None:
        (tmp_path / "page.mp3").write_text("<html>")
        with pytest.raises(BadAudio, match="no sound file"):
            await chunks(engine, asking(tmp_path / "page.mp3"))
        assert len(documents(await chunks(engine, asking(talk)))) == 3

    async def test_a_caller_who_leaves_ends_the_work(self, engine: WhisperEngine, talk: Path) -> None:
        """C68: between windows and inside one."""
        async with aclosing(engine.run(asking(talk))) as answer:
            await anext(answer)
        answer = engine.run(asking(talk))
        waiting = asyncio.create_task(anext(answer))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await answer.aclose()
        assert len(documents(await chunks(engine, asking(talk)))) == 3

    async def test_a_caller_who_leaves_during_hours_of_silence_keeps_nobody_waiting(
        self, engine: WhisperEngine, tmp_path: Path, talk: Path
    ) -> None:
        """C68: silence makes no window, and was decoded to its end for nobody."""
        hours = tmp_path / "hours.wav"
        write_wav(hours, silence(1))
        declared_bytes = 20 * 3600 * 32_000
        with hours.open("r+b") as file:
            file.truncate(44 + declared_bytes)
            for place, size in ((4, 36 + declared_bytes), (40, declared_bytes)):
                file.seek(place)
                file.write(size.to_bytes(4, "little"))
        answer = engine.run(asking(hours))
        waiting = asyncio.create_task(anext(answer))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await answer.aclose()
        process = engine._process
        assert process is not None
        assert (await process.message() or {})["is"] == "stopped"
        assert len(documents(await chunks(engine, asking(talk)))) == 3

    async def test_a_child_that_dies_in_the_middle_is_an_error_with_the_reason(
        self, engine: WhisperEngine, talk: Path
    ) -> None:
        """C57."""
        assert engine.pid is not None
        async with aclosing(engine.run(asking(talk))) as answer:
            await anext(answer)
            os.kill(engine.pid, signal.SIGKILL)
            with pytest.raises(EngineDied, match="killed by SIGKILL"):
                await anext(answer)
        assert "SIGKILL" in await engine.gone()

    async def test_a_file_that_is_cut_short_does_not_load_and_says_why(self, toy: Path, tmp_path: Path) -> None:
        file = tmp_path / "short.bin"
        file.write_bytes(toy.read_bytes()[:-100_000])  # noqa: ASYNC240  # nothing else runs yet
        engine = Whisper(threads=1).engine(Model(id="ear", engine="whisper", kinds=HEARS, file=file))
        with pytest.raises(LoadFailed, match=r"whisper.cpp says: not all tensors loaded.*cut short"):
            await engine.start()
        await engine.stop()

    async def test_it_does_nothing_but_hear(self, engine: WhisperEngine) -> None:
        with pytest.raises(NotSupported, match="hears and does not do chat"):
            await chunks(engine, Request(id="r", kind=Kind.CHAT, body={}))

    async def test_stopped_before_it_was_started_it_never_starts(self, model: Model) -> None:
        engine = Whisper().engine(model)
        await engine.stop()
        with pytest.raises(LoadFailed, match="stopped before"):
            await engine.start()
        assert await engine.gone() == "stopped before it was started"


class TestAdapter:
    async def test_the_estimate_is_near_what_is_held_and_what_was_held_is_learned(
        self, toy: Path, tmp_path: Path, talk: Path
    ) -> None:
        model = Model(id="ear", engine="whisper", kinds=HEARS, file=toy)
        adapter = Whisper(threads=1, learned=Learned(tmp_path / "learned.sqlite"))
        estimated = adapter.footprint(model)
        assert estimated.sizing is Sizing.ESTIMATED
        engine = adapter.engine(model)
        await engine.start()
        await chunks(engine, asking(talk))
        holding = engine.holding()
        await engine.stop()
        assert holding is not None
        assert estimated.bytes["ram"] / holding.peak["ram"] == pytest.approx(1.05, abs=0.08)
        adapter.learn(model, engine, holding)
        learned = adapter.footprint(model)
        assert learned.sizing is Sizing.LEARNED
        assert learned.bytes["ram"] == pytest.approx(holding.peak["ram"] * 1.05, rel=0.001)

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"slots": 2}, "set slots to 1"),
            ({"options": {"treads": 2}}, "Did you mean 'threads'"),
            ({"options": {"threads": 0}}, "must be 1 or more"),
        ],
    )
    def test_what_it_cannot_do_is_refused_by_name(self, toy: Path, changes: dict[str, Any], told: str) -> None:
        with pytest.raises(BadSettings, match=told):
            Whisper().footprint(Model(id="ear", engine="whisper", kinds=HEARS, file=toy, **changes))

    def test_a_model_without_a_file_is_told_what_it_lacks(self) -> None:
        with pytest.raises(BadModelFile, match="Set `file` to a ggml file"):
            Whisper().footprint(Model(id="ear", engine="whisper", kinds=HEARS))
