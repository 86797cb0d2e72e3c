"""`story`: what happened to a request or a model."""

from __future__ import annotations

from typing import Annotated

import typer

from innkeeper.cli.invocation import show
from innkeeper.runtime.errors import InvalidRequest


def story(
    context: typer.Context,
    subject: Annotated[
        str, typer.Argument(metavar="SUBJECT", help="A request's id (the header x-request-id) or a model's id.")
    ],
) -> None:
    """Tell what happened to a request or a model, oldest first."""
    from datetime import datetime

    from rich.table import Table

    from innkeeper.runtime.journal.sentences import sentence

    entries = context.obj.server().story(subject)
    if not entries:
        raise InvalidRequest(
            f"Nothing is known of {subject!r}. Give a request's id, from the header x-request-id, or a model's."
        )
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True, style="dim")
    table.add_column()
    for entry in entries:
        at = datetime.fromtimestamp(entry.at).astimezone()
        table.add_row(at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3], sentence(entry))
    show(table)
