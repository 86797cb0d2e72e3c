"""Facts for tests: one of every kind, and strategies that make any."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from innkeeper.runtime.facts import Fact, Finished, Leased
from innkeeper.runtime.messages import Usage

FACT_KINDS: tuple[type[Fact], ...] = get_args(Fact)


def leased(request: str = "r-1", model: str = "narrator", waited_s: float = 0.5, load_s: float = 0.25) -> Leased:
    return Leased(request, model, waited_s, load_s)


def finished(request: str = "r-1", model: str | None = "narrator", outcome: str = "answered") -> Finished:
    return Finished(request, model, outcome, 1.5, Usage(prompt_tokens=10, answer_tokens=20))


def any_fact(kind: type[Fact]) -> st.SearchStrategy[Fact]:
    """Values of one kind of fact, drawn by the types of its fields."""
    return st.builds(kind, **{name: _values(expected) for name, expected in get_type_hints(kind).items()})


def _values(expected: Any) -> st.SearchStrategy[Any]:  # a type expression in, values of that type out
    origin, inner = get_origin(expected), get_args(expected)
    if NoneType in inner:
        return st.none() | st.one_of(*(_values(one) for one in inner if one is not NoneType))
    if origin is tuple:
        return st.lists(_values(inner[0]), max_size=3).map(tuple)
    if origin is Mapping:
        return st.dictionaries(_values(inner[0]), _values(inner[1]), max_size=3)
    if expected is Usage:
        return st.builds(Usage, **{name: _values(one) for name, one in get_type_hints(Usage).items()})
    if expected is float:
        return st.floats(allow_nan=False)
    if expected is str:
        return st.text(st.characters(), max_size=30)
    strategy: st.SearchStrategy[Any] = st.from_type(expected)
    return strategy
