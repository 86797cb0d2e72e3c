"""`settings`: what is set, and where it was said."""

from __future__ import annotations

from typing import Annotated

import typer

from innkeeper.cli.invocation import console, show


def settings(
    context: typer.Context,
    where: Annotated[bool, typer.Option("--where", help="Also where each value was said.")] = False,
) -> None:
    """Show every setting with its value."""
    from rich.table import Table
    from rich.text import Text

    from innkeeper.settings.load import DEFAULT
    from innkeeper.settings.problems import dotted
    from innkeeper.settings.written import as_written

    loaded = context.obj.settings()
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    if where:
        table.add_column(style="dim")
    for name, value in as_written(loaded.settings):
        origin = loaded.origin(name)
        style = "dim" if origin == DEFAULT else "bold"
        row = [Text(dotted(name), style), Text(value, style)]
        table.add_row(*row, *([Text(origin)] if where else []))
    screen = console()
    show(table)
    if loaded.file is None:
        screen.print(f"\nThere is no settings file; it would be {loaded.sources.file}.", style="dim", markup=False)
