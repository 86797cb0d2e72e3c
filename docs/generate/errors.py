"""The page of errors, from the classes in errors.py."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from innkeeper.runtime import errors
from innkeeper.runtime.errors import InnkeeperError


def public_errors() -> tuple[type[InnkeeperError], ...]:
    """Every error that is raised as itself: those no other error derives from, in the order of the file."""
    every = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, InnkeeperError)]
    return tuple(kind for kind in every if not kind.__subclasses__())


def errors_page() -> str:
    """The whole page."""
    return "\n".join(["# Errors", "", *_INTRODUCTION, *_tables(), ""])


def _tables() -> Iterator[str]:
    branch: type[InnkeeperError] | None = None
    for kind in public_errors():
        parent = kind.__mro__[1]
        if parent is not branch:
            branch = parent
            yield from ("", f"## {parent.__name__ if parent is not InnkeeperError else kind.__name__}", "")
            yield from (_first_line(parent if parent is not InnkeeperError else kind), "")
            yield from ("| error | status | code | next candidate | when |", "| - | - | - | - | - |")
        moves_on = "yes" if kind.try_next else "no"
        yield f"| `{kind.__name__}` | {kind.status} | `{kind.code}` | {moves_on} | {_first_line(kind)} |"


def _first_line(kind: type) -> str:
    return (inspect.getdoc(kind) or "").splitlines()[0]


_INTRODUCTION = (
    "Every error that Innkeeper raises on purpose, sorted by who can act. The message names the thing, the numbers and",
    "the fix. The HTTP door answers with the status, and with the code in the shape of the API that was called.",
    '"Next candidate" says whether a chain of models moves on to its next one.',
)
