"""Workloads of several seeds, each lived through every way: rows to be shown, and what they mean in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import mean

from innkeeper.runtime.routing.vocabulary import Vocabulary
from innkeeper.simulation.figures import Figures, figures
from innkeeper.simulation.optimum import Least, least_load
from innkeeper.simulation.run import live
from innkeeper.simulation.ways import Answers, Policies, Way
from innkeeper.simulation.workload import Workload


@dataclass(frozen=True, slots=True)
class Row:
    """One way, over all seeds."""

    way: Way
    of_seeds: tuple[Figures, ...]

    def mean(self, of: Callable[[Figures], float]) -> float:
        """Mean over the seeds."""
        return mean(map(of, self.of_seeds))

    def spread(self, of: Callable[[Figures], float]) -> tuple[float, float]:
        """The least and the most over the seeds."""
        values = [of(one) for one in self.of_seeds]
        return min(values), max(values)

    def ratios(self) -> list[float]:
        """Load time by the least there is, for every seed that has to load anything."""
        return [one.load_ratio for one in self.of_seeds if one.load_ratio is not None]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One kind of workload and all its rows."""

    workloads: tuple[Workload, ...]
    """One for each seed."""
    least: tuple[Least, ...]
    rows: tuple[Row, ...]

    def row(self, way: Way) -> Row | None:
        """That of one way; None where it was not run."""
        return next((row for row in self.rows if row.way == way), None)


def compare(
    workloads: Sequence[Workload],
    ways: Iterable[Way],
    vocabulary: Vocabulary,
    *,
    ceiling: float | None = None,
    told: Callable[[str], object] = str,
) -> Comparison:
    """Every workload, every way. `ceiling` is what hosted answers may cost in a day; `told` hears what is run next."""
    least = tuple(least_load(workload) for workload in workloads)
    rows = []
    for way in ways:
        told(way.name)
        rows.append(
            Row(
                way,
                tuple(
                    figures(workload, live(workload, way, vocabulary, ceiling=ceiling), optimum)
                    for workload, optimum in zip(workloads, least, strict=True)
                ),
            )
        )
    return Comparison(tuple(workloads), least, tuple(rows))


def meaning(comparison: Comparison) -> str:
    """What this means, in one sentence: what would help this machine most."""
    default = comparison.row(Way(Policies.DEFAULT))
    substitutes = comparison.row(Way(Policies.DEFAULT, Answers.SUBSTITUTES))
    if default is None:
        return "Without the default nothing can be said of it: add it with --policy default."
    alone = default.mean(lambda one: one.in_time)
    said = f"With the right models alone {alone:.0%} of the requests have their first words in time"
    recent = comparison.row(Way(Policies.LRU))
    if recent is not None:
        said += f" (LRU: {recent.mean(lambda one: one.in_time):.0%})"
    if substitutes is None:
        return f"{said}."
    with_them = substitutes.mean(lambda one: one.in_time)
    good = substitutes.mean(lambda one: one.in_time_and_good)
    quality = substitutes.mean(lambda one: one.quality)
    if with_them - alone < 0.01:
        return f"{said}; substitutes add nothing here, because what is wanted is nearly always in memory."
    return (
        f"{said}; letting a model in memory stand in lifts that to {with_them:.0%}, {good:.0%} with good answers, at "
        f"a mean quality of {quality:.2f}."
    )
