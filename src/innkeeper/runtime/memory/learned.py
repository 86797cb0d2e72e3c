"""What earlier runs held and how long they took to load, kept in a small SQLite file.

Nothing here is needed to serve: what cannot be read counts as never learned, what cannot be written is not
learned this time, and `trouble` says why. A file that is no database is set aside, not deleted.

A peak is the highest of all runs of the same file with the same choices in the same engine build. Its margin is
5 % after one run and shrinks with every further one that used its context and stays within it, down to 1 %; a run
that goes beyond starts the count again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Final, TypeVar

from innkeeper.runtime.catalog import Bytes
from innkeeper.runtime.engine import Footprint, Sizing
from innkeeper.runtime.errors import BadModelFile
from innkeeper.runtime.memory.header import Header
from innkeeper.runtime.memory.options import EngineOptions

Answer = TypeVar("Answer")

FIRST_MARGIN: Final = 0.05
LEAST_MARGIN: Final = 0.01

_HEAD_BYTES: Final = 64 << 10
_NEW_LOAD_WEIGHS: Final = 0.3  # of a new load's seconds in the mean: three loads make the old ones a third
_BUSY_LIMIT_S: Final = 1.0
_MIGRATIONS: Final = (
    """
    CREATE TABLE IF NOT EXISTS peaks (
        subject TEXT NOT NULL, pool TEXT NOT NULL, peak_bytes INTEGER NOT NULL, runs INTEGER NOT NULL,
        PRIMARY KEY (subject, pool)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS loads (file TEXT NOT NULL PRIMARY KEY, took_s REAL NOT NULL) STRICT, WITHOUT ROWID;
    """,
)
"""One step each, in order; a file remembers how many it has had in `user_version`."""


@dataclass(frozen=True, slots=True)
class Subject:
    """All that a footprint depends on."""

    file: str
    """As `file_identity` gives it."""
    build: str
    """The engine and its version."""
    context: int
    slots: int
    cache_type: str
    options: EngineOptions

    @property
    def key(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)


def file_identity(header: Header) -> str:
    """Names a model by its length and the start of its header, so that a copy or a touched file is the same model.

    Raises:
        BadModelFile: The file can no longer be read.
    """
    return identity(header.file, header.file_bytes)


def identity(file: Path, file_bytes: int) -> str:
    """The same for any model file, with the bytes of all its parts.

    Raises:
        BadModelFile: The file can no longer be read.
    """
    try:
        with file.open("rb") as opened:
            head = opened.read(_HEAD_BYTES)
    except OSError as error:
        raise BadModelFile(f"{file}: cannot be read: {error.strerror or error}.") from error
    return f"{file_bytes}-{hashlib.sha256(head).hexdigest()[:32]}"


class Learned:
    """The file of what was learned. Every method may block for the disk, and may be called from any thread."""

    def __init__(self, path: Path) -> None:
        """`path` and its folder are made when there is something to remember."""
        self._path = path
        self._lock = Lock()
        self.trouble: str | None = None
        """Why nothing can be learned or was known, in words; None while all is well."""

    def footprint(self, subject: Subject) -> Footprint | None:
        """What `subject` held at most, with its margin; None where it never ran."""
        rows = self._ask("SELECT pool, peak_bytes, runs FROM peaks WHERE subject = ?", subject.key)
        if not rows:
            return None
        margin = max(LEAST_MARGIN, FIRST_MARGIN / min(runs for _, _, runs in rows))
        return Footprint({pool: round(peak * (1 + margin)) for pool, peak, _ in rows}, Sizing.LEARNED, margin)

    def learn(self, subject: Subject, peak: Bytes, *, was_filled: bool = True) -> None:
        """A run of `subject` is over and held `peak` at most.

        A run that did not use half of its context says little of what a full one holds: it does not count
        towards a smaller margin.
        """
        said = [
            {
                "subject": subject.key,
                "pool": pool,
                "peak": peak_bytes,
                "least": LEAST_MARGIN,
                "first": FIRST_MARGIN,
                "counts": int(was_filled),
            }
            for pool, peak_bytes in peak.items()
        ]
        self._work(
            lambda database: database.executemany(
                """
                INSERT INTO peaks VALUES (:subject, :pool, :peak, 1)
                ON CONFLICT DO UPDATE SET
                    runs = CASE
                        WHEN :peak > peak_bytes * (1 + max(:least, :first / runs)) THEN 1 ELSE runs + :counts
                    END,
                    peak_bytes = max(peak_bytes, :peak)
                """,
                said,
            )
        )

    def known(self) -> int:
        """How many footprints are known; 0 also where they cannot be read, and then `trouble` says why."""
        rows = self._ask("SELECT count(DISTINCT subject) FROM peaks WHERE subject <> ?", "")
        return int(rows[0][0]) if rows else 0

    def load_s(self, file: str) -> float | None:
        """Seconds a load of that file takes, the latest loads weighing most; None where there was none."""
        rows = self._ask("SELECT took_s FROM loads WHERE file = ?", file)
        return float(rows[0][0]) if rows else None

    def loaded(self, file: str, took_s: float) -> None:
        """That file was loaded in so many seconds."""
        self._work(
            lambda database: database.execute(
                "INSERT INTO loads VALUES (:file, :took) "
                "ON CONFLICT DO UPDATE SET took_s = took_s + (:took - took_s) * :weight",
                {"file": file, "took": took_s, "weight": _NEW_LOAD_WEIGHS},
            )
        )

    def _ask(self, question: str, about: str) -> list[Any]:  # rows of the columns that are asked for
        if not self._path.exists():
            return []
        return self._work(lambda database: database.execute(question, (about,)).fetchall()) or []

    def _work(self, work: Callable[[sqlite3.Connection], Answer]) -> Answer | None:
        """What `work` gives, kept if it goes well; None when something is wrong with the file, and why in `trouble`."""
        with self._lock:
            try:
                with contextlib.closing(self._open()) as database, database:
                    answer = work(database)
            except (sqlite3.Error, OSError) as error:
                self.trouble = f"{self._path}: {error}; footprints are not learned"
                if _is_no_database(error):
                    self._set_aside()
                return None
            self.trouble = None
            return answer

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = sqlite3.connect(self._path, timeout=_BUSY_LIMIT_S)
        try:
            # Others wait for the lock meanwhile: 0.4 ms instead of 20, and what a power cut costs is learned again.
            database.execute("PRAGMA synchronous = OFF")
            _migrate(database)
        except BaseException:
            database.close()
            raise
        return database

    def _set_aside(self) -> None:
        aside = self._path.with_suffix(".broken")
        with contextlib.suppress(OSError):  # then it stays, and `trouble` goes on to say so
            self._path.replace(aside)
            self.trouble = f"{self._path} was no database; it was set aside as {aside.name} and learning starts anew"


def _migrate(database: sqlite3.Connection) -> None:
    (done,) = database.execute("PRAGMA user_version").fetchone()
    if done > len(_MIGRATIONS):
        raise sqlite3.DatabaseError(f"it was written by a newer Innkeeper (step {done} of {len(_MIGRATIONS)})")
    if done == 0:
        database.execute("PRAGMA journal_mode = WAL")
    for number, step in enumerate(_MIGRATIONS[done:], start=done + 1):
        database.executescript(f"BEGIN IMMEDIATE; {step} PRAGMA user_version = {number}; COMMIT;")


def _is_no_database(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", None) in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}
