"""Work that ends when the caller leaves: in the queue, during a load, during the prompt, between two words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from starlette.types import Receive


@asynccontextmanager
async def until_the_caller_leaves(receive: Receive, request_id: str) -> AsyncGenerator[None, None]:
    """Run the block; if the connection closes meanwhile, cancel what it awaits and leave it without an error.

    Nothing but this may call `receive` meanwhile; the body must have been read.
    """
    presence = asyncio.timeout(None)  # a departure is a deadline that has come
    try:
        async with presence:
            watch = asyncio.create_task(_watch(receive, presence), name=f"watch the caller of {request_id}")
            try:
                yield
            finally:
                watch.cancel()
                await asyncio.wait({watch})
    except TimeoutError:
        if not presence.expired():  # somebody else's deadline, which is an error
            raise


async def _watch(receive: Receive, presence: asyncio.Timeout) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    presence.reschedule(asyncio.get_running_loop().time())
