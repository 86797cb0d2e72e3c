"""The screen with which the inn opens: memory, models, what fits together, the address, the next step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TypeAlias

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from innkeeper.cli.fits import Room, fitting, in_words
from innkeeper.cli.inn import amounts
from innkeeper.cli.rooms import rooms_of
from innkeeper.discovery.found import Found
from innkeeper.discovery.servers import FoundServer, find_servers
from innkeeper.runtime.catalog import Catalog, Model
from innkeeper.runtime.elsewhere import elsewhere
from innkeeper.runtime.engine import Adapter, Footprint
from innkeeper.runtime.errors import InnkeeperError
from innkeeper.runtime.messages import Kind
from innkeeper.runtime.sizes import told
from innkeeper.settings.load import Loaded
from innkeeper.settings.values import Settings

MOST_MODELS_SHOWN = 12
MOST_PROBLEMS_SHOWN = 3
A_FIRST_MODEL = "Qwen/Qwen3-0.6B-GGUF:Q8_0"


@dataclass(frozen=True, slots=True)
class Opening:
    """All that the screen tells."""

    version: str
    rooms: tuple[Room, ...]
    models: tuple[Model, ...]
    footprints: Mapping[str, Footprint]
    troubles: Mapping[str, str]
    """Why a model cannot be sized, by its id."""
    found: Found
    address: str
    models_dir: str
    servers: tuple[FoundServer, ...] = ()
    """Other programs here whose models could be used, and are not yet."""
    before_commands: str = ""
    """What has to stand before a command in another terminal, so that it finds this server."""


def opening(loaded: Loaded, found: Found, catalog: Catalog, adapters: Mapping[str, Adapter]) -> Opening:
    """Sizes every model by its header. Nothing is loaded."""
    footprints, troubles = sizes(catalog, adapters)
    settings = loaded.settings
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return Opening(
        version("innkeeper"),
        rooms_of(settings),
        tuple(catalog),
        footprints,
        troubles,
        found,
        f"http://{host}:{settings.port}",
        str(settings.models_dir),
        tuple(server for server in servers_here(loaded.settings) if not uses(settings, server.engine)),
        f"INNKEEPER_PORT={settings.port} " if loaded.origin(("port",)).startswith("command line") else "",
    )


def servers_here(settings: Settings) -> Iterator[FoundServer]:
    """The model servers of this machine that answer where the settings expect them."""
    urls = {"ollama": settings.ollama.url, "lmstudio": settings.lmstudio.url}
    return find_servers({engine: url for engine, url in urls.items() if elsewhere(url) is None})


def uses(settings: Settings, engine: str) -> bool:
    """Whether a model of that engine is in the settings."""
    return any(model.engine == engine for model in settings.models.values())


def sizes(catalog: Catalog, adapters: Mapping[str, Adapter]) -> tuple[dict[str, Footprint], dict[str, str]]:
    """What each model would hold, and of the others why that cannot be said."""
    footprints: dict[str, Footprint] = {}
    troubles: dict[str, str] = {}
    for model in catalog:
        adapter = adapters.get(model.engine)
        if adapter is None:
            troubles[model.id] = f"there is no engine {model.engine!r}; there are {', '.join(sorted(adapters))}"
            continue
        try:
            footprints[model.id] = adapter.footprint(model)
        except InnkeeperError as error:
            troubles[model.id] = error.message
    return footprints, troubles


def screen(shown: Opening) -> RenderableType:
    """What `innkeeper up` prints before it serves."""
    return Group(
        Text(f"Innkeeper {shown.version}", "bold"),
        Text(),
        _lines(("memory", "dim", _room(room)) for room in shown.rooms),
        Text(),
        *((_models(shown), Text(), _lines(_fits(shown))) if shown.models else (_nothing(shown),)),
        _lines(_left_out(shown)),
        _lines(_servers(shown)),
        Text(),
        _lines(_next(shown)),
        Text(),
    )


Line: TypeAlias = tuple[str, str, str | Text]
"""A label, its style, and what is told; a long text stays to the right of its label."""


def _lines(lines: Iterable[Line]) -> Table:
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(min_width=8, no_wrap=True)
    grid.add_column(overflow="fold")
    for label, style, content in lines:
        grid.add_row(Text(label, style), content if isinstance(content, Text) else Text(content))
    return grid


def _room(room: Room) -> Text:
    return Text.assemble(
        f"{room.name}: models may hold {told(room.for_models_bytes)}",
        (f" ({told(room.free_bytes)} free of {told(room.total_bytes)})", "dim"),
    )


def _models(shown: Opening) -> RenderableType:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", overflow="fold", max_width=38)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(style="dim", no_wrap=True)
    for model in shown.models[:MOST_MODELS_SHOWN]:
        footprint = shown.footprints.get(model.id)
        known = shown.found.of_file(model.file) if model.file else None
        table.add_row(
            model.id,
            amounts(footprint.bytes) if footprint else "?",
            footprint.sizing.value if footprint else "unusable",
            f"{_does(model)}, {known.keeper.value}" if known else _does(model),
        )
    if len(shown.models) <= MOST_MODELS_SHOWN:
        return table
    return Group(table, Text(f"and {len(shown.models) - MOST_MODELS_SHOWN} more: `innkeeper ps`", "dim"))


def _fits(shown: Opening) -> Iterator[Line]:
    sentences = in_words(fitting(shown.footprints, shown.rooms), shown.footprints, shown.rooms)
    for sentence in _at_most(MOST_PROBLEMS_SHOWN, sentences):
        yield "fits", "dim", sentence
    for trouble in _at_most(MOST_PROBLEMS_SHOWN, [f"{model}: {why}" for model, why in shown.troubles.items()]):
        yield "trouble", "yellow", trouble


def _nothing(shown: Opening) -> RenderableType:
    looked_in = ", ".join(str(place.folder) for place in shown.found.looked_in)
    return Group(
        Text("No model was found.", "bold yellow"),
        Text(f"Looked in {looked_in}." if looked_in else f"The folder {shown.models_dir} is not there.", "dim"),
        Text(f"Put a GGUF file into {shown.models_dir}, or fetch one, and start again."),
    )


def _left_out(shown: Opening) -> Iterator[Line]:
    in_catalog = {model.file for model in shown.models}  # what is wrong with these stands above
    others = [f"{left.path}: {left.why}" for left in shown.found.left_out if left.path not in in_catalog]
    for left_out in _at_most(MOST_PROBLEMS_SHOWN, others):
        yield "left out", "yellow", left_out


def _servers(shown: Opening) -> Iterator[Line]:
    for server in shown.servers:
        if server.models:
            yield "found", "dim", f"{server.told}. To use one, in innkeeper.toml:\n{server.offer}"


def _at_most(count: int, lines: Sequence[str]) -> Iterator[str]:
    yield from lines[:count]
    if len(lines) > count:
        yield f"and {len(lines) - count} more: `innkeeper doctor`"


def _next(shown: Opening) -> Iterator[Line]:
    yield "address", "dim", Text.assemble((f"{shown.address}/v1", "bold"), ("  OpenAI's API; Ctrl-C ends", "dim"))
    chatting = [model.id for model in shown.models if Kind.CHAT in model.kinds and model.id in shown.footprints]
    if chatting:
        yield "next", "dim", f'{shown.before_commands}innkeeper run {chatting[0]} "Who are you?"'
    if shown.models:
        yield ("" if chatting else "next"), "dim", f"{shown.before_commands}innkeeper ps --watch"
    else:
        yield "next", "dim", f"innkeeper pull {A_FIRST_MODEL}"


def _does(model: Model) -> str:
    return "chat" if Kind.CHAT in model.kinds else ", ".join(sorted(kind.value for kind in model.kinds))
