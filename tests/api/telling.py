"""Answers that are told piece by piece, when the test lets them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from innkeeper.api.options import ApiOptions
from innkeeper.runtime.errors import EngineDied, LoadFailed
from innkeeper.runtime.messages import Began, Chunk, Done, Request
from tests.api.doubles import NARRATOR, Wire, chat_chunk

CHAT = "/v1/chat/completions"
ASKS: dict[str, object] = {"model": NARRATOR, "messages": [{"role": "user", "content": "Hi"}], "stream": True}
BEGAN = Began(NARRATOR, "it was asked for", waited_s=3.0, load_s=2.5)
IMPATIENT = ApiOptions(heartbeat_s=0.02, shutdown_within_s=5)


class Teller:
    """A script that says each piece when the test lets it."""

    def __init__(self) -> None:
        self.lines: asyncio.Queue[Chunk | EngineDied | LoadFailed] = asyncio.Queue()

    async def __call__(self, request: Request) -> AsyncGenerator[Chunk, None]:
        line: Chunk | EngineDied | LoadFailed = chat_chunk("")
        while not isinstance(line, Done):
            line = await self.lines.get()
            if isinstance(line, EngineDied | LoadFailed):
                raise line
            yield line

    def say(self, *lines: Chunk | EngineDied | LoadFailed) -> None:
        for line in lines:
            self.lines.put_nowait(line)


async def next_events(wire: Wire, until: bytes) -> list[bytes]:
    """Chunks up to and with the first that holds `until`."""
    heard = []
    while True:
        heard.append(await wire.chunk())
        assert heard[-1], f"the stream ended before {until!r}: {heard}"
        if until in heard[-1]:
            return heard
