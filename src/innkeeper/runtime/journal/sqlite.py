"""The journal's long memory: a file fed by one thread, so that recording never waits for the disk.

Trouble with the disk is reported once and outlived: a full or read-only disk is tried again, a broken file is moved
aside under a dated name and a new one begun. Serving goes on in every case.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from innkeeper.runtime.journal.entry import Entry
from innkeeper.runtime.journal.file import JournalFile, is_broken, story_in
from innkeeper.runtime.journal.schema import TooNew

_log = logging.getLogger(__name__)

_DAY_S: Final = 86_400.0
_TRIM_EVERY_ENTRIES: Final = 5_000
_CLOSE_S: Final = 10.0


class SqliteSink:
    """Keeps entries over restarts, and is the journal's archive.

    `take` puts an entry into a bounded queue; a thread writes what has gathered in one transaction. While the disk
    refuses, entries wait in the queue; when that is full, new ones are lost, counted and reported.
    """

    name = "SQLite"

    def __init__(
        self,
        file: Path,
        *,
        clock: Callable[[], float],
        keep_days: float = 30.0,
        keep_bytes: int = 200_000_000,
        queue: int = 20_000,
        gather_s: float = 0.25,
        retry_s: float = 10.0,
    ) -> None:
        """Opens `file`, or reports why it cannot be opened, and starts the writing thread.

        `clock` gives seconds since 1970. `gather_s` is how long entries gather before they are written, and so what
        a killed server loses of its last facts; `retry_s` is the pause after the disk refused.
        """
        self._path = file
        self._clock = clock
        self._keep_s = keep_days * _DAY_S
        self._keep_bytes = keep_bytes
        self._queue: deque[Entry] = deque()
        self._queue_limit = queue
        self._gather_s = gather_s
        self._retry_s = retry_s
        self._something_waits = threading.Event()
        self._closing = threading.Event()
        self._file: JournalFile | None = None
        self.is_in_trouble = False
        """Whether the disk refused the last time; entries wait in memory until it does not."""
        self._lost = 0
        self._until_trim = 0
        self.next_number = 1
        if not self._survives(self._begin):
            self._survives(self._begin)  # with a new file, where a broken one was moved aside
        self._thread = threading.Thread(target=self._write_until_closed, name="journal writer", daemon=True)
        self._thread.start()

    def take(self, entry: Entry) -> None:
        """Queue one entry for the file."""
        if len(self._queue) >= self._queue_limit:
            self._lost += 1
            return
        self._queue.append(entry)
        if not self._something_waits.is_set():
            self._something_waits.set()

    def close(self) -> None:
        """Write what is queued, as far as the disk lets us, and close the file; at most ten seconds."""
        self._closing.set()
        self._something_waits.set()
        self._thread.join(_CLOSE_S)

    def story(self, subject: str, at_most: int, before: int) -> tuple[Entry, ...]:
        """The newest entries on disk numbered below `before` that name `subject`; empty where it cannot be read."""
        try:
            return story_in(self._path, subject, at_most, before)
        except sqlite3.Error as error:
            _log.warning("The journal %s cannot be read (%s); the story is what memory holds.", self._path, error)
            return ()

    def _write_until_closed(self) -> None:
        while not self._closing.is_set():
            self._something_waits.wait()
            self._closing.wait(self._retry_s if self.is_in_trouble else self._gather_s)
            self._something_waits.clear()
            if not self._survives(self._write_queue):
                self._something_waits.set()
        self._survives(self._write_queue)
        if self._queue or self._lost:
            _log.error("The journal ends with %d facts not written to %s.", len(self._queue) + self._lost, self._path)
        if self._file is not None:
            self._file.close()

    def _begin(self) -> None:
        self.next_number = self._open().newest_number() + 1

    def _open(self) -> JournalFile:
        if self._file is None:
            self._file = JournalFile(self._path)
        return self._file

    def _write_queue(self) -> None:
        batch = list(self._queue)
        if not batch:
            return
        file = self._open()
        file.add(batch)
        for _ in batch:
            self._queue.popleft()
        if self.is_in_trouble or self._lost:
            _log.warning("The journal %s is written again; %d facts were lost.", self._path, self._lost)
            self.is_in_trouble, self._lost = False, 0
        self._until_trim -= len(batch)
        if self._until_trim <= 0:
            self._until_trim = _TRIM_EVERY_ENTRIES
            file.trim(self._clock() - self._keep_s, self._keep_bytes)

    def _survives(self, work: Callable[[], object]) -> bool:
        """Whether `work` was done. If not, say so once and leave the file closed, to be opened anew."""
        try:
            work()
        except Exception as error:  # noqa: BLE001  a sink's trouble, of whatever sort, must not end its thread (rule 23)
            if self._file is not None:
                self._file.close()
                self._file = None
            if not (is_broken(error) and self._moved_aside(error)):
                if not self.is_in_trouble:
                    self._tell(error)
                self.is_in_trouble = True
            return False
        return True

    def _tell(self, error: Exception) -> None:
        if isinstance(error, TooNew):
            fix = "Use that version again, or move the file away"
        elif is_broken(error):
            fix = "Move the file away"
        else:
            fix = "Free space, or make it writable"
        _log.error(
            "The journal %s cannot be written (%s). %s. Serving goes on; up to %d facts wait in memory and the file is"
            " tried again every %g s.",
            self._path,
            error,
            fix,
            self._queue_limit,
            self._retry_s,
        )

    def _moved_aside(self, error: Exception) -> bool:
        """Whether the broken file could be given another name, so that a new one may begin."""
        when = datetime.fromtimestamp(self._clock(), UTC)
        moved = self._path.with_name(f"{self._path.name}.broken-{when:%Y-%m-%dT%H%M%SZ}")
        try:
            self._path.replace(moved)
            for ending in ("-wal", "-shm"):
                self._path.with_name(self._path.name + ending).unlink(missing_ok=True)
        except OSError:
            return False
        _log.error("The journal %s is broken (%s); it was moved to %s and a new one begun.", self._path, error, moved)
        return True
