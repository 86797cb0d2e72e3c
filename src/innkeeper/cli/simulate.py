"""`simulate`: what other ways to run the house would have done with the same requests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from innkeeper.cli.invocation import console, show
from innkeeper.runtime.errors import InvalidRequest

if TYPE_CHECKING:
    from innkeeper.simulation.ways import Way
    from innkeeper.simulation.workload import Workload


def simulate(
    context: typer.Context,
    trace: Annotated[
        Path | None,
        typer.Argument(
            metavar="TRACE",
            help="Real arrivals as CSV with TIMESTAMP, ContextTokens and GeneratedTokens; models are drawn by lot.",
        ),
    ] = None,
    scene: Annotated[
        str, typer.Option("--workload", help="Without a trace: evening (one table of players), podcast, or party.")
    ] = "party",
    from_journal: Annotated[
        bool, typer.Option("--from-journal", help="The requests that were answered here, over the models of here.")
    ] = False,
    models: Annotated[
        Path | None, typer.Option(help="A settings file whose models are asked for, instead of generated ones.")
    ] = None,
    policy: Annotated[
        list[str] | None, typer.Option(help="Only this one: default, lru, ttl, count, one. May be repeated.")
    ] = None,
    budget: Annotated[str | None, typer.Option(help='Memory that all models may hold, e.g. "16 GiB".')] = None,
    ceiling: Annotated[float, typer.Option(min=0, help="What hosted answers may cost in a day.")] = 0.25,
    seed: Annotated[int, typer.Option(min=0, help="The dice of what is generated or drawn by lot.")] = 1,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="How many seeds from there on.")] = 1,
    hours: Annotated[
        float | None,
        typer.Option(min=0.1, max=10_000, help="Length of what is generated; of the journal, the last so many."),
    ] = None,
    requests: Annotated[int, typer.Option(min=1, help="How much of a trace is read.")] = 2000,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON document.")] = False,
) -> None:
    """Compare policies in simulated time, on the code that serves: load time, waits, quality, money. Runs no model."""
    import json

    from innkeeper.cli import comparing
    from innkeeper.cli.workloads import Source, workloads
    from innkeeper.settings.words import read_vocabulary
    from innkeeper.simulation.comparison import compare

    ways = _ways(policy)
    screen = console(stderr=True)
    with screen.status("reading …") as status:
        source = Source(scene, trace, from_journal, models, hours, requests)
        made = [_within(one, budget) for one in workloads(context.obj, source, range(seed, seed + seeds))]
        comparison = compare(
            made, ways, read_vocabulary(), ceiling=ceiling, told=lambda what: status.update(f"{what} …")
        )
    if as_json:
        typer.echo(json.dumps(comparing.as_json(comparison), indent=2))
    else:
        show(comparing.picture(comparison, context.obj.settings().settings.spending.currency))


def _ways(policies: list[str] | None) -> list[Way]:
    from innkeeper.simulation.ways import ALL, Policies

    known = [one.value for one in Policies]
    for name in policies or ():
        if name not in known:
            raise InvalidRequest(f"There is no policy {name!r}; there are {', '.join(known)}.", param="policy")
    return [way for way in ALL if not policies or way.policy.value in policies]


def _within(workload: Workload, budget: str | None) -> Workload:
    """The same with another budget, for its largest pool."""
    from innkeeper.settings.quantities import size_bytes

    if budget is None:
        return workload
    try:
        size = size_bytes(budget)
    except ValueError as error:
        raise InvalidRequest(f"--budget {error}.", param="budget") from None
    largest = max(workload.budget, key=lambda pool: workload.budget[pool])
    return replace(workload, budget={**workload.budget, largest: size})
