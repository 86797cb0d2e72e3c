"""An entry of the journal, and the ports of those who take entries and give them back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from innkeeper.runtime.facts import Fact


@dataclass(frozen=True, slots=True)
class Entry:
    """One fact, with its place and its moment."""

    number: int
    """Counts from 1, one for each fact; goes on over a restart where an archive is kept."""
    at: float
    """Seconds since 1970, UTC."""
    fact: Fact


class Sink(Protocol):
    """Where entries go. `take` is called once a fact, on the event loop: it must not block."""

    name: str
    """Names the sink in the report of its failure."""

    def take(self, entry: Entry) -> None:
        """Store, count or tell one entry."""
        ...

    def close(self) -> None:
        """Finish what was taken. Nothing is taken afterwards; safe to repeat."""
        ...


class Archive(Protocol):
    """A sink that can be asked again: what is older than the journal's own memory, earlier runs included."""

    @property
    def next_number(self) -> int:
        """The number after the newest entry kept; 1 when there is none."""
        ...

    def story(self, subject: str, at_most: int, before: int) -> tuple[Entry, ...]:
        """The newest entries with a number below `before` that name `subject`, oldest first.

        Reads the disk; empty where it cannot.
        """
        ...
