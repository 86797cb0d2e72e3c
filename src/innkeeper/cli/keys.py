"""`keys`: who may use the server over the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from innkeeper.cli.invocation import Invocation, console, show

if TYPE_CHECKING:
    from innkeeper.api.key_file import KeyFile
    from innkeeper.settings.load import Loaded

FILE_NAME = "keys.json"


def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is; shown in the journal.")],
    models: Annotated[list[str] | None, typer.Option("--model", help="Only this model; may be repeated.")] = None,
    operator: Annotated[
        bool, typer.Option("--operator", help="It may also load, unload, pin and see everything.")
    ] = False,
    per_minute: Annotated[int | None, typer.Option(help="Requests it may start in a minute.")] = None,
    at_once: Annotated[int | None, typer.Option(help="Requests it may have under way.")] = None,
) -> None:
    """Make a key and show it, once. From the first key on, nobody gets in without one."""
    token = _file(context.obj).add(
        name,
        models=tuple(models) if models else None,
        operator=operator,
        per_minute=per_minute,
        at_once=at_once,
    )
    typer.echo(token)
    console(stderr=True).print(
        "This is the only time it is shown. Callers send it as `Authorization: Bearer …`.", style="dim"
    )


def list_keys(context: typer.Context) -> None:
    """Show the keys by name. The keys themselves are not kept."""
    from datetime import datetime

    from rich.table import Table

    keys = _file(context.obj).keys()
    if not keys:
        console().print("There are no keys. `innkeeper keys add NAME` makes one.")
        return
    table = Table("NAME", "SINCE", "MODELS", "OPERATOR", "A MINUTE", "AT ONCE", box=None, pad_edge=False)
    for key in keys:
        table.add_row(
            key.name,
            datetime.fromtimestamp(key.created_s).astimezone().strftime("%Y-%m-%d"),
            ", ".join(key.models) if key.models is not None else "all",
            "yes" if key.operator else "no",
            "" if key.per_minute is None else str(key.per_minute),
            "" if key.at_once is None else str(key.at_once),
        )
    show(table)


def remove(
    context: typer.Context, name: Annotated[str, typer.Argument(metavar="NAME", help="As `keys list` shows it.")]
) -> None:
    """Make a key invalid at once."""
    _file(context.obj).remove(name)
    console().print(f"The key of {name} is invalid now.", markup=False)


def key_file(loaded: Loaded) -> KeyFile:
    """The file of the keys, which may be absent."""
    from innkeeper.api.key_file import KeyFile

    return KeyFile(loaded.settings.home / FILE_NAME)


def _file(invocation: Invocation) -> KeyFile:
    return key_file(invocation.settings())
