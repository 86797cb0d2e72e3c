"""Whom a fact is about: the request and the models it names."""

from __future__ import annotations

from innkeeper.runtime.facts import Fact, Routed


def subjects(fact: Fact) -> tuple[str, ...]:
    """The ids of the request and of the models that `fact` names, each once; empty when it names none."""
    named = [getattr(fact, name, None) for name in ("request", "model", "for_model")]
    if isinstance(fact, Routed):
        named.extend(fact.candidates)
    return tuple(dict.fromkeys(name for name in named if name is not None))
