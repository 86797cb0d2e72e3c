"""Requests that this installation has answered, read back from its journal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from innkeeper.runtime import facts
from innkeeper.runtime.journal.entry import Entry
from innkeeper.runtime.messages import Kind, Usage
from innkeeper.simulation.workload import Arrival


@dataclass(slots=True)
class _Request:
    """What is known of one request so far."""

    asked: facts.Asked
    at: float
    right: str | None = None
    target_s: float | None = None
    is_answered: bool = False


def recorded(entries: Iterable[Entry]) -> list[Arrival]:
    """Every request that was answered, from the first on, as it would come again.

    It asks for the model that was right for it, whoever answered then. What its caller left to the router may be
    answered by another again; what it named may not. Prompts count without what was found in the cache.
    """
    open_requests: dict[str, _Request] = {}
    arrivals: list[Arrival] = []
    for entry in entries:
        match entry.fact:
            case facts.Asked() as asked:
                open_requests[asked.request] = _Request(asked, entry.at)
            case facts.Routed(request, candidates, _, right) if request in open_requests:
                open_requests[request].right = right or (candidates[0] if candidates else None)
            case facts.FirstWords() as words if words.request in open_requests:
                open_requests[words.request].target_s = words.target_s
            case facts.Finished(request, _, "answered", _, usage):
                known = open_requests.pop(request, None)
                if known is not None and known.right is not None:
                    arrivals.append(_arrival(known, known.right, usage))
            case facts.Finished(request):
                open_requests.pop(request, None)
            case _:
                pass
    arrivals.sort(key=lambda one: one.at_s)
    began = arrivals[0].at_s if arrivals else 0.0
    return [replace(one, at_s=one.at_s - began) for one in arrivals]


def _arrival(known: _Request, right: str, usage: Usage) -> Arrival:
    asked = known.asked
    return Arrival(
        known.at,
        right,
        max(0, usage.prompt_tokens - usage.cached_tokens),
        usage.answer_tokens,
        asked.task,
        Kind(asked.kind),
        is_named=True,
        allows_substitute=asked.model is None,
        deadline_s=known.target_s,
        client=asked.client,
    )
