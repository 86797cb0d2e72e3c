"""Many streams at once through one address: how many pieces came, and how many on time."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import uvloop

from benchmarks.doubles.raw_client import Target, request_bytes

LATE_S = 0.020


@dataclass(frozen=True, slots=True)
class Relayed:
    """What came of all streams together."""

    pieces: int
    in_time: int
    took_s: float

    @property
    def share_in_time(self) -> float:
        return self.in_time / self.pieces


class _Stream(asyncio.Protocol):
    """One stream: counts its pieces and holds each against the pace, reckoned from the first."""

    def __init__(self, request: bytes, every_s: float, ended: asyncio.Future[None]) -> None:
        self.pieces = 0
        self.in_time = 0
        self._request = request
        self._every_s = every_s
        self._ended = ended
        self._first_s = 0.0
        self._last_bytes = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        now_s = time.perf_counter()
        held = self._last_bytes + data
        for _ in range(held.count(b"data: {")):
            if not self.pieces:
                self._first_s = now_s
            if now_s <= self._first_s + self.pieces * self._every_s + LATE_S:
                self.in_time += 1
            self.pieces += 1
        self._last_bytes = held[-6:]  # one byte short of a mark, so that none is counted twice
        if b"[DONE" in held:
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        self._end()

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)


def relay(target: Target, *, streams: int, pieces_per_s: int, for_s: int) -> Relayed:
    """Open `streams` streams of `pieces_per_s` pieces a second for `for_s` seconds, and read them all to the end.

    Raises:
        ConnectionError: Pieces are missing.
    """
    return uvloop.run(_relay(target, streams, pieces_per_s, for_s))


async def _relay(target: Target, streams: int, pieces_per_s: int, for_s: int) -> Relayed:
    assert not isinstance(target.address, Path), "a front listens on TCP"
    loop = asyncio.get_running_loop()
    count = pieces_per_s * for_s
    request = request_bytes(target, close=True, stream=True, max_tokens=count, user=f"pace {pieces_per_s}")
    began_s = time.perf_counter()
    opened: list[_Stream] = []
    ends: list[asyncio.Future[None]] = []
    for _ in range(streams):
        ended: asyncio.Future[None] = loop.create_future()
        stream = _Stream(request, 1.0 / pieces_per_s, ended)
        await loop.create_connection(lambda stream=stream: stream, *target.address)  # type: ignore[misc]  # mypy loses it
        opened.append(stream)
        ends.append(ended)
        await asyncio.sleep(1.0 / pieces_per_s / streams)  # spread, as people are
    await asyncio.wait(ends, timeout=for_s * 20)
    took_s = time.perf_counter() - began_s
    pieces = sum(stream.pieces for stream in opened)
    if pieces < streams * count:  # a proxy may add one of its own at the end
        raise ConnectionError(f"{target.name}: {pieces} pieces of {streams * count} came in {took_s:.0f} s")
    return Relayed(pieces, sum(stream.in_time for stream in opened), took_s)
