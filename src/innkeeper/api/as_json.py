"""Our frozen values as JSON: fields by name, with the unit they carry; nothing renamed, nothing left out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from enum import Enum
from math import isfinite
from pathlib import PurePath


def to_json(value: object) -> bytes:
    """UTF-8, without spaces."""
    return json.dumps(_plain(value), separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode("ascii")


def _plain(value: object) -> object:
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if isfinite(value) else None
        case Enum():
            return value.value
        case PurePath():
            return str(value)
        case Mapping():
            return {str(name): _plain(inner) for name, inner in value.items()}
        case AbstractSet():
            return sorted((_plain(inner) for inner in value), key=str)
        case tuple() | list():
            return [_plain(inner) for inner in value]
        case _ if is_dataclass(value):
            return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        case _:
            raise TypeError(f"no JSON for {type(value).__name__}")
