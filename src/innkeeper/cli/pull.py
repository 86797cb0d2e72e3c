"""`pull`: model files from the Hugging Face Hub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from innkeeper.cli.invocation import console

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


def pull(
    context: typer.Context,
    repository: Annotated[
        str,
        typer.Argument(
            metavar="REPO[:WHAT]", help="OWNER/NAME on the hub; after a colon a quantization such as Q4_K_M, or a file."
        ),
    ],
    revision: Annotated[str | None, typer.Option(help="A branch, tag or commit; else the newest.")] = None,
) -> None:
    """Fetch a GGUF model from the Hugging Face Hub into the models folder.

    An interrupted download goes on where it stopped when the command is given again. Uses HF_ENDPOINT and HF_TOKEN.
    """
    from innkeeper.hub.fetch import Hub
    from innkeeper.hub.wanted import choose, parse
    from innkeeper.runtime.sizes import told

    invocation = context.obj
    folder = invocation.settings().settings.models_dir
    wanted = parse(repository)
    hub = Hub(invocation.environ.get("HF_ENDPOINT") or None, invocation.environ.get("HF_TOKEN") or None)
    screen = console()
    with screen.status(f"asking the hub for {wanted.repository} …"):
        listing = hub.listing(wanted.repository, revision)
    files = choose(wanted, listing.files)
    with _progress(screen) as progress:
        tasks = {file.path: progress.add_task(file.name, total=file.size_bytes) for file in files}
        for file in files:
            path = hub.fetch(
                listing, file, folder, lambda file, done: progress.update(tasks[file.path], completed=done)
            )
            progress.update(tasks[file.path], completed=file.size_bytes)
            screen.print(f"{path} ({told(file.size_bytes)}), checked.", markup=False, soft_wrap=True)


def _progress(screen: Console) -> Progress:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
        console=screen,
        disable=not screen.is_terminal,
    )
