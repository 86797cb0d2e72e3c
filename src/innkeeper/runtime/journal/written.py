"""Facts as JSON and back, for whatever stores or sends them.

A fact is written as the name of its kind and an object of its fields. Reading goes by the types of the fields,
so a new kind of fact needs nothing here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from innkeeper.runtime.facts import Fact

Json = dict[str, Any]  # values are whatever the fields of facts hold: text, numbers, lists, objects


class Unreadable(ValueError):
    """The text is not a fact that this version knows."""


def kind_of(fact: Fact) -> str:
    """The name a fact's kind is written under: "Finished"."""
    return type(fact).__name__


def kinds() -> dict[str, type[Fact]]:
    """Every kind of fact there is, by name, in the order in which facts.py lists them."""
    return {kind.__name__: kind for kind in get_args(Fact)}


def fact_to_json(fact: Fact) -> str:
    """The fields of `fact` as one JSON object, in ASCII: a broken half of a character must not stop a fact."""
    return _encoder().encode(_fields_of(fact))


def fact_from_json(kind: str, text: str) -> Fact:
    """The fact that `fact_to_json` wrote.

    Raises:
        Unreadable: The kind is unknown, a field is missing, or a value is of another type.
    """
    known = kinds().get(kind)
    if known is None:
        raise Unreadable(f"no fact is called {kind!r}")
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Unreadable(f"{kind}: not JSON: {error}") from error
    fact: Fact = _read_object(known, value)
    return fact


def _fields_of(value: Any) -> Json:  # a fact or a part of one
    kind: Any = type(value)  # mypy does not see that a type of dataclass is hashable
    return {name: getattr(value, name) for name in _types_of(kind)}


def _as_json(value: Any) -> Json:  # what the encoder does not know by itself: parts of facts, and mappings
    return dict(value) if isinstance(value, Mapping) else _fields_of(value)


@cache
def _encoder() -> json.JSONEncoder:
    return json.JSONEncoder(separators=(",", ":"), default=_as_json)


@cache
def _types_of(kind: Any) -> Mapping[str, Any]:  # a dataclass; the types of its fields are type expressions
    return get_type_hints(kind)


def _read_object(kind: Any, value: Any) -> Any:  # a dataclass and any JSON value
    if not isinstance(value, dict):
        raise Unreadable(f"{kind.__name__}: not an object")
    types = _types_of(kind)
    missing = _needed_by(kind) - value.keys()  # a field with a default may be younger than what is read
    if missing:
        raise Unreadable(f"{kind.__name__}: {', '.join(sorted(missing))} missing")
    there = [(name, expected) for name, expected in types.items() if name in value]
    return kind(**{name: _read(expected, value[name], f"{kind.__name__}.{name}") for name, expected in there})


@cache
def _needed_by(kind: Any) -> frozenset[str]:  # a dataclass
    return frozenset(one.name for one in fields(kind) if one.default is MISSING and one.default_factory is MISSING)


def _read(expected: Any, value: Any, where: str) -> Any:  # a type expression and any JSON value
    origin, inner = get_origin(expected), get_args(expected)
    if origin in (Union, UnionType):
        if value is None and NoneType in inner:
            return None
        (only,) = (one for one in inner if one is not NoneType)
        return _read(only, value, where)
    if is_dataclass(expected):
        return _read_object(expected, value)
    if origin is tuple and isinstance(value, list):
        return tuple(_read(inner[0], one, where) for one in value)
    if origin is Mapping and isinstance(value, dict):
        return {key: _read(inner[1], one, where) for key, one in value.items()}
    if expected is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(expected, type) and type(value) is expected:
        return value
    raise Unreadable(f"{where}: expected {expected}, found {type(value).__name__}")
