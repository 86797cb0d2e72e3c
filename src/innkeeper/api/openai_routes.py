"""OpenAI's routes: a body comes in, the runtime serves it, the pieces go out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from innkeeper.api.answers import began_headers, send_error, send_json
from innkeeper.api.body import CallerLeft, read_body
from innkeeper.api.event_stream import STRAIGHT_SEND, EventStream
from innkeeper.api.gate import Caller, caller_of
from innkeeper.api.limits import Limits
from innkeeper.api.options import ApiOptions
from innkeeper.api.port import Runtime
from innkeeper.api.presence import Presence
from innkeeper.runtime.catalog import Catalog
from innkeeper.runtime.errors import InnkeeperError
from innkeeper.runtime.messages import Began, Done, Kind, Piece, Request
from innkeeper.runtime.wire.hints import parse_hints
from innkeeper.runtime.wire.openai.models import list_document, model_document
from innkeeper.runtime.wire.openai.requests import parse_request


@dataclass(frozen=True, slots=True)
class House:
    """What all routes that ask a model share."""

    runtime: Runtime
    options: ApiOptions
    limits: Limits
    now_s: Callable[[], float]
    """A clock that never goes back."""

    asked: set[str] = field(default_factory=set)
    """Ids of the requests under way, so that no two have the same."""

    presence: Presence = field(default_factory=Presence)
    """Those who are being served."""


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
        *(Route(path, Ask(kind, house), methods=["POST"]) for path, kind in PATHS.items()),
        Route("/v1/models", models.list, methods=["GET"]),
        Route("/v1/models/{model:path}", models.get, methods=["GET"]),
    ]


class Ask:
    """One route that asks a model, as an ASGI application: nothing stands between a piece and the socket."""

    def __init__(self, kind: Kind, house: House) -> None:
        self._kind = kind
        self._house = house

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = caller_of(scope)
        house = self._house
        request_id = _unique(caller.request_id, house.asked)
        try:
            house.limits.enter(caller.name, caller.key, house.now_s())
            house.asked.add(request_id)
            try:
                request = await self._parse(request_id, caller, receive)
                if request.streams:
                    # In a task of its own: each piece wakes only what is in it, not all that stands around this route.
                    relaying = self._stream(request, receive, send, scope.get(STRAIGHT_SEND, send))
                    await asyncio.create_task(relaying, name=f"stream {request_id}")
                else:
                    await self._answer(request, receive, send)
            finally:
                house.asked.discard(request_id)
                house.limits.leave(caller.name)
        except CallerLeft:
            return
        except InnkeeperError as error:
            await send_error(send, error, [(b"x-request-id", request_id.encode("ascii"))])

    async def _parse(self, request_id: str, caller: Caller, receive: Receive) -> Request:
        options = self._house.options
        raw = await read_body(
            receive, caller.headers, limit_bytes=options.body_limit_bytes, within_s=options.body_within_s
        )
        hints = parse_hints(caller.headers)
        request = parse_request(self._kind, raw, request_id=request_id, client=caller.name, hints=hints)
        return _within_scope(request, caller)

    async def _stream(self, request: Request, receive: Receive, send: Send, straight_send: Send) -> None:
        stream = EventStream(
            send,
            straight_send,
            request.id,
            heartbeat_s=self._house.options.heartbeat_s,
            why_quiet=lambda: _why_quiet(self._house.runtime, request),
        )
        async with stream:
            try:
                async with (
                    self._house.presence.until_the_caller_leaves(receive, request.id),
                    aclosing(self._house.runtime.serve(request)) as chunks,
                ):
                    async for chunk in chunks:
                        if isinstance(chunk, Piece):  # asked first, and not by a pattern: this is once for every word
                            await stream.piece(chunk.data)
                        elif isinstance(chunk, Began):
                            await stream.began(chunk)
                        else:
                            await stream.done()
            except InnkeeperError as error:
                if not stream.has_started:
                    raise
                await stream.fail(error)

    async def _answer(self, request: Request, receive: Receive, send: Send) -> None:
        headers = [(b"x-request-id", request.id.encode("ascii"))]
        answer = b""
        async with (
            self._house.presence.until_the_caller_leaves(receive, request.id),
            aclosing(self._house.runtime.serve(request)) as chunks,
        ):
            async for chunk in chunks:
                match chunk:
                    case Piece(data):
                        answer = data
                    case Began():
                        headers += began_headers(chunk)
                    case Done():  # at once; the runtime gives back and records what it has to while the answer travels
                        await send_json(send, 200, answer, headers)


class _Models:
    def __init__(self, runtime: Runtime, created_s: int) -> None:
        self._runtime = runtime
        self._created_s = created_s

    async def list(self, http: HttpRequest) -> Response:
        caller = caller_of(http.scope)
        return _json(list_document(_scope_of(caller, self._runtime.catalog), self._created_s))

    async def get(self, http: HttpRequest) -> Response:
        seen = _scope_of(caller_of(http.scope), self._runtime.catalog)
        return _json(model_document(seen.get(http.path_params["model"]), self._created_s))


def _json(document: object) -> Response:
    return Response(json.dumps(document).encode("ascii"), media_type="application/json")


def _unique(request_id: str, asked: set[str]) -> str:
    """The id itself, or with a number behind it while another request of that id is under way."""
    number = 1
    unique = request_id
    while unique in asked:
        number += 1
        unique = f"{request_id}.{number}"
    return unique


def _within_scope(request: Request, caller: Caller) -> Request:
    """The request, for which no model exists but those of the caller's key."""
    if caller.key is None or caller.key.models is None:
        return request
    return replace(request, may_use=frozenset(caller.key.models))


def _scope_of(caller: Caller, catalog: Catalog) -> Catalog:
    """What of the catalogue exists as far as the caller is concerned."""
    if caller.key is None or caller.key.models is None:
        return catalog
    return catalog.only(frozenset(caller.key.models))


def _why_quiet(runtime: Runtime, request: Request) -> str:
    position = runtime.position(request.id)
    if position:
        return f"waiting, position {position}"
    model = runtime.candidate(request.id)
    state = next((resident.state for resident in runtime.view().models if resident.id == model), None)
    return "working" if state == "ready" else "loading"
