"""The journal: numbers and dates each fact, keeps the newest, and hands it to every sink.

A sink stores, counts or tells. One that raises is reported once and skipped: recording never breaks serving.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count

from innkeeper.runtime.facts import Fact
from innkeeper.runtime.journal.entry import Archive, Entry, Sink
from innkeeper.runtime.journal.subjects import subjects

_log = logging.getLogger(__name__)


class Journal:
    """Everything the runtime says about itself.

    `record` may be called from any thread and costs a few microseconds. `story` reads the archive's disk
    for what is no longer in memory, so a server calls it from a thread.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        sinks: Sequence[Sink] = (),
        keep: int = 10_000,
        archive: Archive | None = None,
    ) -> None:
        """`clock` gives seconds since 1970; `keep` entries stay in memory, about 0.5 KB each."""
        assert keep > 0, f"a journal that keeps {keep} entries cannot tell a story"
        self._clock = clock
        self._sinks = tuple(sinks)
        self._archive = archive
        self._kept: deque[Entry] = deque(maxlen=keep)
        self._numbers = count(1 if archive is None else archive.next_number)
        self._failed: set[int] = set()

    def record(self, fact: Fact) -> Entry:
        """Number, date and keep `fact`, and hand it to every sink. Never raises for a sink."""
        entry = Entry(next(self._numbers), self._clock(), fact)
        self._kept.append(entry)
        for sink in self._sinks:
            try:
                sink.take(entry)
            except Exception as error:  # noqa: BLE001  a sink's trouble must not become a caller's (style rule 23)
                self._report(sink, error)
        return entry

    def entries(self, after: int = 0) -> tuple[Entry, ...]:
        """The entries in memory with a number above `after`, oldest first."""
        newest_first = []
        for entry in reversed(tuple(self._kept)):
            if entry.number <= after:
                break
            newest_first.append(entry)
        return tuple(reversed(newest_first))

    def story(self, subject: str, at_most: int = 1_000) -> tuple[Entry, ...]:
        """The newest entries that name this request or this model, oldest first; empty for a name never heard."""
        kept = tuple(self._kept)
        told = [entry for entry in reversed(kept) if subject in subjects(entry.fact)][:at_most]
        told.reverse()
        if self._archive is None or len(told) == at_most:
            return tuple(told)
        oldest = kept[0].number if kept else None
        older = self._archive.story(subject, at_most)
        before = [entry for entry in older if oldest is None or entry.number < oldest]
        return (*before, *told)[-at_most:]

    def close(self) -> None:
        """Let every sink finish. Facts recorded afterwards are kept in memory only."""
        sinks, self._sinks = self._sinks, ()
        for sink in sinks:
            try:
                sink.close()
            except Exception as error:  # noqa: BLE001  the others must still be closed (style rule 23)
                self._report(sink, error)

    def _report(self, sink: Sink, error: Exception) -> None:
        if id(sink) not in self._failed:
            self._failed.add(id(sink))
            _log.error(
                "The journal's %s sink failed (%s: %s). Serving goes on; later failures of this sink are not reported.",
                sink.name,
                type(error).__name__,
                error,
                exc_info=error,
            )
