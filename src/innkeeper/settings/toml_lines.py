"""On which line of a TOML document each of its keys stands."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

Path: TypeAlias = tuple[str, ...]
"""The names that lead to a value, outermost first: `("queue", "limit")`."""

_MAY_END_A_STATEMENT = ("]", "}", '"""', "'''")


def lines_of(text: str) -> dict[Path, int]:
    """The line, counted from 1, of every table and every key of a valid TOML document.

    The standard library's reader tells no lines. So the document is cut into statements, the shortest runs of lines
    that are TOML by themselves, and each is read alone: what it names stands where it begins.

    Raises:
        TOMLDecodeError: The text is not TOML.
    """
    lines: dict[Path, int] = {}
    table: Path = ()
    for number, statement in _statements(text):
        named = list(_paths(tomllib.loads(statement)))
        if statement.lstrip().startswith("["):
            table = max(named, key=len)
            named = [table[: depth + 1] for depth in range(len(table))]
            for path in named:
                lines.setdefault(path, number)
        else:
            for path in named:
                lines.setdefault(table + path, number)
    return lines


def _statements(text: str) -> Iterator[tuple[int, str]]:
    pending: list[str] = []
    began = 1
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if not pending:
            began = number
            if not line.strip() or line.lstrip().startswith("#"):
                continue
        pending.append(line)
        # only a line that can close a list or a long string is worth another try: a list of many lines stays cheap
        if len(pending) > 1 and not any(mark in line for mark in _MAY_END_A_STATEMENT):
            continue
        statement = "\n".join(pending)
        try:
            tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        yield began, statement
        pending = []
    if pending:
        tomllib.loads("\n".join(pending))


def _paths(value: Mapping[str, Any], before: Path = ()) -> Iterator[Path]:
    for key, inner in value.items():
        yield (*before, key)
        if isinstance(inner, dict):
            yield from _paths(inner, (*before, key))
