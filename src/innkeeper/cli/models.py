"""`load`, `unload`, `pin`, `unpin`: an operator decides about one model."""

from __future__ import annotations

from typing import Annotated

import typer

from innkeeper.cli.invocation import console

ModelId = Annotated[str, typer.Argument(metavar="MODEL", help="The model's id, as `innkeeper ps` shows it.")]


def load(context: typer.Context, model: ModelId) -> None:
    """Bring a model into memory and wait until it is ready."""
    screen = console()
    with screen.status(f"loading {model} …"):
        context.obj.server().load(model)
    screen.print(f"{model} is ready.", markup=False)


def unload(
    context: typer.Context,
    model: ModelId,
    force: Annotated[
        bool, typer.Option("--force", help="Also when it answers requests: they finish, new ones are not let in.")
    ] = False,
) -> None:
    """Send a model out of memory."""
    context.obj.server().unload(model, force=force)
    console().print(f"{model} is gone.", markup=False)


def pin(context: typer.Context, model: ModelId) -> None:
    """Never choose a model to make room. Lasts until `unpin` or a new start."""
    context.obj.server().pin(model, pinned=True)
    console().print(f"{model} is pinned.", markup=False)


def unpin(context: typer.Context, model: ModelId) -> None:
    """Let a model be chosen to make room again."""
    context.obj.server().pin(model, pinned=False)
    console().print(f"{model} is no longer pinned.", markup=False)
