"""The journal as lines of text, for the terminal of `innkeeper up`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

from innkeeper.runtime.facts import (
    Asked,
    AttemptFailed,
    Fact,
    FirstWords,
    Leased,
    ModelMoved,
    Preloaded,
    Routed,
    SizeCorrected,
)
from innkeeper.runtime.journal.entry import Entry
from innkeeper.runtime.journal.sentences import sentence

_STEPS: Final[frozenset[Any]] = frozenset(  # mypy does not see that a type of dataclass is hashable
    {Asked, Routed, Leased, FirstWords, AttemptFailed, ModelMoved, SizeCorrected, Preloaded},
)


class LogSink:
    """One line for each fact worth a glance: "16:19:04  narrator is ready; loading took 1.2 s."."""

    name = "log"

    def __init__(self, write: Callable[[str], object], *, every_fact: bool = False, zone: tzinfo | None = None) -> None:
        """`write` gets a line without its end. `every_fact` tells also the steps of requests and models.

        `zone` is the zone of the time shown; None takes the machine's.
        """
        self._write = write
        self._tells_every_fact = every_fact
        self._zone = zone

    def take(self, entry: Entry) -> None:
        """Write one line, or nothing."""
        if self._tells_every_fact or is_worth_a_glance(entry.fact):
            moment = datetime.fromtimestamp(entry.at, UTC).astimezone(self._zone)
            self._write(f"{moment:%H:%M:%S}  {sentence(entry)}")

    def close(self) -> None:
        """Nothing to finish: every line is written when it is taken."""


def is_worth_a_glance(fact: Fact) -> bool:
    """Whether `fact` is news by itself; the others are steps on the way to one that is."""
    return type(fact) not in _STEPS
