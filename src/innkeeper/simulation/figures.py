"""What a run came to in figures: load time, times to the first words, quality, money; quality beside every gain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from innkeeper.simulation.optimum import Least
from innkeeper.simulation.run import Lived
from innkeeper.simulation.workload import Workload

GOOD: Final = 0.8
"""Quality from which an answer counts as good."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One way on one workload."""

    requests: int
    load_ratio: float | None
    """Seconds of loading by the least there is; None where nothing has to be loaded."""
    first_p50_s: float
    first_p95_s: float
    first_p99_s: float
    in_time: float
    """Share of all requests whose first words came within their target."""
    in_time_and_good: float
    """Share of those that were in time with a quality of `GOOD`."""
    quality: float
    """Mean over all requests; what was refused counts as 0."""
    loads_per_1000: float
    gb_per_1000: float
    """Gigabytes loaded for a thousand requests."""
    substituted: float
    """Share of the requests that another model answered than the right one."""
    refused: float
    """Share of the requests that had no answer."""
    cost: float
    """Money for hosted answers."""


def figures(workload: Workload, lived: Lived, least: Least) -> Figures:
    """Of a workload of at least one request."""
    answers, outcome = lived.answers, lived.outcome
    count = len(answers)
    assert count == len(workload.arrivals) > 0, f"{count} of {len(workload.arrivals)} requests ended"
    firsts_s = sorted(one.first_s for one in answers if one.error is None) or [0.0]
    loaded_bytes = sum(sum(workload.paces[model].needs.values()) for model in outcome.loads)
    return Figures(
        requests=count,
        load_ratio=outcome.load_s / least.load_s if least.load_s > 0 else None,
        first_p50_s=part(firsts_s, 0.5),
        first_p95_s=part(firsts_s, 0.95),
        first_p99_s=part(firsts_s, 0.99),
        in_time=sum(one.is_in_time for one in answers) / count,
        in_time_and_good=sum(one.is_in_time and one.quality >= GOOD for one in answers) / count,
        quality=sum(one.quality for one in answers) / count,
        loads_per_1000=1000 * len(outcome.loads) / count,
        gb_per_1000=1000 * loaded_bytes / count / 1e9,
        substituted=sum(one.model != one.right and one.error is None for one in answers) / count,
        refused=sum(one.error is not None for one in answers) / count,
        cost=sum(one.cost for one in answers),
    )


def part(ordered: Sequence[float], share: float) -> float:
    """The value below which so large a share lies."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
