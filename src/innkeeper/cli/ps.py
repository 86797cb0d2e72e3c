"""`ps`: who is in memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from innkeeper.cli.invocation import console, show

if TYPE_CHECKING:
    from innkeeper.client.operator import Operator


def ps(
    context: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Keep showing, until Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON document.")] = False,
    every_s: Annotated[float, typer.Option(min=0.1, max=3600, help="Seconds between two looks of --watch.")] = 1.0,
) -> None:
    """Show the models, where they stand, and what they hold of each memory."""
    server = context.obj.server()
    if as_json:
        typer.echo(json.dumps(server.state(), indent=2))
    elif watch:
        _watch(server, every_s)
    else:
        from innkeeper.cli.inn import picture

        show(picture(server.view()))


def _watch(server: Operator, every_s: float) -> None:
    import time

    from rich.live import Live

    from innkeeper.cli.inn import picture

    with Live(picture(server.view()), console=console(), auto_refresh=False) as live:
        try:
            while True:
                time.sleep(every_s)
                live.update(picture(server.view()), refresh=True)
        except KeyboardInterrupt:
            return
