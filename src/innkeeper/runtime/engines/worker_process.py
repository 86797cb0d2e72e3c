"""Our side of one worker: it is started idle, then given a model to load."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys

from innkeeper.runtime.engines.child import Child
from innkeeper.runtime.engines.launch import Launch
from innkeeper.runtime.engines.load_failure import load_failed
from innkeeper.runtime.engines.log_ring import LogRing


class WorkerProcess:
    """A process that runs `worker.py`. `load` once; its `child` tells and ends its life."""

    def __init__(self, log: LogRing) -> None:
        """Start it, without waiting for it.

        Raises:
            OSError: The system has no room for a process.
        """
        self.child = Child("worker", log)
        ours, theirs = socket.socketpair()
        try:
            self.child.spawn(
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "innkeeper.runtime.engines.worker",
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
        self._is_silent = False
        self._news = asyncio.Event()
        asyncio.get_running_loop().add_reader(ours, self._hear)

    async def idle(self) -> None:
        """Return when it waits for work, or is gone."""
        await self._says("spare")

    async def load(self, launch: Launch) -> None:
        """Return when the model answers on its socket.

        Raises:
            LoadFailed: It will not.
        """
        before = self.child.log.written
        if await self._says("spare"):
            with contextlib.suppress(OSError):  # it is gone; what follows finds out why
                self._leash.sendall(launch.to_json())
            if await self._says("ready"):
                return
        why = await self.child.gone()
        raise load_failed(launch.name, self.child.log.since(before), why, was_killed=self.child.was_killed)

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
            part = self._leash.recv(1 << 12)
        except BlockingIOError:
            return
        except OSError:
            part = b""
        if not part:
            self._fall_silent()
            return
        *lines, self._rest = (self._rest + part).split(b"\n")
        self._said |= {str(json.loads(line)["is"]) for line in lines}
        self._news.set()

    def _fall_silent(self) -> None:
        if not self._is_silent:
            self._is_silent = True
            asyncio.get_running_loop().remove_reader(self._leash)
            self._news.set()
