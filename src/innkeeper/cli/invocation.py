"""What every command begins and ends with: its settings, its server, its screen, its error."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from innkeeper.runtime.errors import CapacityError, EngineError, InnkeeperError, RequestError, SetupError

if TYPE_CHECKING:  # what these carry is loaded when a command needs it, so that `--help` stays light
    from rich.console import Console, RenderableType

    from innkeeper.client.operator import Operator
    from innkeeper.settings.load import Loaded

PIPED_WIDTH: Final = 160
"""Columns of output that goes to a file or a program: tables are not squeezed for a screen that is not there."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """The circumstances in which a command was given."""

    folder: Path
    environ: Mapping[str, str]
    config: Path | None = None
    """The settings file named with --config."""

    def settings(self, flags: Mapping[tuple[str, ...], Any] | None = None) -> Loaded:
        """All settings, the command's own flags last.

        Raises:
            BadSettings: With every problem found.
        """
        from innkeeper.settings.load import Sources, load

        return load(Sources(self.folder, self.environ, self.config, flags or {}))

    def server(self) -> Operator:
        """The server that these settings describe; nothing is asked of it yet."""
        from innkeeper.client.operator import Operator

        settings = self.settings().settings
        return Operator(settings.host, settings.port, self.environ.get("INNKEEPER_API_KEY"))


def of_this_process(config: Path | None) -> Invocation:
    """The circumstances of the running process."""
    return Invocation(Path.cwd(), dict(os.environ), config)


def console(*, stderr: bool = False) -> Console:
    """A screen, or a pipe: then without colours, control codes and wrapping to 80 columns."""
    from rich.console import Console

    plain = Console(stderr=stderr, highlight=False, soft_wrap=False)
    return plain if plain.is_terminal else Console(stderr=stderr, highlight=False, width=PIPED_WIDTH)


def show(picture: RenderableType) -> None:
    """Print something drawn. In a pipe no line ends in the spaces that fill a table on a screen."""
    screen = console()
    if screen.is_terminal:
        screen.print(picture)
        return
    with screen.capture() as drawn:
        screen.print(picture)
    sys.stdout.write("\n".join(line.rstrip() for line in drawn.get().split("\n")))


def tell_error(error: InnkeeperError) -> None:
    """The message on the error stream, without a traceback: it names the fix."""
    screen = console(stderr=True)
    screen.print("Error:", style="bold red", end=" ")
    screen.print(error.message, markup=False, soft_wrap=True)


def exit_code(error: InnkeeperError) -> int:
    """3 the operator must change something, 4 the request, 5 no room now, 6 the model failed, 1 anything else."""
    match error:
        case SetupError():
            return 3
        case RequestError():
            return 4
        case CapacityError():
            return 5
        case EngineError():
            return 6
        case _:
            return 1


def is_interactive() -> bool:
    """Whether a person sits at both ends."""
    return sys.stdin.isatty() and sys.stdout.isatty()
