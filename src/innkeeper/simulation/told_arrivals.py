"""Real arrivals of others, as a table of times and token counts; who is asked for is drawn by lot."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.errors import InvalidRequest
from innkeeper.simulation.workload import Arrival

if TYPE_CHECKING:  # dice are handed in
    from random import Random

COLUMNS: Final = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
"""As the traces of Azure have them; further columns are not read."""

PEOPLE: Final = 20
STAYS: Final = 0.75
"""Chance that a person asks for the same model as before."""


class Told(NamedTuple):
    """One line of the table."""

    at_s: float
    """From the first line on."""
    prompt_tokens: int
    answer_tokens: int


def read(lines: Iterable[str], *, at_most: int) -> list[Told]:
    """The first lines of the table, in the order of their times.

    Raises:
        InvalidRequest: A column is missing, a line cannot be read, or there is none.
    """
    rows = csv.DictReader(lines)
    missing = [column for column in COLUMNS if column not in (rows.fieldnames or ())]
    if missing:
        raise InvalidRequest(
            f"The trace has no column {' or '.join(missing)}: it must be CSV with {', '.join(COLUMNS)}.", param="trace"
        )
    told: list[tuple[datetime, int, int]] = []
    for number, row in enumerate(rows, start=2):
        if len(told) == at_most:
            break
        try:
            at = datetime.fromisoformat(row["TIMESTAMP"][:26])
            told.append((at, int(row["ContextTokens"]), int(row["GeneratedTokens"])))
        except (TypeError, ValueError) as error:
            raise InvalidRequest(f"Line {number} of the trace cannot be read: {error}.", param="trace") from None
    if not told:
        raise InvalidRequest("The trace has no line after its heading.", param="trace")
    told.sort()
    began = told[0][0]
    return [Told((at - began).total_seconds(), prompt, answer) for at, prompt, answer in told]


def arrivals(
    told: Iterable[Told], models: Sequence[Model], dice: Random, *, stretched: float = 1.0
) -> Iterator[Arrival]:
    """Requests at these times, `stretched` so many times, for models drawn by lot.

    One of twenty people, drawn by lot, asks; it stays with its model with a chance of three quarters, else it draws
    one by popularity: the second model is half as popular as the first, the third a third. `models` are in that order.
    Each is asked for what it is for.
    """
    weights = [1 / place for place in range(1, len(models) + 1)]
    uses: dict[int, Model] = {}
    for line in told:
        person = dice.randrange(PEOPLE)
        if person not in uses or dice.random() >= STAYS:
            uses[person] = dice.choices(models, weights)[0]
        yield Arrival(
            line.at_s * stretched,
            uses[person].id,
            line.prompt_tokens,
            line.answer_tokens,
            next(iter(sorted(uses[person].tasks)), None),
            is_named=True,
            allows_substitute=True,
            client=f"person {person}",
        )
