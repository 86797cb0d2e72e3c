"""A scope as a condition on the table of passages."""

from __future__ import annotations

from innkeeper.recall.passage import possible
from innkeeper.recall.query import Scope


def condition(scope: Scope) -> tuple[str, dict[str, object]]:
    """What follows WHERE for the table `passage`, and its arguments by name."""
    parts: list[str] = []
    arguments: dict[str, object] = {}
    fields = (("collection", scope.collections), ("source", scope.sources), ("speaker", scope.speakers))
    for column, wanted in fields:
        if wanted is not None:
            parts.append(f"passage.{column} = ANY(%({column})s::text[])")
            arguments[column] = possible(wanted)
    if scope.audience is not None:
        allowed = "cardinality(passage.audience) = 0"
        if scope.audience:
            allowed = f"({allowed} OR passage.audience && %(audience)s::text[])"
            arguments["audience"] = possible(scope.audience)
        parts.append(allowed)
    for name, comparison, moment in (("since", ">=", scope.since), ("until", "<=", scope.until)):
        if moment is not None:
            parts.append(f"passage.at {comparison} %({name})s")
            arguments[name] = float(moment)
    return " AND ".join(parts) or "TRUE", arguments
