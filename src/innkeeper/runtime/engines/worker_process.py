"""Our side of one worker: it is started idle, then given a model to load; what else it says is handed on in order."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
from collections import deque
from dataclasses import dataclass
from typing import Any, Final, Protocol

from innkeeper.runtime.engines.child import Child
from innkeeper.runtime.engines.load_failure import load_failed
from innkeeper.runtime.engines.log_ring import LogRing


@dataclass(frozen=True, slots=True)
class Program:
    """What a worker runs."""

    module: str
    library: str
    """Who speaks when it fails."""


LLAMA_CPP: Final = Program("innkeeper.runtime.engines.worker", "llama.cpp")
WHISPER_CPP: Final = Program("innkeeper.runtime.engines.whisper_worker", "whisper.cpp")


class Task(Protocol):
    """The first line to a worker: one load of one model."""

    @property
    def name(self) -> str:
        """The model's id."""

    def to_json(self) -> bytes:
        """The line."""


class WorkerProcess:
    """A process that runs a worker's program. `load` once; its `child` tells and ends its life."""

    def __init__(self, log: LogRing, program: Program = LLAMA_CPP) -> None:
        """Start it, without waiting for it.

        Raises:
            OSError: The system has no room for a process.
        """
        self._program = program
        self.child = Child("worker", log)
        ours, theirs = socket.socketpair()
        try:
            self.child.spawn(
                [
                    sys.executable,
                    "-P",
                    "-m",
                    program.module,
                    str(os.getpid()),
                    str(theirs.fileno()),
                ],
                pass_fds=(theirs.fileno(),),
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.setblocking(False)  # noqa: FBT003  # the socket's own signature
        self._leash = ours
        self._rest = b""
        self._said: set[str] = set()
        self._messages: deque[dict[str, Any]] = deque()  # Any: JSON
        self._is_silent = False
        self._news = asyncio.Event()
        asyncio.get_running_loop().add_reader(ours, self._hear)

    async def idle(self) -> None:
        """Return when it waits for work, or is gone."""
        await self._says("spare")

    async def load(self, task: Task) -> None:
        """Return when the model answers on its socket.

        Raises:
            LoadFailed: It will not.
        """
        before = self.child.log.written
        if await self._says("spare"):
            with contextlib.suppress(OSError):  # it is gone; what follows finds out why
                self._leash.sendall(task.to_json())
            if await self._says("ready"):
                return
        why = await self.child.gone()
        said = self.child.log.since(before)
        raise load_failed(task.name, said, why, was_killed=self.child.was_killed, library=self._program.library)

    def tell(self, line: bytes) -> None:
        """Say something to it. That it is gone is found out by `message`."""
        with contextlib.suppress(OSError):
            self._leash.sendall(line)

    async def message(self) -> dict[str, Any] | None:
        """The next thing it says once it is ready, or None when it is gone."""
        while not self._messages:
            if self._is_silent:
                return None
            self._news.clear()
            await self._news.wait()
        return self._messages.popleft()

    def let_go(self) -> None:
        """Close our end of the leash, which tells it to leave. Safe to repeat."""
        self._fall_silent()
        self._leash.close()

    async def _says(self, wanted: str) -> bool:
        """Whether it says so; False when it falls silent first."""
        while wanted not in self._said:
            if self._is_silent:
                return False
            self._news.clear()
            await self._news.wait()
        return True

    def _hear(self) -> None:
        try:
            part = self._leash.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            part = b""
        if not part:
            self._fall_silent()
            return
        *lines, self._rest = (self._rest + part).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "ready" in self._said:
                self._messages.append(message)
            else:
                self._said.add(message["is"])
        self._news.set()

    def _fall_silent(self) -> None:
        if not self._is_silent:
            self._is_silent = True
            asyncio.get_running_loop().remove_reader(self._leash)
            self._news.set()
