"""A scope as a condition on the table of passages."""

from __future__ import annotations

from collections.abc import Iterable

from innkeeper.recall.passage import possible
from innkeeper.recall.query import Scope

Arguments = tuple[str | float, ...]


def condition(scope: Scope) -> tuple[str, Arguments]:
    """What follows WHERE for the table `passage`, and its arguments."""
    parts: list[str] = []
    arguments: list[str | float] = []
    fields = (("collection", scope.collections), ("source", scope.sources), ("speaker", scope.speakers))
    for column, wanted in fields:
        if wanted is not None:
            names = possible(wanted)
            parts.append(f"passage.{column} IN ({_places(names)})")
            arguments.extend(names)
    if scope.audience is not None:
        allowed = "passage.for_everybody"
        if names := possible(scope.audience):
            allowed = (
                f"({allowed} OR EXISTS (SELECT 1 FROM audience WHERE audience.passage = passage.id"
                f" AND audience.name IN ({_places(names)})))"
            )
            arguments.extend(names)
        parts.append(allowed)
    for comparison, moment in ((">=", scope.since), ("<=", scope.until)):
        if moment is not None:
            parts.append(f"passage.at {comparison} ?")
            arguments.append(moment)
    return " AND ".join(parts) or "TRUE", tuple(arguments)


def _places(values: Iterable[str]) -> str:
    return ", ".join("?" for _ in values)
