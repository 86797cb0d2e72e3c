"""Settings as the lines of a settings file would say them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from innkeeper.settings.given import Name
from innkeeper.settings.load import leaves
from innkeeper.settings.section import Section

NOT_SAID: Final = "not set"


def as_written(section: Section, before: Name = ()) -> list[tuple[Name, str]]:
    """Every setting by name, with its value in TOML; "not set" for one that has none."""
    dumped = section.model_dump(mode="json")
    return [((*before, *name), _toml(_at(dumped, name))) for name, _ in leaves(section)]


def _at(dumped: Any, name: Name) -> Any:  # JSON, by way of the names that lead to a leaf
    for part in name:
        dumped = dumped[part]
    return dumped


def _toml(value: Any) -> str:  # any JSON value
    match value:
        case None:
            return NOT_SAID
        case Mapping():
            return "{" + ", ".join(f"{key} = {_toml(inner)}" for key, inner in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(sorted(_toml(inner) for inner in value)) + "]"
        case float() if value == int(value):
            return str(int(value))
        case _:
            return json.dumps(value, ensure_ascii=False)
