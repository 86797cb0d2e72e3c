"""A hosted model that hears: sent as it is or in parts, paid by the minute, and nothing left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from innkeeper.runtime import facts
from innkeeper.runtime.engines import hosted_sound
from innkeeper.runtime.errors import (
    BadAudio,
    EngineDied,
    EngineFailed,
    EngineTimedOut,
    EngineUnreachable,
    InnkeeperError,
    ProviderPaused,
    ProviderRefused,
    SpendingCeiling,
)
from innkeeper.runtime.messages import Chunk, Kind, Piece, Request
from innkeeper.runtime.price import Price
from innkeeper.runtime.speech.containers import Container
from innkeeper.runtime.spending.purse import Ceilings
from innkeeper.runtime.wire.openai.transcripts import Transcript, transcript_of
from tests.doubles.hosted_server import FAULTY, FULL, NO_KEY, SILENT, Fault
from tests.engines.asking import ask, done, rest
from tests.engines.hosted_scene import CLOUD, Scene, hosted_scene
from tests.speech.sounds import silence, tone, write_encoded, write_wav

PATH = "/v1/audio/transcriptions"
EAR = replace(CLOUD, id="ear", kinds=frozenset({Kind.TRANSCRIPTION}), source="whisper-1", price=Price(minute=0.6))
A_MEGABYTE_S = 31
"""Seconds of sound in the smallest upload limit that can be set."""


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with hosted_scene(tmp_path) as opened:
        yield opened
        assert_nothing_is_left(opened)


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[Scene]:
    """A provider that takes half a minute at once."""
    async with hosted_scene(tmp_path, upload_limit_bytes=1_000_000) as opened:
        yield opened
        assert_nothing_is_left(opened)


def assert_nothing_is_left(scene: Scene) -> None:
    assert not list(scene.house.uploads.glob("*"))
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "read sound"]


@pytest.fixture
def short(tmp_path: Path) -> Path:
    return write_wav(tmp_path / "short.wav", tone(3.0))


@pytest.fixture
def long(tmp_path: Path) -> Path:
    """Speech with a pause in each quarter of a minute, 80 s."""
    sound = np.concatenate([np.concatenate([tone(14.0), silence(1.0)]) for _ in range(5)] + [tone(5.0)])
    return write_wav(tmp_path / "long.wav", sound)


def hearing(file: Path, *, streams: bool = False, **fields: object) -> Request:
    return Request("r-1", Kind.TRANSCRIPTION, {"file": str(file), **fields}, streams=streams)


async def heard(scene: Scene, request: Request) -> list[Chunk]:
    return await ask(await scene.engine(EAR), request)


async def refusal(scene: Scene, request: Request) -> InnkeeperError:
    with pytest.raises(InnkeeperError) as raised:
        await heard(scene, request)
    return raised.value


def transcripts(chunks: list[Chunk]) -> list[Transcript]:
    return [transcript_of(chunk.data) for chunk in chunks if isinstance(chunk, Piece)]


def bytes_of(file: Path) -> bytes:
    return file.read_bytes()


def spent(scene: Scene) -> float:
    return sum(fact.cost or 0.0 for fact in scene.facts if isinstance(fact, facts.Spent))


class TestAShortRecording:
    async def test_goes_as_it_is_and_its_words_come_back_with_their_times(self, scene: Scene, short: Path) -> None:
        chunks = await heard(scene, hearing(short))

        (transcript,) = transcripts(chunks)
        assert [(one.text, one.start_s, one.end_s) for one in transcript.segments] == [
            (" s0", 0.0, 1.0),
            (" s1", 1.0, 2.0),
            (" s2", 2.0, 3.0),
        ]
        assert (transcript.text, transcript.end_s, transcript.resume_s) == ("s0 s1 s2", 3.0, None)
        assert done(chunks).usage.audio_s == 3.0
        assert scene.server.ear.heard[0].sound == bytes_of(short)

    async def test_is_sent_with_what_its_caller_says_about_it(self, scene: Scene, short: Path) -> None:
        request = hearing(
            short, language="el", prompt="Πλάκα", temperature=0.2, timestamp_granularities=["word"], stream=False
        )
        (transcript,) = transcripts(await heard(scene, request))

        (sent,) = scene.sent(PATH)
        assert sent == {
            "model": "whisper-1",
            "response_format": "verbose_json",
            "language": "el",
            "prompt": "Πλάκα",
            "temperature": "0.2",
            "timestamp_granularities[]": ["word", "segment"],
            "file": "sound.wav",  # not what it is called here
            "bytes": len(bytes_of(short)),
        }
        assert [word.text for segment in transcript.segments for word in segment.words] == ["s0", "s1", "s2"]

    async def test_is_translated_where_that_is_wanted(self, scene: Scene, short: Path) -> None:
        (transcript,) = transcripts(await heard(scene, hearing(short, translate=True, language="el")))

        assert transcript.translates
        assert scene.sent("/v1/audio/translations")[0].keys() == {"model", "response_format", "file", "bytes"}

    async def test_with_no_word_in_it_is_an_empty_transcript(self, scene: Scene, short: Path) -> None:
        scene.server.ear.words = ""

        (transcript,) = transcripts(await heard(scene, hearing(short, streams=True)))
        assert (transcript.text, transcript.end_s) == ("", 3.0)

    async def test_that_is_no_sound_is_refused_before_anything_is_sent(self, scene: Scene, tmp_path: Path) -> None:
        page = tmp_path / "talk.mp3"
        page.write_text("<html>")

        assert isinstance(await refusal(scene, hearing(page)), BadAudio)
        assert isinstance(await refusal(scene, hearing(tmp_path / "nowhere.mp3")), BadAudio)
        assert scene.server.asked == []


class TestAModelThatTellsNoTimes:
    async def test_is_asked_without_them_from_then_on(self, scene: Scene, short: Path) -> None:
        scene.server.ear.tells_times = False
        engine = await scene.engine(EAR)
        request = hearing(short, timestamp_granularities=["word"])
        (first,) = transcripts(await ask(engine, request))
        (second,) = transcripts(await ask(engine, request))

        assert [sent.get("response_format") for sent in scene.sent(PATH)] == ["verbose_json", None, None]
        assert first == second
        assert [(one.text, one.start_s, one.end_s) for one in first.segments] == [(" s0 s1 s2", 0.0, 3.0)]
        assert [fact.parameter for fact in scene.facts if isinstance(fact, facts.Adapted)] == ["response_format"]

    async def test_is_understood_when_it_says_so_in_other_words(self, scene: Scene, short: Path) -> None:
        message = "Unsupported response_format for whisper model: verbose_json. Supported: json, text"
        scene.server.faults = [Fault(400, {"message": message})]
        await heard(scene, hearing(short))

        assert [sent.get("response_format") for sent in scene.sent(PATH)] == ["verbose_json", None]

    async def test_is_asked_without_hints_that_it_does_not_take(self, scene: Scene, short: Path) -> None:
        scene.server.refused = {"prompt": None}
        await heard(scene, hearing(short, prompt="names"))

        assert [sent.get("prompt") for sent in scene.sent(PATH)] == ["names", None]


class TestALongRecording:
    async def test_goes_in_parts_whose_sound_is_the_whole_and_whose_times_are_exact(
        self, small: Scene, long: Path
    ) -> None:
        chunks = await heard(small, hearing(long, streams=True))

        forms = small.server.ear.heard
        assert len(forms) > 2
        assert all(form.whole_bytes < 1_010_000 and form.sound_bytes <= 1_000_000 for form in forms)
        sent = np.concatenate([form.samples() for form in forms]).astype(int)
        assert np.abs(sent - np.frombuffer(bytes_of(long)[44:], "<i2")).max() <= 1  # rounding, and no sample is lost
        first_sample = 0
        for form, transcript in zip(forms, transcripts(chunks), strict=True):
            start_s, end_s = first_sample / 16_000, (first_sample + len(form.samples())) / 16_000
            assert transcript.segments[0].start_s == pytest.approx(start_s, abs=0.001)
            assert transcript.segments[-1].end_s == pytest.approx(end_s, abs=0.001)
            assert transcript.resume_s == pytest.approx(end_s)
            first_sample += len(form.samples())
        assert done(chunks).usage.audio_s == 80.0

    async def test_is_cut_at_pauses(self, small: Scene, long: Path) -> None:
        await heard(small, hearing(long))

        edges = np.cumsum([len(form.samples()) for form in small.server.ear.heard])[:-1] / 16_000
        assert all(14.0 <= edge % 15.0 <= 15.0 for edge in edges)

    async def test_is_one_transcript_for_whoever_does_not_stream(self, small: Scene, long: Path) -> None:
        (whole,) = transcripts(await heard(small, hearing(long)))
        streamed = transcripts(await heard(small, hearing(long, streams=True)))

        assert whole.end_s == 80.0
        assert whole.segments == tuple(segment for one in streamed for segment in one.segments)

    async def test_is_taken_up_again_where_it_was_left(self, small: Scene, long: Path) -> None:
        first, *others = transcripts(await heard(small, hearing(long, streams=True)))
        again = transcripts(await heard(small, hearing(long, streams=True, from_s=first.resume_s)))

        assert again == others

    async def test_goes_in_parts_where_only_its_length_is_too_much(self, tmp_path: Path, long: Path) -> None:
        async with hosted_scene(tmp_path, upload_longest_s=30.0) as scene:
            await heard(scene, hearing(long))

            assert all(len(form.samples()) <= 30 * 16_000 for form in scene.server.ear.heard)
            assert len(scene.server.ear.heard) > 2

    async def test_of_a_kind_that_is_not_taken_is_sent_as_wav(self, scene: Scene, tmp_path: Path) -> None:
        pytest.importorskip("av")
        file = write_encoded(tmp_path / "talk.aiff", tone(2.0), "pcm_s16be")
        (transcript,) = transcripts(await heard(scene, hearing(file)))

        assert scene.sent(PATH)[0]["file"] == "sound.wav"
        assert transcript.text == "s0 s1"

    async def test_without_a_pause_is_cut_all_the_same(self, small: Scene, tmp_path: Path) -> None:
        steady = write_wav(tmp_path / "steady.wav", np.full(16_000 * 70, 0.3, dtype=np.float32))
        await heard(small, hearing(steady))

        assert sum(len(form.samples()) for form in small.server.ear.heard) == 16_000 * 70

    async def test_loses_one_part_and_only_that_is_sent_again(self, small: Scene, long: Path) -> None:
        engine = await small.engine(EAR)
        async with aclosing(engine.run(hearing(long, streams=True))) as chunks:
            await anext(chunks)
            small.server.faults = [FAULTY]
            remaining = await rest(chunks)

        assert len(small.sent(PATH)) == len(small.server.ear.heard) + 1
        assert done(remaining).usage.audio_s == 80.0

    async def test_ends_with_the_error_where_a_part_cannot_be_heard(self, small: Scene, long: Path) -> None:
        engine = await small.engine(EAR)
        async with aclosing(engine.run(hearing(long, streams=True))) as chunks:
            await anext(chunks)
            small.server.faults = [NO_KEY]
            with pytest.raises(ProviderRefused) as raised:
                await rest(chunks)

        (heard_of,) = small.server.ear.heard
        assert raised.value.numbers["cost"] == pytest.approx(len(heard_of.samples()) / 16_000 / 60 * 0.6)


class TestFailures:
    @pytest.mark.parametrize(
        ("fault", "kind"),
        [
            (NO_KEY, ProviderRefused),
            (FULL, ProviderPaused),
            (FAULTY, EngineFailed),
            (Fault(after_pieces=0, how="cut"), EngineUnreachable),
            (Fault(after_pieces=0, how="garbage"), EngineFailed),
        ],
        ids=["401", "429", "500", "cut off", "no transcript"],
    )
    async def test_are_told_as_those_of_words_are(
        self, tmp_path: Path, short: Path, fault: Fault, kind: type[InnkeeperError]
    ) -> None:
        async with hosted_scene(tmp_path, retries=0) as scene:
            scene.server.faults = [fault]
            error = await refusal(scene, hearing(short))

        assert isinstance(error, kind)
        assert error.try_next

    async def test_that_pass_are_tried_again_after_a_pause(self, scene: Scene, short: Path) -> None:
        scene.server.faults = [FULL, FAULTY]
        (transcript,) = transcripts(await heard(scene, hearing(short)))

        assert transcript.text == "s0 s1 s2"
        assert scene.pauses_s == [0.5, 1.0]
        assert spent(scene) == pytest.approx(0.03)

    async def test_of_a_provider_that_is_down_are_clear(self, tmp_path: Path, short: Path) -> None:
        async with hosted_scene(tmp_path, retries=0) as scene:
            scene.server.die()

            assert isinstance(await refusal(scene, hearing(short)), EngineUnreachable)

    async def test_of_a_provider_that_says_nothing_end_in_time_and_may_have_cost(
        self, tmp_path: Path, short: Path
    ) -> None:
        async with hosted_scene(tmp_path, whole_answer_within_s=0.1) as scene:
            scene.server.faults = [SILENT]

            error = await refusal(scene, hearing(short))
            assert isinstance(error, EngineTimedOut)
            assert error.numbers["cost"] == pytest.approx(0.03)

    async def test_because_of_its_size_say_which_setting_to_lower(self, scene: Scene, short: Path) -> None:
        scene.server.ear.limit_bytes = 1_000
        error = await refusal(scene, hearing(short))

        assert "Maximum content size limit (1000) exceeded" in error.message
        assert "lower hosted.acme.upload_limit" in error.message

    async def test_leave_the_provider_alone_before_the_next_recording_is_looked_at(
        self, scene: Scene, short: Path
    ) -> None:
        scene.server.faults = [NO_KEY]
        await refusal(scene, hearing(short))

        assert isinstance(await refusal(scene, hearing(short.with_name("nowhere"))), ProviderPaused)


class TestMoney:
    async def test_is_by_the_minute(self, scene: Scene, short: Path) -> None:
        chunks = await heard(scene, hearing(short))

        assert done(chunks).usage.cost == pytest.approx(0.03)
        assert spent(scene) == pytest.approx(0.03)
        assert not done(chunks).usage.is_estimated

    async def test_of_the_whole_recording_must_be_there_before_anything_is_sent(
        self, tmp_path: Path, long: Path
    ) -> None:
        """C75"""
        async with hosted_scene(tmp_path, Ceilings("USD", per_day=0.75), upload_limit_bytes=1_000_000) as scene:
            error = await refusal(scene, hearing(long))

            assert isinstance(error, SpendingCeiling)
            assert "it may cost 0.80 USD" in error.message
            assert scene.server.asked == []

    async def test_is_bounded_by_the_caller(self, scene: Scene, short: Path) -> None:
        """C74"""
        assert isinstance(await refusal(scene, replace(hearing(short), max_cost=0.02)), SpendingCeiling)
        assert await heard(scene, replace(hearing(short), max_cost=0.04))

    async def test_is_not_spent_on_a_recording_whose_length_nobody_knows(
        self, tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(hosted_sound, "readable", dict[Container, str])
        async with hosted_scene(tmp_path, Ceilings("USD", per_day=1.0)) as scene:
            assert "Install the package `av`" in (await refusal(scene, hearing(short))).message
        async with hosted_scene(tmp_path / "no ceiling") as scene:
            chunks = await heard(scene, hearing(short))
            assert done(chunks).usage.audio_s == 3.0
            assert spent(scene) == pytest.approx(0.03)

    async def test_without_a_price_is_refused_under_a_ceiling(self, tmp_path: Path, short: Path) -> None:
        async with hosted_scene(tmp_path, Ceilings("USD", per_day=1.0)) as scene:
            engine = await scene.engine(replace(EAR, price=Price(1.0, 1.0)))
            with pytest.raises(SpendingCeiling, match="Set its `minute_price`"):
                await ask(engine, hearing(short))


class TestACallerWhoLeaves:
    async def test_leaves_no_file_no_thread_and_no_request_behind(self, small: Scene, long: Path) -> None:
        engine = await small.engine(EAR)
        async with aclosing(engine.run(hearing(long, streams=True))) as chunks:
            await anext(chunks)
            small.server.gate = asyncio.Event()
            waiting = asyncio.create_task(anext(chunks), name="caller")
            await small.server.until_asked(PATH, 2)
            assert len(list(small.house.uploads.glob("*"))) == 1
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

        assert_nothing_is_left(small)
        assert [fact.is_estimated for fact in small.facts if isinstance(fact, facts.Spent)] == [True]

    async def test_between_two_parts_pays_what_was_heard(self, small: Scene, long: Path) -> None:
        engine = await small.engine(EAR)
        async with aclosing(engine.run(hearing(long, streams=True))) as chunks:
            await anext(chunks)

        (form,) = small.server.ear.heard
        assert spent(small) == pytest.approx(len(form.samples()) / 16_000 / 60 * 0.6)

    async def test_and_an_engine_that_is_stopped_ends_what_is_under_way(self, small: Scene, long: Path) -> None:
        engine = await small.engine(EAR)
        small.server.gate = asyncio.Event()
        asking = asyncio.create_task(ask(engine, hearing(long)), name="caller")
        await small.server.until_asked(PATH)
        await engine.stop()

        with pytest.raises(EngineDied):
            await asking
