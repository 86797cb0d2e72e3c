"""The journal: numbers and dates each fact, keeps the newest, and hands it to every sink.

A sink stores, counts or tells. One that raises is reported once and skipped: recording never breaks serving.
"""

from __future__ import annotations

import logging
import sys
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count
from typing import Final

from innkeeper.runtime.facts import Fact, Finished, FirstWords
from innkeeper.runtime.journal.entry import Archive, Entry, Sink
from innkeeper.runtime.journal.subjects import subjects

_log = logging.getLogger(__name__)

_MEANWHILE: Final = 200
"""Entries about each of its models in which the story of a request looks for what happened while it waited."""


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
        self._kept: deque[tuple[Entry, tuple[str, ...]]] = deque(maxlen=keep)
        """The newest entries, each with whom it names."""
        self._numbers = count(1 if archive is None else archive.next_number)
        self._failed: set[int] = set()

    def record(self, fact: Fact) -> Entry:
        """Number, date and keep `fact`, and hand it to every sink. Never raises for a sink."""
        entry = Entry(next(self._numbers), self._clock(), fact)
        self._kept.append((entry, subjects(fact)))
        for sink in self._sinks:
            try:
                sink.take(entry)
            except Exception as error:  # noqa: BLE001  a sink's trouble must not become a caller's (style rule 23)
                self._report(sink, error)
        return entry

    def entries(self, after: int = 0) -> tuple[Entry, ...]:
        """The entries in memory with a number above `after`, oldest first."""
        newest_first = []
        for entry, _ in reversed(tuple(self._kept)):
            if entry.number <= after:
                break
            newest_first.append(entry)
        return tuple(reversed(newest_first))

    def story(self, subject: str, at_most: int = 1_000) -> tuple[Entry, ...]:
        """The newest entries that name this request or this model, oldest first; empty for a name never heard.

        The story of a request also tells what happened in memory to the models it may go to, from its arrival until
        its first words or its ending: who had to leave, what loaded, what failed.
        """
        told = self._naming(subject, at_most, self._end())
        return tuple(sorted([*told, *self._meanwhile(subject, told)], key=lambda entry: entry.number)[-at_most:])

    def _meanwhile(self, request: str, told: tuple[Entry, ...]) -> list[Entry]:
        if not told or getattr(told[0].fact, "request", None) != request:
            return []
        began = told[0].number
        until = next((one.number for one in told if isinstance(one.fact, FirstWords | Finished)), self._end())
        models = {name for entry in told for name in subjects(entry.fact)} - {request}
        around = {one.number: one for model in models for one in self._naming(model, _MEANWHILE, until)}
        return [one for one in around.values() if one.number > began and not hasattr(one.fact, "request")]

    def _naming(self, subject: str, at_most: int, before: int) -> tuple[Entry, ...]:
        """The newest entries with a number below `before` that name `subject`, oldest first."""
        kept = tuple(self._kept)
        told = [one for one, named in reversed(kept) if subject in named and one.number < before][:at_most]
        told.reverse()
        if self._archive is None or len(told) == at_most:
            return tuple(told)
        oldest = kept[0][0].number if kept else before
        return (*self._archive.story(subject, at_most - len(told), min(oldest, before)), *told)

    def _end(self) -> int:
        """A number above that of every entry so far."""
        return self._kept[-1][0].number + 1 if self._kept else sys.maxsize

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
                exc_info=None if isinstance(error, OSError) else error,  # the system's refusal needs no traceback
            )
