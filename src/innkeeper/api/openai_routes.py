"""OpenAI's routes: its four ways to ask a model, and the list of models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from innkeeper.api.ask import Ask, House
from innkeeper.api.gate import caller_of
from innkeeper.api.port import Runtime
from innkeeper.api.shapes import ANTHROPIC_VERSION
from innkeeper.runtime.messages import Kind
from innkeeper.runtime.wire.anthropic import models as anthropic
from innkeeper.runtime.wire.openai.format import OpenAIFormat
from innkeeper.runtime.wire.openai.models import list_document, model_document

PATHS: Final[Mapping[str, Kind]] = {
    "/v1/chat/completions": Kind.CHAT,
    "/v1/completions": Kind.COMPLETION,
    "/v1/embeddings": Kind.EMBEDDING,
    "/v1/rerank": Kind.RERANK,
}
"""Where a model is asked, and for what."""


def openai_routes(house: House, created_s: int) -> list[Route]:
    """The routes under /v1. `created_s`: unix seconds that every model claims as its date."""
    models = _Models(house.runtime, created_s)
    return [
        *(Route(path, Ask(OpenAIFormat(kind), house), methods=["POST"]) for path, kind in PATHS.items()),
        Route("/v1/models", models.list, methods=["GET"]),
        Route("/v1/models/{model:path}", models.get, methods=["GET"]),
    ]


class _Models:
    def __init__(self, runtime: Runtime, created_s: int) -> None:
        self._runtime = runtime
        self._created_s = created_s

    async def list(self, http: HttpRequest) -> Response:
        seen = caller_of(http.scope).scope_of(self._runtime.catalog)
        listed = anthropic.list_document if _is_anthropics(http) else list_document
        return _json(listed(seen, self._created_s))

    async def get(self, http: HttpRequest) -> Response:
        seen = caller_of(http.scope).scope_of(self._runtime.catalog)
        shown = anthropic.model_document if _is_anthropics(http) else model_document
        return _json(shown(seen.get(http.path_params["model"]), self._created_s))


def _is_anthropics(http: HttpRequest) -> bool:
    """Whether Anthropic's client asks, whose list stands at the same address."""
    return ANTHROPIC_VERSION in caller_of(http.scope).headers


def _json(document: object) -> Response:
    return Response(json.dumps(document).encode("ascii"), media_type="application/json")
