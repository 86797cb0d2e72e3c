"""What a running server does when the system signals: it closes in order, or reads its settings again."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from innkeeper.api.server import Server
from innkeeper.runtime import facts
from innkeeper.runtime.catalog import Catalog
from innkeeper.runtime.errors import InnkeeperError
from innkeeper.runtime.runtime import Runtime
from innkeeper.settings import load
from innkeeper.settings.catalog import catalog_of, search
from innkeeper.settings.load import Loaded

WINDOW_SHUTS_IN_S: Final = 0.5
"""Seconds between the signal of a terminal that goes away and its end."""

LOOKS_EVERY_S: Final = 1.0
"""Seconds between two looks whether the terminal is still there: what started us may keep its signal to itself, as
make does where `make up` is all that a window runs."""


@dataclass(slots=True)
class Reloading:
    """Reads the settings again on SIGHUP; one reload after the other, the newest file last."""

    runtime: Runtime
    loaded: Loaded
    is_wanted: asyncio.Event

    async def run(self) -> None:
        """Reload whenever it is wanted, for ever. A bad file changes nothing and is told."""
        while True:
            await self.is_wanted.wait()
            self.is_wanted.clear()
            try:
                new, catalog = await asyncio.to_thread(self._read)
                await self.runtime.reload(catalog)
            except InnkeeperError as error:
                self.runtime.journal.record(facts.SettingsReloaded(accepted=False, what=error.message))
                continue
            changes = load.changes(self.loaded.settings, new.settings)
            self.loaded = new
            self.runtime.journal.record(facts.SettingsReloaded(accepted=True, what=_told(changes)))

    def _read(self) -> tuple[Loaded, Catalog]:
        new = load.reload(self.loaded)
        return new, catalog_of(new.settings, search(new))


def _told(changes: tuple[load.Change, ...]) -> str:
    at_once = [change.name for change in changes if not change.needs_restart]
    later = [change.name for change in changes if change.needs_restart]
    words = ["changed: " + ", ".join(at_once)] if at_once else []
    words += ["at the next start: " + ", ".join(later)] if later else []
    return "; ".join(words) or "nothing changed"


@asynccontextmanager
async def heeding_signals(server: Server, runtime: Runtime, loaded: Loaded) -> AsyncIterator[None]:
    """SIGTERM and SIGINT close, SIGHUP reloads, for the length of the block. A terminal that goes away closes too."""
    loop = asyncio.get_running_loop()
    reloading = Reloading(runtime, loaded, asyncio.Event())
    in_front = _in_front()
    had_terminal = in_front is not None
    looking: asyncio.TimerHandle | None = None

    def close() -> None:
        runtime.stop_taking()
        server.close()

    def hang_up() -> None:
        if had_terminal:  # whoever shuts a window may say so before it is shut: look when that is over
            loop.call_later(WINDOW_SHUTS_IN_S, close_or_reload)
        else:
            reloading.is_wanted.set()

    def close_or_reload() -> None:
        if _in_front() is not None:
            reloading.is_wanted.set()
        else:  # nobody meant "read the settings"
            _write_to_nobody()
            close()

    def look() -> None:
        nonlocal in_front, looking
        was_in_front, in_front = in_front, _in_front()
        if in_front is not None:
            looking = loop.call_later(LOOKS_EVERY_S, look)
        elif was_in_front:  # one in the background was told to outlive its terminal
            _write_to_nobody()
            close()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, close)
    loop.add_signal_handler(signal.SIGHUP, hang_up)
    if had_terminal:
        looking = loop.call_later(LOOKS_EVERY_S, look)
    tasks = asyncio.TaskGroup()  # entered by hand: an error of the block is to pass as it is, not in a group
    await tasks.__aenter__()
    reloader = tasks.create_task(reloading.run(), name="reload on SIGHUP")
    try:
        yield
    finally:
        if looking is not None:
            looking.cancel()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)
        reloader.cancel()
        await tasks.__aexit__(None, None, None)


def _in_front() -> bool | None:
    """Whether we are what the terminal runs in front; None where there is no terminal, or none any more."""
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return None


def _write_to_nobody() -> None:
    """What would still be told to a terminal that is gone is told to nobody, and is no error."""
    gone = os.fstat(0).st_rdev
    nobody = os.open(os.devnull, os.O_RDWR)
    for descriptor in (1, 2):
        if os.fstat(descriptor).st_rdev == gone:
            os.dup2(nobody, descriptor)
    os.close(nobody)
