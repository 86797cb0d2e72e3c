"""Work that ends when the caller leaves: in the queue, during a load, during the prompt, between two words.

It ends for everybody when the server says farewell: then each caller is told so, instead of being cut off.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from starlette.types import Receive

from innkeeper.runtime.errors import Closing

ASK_AGAIN_S = 5.0
"""Seconds after which somebody may have started the server again."""


class Presence:
    """All callers who are being served."""

    def __init__(self) -> None:
        self._here: set[asyncio.Timeout] = set()
        self._is_over = False

    def farewell(self) -> None:
        """End what is under way: every `until_the_caller_leaves` raises `Closing`, now and from now on."""
        self._is_over = True
        for caller in self._here:
            _end(caller)

    @asynccontextmanager
    async def until_the_caller_leaves(self, receive: Receive, request_id: str) -> AsyncGenerator[None, None]:
        """Run the block; if the connection closes meanwhile, cancel what it awaits and leave it without an error.

        Nothing but this may call `receive` meanwhile; the body must have been read.

        Raises:
            Closing: The server says farewell.
        """
        caller = asyncio.timeout(None)  # a departure is a deadline that has come
        try:
            if self._is_over:
                raise _closing()
            async with caller:
                watch = asyncio.create_task(_watch(receive, caller), name=f"watch the caller of {request_id}")
                self._here.add(caller)
                try:
                    yield
                finally:
                    self._here.discard(caller)
                    watch.cancel()
                    await asyncio.wait({watch})
        except TimeoutError:
            if not caller.expired():  # somebody else's deadline, which is an error
                raise
            if self._is_over:
                raise _closing() from None


async def _watch(receive: Receive, caller: asyncio.Timeout) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    _end(caller)


def _end(caller: asyncio.Timeout) -> None:
    if not caller.expired():  # who is leaving already cannot be sent away again
        caller.reschedule(asyncio.get_running_loop().time())


def _closing() -> Closing:
    return Closing("The server is shutting down. Ask again when it is back.", retry_after_s=ASK_AGAIN_S)
