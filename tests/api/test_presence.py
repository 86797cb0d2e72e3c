"""Presence: who is being served, until they leave or the server says farewell."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import Message

from innkeeper.api.presence import Presence
from innkeeper.runtime.errors import Closing


class Connection:
    """A caller's end of the wire, as a route sees it."""

    def __init__(self) -> None:
        self.is_gone = asyncio.Event()

    async def receive(self) -> Message:
        await self.is_gone.wait()
        return {"type": "http.disconnect"}


class TestAFarewell:
    async def test_reaches_everybody_also_while_one_caller_is_just_leaving(self) -> None:
        presence, leaver, stayer = Presence(), Connection(), Connection()
        is_leaving, may_be_gone = asyncio.Event(), asyncio.Event()

        async def leave() -> None:
            async with presence.until_the_caller_leaves(leaver.receive, "r-1"):
                try:
                    await asyncio.Event().wait()
                finally:
                    is_leaving.set()
                    await may_be_gone.wait()

        async def stay() -> None:
            async with presence.until_the_caller_leaves(stayer.receive, "r-2"):
                await asyncio.Event().wait()

        leaving, staying = asyncio.create_task(leave()), asyncio.create_task(stay())
        await asyncio.sleep(0)
        leaver.is_gone.set()
        await is_leaving.wait()

        presence.farewell()

        with pytest.raises(Closing):
            await staying
        may_be_gone.set()
        await asyncio.wait([leaving])
        assert isinstance(leaving.exception(), Closing)
