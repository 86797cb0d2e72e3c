"""The commands by name. What a command needs is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from innkeeper.cli import (
    doctor,
    keys,
    measure,
    models,
    profile,
    ps,
    pull,
    report,
    show_settings,
    simulate,
    story,
    talk,
    up,
    why,
)
from innkeeper.cli.invocation import of_this_process


def build() -> typer.Typer:
    """The command line with all its commands."""
    app = typer.Typer(
        name="innkeeper",
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_innkeeper)
    app.command("up")(up.up)
    app.command("ps")(ps.ps)
    app.command("run")(talk.run)
    app.command("load")(models.load)
    app.command("unload")(models.unload)
    app.command("pin")(models.pin)
    app.command("unpin")(models.unpin)
    app.command("pull")(pull.pull)
    app.command("measure")(measure.measure)
    app.command("profile")(profile.profile)
    app.command("why")(why.why)
    app.command("report")(report.report)
    app.command("story")(story.story)
    app.command("simulate")(simulate.simulate)
    app.command("doctor")(doctor.doctor)
    app.command("settings")(show_settings.settings)
    key_commands = typer.Typer(help="API keys: who may use the server over the network.", no_args_is_help=True)
    key_commands.command("add")(keys.add)
    key_commands.command("list")(keys.list_keys)
    key_commands.command("remove")(keys.remove)
    app.add_typer(key_commands, name="keys")
    return app


def _tell_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        typer.echo(f"innkeeper {version('innkeeper')}")
        raise typer.Exit


def _innkeeper(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option(help="The settings file; else INNKEEPER_CONFIG, else ./innkeeper.toml.")
    ] = None,
    version: Annotated[  # noqa: ARG001 (its callback has answered by then)
        bool, typer.Option("--version", help="Say the version and end.", callback=_tell_version, is_eager=True)
    ] = False,
) -> None:
    """Runs several AI models on one machine that cannot hold them all."""
    context.obj = of_this_process(config)
