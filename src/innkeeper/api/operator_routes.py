"""The operator's routes: who is in memory, who would answer, load, unload, pin, leases, stories, metrics, health."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from innkeeper.api.as_json import to_json
from innkeeper.api.body import read_body
from innkeeper.api.gate import caller_of
from innkeeper.api.options import ApiOptions
from innkeeper.api.port import Runtime
from innkeeper.runtime.errors import InvalidRequest, NotAllowed
from innkeeper.runtime.facts import OperatorDid
from innkeeper.runtime.messages import Kind
from innkeeper.runtime.wire.hints import context_named, parse_hints
from innkeeper.runtime.wire.json_text import parse_object
from innkeeper.runtime.wire.openai.requests import parse_request

LONGEST_LEASE_S = 7 * 86_400.0
"""A week. A lease has to end by itself, or a lost holder would keep the model for ever."""

_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Endpoint = Callable[[HttpRequest], Awaitable[Response]]


def operator_routes(runtime: Runtime, options: ApiOptions, metrics_text: Callable[[], bytes]) -> list[Route]:
    """All of them. A model's id is the whole middle of a path: it may hold slashes and colons."""
    routes = _Operator(runtime, options, metrics_text)
    guarded: tuple[tuple[str, str, Endpoint], ...] = (
        ("GET", "/ps", routes.ps),
        ("GET", "/metrics", routes.metrics),
        ("GET", "/story/{subject:path}", routes.story),
        ("POST", "/explain", routes.explain),
        ("POST", "/models/preload", routes.preload),
        ("POST", "/contexts/{name}/open", routes.open_context),
        ("POST", "/models/{model:path}/load", routes.load),
        ("POST", "/models/{model:path}/unload", routes.unload),
        ("POST", "/models/{model:path}/pin", routes.pin),
        ("POST", "/models/{model:path}/unpin", routes.unpin),
        ("POST", "/leases", routes.borrow),
        ("DELETE", "/leases/{lease}", routes.give_back),
    )
    return [
        Route("/health/live", routes.live, methods=["GET"]),
        Route("/health/ready", routes.ready, methods=["GET"]),
        *(Route(path, _for_operators(endpoint), methods=[method]) for method, path, endpoint in guarded),
    ]


class _Operator:
    def __init__(self, runtime: Runtime, options: ApiOptions, metrics_text: Callable[[], bytes]) -> None:
        self._runtime = runtime
        self._options = options
        self._metrics_text = metrics_text

    async def live(self, _: HttpRequest) -> Response:
        return _json({"status": "live"})

    async def ready(self, _: HttpRequest) -> Response:
        is_ready = self._runtime.is_ready
        return _json({"status": "ready" if is_ready else "not ready"}, 200 if is_ready else 503)

    async def ps(self, _: HttpRequest) -> Response:
        return _json(self._runtime.view())

    async def metrics(self, _: HttpRequest) -> Response:
        return Response(self._metrics_text(), media_type=_METRICS_TYPE)

    async def story(self, http: HttpRequest) -> Response:
        subject: str = http.path_params["subject"]
        entries = await asyncio.to_thread(self._runtime.journal.story, subject)  # may read the disk
        return _json(
            {
                "subject": subject,
                "entries": [
                    {"number": entry.number, "at": entry.at, "kind": type(entry.fact).__name__, "fact": entry.fact}
                    for entry in entries
                ],
            }
        )

    async def explain(self, http: HttpRequest) -> Response:
        """The body and the headers are those of the request that is to be explained."""
        kind = next((kind for kind in Kind if kind.value == http.query_params.get("kind", "chat")), None)
        if kind is None or kind is Kind.TRANSCRIPTION:
            raise InvalidRequest("kind must be chat, completion, embedding or rerank.", param="kind")
        caller = caller_of(http.scope)
        raw = await self._raw(http)
        request = parse_request(kind, raw, request_id="explain", client=caller.name, hints=parse_hints(caller.headers))
        return _json(self._runtime.explain(request))

    async def load(self, http: HttpRequest) -> Response:
        model = self._model(http)
        self._note(http, "load", model)
        await self._runtime.load(model)
        return _json({"model": model, "state": "ready"})

    async def unload(self, http: HttpRequest) -> Response:
        model = self._model(http)
        force = _flag(http, "force")
        self._note(http, "unload by force" if force else "unload", model)
        await self._runtime.unload(model, force=force)
        return _json({"model": model, "state": "cold"})

    async def pin(self, http: HttpRequest) -> Response:
        return self._pin(http, pinned=True)

    async def unpin(self, http: HttpRequest) -> Response:
        return self._pin(http, pinned=False)

    def _pin(self, http: HttpRequest, *, pinned: bool) -> Response:
        model = self._model(http)
        self._note(http, "pin" if pinned else "unpin", model)
        self._runtime.pin(model, pinned)
        return _json({"model": model, "pinned": pinned})

    async def preload(self, http: HttpRequest) -> Response:
        body = await self._body(http)
        models = body.get("models")
        if not isinstance(models, list) or not models or not all(isinstance(model, str) for model in models):
            raise InvalidRequest("models must be a list of model names.", param="models")
        because = body.get("because", "an operator asked")
        if not isinstance(because, str):
            raise InvalidRequest("because must be a string.", param="because")
        known = tuple(self._runtime.catalog.get(model).id for model in dict.fromkeys(models))
        self._note(http, f"preload {', '.join(known)}", None)
        self._runtime.preload(known, because)
        return _json({"models": known}, 202)

    async def open_context(self, http: HttpRequest) -> Response:
        name = context_named(http.path_params["name"], "context")
        self._note(http, f"open {name}", None)
        models = self._runtime.open_context(name, caller_of(http.scope).name)
        return _json({"context": name, "models": models}, 202)

    async def borrow(self, http: HttpRequest) -> Response:
        body = await self._body(http)
        name, for_s = body.get("model"), body.get("for_s")
        if not isinstance(name, str):
            raise InvalidRequest("model must be the name of a model.", param="model")
        if isinstance(for_s, bool) or not isinstance(for_s, int | float) or not _is_a_while(for_s):
            raise InvalidRequest(
                f"for_s must be a number of seconds above 0, at most {LONGEST_LEASE_S:.0f}.", param="for_s"
            )
        model = self._runtime.catalog.get(name).id
        self._note(http, f"borrow for {for_s:g} s", model)
        lease = await self._runtime.borrow(model, for_s=float(for_s), client=caller_of(http.scope).name)
        return _json({"lease": lease, "model": model, "for_s": for_s}, 201)

    async def give_back(self, http: HttpRequest) -> Response:
        lease: str = http.path_params["lease"]
        self._runtime.give_back(lease)
        return _json({"lease": lease, "given_back": True})

    def _model(self, http: HttpRequest) -> str:
        return self._runtime.catalog.get(http.path_params["model"]).id

    def _note(self, http: HttpRequest, what: str, model: str | None) -> None:
        self._runtime.journal.record(OperatorDid(what, model, caller_of(http.scope).name))

    async def _body(self, http: HttpRequest) -> dict[str, Any]:  # Any: JSON, looked at by the caller
        return parse_object(await self._raw(http))

    async def _raw(self, http: HttpRequest) -> bytes:
        options = self._options
        return await read_body(
            http.receive,
            caller_of(http.scope).headers,
            limit_bytes=options.body_limit_bytes,
            within_s=options.body_within_s,
        )


def _for_operators(endpoint: Endpoint) -> Endpoint:
    async def guarded(http: HttpRequest) -> Response:
        if not caller_of(http.scope).may_operate:
            raise NotAllowed("This API key may ask models but not operate the server. Make one with `--operator`.")
        return await endpoint(http)

    return guarded


def _flag(http: HttpRequest, name: str) -> bool:
    match http.query_params.get(name, "false").lower():
        case "true" | "1":
            return True
        case "false" | "0":
            return False
        case _:
            raise InvalidRequest(f"{name} must be true or false.", param=name)


def _is_a_while(seconds: float) -> bool:
    return not math.isnan(seconds) and 0 < seconds <= LONGEST_LEASE_S


def _json(document: object, status: int = 200) -> Response:
    return Response(to_json(document), status, media_type="application/json")
