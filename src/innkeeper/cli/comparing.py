"""A comparison of ways as people and programs read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from innkeeper.runtime.sizes import told
from innkeeper.simulation.comparison import Comparison, Row, meaning
from innkeeper.simulation.figures import GOOD, Figures


def picture(comparison: Comparison, currency: str) -> RenderableType:
    """What was run, a table of it, and a sentence."""
    return Group(Text(heading(comparison), "bold"), Text(), _table(comparison, currency), Text(), meaning(comparison))


def heading(comparison: Comparison) -> str:
    """ "party: 891 requests in 4.0 h, 12 models, 14 GiB; least loading 1009 s (exact); 1 run"."""
    workloads, least = comparison.workloads, comparison.least
    first = workloads[0]
    requests = _range([len(one.arrivals) for one in workloads])
    pools = ", ".join(told(size) for size in first.budget.values())
    kind = "exact" if all(one.is_exact for one in least) else "a bound from below"
    seconds = _range([round(one.load_s) for one in least])
    runs = f"{len(workloads)} seeds" if len(workloads) > 1 else "1 seed"
    return (
        f"{first.name}: {requests} requests in {first.lasts_s / 3600:.1f} h, {len(first.local())} models, {pools}; "
        f"least loading {seconds} s ({kind}); {runs}"
    )


def _table(comparison: Comparison, currency: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("way", no_wrap=True, style="bold")
    for title in (
        "load ÷ least",
        "first words s\np50 / p95 / p99",
        "in time",
        f"in time and\nquality ≥ {GOOD:g}",
        "mean\nquality",
        "per 1,000 requests\nloads, GB",
        f"hosted\n{currency}",
    ):
        table.add_column(title, justify="right", no_wrap=True)
    for row in comparison.rows:
        table.add_row(row.way.name, *cells(row))
    return table


def cells(row: Row) -> list[str]:
    """The figures of one way, means over the seeds; of several seeds with the range where it matters most."""
    ratios = row.ratios()
    ratio = f"{sum(ratios) / len(ratios):.2f}" if ratios else "–"
    if len(ratios) > 1:
        ratio += f" ({min(ratios):.2f}–{max(ratios):.2f})"
    return [
        ratio,
        f"{row.mean(_of('first_p50_s')):.1f} / {row.mean(_of('first_p95_s')):.1f} / {row.mean(_of('first_p99_s')):.1f}",
        _share(row, "in_time"),
        _share(row, "in_time_and_good"),
        f"{row.mean(_of('quality')):.2f}",
        f"{row.mean(_of('loads_per_1000')):.0f}, {row.mean(_of('gb_per_1000')):.0f}",
        f"{row.mean(_of('cost')):.3f}" if row.mean(_of("cost")) else "–",
    ]


def _share(row: Row, name: str) -> str:
    least, most = row.spread(_of(name))
    of_seeds = f" ({100 * least:.0f}–{100 * most:.0f})" if len(row.of_seeds) > 1 else ""
    return f"{row.mean(_of(name)):.1%}{of_seeds}"


def _of(name: str) -> Callable[[Figures], float]:
    def value(one: Figures) -> float:
        return float(getattr(one, name))

    return value


def _range(values: list[int]) -> str:
    return str(values[0]) if len(set(values)) == 1 else f"{min(values)} to {max(values)}"


def as_json(comparison: Comparison) -> Mapping[str, Any]:  # JSON
    """The same for programs, every seed apart."""
    return {
        "workload": comparison.workloads[0].name,
        "requests": [len(workload.arrivals) for workload in comparison.workloads],
        "least_load_s": [least.load_s for least in comparison.least],
        "least_is_exact": [least.is_exact for least in comparison.least],
        "ways": [
            {
                "policy": row.way.policy.value,
                "answers": row.way.answers.value,
                "of_seeds": [asdict(one) for one in row.of_seeds],
            }
            for row in comparison.rows
        ],
        "meaning": meaning(comparison),
    }
