"""The id a found file gets: its own name, and as much of its folder as keeps it apart from others."""

from __future__ import annotations

import re
from collections.abc import Container
from pathlib import Path
from typing import Final

LONGEST_ID: Final = 120

_PART: Final = re.compile(r"-(\d{5})-of-(\d{5})$")
_HUB_FOLDER: Final = re.compile(r"models--(.+)")
_UNUSUAL: Final = re.compile(r"[^\w.:/+@-]+", re.ASCII)


def part_of(file: Path) -> tuple[int, int] | None:
    """The number of a split file's part and of how many; None for a file that is whole."""
    found = _PART.search(file.stem)
    return (int(found[1]), int(found[2])) if found else None


def plain_id(file: Path) -> str:
    """The name without the ending and without the number of a part."""
    return _tidy(_PART.sub("", file.stem))


def qualified_id(file: Path, below: Path) -> str:
    """The same after the owner's folder: `org/repo/name` in the hub's cache, else the folders below `below`."""
    folders = file.relative_to(below).parts[:-1]
    hub = _HUB_FOLDER.fullmatch(folders[0]) if folders else None
    before = hub[1].split("--") if hub else folders
    return _tidy("/".join((*before, plain_id(file))))


def unique_id(file: Path, below: Path, taken: Container[str]) -> str:
    """An id that none has yet: the plain one, the qualified one, else the qualified one with a number."""
    for candidate in (plain_id(file), qualified_id(file, below)):
        if candidate not in taken:
            return candidate
    number = 2
    while f"{qualified_id(file, below)}@{number}" in taken:
        number += 1
    return f"{qualified_id(file, below)}@{number}"


def _tidy(name: str) -> str:
    return _UNUSUAL.sub("-", name)[:LONGEST_ID].strip("-/") or "model"
