"""`doctor`: what this machine has, what it lacks, and how to put that right."""

from __future__ import annotations

import typer

from innkeeper.cli.invocation import show

MARKS = {"fine": ("ok", "green"), "note": ("note", "yellow"), "wrong": ("WRONG", "bold red")}


def doctor(context: typer.Context) -> None:
    """Look at the machine, the engines, the folders and the models. Ends with 3 when something is wrong."""
    from rich.table import Table
    from rich.text import Text

    from innkeeper.cli.examination import Verdict, examine

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    is_wrong = False
    for finding in examine(context.obj):
        is_wrong = is_wrong or finding.verdict is Verdict.WRONG
        told = Text(finding.what)
        if finding.fix:
            told.append(f"\n{finding.fix}", "bold")
        table.add_row(Text(*MARKS[finding.verdict.value]), finding.topic, told)
    show(table)
    if is_wrong:
        raise typer.Exit(3)
