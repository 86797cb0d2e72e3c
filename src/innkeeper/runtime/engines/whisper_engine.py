"""One load of a Whisper model in a child process: start it, give it sound, pass on its words, end it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from itertools import count
from typing import Any, Final

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.engine import Holding
from innkeeper.runtime.engines.hearing import GO_ON, STOP, Ear, Job
from innkeeper.runtime.engines.log_ring import LogRing
from innkeeper.runtime.engines.process_memory import RAM, process_memory
from innkeeper.runtime.engines.worker_process import WHISPER_CPP, WorkerProcess
from innkeeper.runtime.errors import (
    BadAudio,
    EngineDied,
    EngineFailed,
    EngineTimedOut,
    LoadFailed,
    NotSupported,
    SetupError,
)
from innkeeper.runtime.messages import Chunk, Done, Kind, Piece, Request, Usage
from innkeeper.runtime.speech.transcript import Segment, Word, without_loops
from innkeeper.runtime.wire.openai.transcripts import Transcript, transcript_piece

WINDOW_WITHIN_S: Final = 600.0
"""Seconds one window may take, the silence before it included; a large model on a slow machine takes a minute."""


class WhisperEngine:
    """One load of a model. It hears one file at a time: an entry has one slot."""

    def __init__(self, model: Model, plan: Callable[[], Ear], log: LogRing) -> None:
        """`plan` reads the model's file and says how to start its child; it is called once, in `start`."""
        self._model = model
        self._plan = plan
        self._log = log
        self._log_began = log.written
        self._process: WorkerProcess | None = None
        self._has_process = asyncio.Event()
        self._is_ready = False
        self._is_stopped = False
        self._numbers = count(1)
        self.loaded_in_s: float | None = None
        """Seconds its load took; None before it is ready."""
        self.has_heard = False
        """Whether a window was heard: before that, what it holds says little."""

    @property
    def pid(self) -> int | None:
        """The process id of its child; None before there is one."""
        return self._process.child.pid if self._process is not None else None

    async def start(self) -> None:
        """See `Engine.start`."""
        if self._is_stopped:
            raise LoadFailed(f"{self._model.id} was stopped before it was started.")
        clock = asyncio.get_running_loop().time
        began_s = clock()
        try:
            ear = await asyncio.to_thread(self._plan)
            if self._is_stopped:
                raise LoadFailed(f"{self._model.id} was stopped while its file was read.")
            self._process = WorkerProcess(self._log, WHISPER_CPP)
            self._has_process.set()
            await self._process.load(ear)
            self._is_ready = True
            self.loaded_in_s = clock() - began_s
        except SetupError as error:
            raise LoadFailed(f"{self._model.id} could not be loaded: {error.message}") from error
        except OSError as error:
            raise LoadFailed(f"{self._model.id} could not be loaded; no process could be started: {error}.") from error

    async def run(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """See `Engine.run`. A piece is what was heard in one window, in OpenAI's `verbose_json`."""
        if request.kind is not Kind.TRANSCRIPTION:
            raise NotSupported(f"{self._model.id} hears and does not do {request.kind.value}.", param="model")
        process = self._process
        if process is None or not self._is_ready or self._is_stopped:
            raise EngineDied(f"{self._model.id}: the engine was never started, or is stopped.")
        job = self._job(request)
        whole = Transcript(translates=job.translates, language=job.language)
        process.tell(job.to_json())
        is_over = False
        try:
            async for said in self._about(process, job):
                is_over = said["is"] != "window"
                match said["is"]:
                    case "window":
                        self.has_heard = True
                        heard = Transcript(
                            translates=job.translates,
                            language=said["language"],
                            start_s=said["start_s"],
                            end_s=said["end_s"],
                            resume_s=said["resume_s"],
                            segments=without_loops(_segments(said)),
                        )
                        if request.streams:
                            yield Piece(transcript_piece(heard, first_id=len(whole.segments)))
                        whole = whole.joined(heard)
                        process.tell(GO_ON)
                    case "refused":
                        is_about_sound = said["param"] == "file"
                        raise (BadAudio if is_about_sound else NotSupported)(said["why"], param=said["param"])
                    case "broke" | "stopped":
                        raise EngineFailed(f"{self._model.id}: {said.get('why', 'it stopped by itself')}.")
                    case "heard":
                        if not request.streams or not whole.end_s:  # of silence there is one empty piece
                            yield Piece(transcript_piece(whole.lasting(said["audio_s"])))
                        yield Done(Usage(audio_s=said["audio_s"]))
        finally:
            if not is_over:
                process.tell(STOP)

    async def _about(self, process: WorkerProcess, job: Job) -> AsyncIterator[dict[str, Any]]:  # Any: JSON
        """What the child says about this job, its last word included. What it still says about others is passed over.

        Raises:
            EngineDied: It is gone.
        """
        while (said := await self._next(process)) is not None:
            if said["job"] == job.number:
                yield said
                if said["is"] != "window":
                    return
        why = await process.child.gone()
        last = self._log.since(self._log_began)[-1:]
        wrote = f" It last wrote: {last[0]}" if last else ""
        raise EngineDied(f"{self._model.id}: the engine's process is gone: {why}.{wrote}")

    async def _next(self, process: WorkerProcess) -> dict[str, Any] | None:  # Any: JSON
        """
        Raises:
            EngineTimedOut: It says nothing for longer than any window takes.
        """
        try:
            async with asyncio.timeout(WINDOW_WITHIN_S):
                return await process.message()
        except TimeoutError:
            raise EngineTimedOut(
                f"{self._model.id} has been at one window for {WINDOW_WITHIN_S:.0f} s. Unload it and load it anew.",
                limit_s=WINDOW_WITHIN_S,
            ) from None

    def _job(self, request: Request) -> Job:
        body = request.body
        return Job(
            number=next(self._numbers),
            file=body["file"],
            language=body.get("language"),
            translates=bool(body.get("translate")),
            prompt=body.get("prompt") or "",
            temperature=body.get("temperature") or 0.0,
            times_words="word" in (body.get("timestamp_granularities") or ()),
            from_s=body.get("from_s") or 0.0,
        )

    async def stop(self) -> None:
        """See `Engine.stop`."""
        self._is_stopped = True
        self._has_process.set()
        if self._process is not None:
            self._process.let_go()
            await self._process.child.stop()

    async def gone(self) -> str:
        """See `Engine.gone`."""
        await self._has_process.wait()
        if self._process is None:
            return "stopped before it was started"
        return await self._process.child.gone()

    def holding(self) -> Holding | None:
        """See `Engine.holding`."""
        child = self._process.child if self._process is not None else None
        if child is None or child.pid is None or not child.is_running:
            return None
        held = process_memory(child.pid)
        return None if held is None else Holding(now={RAM: held.now_bytes}, peak={RAM: held.peak_bytes})


def _segments(said: dict[str, Any]) -> list[Segment]:  # Any: JSON
    return [
        Segment(**(segment | {"words": tuple(Word(**word) for word in segment["words"])}))
        for segment in said["segments"]
    ]
