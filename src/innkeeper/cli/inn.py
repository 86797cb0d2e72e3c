"""The inn as a picture: a bar for each memory and a table of the models. Values in, something Rich can print out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from innkeeper.runtime.sizes import told
from innkeeper.runtime.views import ModelView, PoolView, RuntimeView, SpendingView

BAR_CELLS = 30

STATE_STYLES: Mapping[str, str] = {
    "ready": "green",
    "loading": "yellow",
    "draining": "magenta",
    "unloading": "magenta",
    "cold": "dim",
}


def picture(view: RuntimeView) -> RenderableType:
    """Bars, models and a line about the callers. What a cold model would need stands in brackets."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("MODEL", overflow="fold")
    for title in ("STATE", "MEMORY", "", "BUSY", "IDLE", "LEAVES"):
        table.add_column(title, justify="right" if title == "MEMORY" else "left", no_wrap=True)
    for model in _ordered(view.models):
        table.add_row(*_row(model))
    callers = Text(
        f"{_count(view.serving, 'request')} under way, {view.waiting} waiting · up {duration(view.up_s)}", "dim"
    )
    money = [Text(spending(view.spending), "dim")] if view.spending is not None else []
    troubles = [Text(_trouble(model.id, model.trouble), "yellow") for model in view.models if model.trouble]
    return Group(*(bar(pool) for pool in view.pools), Text(), table, Text(), callers, *money, *troubles)


def bar(pool: PoolView) -> Text:
    """One memory: what models hold, what is overhead, what others have taken, what is left of the budget."""
    scale = max(pool.budget_bytes, 1)
    overhead = _cells(pool.overhead_bytes, scale)
    held = min(_cells(pool.held_bytes, scale), BAR_CELLS - overhead)
    taken = min(_cells(max(pool.budget_bytes - pool.ceiling_bytes, 0), scale), BAR_CELLS - held - overhead)
    return Text.assemble(
        (f"{pool.name:<6}", "bold"),
        "[",
        ("█" * held, "green"),
        ("▒" * overhead, "blue"),
        " " * (BAR_CELLS - held - overhead - taken),
        ("x" * taken, "red"),
        "] ",
        f"{told(pool.held_bytes)} of {told(pool.ceiling_bytes)}",
        (f", {told(pool.free_bytes)} free", "dim"),
    )


def spending(today: SpendingView) -> str:
    """ "1.20 of 5.00 USD spent today on hosted models, 0.03 set aside · begins anew in 3 h 10 min"."""
    of = f" of {today.per_day:.2f}" if today.per_day is not None else ""
    aside = f", {today.set_aside:.4f} set aside" if today.set_aside else ""
    each = f", each user at most {today.per_user_per_day:.2f}" if today.per_user_per_day is not None else ""
    amount = f"{today.spent:.2f}" if today.spent >= 0.1 or not today.spent else f"{today.spent:.4f}"
    anew = f" · begins anew in {duration(today.resets_in_s)}" if of or each else ""
    return f"{amount}{of} {today.currency} spent today on hosted models{aside}{each}{anew}"


def duration(seconds: float) -> str:
    """ "12 s", "5 min", "3 h 10 min", "2 d 4 h"."""
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def amounts(amount: Mapping[str, int], between: str = " + ") -> str:
    """Bytes by pool: "1.2 GiB"; memory other than RAM by its name: "6.0 GiB gpu0 + 1.0 GiB ram"."""
    parts = {pool: told(size) for pool, size in amount.items() if size}
    if set(parts) <= {"ram"}:
        return parts.get("ram", "0 B")
    return between.join(f"{size} {pool}" for pool, size in sorted(parts.items()))


def _row(model: ModelView) -> Iterator[str | Text]:
    is_cold = model.state == "cold"
    holds = model.needs if is_cold else model.held
    yield Text(model.id, "bold" if not is_cold else "")
    yield Text(model.state, STATE_STYLES.get(model.state, ""))
    amount = amounts(holds, between="\n")
    yield Text(f"({amount})", "dim") if is_cold else amount
    yield Text(model.sizing, "dim")
    yield f"{model.leases}/{model.slots}" + (f" +{model.waiting}" if model.waiting else "")
    yield duration(model.idle_s) if model.idle_s is not None else ""
    yield _leaving(model)


def _leaving(model: ModelView) -> str:
    if model.pinned:
        return "pinned"
    return duration(model.leaves_in_s) if model.leaves_in_s is not None else ""


def _trouble(model_id: str, trouble: str) -> str:
    return trouble if trouble.startswith(model_id) else f"{model_id}: {trouble}"


def _ordered(models: tuple[ModelView, ...]) -> list[ModelView]:
    """Those in memory first, then by name."""
    return sorted(models, key=lambda model: (model.state == "cold", model.id.lower()))


def _cells(size_bytes: int, scale_bytes: int) -> int:
    return min(BAR_CELLS, round(BAR_CELLS * size_bytes / scale_bytes))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
