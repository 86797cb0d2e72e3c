"""Names in a settings file: lists of them, and those of tasks and languages, which must exist."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from enum import Enum
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator

from innkeeper.runtime.routing.names import Language, Task, language_named, task_named


def names(value: object) -> object:
    """A list as it is; from a variable, names between commas."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _tasks(value: object) -> frozenset[str]:
    return _known(value, "task", {task.value: task.value for task in Task}, task_named)


def _languages(value: object) -> frozenset[str]:
    codes = {one.value: one.value for one in Language} | {one.english_name.lower(): one.value for one in Language}
    return _known(value, "language", codes, language_named)


def _known(value: object, what: str, known: Mapping[str, str], named: Callable[[str], Enum | None]) -> frozenset[str]:
    """The names as the catalogue has them; `known` are those a slip may come near to, with what to write instead."""
    listed = names(value)
    if not isinstance(listed, list | tuple | set | frozenset) or not all(isinstance(name, str) for name in listed):
        raise ValueError(f'must be a list of {what}s, such as ["{next(iter(known.values()))}"]')
    found = set()
    for name in listed:
        member = named(name)
        if member is None:
            near = get_close_matches(name.lower(), known, n=1)
            hint = (
                f'did you mean "{known[near[0]]}"?' if near else f"there are {', '.join(dict.fromkeys(known.values()))}"
            )
            raise ValueError(f'names "{name[:40]}", which is no {what} that is known; {hint}')
        found.add(str(member.value))
    return frozenset(found)


Tasks: TypeAlias = Annotated[frozenset[str], BeforeValidator(_tasks)]
Languages: TypeAlias = Annotated[frozenset[str], BeforeValidator(_languages)]
