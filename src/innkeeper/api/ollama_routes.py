"""Ollama's routes: ask a model, see what there is and what is in memory; what only Ollama itself can do is refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from innkeeper.api.ask import Ask, House
from innkeeper.api.body import read_body
from innkeeper.api.gate import caller_of
from innkeeper.runtime.catalog import Catalog, Model
from innkeeper.runtime.errors import NotSupported
from innkeeper.runtime.wire.fields import Fields
from innkeeper.runtime.wire.json_text import parse_object
from innkeeper.runtime.wire.ollama import models
from innkeeper.runtime.wire.ollama.answers import Clocks
from innkeeper.runtime.wire.ollama.format import (
    ChatFormat,
    EmbedFormat,
    GenerateFormat,
    OlderEmbedFormat,
)
from innkeeper.runtime.wire.ollama.models import Weights
from innkeeper.runtime.wire.ollama.names import known_as

_ASKING: Final[Mapping[str, type[ChatFormat | GenerateFormat | EmbedFormat]]] = {
    "/api/chat": ChatFormat,
    "/api/generate": GenerateFormat,
    "/api/embed": EmbedFormat,
    "/api/embeddings": OlderEmbedFormat,
}

_NOT_OURS: Final[Mapping[tuple[str, str], str]] = {
    ("POST", "/api/push"): "Models are not given away by this server.",
    ("POST", "/api/create"): "A model is a GGUF file in the models folder, or an entry of innkeeper.toml.",
    ("POST", "/api/copy"): "A second name for a model is a second entry of innkeeper.toml with the same file.",
    ("DELETE", "/api/delete"): "Remove its file from the models folder or its entry from innkeeper.toml.",
    ("POST", "/api/blobs/{digest}"): "Put the file into the models folder, or use `innkeeper pull`.",
    ("HEAD", "/api/blobs/{digest}"): "Put the file into the models folder, or use `innkeeper pull`.",
}
"""What changes files. Whoever can ask a model may not, and the fix is the operator's."""


def ollama_routes(house: House) -> list[Route]:
    """The routes under /api, and the greeting at / that clients look for."""
    clocks = Clocks(house.now_s, house.unix_s)
    routes = _Ollama(house)
    return [
        *(
            Route(path, Ask(form(lambda: house.runtime.catalog, clocks), house), methods=["POST"])
            for path, form in _ASKING.items()
        ),
        Route("/api/tags", routes.tags, methods=["GET"]),
        Route("/api/ps", routes.ps, methods=["GET"]),
        Route("/api/show", routes.show, methods=["POST"]),
        Route("/api/version", routes.version, methods=["GET"]),
        Route("/api/pull", routes.pull, methods=["POST"]),
        *(Route(path, _Refused(path, why).answer, methods=[method]) for (method, path), why in _NOT_OURS.items()),
        Route("/", _greet, methods=["GET"]),
    ]


class _Ollama:
    def __init__(self, house: House) -> None:
        self._house = house

    async def tags(self, http: HttpRequest) -> Response:
        seen = tuple(self._seen(http))
        weights = await _weights(seen)
        return _json({"models": [models.tag(model, weights[model.id]) for model in seen]})

    async def ps(self, http: HttpRequest) -> Response:
        seen = {model.id: model for model in self._seen(http)}
        views = [view for view in self._house.runtime.view().models if view.id in seen and view.state != "cold"]
        weights = await _weights(seen[view.id] for view in views)
        now_s = self._house.unix_s()
        return _json({"models": [models.resident(seen[view.id], view, weights[view.id], now_s) for view in views]})

    async def show(self, http: HttpRequest) -> Response:
        model = await self._asked_for(http)
        weights = await _weights([model])
        return _json(models.card(model, weights[model.id]))

    async def version(self, _: HttpRequest) -> Response:
        return _json({"version": models.API_VERSION, "innkeeper": self._house.runtime.view().version})

    async def pull(self, http: HttpRequest) -> Response:
        """A model that is here already is pulled at once, which is what clients ask for to be sure."""
        fields = await self._body(http)
        name = fields.text("model") or fields.needed_text("name")
        seen = self._seen(http)
        if known_as(name, seen) not in seen:
            raise NotSupported(
                f"There is no model {name[:80]!r} here, and this server fetches none by itself. On its machine, "
                "`innkeeper pull` does.",
                param="model",
            )
        return _json({"status": "success"})

    async def _asked_for(self, http: HttpRequest) -> Model:
        fields = await self._body(http)
        name = fields.text("model") or fields.needed_text("name")  # the older name of the field
        seen = self._seen(http)
        return seen.get(known_as(name, seen))

    def _seen(self, http: HttpRequest) -> Catalog:
        return caller_of(http.scope).scope_of(self._house.runtime.catalog)

    async def _body(self, http: HttpRequest) -> Fields:
        options = self._house.options
        raw = await read_body(
            http.receive,
            caller_of(http.scope).headers,
            limit_bytes=options.body_limit_bytes,
            within_s=options.body_within_s,
        )
        return Fields(parse_object(raw))


class _Refused:
    """An address whose work is not done here."""

    def __init__(self, path: str, instead: str) -> None:
        self._path = path
        self._instead = instead

    async def answer(self, _: HttpRequest) -> Response:
        raise NotSupported(f"{self._path} is not supported. {self._instead}")


async def _weights(asked: Iterable[Model]) -> dict[str, Weights]:
    return await asyncio.to_thread(lambda: {model.id: _look(model) for model in asked})


def _look(model: Model) -> Weights:
    if model.file is None:
        return Weights()
    try:
        status = model.file.stat()
    except OSError:  # it went away, or cannot be seen: asking the model says why
        return Weights()
    return Weights(status.st_size, status.st_mtime)


async def _greet(_: HttpRequest) -> Response:
    return PlainTextResponse("Ollama is running")  # the words by which clients know that they may speak its format


def _json(document: dict[str, Any]) -> Response:  # Any: JSON on its way out
    return Response(json.dumps(document).encode("ascii"), media_type="application/json")
