"""A search of folders that always comes to an end: links are followed once, and depth, count and time are limited."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from innkeeper.discovery.found import LeftOut


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a search stops. What it has found by then counts."""

    depth: int = 8
    """Folders within folders."""
    entries: int = 50_000
    """Files and folders looked at."""
    time_s: float = 10.0
    """For one folder with all that is below it."""


def files_below(
    folder: Path, suffix: str | tuple[str, ...], limits: Limits, seconds: Callable[[], float]
) -> Iterator[Path | LeftOut]:
    """Every file whose name ends in `suffix`, or in one of several, nearest first and by name.

    A folder that cannot be read is given as `LeftOut`.
    A folder that is reached twice, over a link, is searched once. Links to files are given as they are found.
    """
    began_s = seconds()
    seen: set[tuple[int, int]] = set()
    waiting = deque([(folder, 0)])
    looked_at = 0
    is_too_large = False
    while waiting:
        here, depth = waiting.popleft()
        try:
            identity = here.stat()
            if (identity.st_dev, identity.st_ino) in seen:
                continue
            seen.add((identity.st_dev, identity.st_ino))
            with os.scandir(here) as listing:
                entries = []
                for entry in listing:
                    if looked_at >= limits.entries or seconds() - began_s > limits.time_s:
                        is_too_large = True
                        break
                    looked_at += 1
                    entries.append(entry)
        except FileNotFoundError:
            continue
        except OSError as error:
            yield LeftOut(here, f"cannot be read: {error.strerror}")
            continue
        for entry in sorted(entries, key=lambda entry: entry.name):
            if _is_folder(entry):
                if depth < limits.depth:
                    waiting.append((Path(entry.path), depth + 1))
            elif entry.name.lower().endswith(suffix):
                yield Path(entry.path)
        if is_too_large:
            yield LeftOut(folder, f"is too large to search in full: stopped after {looked_at} entries")
            return


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
