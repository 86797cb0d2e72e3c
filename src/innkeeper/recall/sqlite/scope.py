"""A scope as a condition on the table of passages."""

from __future__ import annotations

from collections.abc import Iterable

from innkeeper.recall.query import Scope

Arguments = tuple[str | float, ...]


def condition(scope: Scope) -> tuple[str, Arguments]:
    """What follows WHERE for the table `passage`, and its arguments."""
    parts: list[str] = []
    arguments: list[str | float] = []
    fields = (("collection", scope.collections), ("source", scope.sources), ("speaker", scope.speakers))
    for column, wanted in fields:
        if wanted is not None:
            parts.append(f"passage.{column} IN ({_places(wanted)})")
            arguments.extend(sorted(wanted))
    if scope.audience is not None:
        allowed = "passage.for_everybody"
        if scope.audience:
            allowed = (
                f"({allowed} OR EXISTS (SELECT 1 FROM audience WHERE audience.passage = passage.id"
                f" AND audience.name IN ({_places(scope.audience)})))"
            )
            arguments.extend(sorted(scope.audience))
        parts.append(allowed)
    for comparison, moment in ((">=", scope.since), ("<=", scope.until)):
        if moment is not None:
            parts.append(f"passage.at {comparison} ?")
            arguments.append(moment)
    return " AND ".join(parts) or "TRUE", tuple(arguments)


def _places(values: Iterable[str]) -> str:
    return ", ".join("?" for _ in values)
