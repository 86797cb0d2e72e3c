"""`measure`: what a model really holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from innkeeper.cli.invocation import console, show
from innkeeper.runtime.errors import BadSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.table import Table

    from innkeeper.runtime.catalog import Model
    from innkeeper.runtime.memory.trial import Trial
    from innkeeper.settings.load import Loaded


def measure(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model's id in the settings, or of a found file.")],
) -> None:
    """Start a model alone, fill its whole context, and remember what it held.

    Works without a server. Stop a running one first where memory is short. Filling a long context takes minutes on CPU.
    """
    import asyncio

    from innkeeper.settings.catalog import catalog_of, search

    loaded = context.obj.settings()
    entry = catalog_of(loaded.settings, search(loaded)).get(model)
    screen = console()
    with screen.status(f"{entry.id} …") as status:
        trial = asyncio.run(_try_out(loaded, entry, lambda what: status.update(f"{entry.id}: {what} …")))
    show(report(entry, trial))


async def _try_out(loaded: Loaded, model: Model, tell: Callable[[str], None]) -> Trial:
    import time

    from innkeeper import assemble
    from innkeeper.runtime.memory.trial import try_out

    async with assemble.opened_adapters(loaded) as adapters:
        if model.engine not in adapters:
            known = ", ".join(sorted(adapters))
            raise BadSettings(f"{model.id} names the engine {model.engine!r}; there are {known}.", param="engine")
        return await try_out(adapters[model.engine], model, tell, time.monotonic)


def report(model: Model, trial: Trial) -> Table:
    """The numbers, each with its kind, and how far the expectation was off."""
    from rich.table import Table

    from innkeeper.cli.inn import amounts

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    table.add_column(style="dim")
    expected, peak = trial.expected, trial.holding.peak
    bare = {pool: round(size / (1 + expected.margin)) for pool, size in expected.bytes.items()}
    table.add_row(expected.sizing.value, amounts(bare), f"before, without its margin of {expected.margin:.0%}")
    table.add_row("measured", amounts(trial.holding.now), "now")
    table.add_row("measured", amounts(peak), f"at peak{_difference(sum(bare.values()), sum(peak.values()))}")
    table.add_row(
        trial.learned.sizing.value,
        amounts(trial.learned.bytes),
        f"from now on, with a margin of {trial.learned.margin:.0%}",
    )
    table.add_row("load", f"{trial.load_s:.2f} s", "")
    rate = f", {trial.prompt_tokens / trial.took_s:.0f} a second" if trial.took_s > 0 and trial.prompt_tokens else ""
    table.add_row("prompt", f"{trial.prompt_tokens} tokens", f"in {model.slots} slots{rate}")
    return table


def _difference(expected_bytes: int, peak_bytes: int) -> str:
    if not expected_bytes or not peak_bytes:
        return ""
    return f"; it was expected {(expected_bytes - peak_bytes) / peak_bytes:+.1%} of that"
