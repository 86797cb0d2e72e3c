"""`profile`: a settings file to begin with."""

from __future__ import annotations

from typing import Annotated

import typer


def profile(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="The profile; without it, all their names.")
    ] = None,
) -> None:
    """Print a checked settings file: `innkeeper profile rpg-16gb > innkeeper.toml`."""
    from innkeeper.settings.shipped import profile_names, profile_text

    typer.echo("\n".join(profile_names()) if name is None else profile_text(name), nl=name is None)
