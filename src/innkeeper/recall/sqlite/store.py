"""The store as tasks see it: one thread writes, one reads, and nobody waits for the disk on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeVar

import apsw

from innkeeper.recall.passage import Passage
from innkeeper.recall.provenance import Embedded, Provenance
from innkeeper.recall.query import Hit, Query, Scope
from innkeeper.recall.sqlite.database import Database
from innkeeper.recall.sqlite.opening import opened_to_write
from innkeeper.recall.sqlite.reading import Reading
from innkeeper.recall.sqlite.writing import Writing
from innkeeper.recall.store import Embeddings
from innkeeper.runtime.errors import Closing, StateUnusable

Result = TypeVar("Result")


class SqliteStore:
    """A `Store` in one file. `sqlite_store` opens one for the length of a block."""

    def __init__(self, file: Path) -> None:
        """Open `file`, made where absent. Reads and writes the disk: `sqlite_store` does it in a thread.

        Raises:
            StateUnusable: The file cannot be used, is another program's, or is newer than this program.
        """
        self._file = file
        self._is_closed = False
        with _told(file):
            self._to_write = opened_to_write(file)
            try:
                self._to_read = Database(file, writes=False)
            except BaseException:
                self._to_write.close()
                raise
        self._writing = Writing(self._to_write)
        self._reading = Reading(self._to_read)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix=f"write {file.name}")
        self._reader = ThreadPoolExecutor(1, thread_name_prefix=f"read {file.name}")

    async def add(self, passages: Sequence[Passage]) -> int:
        """See `Store.add`."""
        return await self._in(self._writer, lambda: self._writing.add(passages))

    async def remove(self, collection: str, source: str | None = None) -> int:
        """See `Store.remove`."""
        if source is None:
            return await self._in(self._writer, lambda: self._writing.remove("collection = ?", (collection,)))
        where = "collection = ? AND source = ?"
        return await self._in(self._writer, lambda: self._writing.remove(where, (collection, source)))

    async def remove_keys(self, keys: Sequence[str]) -> int:
        """See `Store.remove_keys`."""
        where = f"key IN ({', '.join('?' for _ in keys)})"
        return await self._in(self._writer, lambda: self._writing.remove(where, keys))

    async def get(self, keys: Sequence[str]) -> tuple[Passage, ...]:
        """See `Store.get`."""
        return await self._in(self._reader, lambda: self._reading.get(keys))

    async def count(self, scope: Scope) -> int:
        """See `Store.count`."""
        return await self._in(self._reader, lambda: self._reading.count(scope))

    async def search(self, query: Query, question: Embedded | None = None) -> tuple[Hit, ...]:
        """See `Store.search`."""
        return await self._in(self._reader, lambda: self._reading.search(query, question))

    async def embeddings(self) -> Embeddings:
        """See `Store.embeddings`."""
        return await self._in(self._reader, self._reading.embeddings)

    async def begin(self, provenance: Provenance) -> None:
        """See `Store.begin`."""
        await self._in(self._writer, lambda: self._writing.begin(provenance))

    async def missing(self, provenance: Provenance, at_most: int) -> tuple[tuple[str, str], ...]:
        """See `Store.missing`."""
        return await self._in(self._reader, lambda: self._reading.missing(provenance, at_most))

    async def put(self, keys: Sequence[str], embedded: Embedded) -> None:
        """See `Store.put`."""
        await self._in(self._writer, lambda: self._writing.put(keys, embedded))

    async def switch(self, provenance: Provenance) -> bool:
        """See `Store.switch`."""
        return await self._in(self._writer, lambda: self._writing.switch(provenance))

    async def forget_retired(self, at_most: int) -> int:
        """See `Store.forget_retired`."""
        return await self._in(self._writer, lambda: self._writing.forget_retired(at_most))

    async def close(self) -> None:
        """See `Store.close`; what was begun is finished first."""
        if not self._is_closed:
            self._is_closed = True
            await asyncio.to_thread(self._close)

    async def _in(self, thread: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
        """What `work` gives, done in that thread. A caller who leaves does not end a write that has begun."""
        if self._is_closed:
            raise Closing(f"The store {self._file} is closed.")
        with _told(self._file):
            return await asyncio.get_running_loop().run_in_executor(thread, work)

    def _close(self) -> None:
        for thread, connection in ((self._reader, self._to_read), (self._writer, self._to_write)):
            thread.shutdown(wait=True)
            connection.close()


@contextmanager
def _told(file: Path) -> Iterator[None]:
    """Turns what the disk refuses into an error that says what to do."""
    try:
        yield
    except (apsw.CorruptError, apsw.NotADBError) as error:
        fix = "Move it away, with the files beside it that end in -wal and -shm, and take the passages in again."
        raise StateUnusable(f"{file} is damaged or no database ({error}). {fix}") from error
    except apsw.FullError as error:
        raise StateUnusable(f"The disk of {file} is full; nothing was written. Free space and try again.") from error
    except apsw.BusyError as error:
        raise StateUnusable(f"Another process has been writing {file} for too long. Try again.") from error
    except (apsw.Error, OSError) as error:
        raise StateUnusable(f"{file} cannot be read or written ({error}). Make it and its folder writable.") from error


@asynccontextmanager
async def sqlite_store(file: Path) -> AsyncIterator[SqliteStore]:
    """The store in `file`, open for the length of the block.

    Raises:
        StateUnusable: The file cannot be used, is another program's, or is newer than this program.
    """
    store = await asyncio.to_thread(SqliteStore, file)
    try:
        yield store
    finally:
        await store.close()
