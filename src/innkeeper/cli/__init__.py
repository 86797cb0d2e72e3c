"""The command `innkeeper`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line of this process and end it. Errors of ours become one message and an exit code."""
    from innkeeper.cli.app import build
    from innkeeper.cli.invocation import exit_code, tell_error
    from innkeeper.runtime.errors import InnkeeperError

    try:
        build()(prog_name="innkeeper")
    except InnkeeperError as error:
        tell_error(error)
        sys.exit(exit_code(error))
