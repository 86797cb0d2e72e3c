"""`up`: start the server, and say in one screen what it has and what to do next."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from innkeeper.cli.invocation import console, show

if TYPE_CHECKING:
    from innkeeper.settings.load import Loaded


def up(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[str | None, typer.Option(metavar="PORT", help="The port to listen on; 0 takes a free one.")] = None,
    budget: Annotated[str | None, typer.Option(metavar="SIZE", help='What models may hold: "12 GiB", "80 %".')] = None,
    models_dir: Annotated[str | None, typer.Option(metavar="FOLDER", help="The folder of your model files.")] = None,
    home: Annotated[str | None, typer.Option(metavar="FOLDER", help="The one folder that holds all state.")] = None,
    default_model: Annotated[str | None, typer.Option(metavar="MODEL", help="Answers when none is named.")] = None,
) -> None:
    """Start the server here, until Ctrl-C. Without a settings file it finds the models of this machine by itself."""
    flags = {"host": host, "port": port, "budget": budget, "models_dir": models_dir, "home": home}
    named = {(name,): value for name, value in {**flags, "default_model": default_model}.items()}
    loaded = context.obj.settings(named)
    free_port = _check_door(loaded)
    if loaded.settings.port == 0:  # from here on it is a port like any other, told on the screen
        loaded = context.obj.settings({**named, ("port",): str(free_port)})

    from innkeeper import assemble
    from innkeeper.cli.opening import opening, screen
    from innkeeper.settings.catalog import catalog_of, search

    with console(stderr=True).status("looking for models …"):
        found = search(loaded)
        catalog = catalog_of(loaded.settings, found)
        shown = opening(loaded, found, catalog, assemble.adapters(loaded))
    show(screen(shown))
    assemble.serve(loaded, found)


def _check_door(loaded: Loaded) -> int:
    """The port that is free; says that home or address cannot be used before anything is searched or shown.

    The server itself asks again.
    """
    from innkeeper.api.exposure import check_exposure
    from innkeeper.api.server import listen
    from innkeeper.assemble import prepared_home
    from innkeeper.cli.keys import key_file

    settings = loaded.settings
    prepared_home(settings.home)
    check_exposure(settings.host, bool(key_file(loaded).keys()), settings.api.consents_to_open_network)
    with closing(listen(settings.host, settings.port)) as door:
        return int(door.getsockname()[1])
