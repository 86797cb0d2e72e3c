"""One worker that is started before anybody needs it, so that a load begins with the model and not with Python.

It waits on its socket and costs no processor time; its memory is charged as overhead (`SPARE_BYTES`).
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from innkeeper.runtime.engines.log_ring import LogRing
from innkeeper.runtime.engines.worker_process import WorkerProcess

SPARE_BYTES: Final = 45_000_000
"""What an idle spare holds at most: 35 to 41 MB resident, measured, and some more for other machines."""

REST_S: Final = 0.25
"""Seconds after a load before the next spare is started, so that it does not compete with the first answer."""


class Spare:
    """Hands out workers, and keeps one ready where that is wanted."""

    def __init__(self, is_wanted: bool) -> None:
        self._is_wanted = is_wanted
        self._waiting: WorkerProcess | None = None
        self._resting: asyncio.Task[None] | None = None

    @property
    def overhead_bytes(self) -> int:
        """Bytes of RAM to set aside for it."""
        return SPARE_BYTES if self._is_wanted else 0

    def take(self, log: LogRing) -> WorkerProcess:
        """A worker whose output goes to `log` from now on: the spare, or a new one where there is none.

        Raises:
            OSError: There is no spare, and the system has no room for a process.
        """
        self._stop_resting()
        worker, self._waiting = self._waiting, None
        if worker is None:
            return WorkerProcess(log)
        if not worker.child.is_running:
            worker.let_go()
            return WorkerProcess(log)
        worker.child.log = log
        return worker

    def refill(self, rest_s: float = REST_S) -> None:
        """Start the next spare after a rest, in the background. Does nothing where there is one, or none is wanted."""
        if self._is_wanted and self._waiting is None and self._resting is None:
            self._resting = asyncio.create_task(self._start_after(rest_s), name="start a spare worker")

    async def ready(self) -> None:
        """Return when the spare that is being started waits for work; at once where none is coming."""
        if self._resting is not None:
            await asyncio.wait({self._resting})
        if self._waiting is not None:
            await self._waiting.idle()

    async def close(self) -> None:
        """End the spare and make no more; return when it is gone."""
        self._is_wanted = False
        self._stop_resting()
        if self._waiting is not None:
            worker, self._waiting = self._waiting, None
            await worker.child.stop()
            worker.let_go()

    async def _start_after(self, rest_s: float) -> None:
        await asyncio.sleep(rest_s)
        self._resting = None
        # Without room for a process now there is no spare; the next load starts its own and says what is wrong.
        with contextlib.suppress(OSError):
            self._waiting = WorkerProcess(LogRing(lines=50))

    def _stop_resting(self) -> None:
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
