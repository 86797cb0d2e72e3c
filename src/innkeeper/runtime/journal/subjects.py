"""Whom a fact is about: the request and the models it names."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import Any, Final

from innkeeper.runtime.facts import Fact, Routed

_NAMING: Final = ("request", "model", "for_model")


def subjects(fact: Fact) -> tuple[str, ...]:
    """The ids of the request and of the models that `fact` names, each once; empty when it names none.

    Called once for every fact recorded.
    """
    kind: Any = type(fact)  # mypy does not see that a type of dataclass is hashable
    named = [name for field in _naming_fields(kind) if (name := getattr(fact, field)) is not None]
    if isinstance(fact, Routed):
        named += fact.candidates
    return tuple(named) if len(named) < 2 else tuple(dict.fromkeys(named))


@cache
def _naming_fields(kind: Any) -> tuple[str, ...]:  # a kind of fact, see above
    return tuple(one.name for one in fields(kind) if one.name in _NAMING)
