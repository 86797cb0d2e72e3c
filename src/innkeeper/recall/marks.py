"""Words that stand for a collection and a source in an index of words, so that a search within one reads no more."""

from __future__ import annotations

import hashlib

from innkeeper.recall.passage import possible
from innkeeper.recall.query import Scope


def marks_of(collection: str, source: str) -> tuple[str, str]:
    """The marks of a passage."""
    return _mark("c", collection), _mark("s", source)


def marked(scope: Scope) -> tuple[tuple[str, ...], ...]:
    """Groups of marks; a passage of the scope has one of every group."""
    groups = (("c", scope.collections), ("s", scope.sources))
    return tuple(
        tuple(sorted(_mark(kind, name) for name in possible(names))) for kind, names in groups if names is not None
    )


def _mark(kind: str, name: str) -> str:
    return kind + hashlib.sha256(name.encode()).hexdigest()[:16]
