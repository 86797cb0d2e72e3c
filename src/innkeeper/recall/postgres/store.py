"""The store as tasks see it: one thread writes, some read, and nobody waits for the server on the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from innkeeper.recall import searching
from innkeeper.recall.passage import Passage
from innkeeper.recall.postgres.connections import Connections
from innkeeper.recall.postgres.reading import Reading
from innkeeper.recall.postgres.writing import Writing
from innkeeper.recall.provenance import Embedded, Provenance
from innkeeper.recall.query import Hit, Query, Scope
from innkeeper.recall.store import Embeddings
from innkeeper.runtime.errors import Closing
from innkeeper.text.stems import Stems

SCHEMA: Final = "innkeeper_recall"
_READERS: Final = 4

Result = TypeVar("Result")


class _OfThread(threading.local):
    """What each thread has for itself."""

    def __init__(self) -> None:
        self.stems = Stems()


class PostgresStore:
    """A `Store` in one schema of a database. `postgres_store` opens one for the length of a block."""

    def __init__(self, conninfo: str, schema: str = SCHEMA, readers: int = _READERS) -> None:
        """Connect and make the tables ready. Waits for the server: `postgres_store` does it in a thread.

        Raises:
            InvalidRequest: `schema` is no plain name.
            StateUnusable: The database cannot be reached or used, is newer than this program, or another's.
        """
        self._connections = Connections(conninfo, schema, at_most=readers + 1)
        self._is_closed = False
        self._own = _OfThread()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="write recall")
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="read recall")

    @property
    def without_pgvector_because(self) -> str | None:
        """Why vectors are compared without pgvector, and what to do about it; None where it is used."""
        return self._connections.opened.without_pgvector_because

    async def add(self, passages: Sequence[Passage]) -> int:
        """See `Store.add`."""

        def add() -> int:
            last = {passage.key: passage for passage in passages}
            stems = {key: self._own.stems.of(passage.text) for key, passage in last.items()}  # before others must wait
            with self._connections.writing() as session:
                return Writing(session).add(last, stems)

        return await self._in(self._writer, add)

    async def remove(self, collection: str, source: str | None = None) -> int:
        """See `Store.remove`."""
        return await self._write(lambda writing: writing.remove(collection, source))

    async def remove_keys(self, keys: Sequence[str]) -> int:
        """See `Store.remove_keys`."""
        return await self._write(lambda writing: writing.remove_keys(keys))

    async def get(self, keys: Sequence[str]) -> tuple[Passage, ...]:
        """See `Store.get`."""
        return await self._read(lambda reading: reading.get(keys))

    async def count(self, scope: Scope) -> int:
        """See `Store.count`."""
        return await self._read(lambda reading: reading.count(scope))

    async def search(self, query: Query, question: Embedded | None = None) -> tuple[Hit, ...]:
        """See `Store.search`."""
        return await self._read(lambda reading: searching.search(reading, query, question, self._own.stems))

    async def embeddings(self) -> Embeddings:
        """See `Store.embeddings`."""
        return await self._read(lambda reading: reading.embeddings())

    async def begin(self, provenance: Provenance) -> None:
        """See `Store.begin`."""
        await self._write(lambda writing: writing.begin(provenance))

    async def missing(self, provenance: Provenance, at_most: int) -> tuple[tuple[str, str], ...]:
        """See `Store.missing`."""
        return await self._read(lambda reading: reading.missing(provenance, at_most))

    async def put(self, keys: Sequence[str], embedded: Embedded) -> None:
        """See `Store.put`."""
        await self._write(lambda writing: writing.put(keys, embedded))

    async def switch(self, provenance: Provenance) -> bool:
        """See `Store.switch`."""
        return await self._write(lambda writing: writing.switch(provenance))

    async def forget_retired(self, at_most: int) -> int:
        """See `Store.forget_retired`."""
        return await self._write(lambda writing: writing.forget_retired(at_most))

    async def close(self) -> None:
        """See `Store.close`; what was begun is finished first."""
        if not self._is_closed:
            self._is_closed = True
            await asyncio.to_thread(self._close)

    async def _read(self, work: Callable[[Reading], Result]) -> Result:
        def read() -> Result:
            with self._connections.reading() as session:
                return work(Reading(session, self._connections.opened.differing_bits))

        return await self._in(self._readers, read)

    async def _write(self, work: Callable[[Writing], Result]) -> Result:
        def write() -> Result:
            with self._connections.writing() as session:
                return work(Writing(session))

        return await self._in(self._writer, write)

    async def _in(self, threads: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
        """What `work` gives, done in one of the threads. A caller who leaves does not end what has begun."""
        if self._is_closed:
            raise Closing("The store of passages is closed.")
        return await asyncio.get_running_loop().run_in_executor(threads, work)

    def _close(self) -> None:
        self._readers.shutdown(wait=True)
        self._writer.shutdown(wait=True)
        self._connections.close()


@asynccontextmanager
async def postgres_store(conninfo: str, schema: str = SCHEMA) -> AsyncIterator[PostgresStore]:
    """The store in one schema of the database, open for the length of the block.

    `conninfo` is a URL or a string as libpq has it; what it leaves out comes from PGHOST, PGPASSWORD and ~/.pgpass.

    Raises:
        InvalidRequest: `schema` is no plain name.
        StateUnusable: The database cannot be reached or used, is newer than this program, or another's.
    """
    store = await asyncio.to_thread(PostgresStore, conninfo, schema)
    try:
        yield store
    finally:
        await store.close()
