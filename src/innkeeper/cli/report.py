"""`report`: how soon answers began, against their targets, from the journal's file."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer

from innkeeper.cli.invocation import show
from innkeeper.runtime.errors import InvalidRequest, StateUnusable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table
    from rich.text import Text

    from innkeeper.runtime.journal.report import Line, Spread

_UNITS_S: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_LENGTH: Final = re.compile(r"([0-9]{1,6})\s*([smhd])")


def report(
    context: typer.Context,
    since: Annotated[str, typer.Option(help="How far back to look: 30m, 24h, 7d.")] = "24h",
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON document.")] = False,
) -> None:
    """Response times against their targets, by task and by model. Reads the journal; needs no server."""
    import sqlite3
    import time

    from rich.console import Group
    from rich.text import Text

    from innkeeper.runtime.journal.file import facts_since
    from innkeeper.runtime.journal.report import report_of

    settings = context.obj.settings().settings
    file = settings.home / "journal.sqlite"
    if not file.exists():
        raise InvalidRequest(f"There is no journal at {file} yet. Start the server and ask it something first.")
    try:
        told = report_of(facts_since(file, time.time() - _seconds(since)))
    except sqlite3.Error as error:
        raise StateUnusable(
            f"{file} cannot be read: {error}. Move it away, and the server begins a new one."
        ) from error
    if as_json:
        typer.echo(json.dumps(asdict(told), indent=2))
        return
    if not told.whole.requests:
        show(Text(f"No request ended in the last {since}."))
        return
    currency = settings.spending.currency
    by_task = _table("TASK", (*told.by_task, told.whole), currency)
    show(Group(by_task, Text(), _table("MODEL", told.by_model, currency), Text(), Text(_LEGEND, "dim")))


_LEGEND: Final = (
    "Seconds to the first words, p50 / p95 / p99. Warm: the model was in memory; cold: it had to load, which is in the "
    "time and beside it alone. In time: share within the target. Stood in: share that another model answered than the "
    "right one, and its mean quality."
)


def _seconds(length: str) -> float:
    read = _LENGTH.fullmatch(length.strip())
    if read is None:
        raise InvalidRequest(f"--since must be a number and one of s, m, h, d, such as 24h, not {length[:40]!r}.")
    return int(read[1]) * _UNITS_S[read[2]]


def _table(title: str, lines: tuple[Line, ...], currency: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(title, overflow="fold")
    for name in ("REQUESTS", "IN TIME", "WARM", "COLD", "LOAD", "STOOD IN", f"SPENT {currency}"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("FAILED", overflow="fold")
    for line in lines:
        table.add_row(*_row(line))
    return table


def _row(line: Line) -> Iterator[str | Text]:
    from rich.text import Text

    answers = line.warm.count + line.cold.count
    yield Text(line.name, "bold" if line.name == "all" else "")
    yield str(line.requests)
    yield "" if line.in_time is None else f"{line.in_time:.0%}"
    yield _spread(line.warm)
    yield f"{_spread(line.cold)} ({line.cold.count / answers:.0%})" if line.cold.count else ""
    yield _spread(line.loads)
    quality = f" at {line.quality:.2f}" if line.quality is not None else ""
    yield f"{line.substituted:.0%}{quality}" if line.substituted else ""
    yield f"{line.spent:.4f}" if line.spent else ""
    yield ", ".join(f"{count} {code}" for code, count in line.failures.items())


def _spread(spread: Spread) -> str:
    times_s = (spread.p50_s, spread.p95_s, spread.p99_s)
    return " / ".join(f"{time_s:.2f}" for time_s in times_s if time_s is not None)
