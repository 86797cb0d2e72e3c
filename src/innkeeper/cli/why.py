"""`why`: who would answer a text at this moment, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from innkeeper.cli.invocation import show

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from innkeeper.runtime.views import Explanation, OptionView


def why(
    context: typer.Context,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What would be asked.")],
    model: Annotated[str | None, typer.Option(help="Ask for this model by name.")] = None,
    task: Annotated[str | None, typer.Option(help="What it is for, e.g. story.")] = None,
    conversation: Annotated[str | None, typer.Option(help="The conversation it belongs to.")] = None,
    deadline_s: Annotated[
        float | None, typer.Option(min=0, help="Seconds within which the first words are wanted.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Whether the right model is waited for.")] = True,
    substitute: Annotated[bool, typer.Option("--substitute", help="Allow a substitute for a named model.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON document.")] = False,
) -> None:
    """Say who would answer a text now, and why; nothing is run or loaded."""
    metadata = {"task": task, "conversation": conversation, "deadline_s": deadline_s}
    body: dict[str, Any] = {  # JSON
        "messages": [{"role": "user", "content": text}],
        "metadata": {name: value for name, value in metadata.items() if value is not None}
        | ({"substitute": "allow"} if substitute else {}),
        "wait": wait,
    }
    if model is not None:
        body["model"] = model
    server = context.obj.server()
    if as_json:
        typer.echo(json.dumps(server.explain_as_json(body), indent=2))
    else:
        show(_picture(server.explain(body)))


def _picture(told: Explanation) -> RenderableType:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("MODEL", overflow="fold")
    for title in ("STATE", "QUALITY", "FIRST WORDS", "QUEUE", "LOAD", "PROMPT", "DECODE", "COST"):
        table.add_column(title, justify="left" if title == "STATE" else "right", no_wrap=True)
    table.add_column("WHY NOT", overflow="fold", style="dim")
    for option in told.options:
        table.add_row(*_row(option, is_chosen=option.model == told.answers))
    lines = [
        Text(f"{told.answers or 'Nobody'} would answer.", "bold"),
        Text(f"Because {told.because}."),
        Text(f"First words are due within {told.due_s:g} s ({told.due_because})."),
    ]
    others = [model for model in told.candidates if model != told.answers]
    if others:
        lines.append(Text(f"Also candidates, in this order: {', '.join(others)}."))
    if told.loads_next is not None:
        lines.append(Text(f"{told.loads_next} would be loaded in the background."))
    return Group(*lines, Text(), table)


def _row(option: OptionView, *, is_chosen: bool) -> Iterator[str | Text]:
    from rich.text import Text

    yield Text(option.model, "bold" if is_chosen else "")
    yield option.state
    yield f"{option.quality:.2f}"
    for time_s in (
        option.first_words_s,
        option.queue_s,
        option.load_s,
        option.prompt_s,
        option.decode_s,
        option.cost_s,
    ):
        yield "" if time_s is None else f"{time_s:.1f} s"
    yield option.skipped
