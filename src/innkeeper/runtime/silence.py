"""Ends an answer whose engine says nothing for too long: it would keep its slot as long as its caller stays."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

from innkeeper.runtime.errors import EngineTimedOut
from innkeeper.runtime.messages import Request

LOOKS: Final = 4
"""How often within the limit somebody looks: so much later than the limit an answer ends at most."""


class Silence:
    """A watch over one answer. Only waiting for the engine counts: while a piece is with its caller, `pause`.

    Cancels the task that waits, as `asyncio.timeout` does, and turns that into `EngineTimedOut` at the end of its
    block. One timer looks now and then, because a clock for each piece would cost more than the piece.
    """

    def __init__(self, model: str, within_s: float) -> None:
        self._model = model
        self._within_s = within_s
        self._task: asyncio.Task[object] | None = None
        self._cancelled_before = 0
        self._timer: asyncio.TimerHandle | None = None
        self._is_waiting = False
        self._quiet_looks = 0
        self._is_over = False

    async def __aenter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None, "an answer is waited for in a task"
        self._task, self._cancelled_before = task, task.cancelling()
        self._look_later()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        assert self._timer is not None
        assert self._task is not None
        self._timer.cancel()
        if not self._is_over:
            return
        is_ours_alone = self._task.uncancel() <= self._cancelled_before
        if is_ours_alone and kind is not None and issubclass(kind, asyncio.CancelledError):
            raise EngineTimedOut(
                f"{self._model} said nothing for {self._within_s:g} s in the middle of its answer. If it only needs "
                "longer, raise queue.longest_silence_s; else unload it and load it anew.",
                limit_s=self._within_s,
            ) from error

    def heard_by(self, request: Request) -> Request:
        """`request`, whose pieces are noticed also where they go a shorter way to the caller."""
        shortcut = request.shortcut
        if shortcut is None:
            return request

        def noticed(data: bytes) -> bool:
            self._quiet_looks = 0
            return shortcut(data)

        return replace(request, shortcut=noticed)

    def pause(self) -> None:
        """The caller has a piece, and takes the time it takes."""
        self._is_waiting = False

    def listen(self) -> None:
        """The engine is waited for from now on."""
        self._quiet_looks = 0
        self._is_waiting = True

    def _look_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._within_s / LOOKS, self._look)

    def _look(self) -> None:
        self._quiet_looks = self._quiet_looks + 1 if self._is_waiting else 0
        if self._quiet_looks <= LOOKS:
            self._look_later()
            return
        assert self._task is not None
        self._is_over = True
        self._task.cancel()
