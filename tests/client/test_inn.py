"""What an application asks of the models: the same in process and over HTTP, on a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager
from itertools import count
from pathlib import Path
from typing import TypeVar

import pytest

from innkeeper.api.options import ApiOptions
from innkeeper.client.asking import Asking
from innkeeper.client.in_process import InProcess
from innkeeper.client.inn import Hints, Inn, Message, ModelCard, Role, Stream, Transcript
from innkeeper.client.remote import Remote
from innkeeper.runtime.catalog import Catalog, Model
from innkeeper.runtime.errors import (
    BadAudio,
    EngineDied,
    EngineFailed,
    InnkeeperError,
    InvalidRequest,
    QueueFull,
    ServerAbsent,
    UnknownModel,
)
from innkeeper.runtime.messages import Began, Chunk, Done, Kind, Piece, Request
from innkeeper.runtime.wire.openai.transcripts import transcript_of, transcript_piece
from tests.api.doubles import CATALOG, EMBEDDER, NARRATOR, Script, ScriptedRuntime, chat_chunk, fails_with, open_door
from tests.api.test_hearing import FIRST, SECOND, Ear

Part = TypeVar("Part")

HEARD = [transcript_of(transcript_piece(window)) for window in (FIRST, SECOND)]
"""A word has no blank before it on the wire."""

HELLO = (Message(Role.SYSTEM, "You are a bard."), Message(Role.USER, "Ποιος είσαι;"))


@pytest.fixture
def runtime() -> ScriptedRuntime:
    return ScriptedRuntime(catalog=Catalog((*CATALOG, Model("ear", "echo", frozenset({Kind.TRANSCRIPTION}))), NARRATOR))


@pytest.fixture(params=["in process", "over HTTP"])
async def inn(request: pytest.FixtureRequest, runtime: ScriptedRuntime, tmp_path: Path) -> AsyncIterator[Inn]:
    """Both ways to the same runtime. Over HTTP, silence of 10 ms is filled with comments."""
    numbers = count(1)

    def new_id() -> str:
        return f"r-{next(numbers)}"

    if request.param == "in process":
        yield Asking(InProcess(runtime), client="bard", new_id=new_id)
        return
    options = ApiOptions(heartbeat_s=0.01, shutdown_within_s=5, uploads=tmp_path / "uploads")
    async with open_door(runtime, tmp_path, options) as door, Remote.opened(door.url) as remote:
        yield Asking(remote, client="bard", new_id=new_id)


async def gather(answer: AbstractAsyncContextManager[Stream[Part]], into: list[Part]) -> None:
    """All parts of an answer, kept also when it breaks off."""
    async with answer as stream:
        async for part in stream:
            into.append(part)  # noqa: PERF401  # an extend would lose them


def substitute(*pieces: Piece, late: asyncio.Event | None = None, error: InnkeeperError | None = None) -> Script:
    """A script in which another answers for the model that was asked for."""

    async def script(request: Request) -> AsyncGenerator[Chunk, None]:
        if late is not None:
            await late.wait()
        because = "100 % faster, δηλαδή now"
        yield Began("tiny/other", because, waited_s=0.25, load_s=0.125, requested=NARRATOR, quality=0.75)
        for piece in pieces:
            yield piece
        if error is not None:
            raise error
        yield Done()

    return script


class TestChat:
    async def test_gives_the_text_and_how_it_ended(self, inn: Inn) -> None:
        answer = await inn.chat(HELLO, model=NARRATOR)
        told = (answer.text, answer.ending, answer.prompt_tokens, answer.answer_tokens)
        assert told == ("Once upon a time", "stop", 3, 2)

    async def test_says_who_answered_and_why(self, inn: Inn) -> None:
        by = (await inn.chat(HELLO)).by
        assert (by.request, by.model, by.because, by.is_substituted) == ("r-1", NARRATOR, "it was asked for", False)
        assert (by.waited_s, by.load_s) == (0.25, 0.125)

    async def test_says_who_should_have_answered(self, inn: Inn, runtime: ScriptedRuntime) -> None:
        whole = {"choices": [{"message": {"role": "assistant", "content": "I am."}, "finish_reason": "length"}]}
        runtime.script = substitute(Piece(json.dumps(whole).encode()))
        answer = await inn.chat(HELLO, model=NARRATOR)
        by = answer.by
        assert (by.model, by.because, by.requested) == ("tiny/other", "100 % faster, δηλαδή now", NARRATOR)
        assert (by.is_substituted, by.quality, answer.ending) == (True, 0.75, "length")

    async def test_the_runtime_is_asked_what_the_application_asked(self, inn: Inn, runtime: ScriptedRuntime) -> None:
        hints = Hints(
            "story", "c-Δ1", priority=3, patience_s=1.5, wait_at_most_s=20.0, deadline_s=2.5, wait=False,
            substitute=True, max_cost=0.01, hold_s=0.0,
        )  # fmt: skip
        await inn.chat(HELLO, model=NARRATOR, hints=hints, temperature=0.5)
        (asked,) = runtime.asked
        assert (asked.kind, asked.model, asked.streams, asked.body["temperature"]) == (Kind.CHAT, NARRATOR, False, 0.5)
        assert asked.body["messages"] == [
            {"role": "system", "content": "You are a bard."},
            {"role": "user", "content": "Ποιος είσαι;"},
        ]
        assert (asked.task, asked.conversation, asked.priority, asked.waits) == ("story", "c-Δ1", 3, False)
        assert (asked.patience_s, asked.wait_at_most_s, asked.deadline_s, asked.hold_s) == (1.5, 20.0, 2.5, 0.0)
        assert (asked.allows_substitute, asked.max_cost) == (True, 0.01)

    async def test_an_error_is_the_one_that_was_raised(self, inn: Inn, runtime: ScriptedRuntime) -> None:
        runtime.script = fails_with(QueueFull("64 wait already.", retry_after_s=7.0, limit=64))
        with pytest.raises(QueueFull, match="64 wait already") as caught:
            await inn.chat(HELLO)
        assert (caught.value.retry_after_s, caught.value.numbers) == (7.0, {"limit": 64})

    async def test_what_makes_no_sense_is_refused_before_anybody_is_asked(
        self, inn: Inn, runtime: ScriptedRuntime
    ) -> None:
        with pytest.raises(InvalidRequest, match="messages is empty"):
            await inn.chat(())
        with pytest.raises(InvalidRequest, match="temperature"):
            await inn.chat(HELLO, temperature="hot")
        with pytest.raises(InvalidRequest, match="stream is not an option"):
            await inn.chat(HELLO, stream=True)
        assert runtime.asked == []

    async def test_an_answer_that_cannot_be_read_is_the_engines_fault(self, inn: Inn, runtime: ScriptedRuntime) -> None:
        runtime.script = substitute(Piece(b"<html>"))
        with pytest.raises(EngineFailed, match="tiny/other answered what cannot be read: <html>"):
            await inn.chat(HELLO)


class TestStream:
    async def test_brings_the_text_piece_by_piece(self, inn: Inn) -> None:
        async with inn.stream(HELLO, model=NARRATOR) as answer:
            assert answer.by.model == NARRATOR
            assert [text async for text in answer] == ["Once", " upon"]

    async def test_says_who_answers_although_it_kept_silent_first(self, inn: Inn, runtime: ScriptedRuntime) -> None:
        """Over HTTP the headers are out by then; a comment brings them."""
        late = asyncio.Event()
        runtime.script = substitute(chat_chunk("Well"), late=late)
        asyncio.get_running_loop().call_later(0.1, late.set)
        async with inn.stream(HELLO) as answer:
            by = answer.by
            assert (by.model, by.because, by.requested) == ("tiny/other", "100 % faster, δηλαδή now", NARRATOR)
            assert [text async for text in answer] == ["Well"]

    async def test_an_error_before_the_first_word_is_raised_at_once(self, inn: Inn, runtime: ScriptedRuntime) -> None:
        runtime.script = fails_with(EngineDied("it fell over"))
        with pytest.raises(EngineDied, match="it fell over"):
            async with inn.stream(HELLO):
                pytest.fail("nothing began")

    async def test_an_error_in_the_middle_comes_after_the_words(self, inn: Inn, runtime: ScriptedRuntime) -> None:
        runtime.script = substitute(chat_chunk("Well"), error=EngineDied("it fell over"))
        heard: list[str] = []
        with pytest.raises(EngineDied, match="it fell over"):
            await gather(inn.stream(HELLO), heard)
        assert heard == ["Well"]

    async def test_leaving_early_ends_the_work(self, inn: Inn, runtime: ScriptedRuntime) -> None:
        async def endless(request: Request) -> AsyncGenerator[Chunk, None]:
            yield Began(NARRATOR, "it was asked for", waited_s=0.0, load_s=0.0)
            while True:
                yield chat_chunk("la ")
                await asyncio.sleep(0)

        runtime.script = endless
        async with inn.stream(HELLO) as answer:
            async for _ in answer:
                break
        await asyncio.wait_for(runtime.ended.wait(), 20)


class TestEmbed:
    async def test_gives_one_vector_for_each_text_in_order_and_says_whose_they_are(
        self, inn: Inn, runtime: ScriptedRuntime
    ) -> None:
        document = {"data": [{"index": 1, "embedding": [0, 1]}, {"index": 0, "embedding": [1, 0.5]}]}
        runtime.script = substitute(Piece(json.dumps(document).encode()))
        vectors = await inn.embed(["a", "b"], model=EMBEDDER)
        assert (vectors.rows, vectors.dimension, vectors.by.model) == (((1.0, 0.5), (0.0, 1.0)), 2, "tiny/other")
        assert runtime.asked[0].body["input"] == ["a", "b"]

    @pytest.mark.parametrize(
        ("rows", "told"),
        [([[1.0]], "1 vectors for 2 texts"), ([[1.0], [1.0, 2.0]], "different lengths"), ([[], []], "different")],
    )
    async def test_vectors_that_do_not_fit_the_texts_are_refused(
        self, inn: Inn, runtime: ScriptedRuntime, rows: list[list[float]], told: str
    ) -> None:
        data = [{"index": index, "embedding": row} for index, row in enumerate(rows)]
        runtime.script = substitute(Piece(json.dumps({"data": data}).encode()))
        with pytest.raises(EngineFailed, match=told):
            await inn.embed(["a", "b"], model=EMBEDDER)


class TestTranscribe:
    @pytest.fixture
    def sound(self, tmp_path: Path) -> Path:
        path = tmp_path / "ομιλία.wav"
        path.write_bytes(b"RIFF of some sort")
        return path

    async def test_brings_windows_with_their_times(self, inn: Inn, runtime: ScriptedRuntime, sound: Path) -> None:
        ear = Ear()
        runtime.script = ear
        async with inn.transcribe(sound, model="ear", language="el", prompt="Νέστωρ", with_words=True) as heard:
            assert heard.by.model == "ear"
            assert [window async for window in heard] == HEARD
        told = {name: runtime.asked[0].body[name] for name in ("language", "prompt", "translate")}
        assert told == {"language": "el", "prompt": "Νέστωρ", "translate": False}
        assert ear.sound == b"RIFF of some sort"

    async def test_is_taken_up_again_where_it_was_left(self, inn: Inn, runtime: ScriptedRuntime, sound: Path) -> None:
        runtime.script = Ear()
        async with inn.transcribe(sound, from_s=1234.5678125) as heard:
            assert [window.resume_s async for window in heard] == [2.5, 4.5]
        assert runtime.asked[0].body["from_s"] == 1234.5678125

    async def test_an_error_in_the_middle_comes_after_what_was_heard(
        self, inn: Inn, runtime: ScriptedRuntime, sound: Path
    ) -> None:
        runtime.script = Ear(BadAudio("The rest is damaged."))
        windows: list[Transcript] = []
        with pytest.raises(BadAudio, match="The rest is damaged"):
            await gather(inn.transcribe(sound), windows)
        assert windows == HEARD[:1]

    async def test_a_file_that_is_not_there_is_named(self, inn: Inn, tmp_path: Path) -> None:
        with pytest.raises(BadAudio, match=r"gone\.wav is no file"):
            async with inn.transcribe(tmp_path / "gone.wav"):
                pytest.fail("nothing began")


class TestModels:
    async def test_are_those_that_may_be_asked_for(self, inn: Inn) -> None:
        assert (await inn.models())[:2] == (
            ModelCard(NARRATOR, "echo", frozenset({Kind.CHAT, Kind.COMPLETION}), 512),
            ModelCard(EMBEDDER, "echo", frozenset({Kind.EMBEDDING, Kind.RERANK}), None),
        )
        assert len(await inn.models()) == len(tuple(CATALOG)) + 1

    async def test_are_loaded_in_the_background_when_a_context_opens(self, inn: Inn, runtime: ScriptedRuntime) -> None:
        await inn.preload([NARRATOR, EMBEDDER, NARRATOR], "the campaign was opened")
        told = [entry for entry in runtime.told if entry[0] == "preload"]
        assert told == [("preload", (NARRATOR, EMBEDDER), "the campaign was opened")]

    async def test_that_nobody_knows_are_refused(self, inn: Inn) -> None:
        with pytest.raises(UnknownModel):
            await inn.preload(["nobody"], "a slip")

    async def test_none_is_nothing_to_do(self, inn: Inn, runtime: ScriptedRuntime) -> None:
        await inn.preload([], "no likely models")
        assert runtime.told == []


class TestServer:
    async def test_that_is_not_there_is_told_with_the_fix(self, unused_port: int) -> None:
        async with Remote.opened(f"http://127.0.0.1:{unused_port}") as remote:
            inn = Asking(remote, client="bard", new_id=lambda: "r-1")
            with pytest.raises(ServerAbsent, match="innkeeper up"):
                await inn.chat(HELLO)

    async def test_that_goes_away_in_the_middle_is_no_end_of_an_answer(self) -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nx-innkeeper-model: m\r\nconnection: close\r\n\r\n")
            writer.write(b"data: %b\n\n" % chat_chunk("Well").data)
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server, Remote.opened(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/") as remote:
            inn = Asking(remote, client="bard", new_id=lambda: "r-1")
            heard: list[str] = []
            with pytest.raises(ServerAbsent, match="broke off"):
                await gather(inn.stream(HELLO), heard)
        assert heard == ["Well"]

    @pytest.fixture
    async def unused_port(self) -> int:
        async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as server:
            port: int = server.sockets[0].getsockname()[1]
        return port
