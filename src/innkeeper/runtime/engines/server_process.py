"""Our side of one `llama-server`: started tethered to us, ready when it says that it is healthy."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Final

from innkeeper.runtime.engines.child import Child
from innkeeper.runtime.engines.launch import Launch
from innkeeper.runtime.engines.llama_server import LlamaServer
from innkeeper.runtime.engines.load_failure import load_failed
from innkeeper.runtime.engines.log_ring import LogRing
from innkeeper.runtime.engines.tether import through_tether
from innkeeper.runtime.engines.unix_http import UnixHttp

ASK_AGAIN_S: Final = 0.1
"""Seconds of silence after which we ask for its health all the same."""


class ServerProcess:
    """A process that runs the operator's llama-server. `load` once; its `child` tells and ends its life."""

    def __init__(self, program: LlamaServer, log: LogRing) -> None:
        self.child = Child("llama-server", log)
        self._program = program

    async def load(self, launch: Launch) -> None:
        """Return when the model answers on its socket.

        Raises:
            LoadFailed: It will not.
            EngineMissing: This version cannot do what we promise.
            OSError: The system has no room for a process.
        """
        before = self.child.log.written
        self.child.spawn(through_tether(self._program.arguments(launch)))
        leaving = asyncio.create_task(self.child.gone(), name=f"{launch.name}: llama-server leaves")
        asking = asyncio.create_task(self._healthy(launch), name=f"{launch.name}: llama-server gets ready")
        try:
            await asyncio.wait({leaving, asking}, return_when=asyncio.FIRST_COMPLETED)
            if leaving.done():
                why = leaving.result()
                raise load_failed(launch.name, self.child.log.since(before), why, was_killed=self.child.was_killed)
            asking.result()
        finally:
            leaving.cancel()
            asking.cancel()
            await asyncio.gather(leaving, asking, return_exceptions=True)

    def let_go(self) -> None:
        """Nothing of ours is open towards it."""

    async def _healthy(self, launch: Launch) -> None:
        """Ask whenever it has written something, since it writes a line when it is ready."""
        http = UnixHttp(Path(launch.socket))
        try:
            while True:
                try:
                    status, _ = await http.get("/health")
                except OSError:  # it does not listen yet
                    status = 0
                if status == 200:
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(ASK_AGAIN_S):
                        await self.child.log.grew()
        finally:
            http.close()


class ServerProcesses:
    """Hands out llama-servers. There is no spare of them: they cannot be started without a model."""

    def __init__(self, program: LlamaServer) -> None:
        self._program = program

    def take(self, log: LogRing) -> ServerProcess:
        """One that writes to `log`; `load` starts it."""
        return ServerProcess(self._program, log)

    def refill(self) -> None:
        """Nothing can be prepared."""
