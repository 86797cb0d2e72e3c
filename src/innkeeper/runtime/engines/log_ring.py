"""The last lines a model's processes wrote, kept in bounded memory across restarts."""

from __future__ import annotations

import asyncio
from collections import deque

LINES = 400
LINE_BYTES = 1000


class LogRing:
    """Bytes in as they come, lines out. Holds at most about `lines` × `LINE_BYTES`."""

    def __init__(self, lines: int = LINES) -> None:
        self._lines: deque[str] = deque(maxlen=lines)
        self._rest = b""
        self._grew = asyncio.Event()
        self.written = 0
        """Lines taken in so far, those included that are no longer kept."""

    def feed(self, data: bytes) -> None:
        """Take in output, cut anywhere. Lines longer than `LINE_BYTES` are shortened, and the end says so."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        for line in whole:
            self._keep(line)
        if len(self._rest) > LINE_BYTES:
            self._keep(self._rest)
            self._rest = b""
        self._grew.set()

    def end(self) -> None:
        """The process is gone: what it had begun to say is its last line."""
        if self._rest:
            self._keep(self._rest)
            self._rest = b""
        self._grew.set()

    def tail(self, lines: int = LINES) -> tuple[str, ...]:
        """The last `lines` lines, oldest first."""
        return tuple(self._lines)[-lines:] if lines > 0 else ()

    def since(self, written: int) -> tuple[str, ...]:
        """The lines kept of those that came after `written` had that value: what one process said."""
        return self.tail(self.written - written)

    async def grew(self) -> None:
        """Return when something has been written since the last call."""
        await self._grew.wait()
        self._grew.clear()

    def _keep(self, line: bytes) -> None:
        text = line[:LINE_BYTES].decode("utf-8", "replace").rstrip()
        if text:
            self.written += 1
            self._lines.append(text + (" …" if len(line) > LINE_BYTES else ""))
