"""The command `innkeeper`."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, by default that of this process, and end it: SystemExit is always raised.

    Errors of ours become one message and an exit code.
    """
    from innkeeper.cli.app import build
    from innkeeper.cli.invocation import exit_code, tell_error
    from innkeeper.runtime.errors import InnkeeperError

    try:
        build()(arguments, prog_name="innkeeper")
    except InnkeeperError as error:
        tell_error(error)
        sys.exit(exit_code(error))
