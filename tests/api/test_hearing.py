"""The door for sound: forms are read as they come, answers have the shape that was asked for, nothing stays behind."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import openai
import pytest
from openai import AsyncOpenAI

from innkeeper.api.options import ApiOptions
from innkeeper.runtime.catalog import Catalog, Model
from innkeeper.runtime.errors import BadAudio, EngineFailed, InnkeeperError
from innkeeper.runtime.messages import Began, Chunk, Done, Kind, Piece, Request, Usage
from innkeeper.runtime.speech.transcript import Segment, Word
from innkeeper.runtime.wire.openai.transcripts import Transcript, transcript_piece
from tests.api.doubles import Door, ScriptedRuntime, open_door, wire_to

PATH = "/v1/audio/transcriptions"
FIRST = Transcript(
    language="en",
    start_s=0.5,
    end_s=2.0,
    resume_s=2.5,
    segments=(Segment(" Well met,", 0.5, 2.0, -0.25, (Word(" Well", 0.5, 1.0, 0.9), Word(" met,", 1.0, 2.0, 0.8))),),
)
SECOND = Transcript(
    language="en", start_s=3.0, end_s=4.5, resume_s=4.5, segments=(Segment(" stranger.", 3.0, 4.5, -0.5),)
)
WHOLE = FIRST.joined(SECOND).lasting(5.0)


class Ear:
    """An engine that hears two windows; it looks at the upload while it hears."""

    def __init__(self, error: InnkeeperError | None = None) -> None:
        self.sound = b""
        self.file = Path()
        self._error = error

    async def __call__(self, request: Request) -> AsyncGenerator[Chunk, None]:
        self.file = Path(request.body["file"])
        self.sound = self.file.read_bytes()  # a few bytes
        yield Began("ear", "it hears", waited_s=0.0, load_s=0.0)
        if request.streams:
            yield Piece(transcript_piece(FIRST))
            if self._error is not None:
                raise self._error
            yield Piece(transcript_piece(SECOND, first_id=1))
        elif self._error is not None:
            raise self._error
        else:
            yield Piece(transcript_piece(WHOLE))
        yield Done(Usage(audio_s=5.0))


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
async def hearing(ear: Ear, tmp_path: Path) -> AsyncIterator[tuple[ScriptedRuntime, Door, Path]]:
    """A door behind which somebody hears, and where its uploads lie."""
    model = Model("ear", "echo", frozenset({Kind.TRANSCRIPTION}))
    runtime = ScriptedRuntime(script=ear, catalog=Catalog((model,)))
    uploads = tmp_path / "uploads"
    options = ApiOptions(uploads=uploads, audio_limit_bytes=100_000)
    async with open_door(runtime, tmp_path, options) as door:
        yield runtime, door, uploads
    assert not list(uploads.glob("*"))


@pytest.fixture
async def client(hearing: tuple[ScriptedRuntime, Door, Path]) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{hearing[1].url}/v1", api_key="none", max_retries=0) as client:
        yield client


class TestTheRealClient:
    async def test_gets_the_text(self, client: AsyncOpenAI, ear: Ear) -> None:
        answer = await client.audio.transcriptions.create(file=("talk.wav", b"RIFF sound"), model="ear")
        assert answer.text == "Well met, stranger."
        assert answer.usage is not None
        assert answer.usage.type == "duration"
        assert answer.usage.seconds == 5
        assert ear.sound == b"RIFF sound"

    async def test_gets_segments_and_words_with_their_times(self, client: AsyncOpenAI) -> None:
        answer = await client.audio.transcriptions.create(
            file=("talk.wav", b"x"), model="ear", response_format="verbose_json", timestamp_granularities=["word"]
        )
        assert (answer.language, answer.duration) == ("en", 5.0)
        assert [(one.id, one.start, one.end, one.text) for one in answer.segments or ()] == [
            (0, 0.5, 2.0, " Well met,"),
            (1, 3.0, 4.5, " stranger."),
        ]
        assert [(word.word, word.start, word.end) for word in answer.words or ()] == [
            ("Well", 0.5, 1.0),
            ("met,", 1.0, 2.0),
        ]

    async def test_gets_subtitles(self, client: AsyncOpenAI) -> None:
        srt = await client.audio.transcriptions.create(file=("t.wav", b"x"), model="ear", response_format="srt")
        vtt = await client.audio.transcriptions.create(file=("t.wav", b"x"), model="ear", response_format="vtt")
        text = await client.audio.transcriptions.create(file=("t.wav", b"x"), model="ear", response_format="text")
        assert srt == ("1\n00:00:00,500 --> 00:00:02,000\nWell met,\n\n2\n00:00:03,000 --> 00:00:04,500\nstranger.\n")
        assert vtt.startswith("WEBVTT\n\n00:00:00.500 --> 00:00:02.000\nWell met,\n")
        assert text == "Well met, stranger.\n"

    async def test_hears_along_with_a_stream(self, client: AsyncOpenAI) -> None:
        stream = await client.audio.transcriptions.create(file=("t.wav", b"x"), model="ear", stream=True)
        said = [(event.type, getattr(event, "delta", None) or getattr(event, "text", None)) async for event in stream]
        assert said == [
            ("transcript.text.delta", "Well met,"),
            ("transcript.text.delta", " stranger."),
            ("transcript.text.done", "Well met, stranger."),
        ]

    @pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # the client's word about its own method
    async def test_gets_a_translation(self, client: AsyncOpenAI, hearing: tuple[ScriptedRuntime, Door, Path]) -> None:
        answer = await client.audio.translations.create(file=("t.wav", b"x"), model="ear")
        assert answer.text == "Well met, stranger."
        assert hearing[0].asked[0].body["translate"] is True

    async def test_says_what_it_expects_and_the_engine_is_told(
        self, client: AsyncOpenAI, hearing: tuple[ScriptedRuntime, Door, Path]
    ) -> None:
        await client.audio.transcriptions.create(
            file=("t.wav", b"x"), model="ear", language="el-GR", prompt="Δημήτρης", temperature=0.2
        )
        (asked,) = hearing[0].asked
        told = {name: asked.body[name] for name in ("language", "prompt", "temperature", "translate")}
        assert told == {"language": "el", "prompt": "Δημήτρης", "temperature": 0.2, "translate": False}


class TestTroubles:
    async def test_a_damaged_file_is_a_bad_request_that_names_the_field(self, ear: Ear, client: AsyncOpenAI) -> None:
        ear._error = BadAudio("This is no sound file.", param="file")
        with pytest.raises(openai.BadRequestError, match="no sound file") as caught:
            await client.audio.transcriptions.create(file=("t.wav", b"x"), model="ear")
        assert caught.value.param == "file"

    async def test_an_error_in_the_middle_ends_the_stream_with_it(self, ear: Ear, client: AsyncOpenAI) -> None:
        """C57."""
        ear._error = EngineFailed("the ear broke")
        stream = await client.audio.transcriptions.create(file=("t.wav", b"x"), model="ear", stream=True)
        with pytest.raises(openai.APIError, match="the ear broke"):
            [event async for event in stream]

    @pytest.mark.parametrize(
        ("fields", "param"),
        [
            ({"response_format": "diarized_json"}, "response_format"),
            ({"temperature": "hot"}, "temperature"),
            ({"temperature": "7"}, "temperature"),
            ({"language": "Ελληνικά"}, "language"),
            ({"stream": "maybe"}, "stream"),
            ({"timestamp_granularities[]": "letter"}, "timestamp_granularities"),
            ({"timestamp_granularities[]": "word"}, "timestamp_granularities"),
        ],
    )
    async def test_a_field_that_makes_no_sense_is_named(
        self, hearing: tuple[ScriptedRuntime, Door, Path], fields: dict[str, str], param: str
    ) -> None:
        status, error = await post(hearing[1], form({**fields, "file": "x"}))
        assert (status, error["param"]) == (400, param)
        assert hearing[0].asked == []

    @pytest.mark.parametrize(
        ("body", "told"),
        [
            (b"--b\r\n", "no field named file"),
            (b"not a form at all", "cannot be understood"),
            (b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nno name\r\n--b--\r\n', "no field named file"),
        ],
        ids=["empty", "no form", "a text"],
    )
    async def test_without_a_file_there_is_nothing_to_hear(
        self, hearing: tuple[ScriptedRuntime, Door, Path], body: bytes, told: str
    ) -> None:
        status, error = await post(hearing[1], body)
        assert status == 400
        assert told in error["message"]

    async def test_json_is_no_form(self, hearing: tuple[ScriptedRuntime, Door, Path]) -> None:
        """A path in the body must not make the server read its own files."""
        status, error = await post(hearing[1], b'{"file": "/etc/passwd"}', content_type="application/json")
        assert status == 400
        assert "multipart/form-data" in error["message"]

    async def test_an_upload_over_the_limit_is_refused_while_it_arrives(
        self, hearing: tuple[ScriptedRuntime, Door, Path]
    ) -> None:
        status, error = await post(hearing[1], form({"file": "x" * 100_001}))
        assert (status, error["code"]) == (413, "body_too_large")
        assert "api.audio_limit" in error["message"]

    async def test_a_caller_who_hangs_up_leaves_nothing(self, hearing: tuple[ScriptedRuntime, Door, Path]) -> None:
        runtime, door, _ = hearing
        async with wire_to(door) as wire:
            begun = form({"file": "x" * 100})[:90]
            await wire.ask("POST", PATH, begun, content_type="multipart/form-data; boundary=b", content_length="5000")
        assert runtime.asked == []


def form(fields: dict[str, str]) -> bytes:
    """The fields as a form; `file` as a file."""
    parts = []
    for name, value in fields.items():
        named = '; filename="talk.wav"' if name == "file" else ""
        parts.append(f'--b\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n{value}\r\n')
    return ("".join(parts) + "--b--\r\n").encode()


async def post(
    door: Door, body: bytes, content_type: str = "multipart/form-data; boundary=b"
) -> tuple[int, dict[str, str]]:
    """The status and the error."""
    async with wire_to(door) as wire:
        await wire.ask("POST", PATH, body, content_type=content_type)
        answer = await wire.answer()
        return answer.status, json.loads(answer.body)["error"]
