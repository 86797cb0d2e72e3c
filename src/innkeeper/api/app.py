"""The HTTP door put together: gate, routes, and one shape for every error."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from innkeeper.api.answers import retry_headers
from innkeeper.api.anthropic_routes import anthropic_routes
from innkeeper.api.ask import Ask, House
from innkeeper.api.body import CallerLeft
from innkeeper.api.gate import Caller, Gate
from innkeeper.api.hear import hearing_routes
from innkeeper.api.key_file import KeyFile
from innkeeper.api.limits import Limits
from innkeeper.api.ollama_routes import ollama_routes
from innkeeper.api.openai_routes import openai_routes
from innkeeper.api.operator_routes import operator_routes
from innkeeper.api.options import ApiOptions
from innkeeper.api.port import Runtime
from innkeeper.api.presence import Presence
from innkeeper.api.responses_routes import responses_routes
from innkeeper.api.shapes import error_document_for
from innkeeper.runtime.errors import InnkeeperError
from innkeeper.runtime.wire.format import ErrorDocument, error_body


def new_request_id() -> str:
    """A name for a request that has none: short enough to type, long enough to be alone."""
    return f"r-{secrets.token_hex(6)}"


class Door:
    """The ASGI application, and the way to end what it does."""

    def __init__(self, app: ASGIApp, presence: Presence) -> None:
        self._app = app
        self._presence = presence

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return self._app(scope, receive, send)

    def farewell(self) -> None:
        """Tell every caller who is being served that the server closes: the last event of a stream, else a 503."""
        self._presence.farewell()


def create_app(
    runtime: Runtime,
    options: ApiOptions,
    keys: KeyFile,
    metrics_text: Callable[[], bytes],
    *,
    request_id: Callable[[], str] = new_request_id,
    now_s: Callable[[], float] = time.monotonic,
    created_s: int = 0,
) -> Door:
    """The ASGI application. It owns nothing that must be opened or closed.

    `metrics_text` gives the page of /metrics; `now_s` is a clock that never goes back; `created_s`, in unix
    seconds, is the date that /v1/models shows.
    """
    house = House(runtime, options, Limits(options.requests_at_once), now_s)
    asking = [
        *openai_routes(house, created_s),
        *hearing_routes(house),
        *ollama_routes(house),
        *anthropic_routes(house),
        *responses_routes(house),
    ]
    inside = Starlette(
        routes=[*asking, *operator_routes(runtime, options, metrics_text)],
        exception_handlers={
            InnkeeperError: _told,
            HTTPException: _http_error,
            CallerLeft: _nobody,
            Exception: _our_fault,
        },
    )
    inside.router.redirect_slashes = False  # a redirected POST loses its body with many clients
    gate = Gate(
        inside,
        direct={("POST", route.path): route.app for route in asking if isinstance(route.app, Ask)},
        keys=keys,
        allowed_hosts=options.allowed_hosts,
        new_request_id=request_id,
    )
    return Door(ServerErrorMiddleware(gate, handler=_our_fault), house.presence)


async def _told(http: HttpRequest, error: Exception) -> Response:
    assert isinstance(error, InnkeeperError)
    headers = {name.decode("ascii"): value.decode("ascii") for name, value in retry_headers(error)}
    return _answer(http, error.status, error_body(error, _document(http)), headers)


async def _http_error(http: HttpRequest, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    where = f"{http.method} {http.url.path[:200]}"
    match error.status_code:
        case 404:
            message, code = f"There is nothing at {where}. The routes are listed in docs/api.md.", "not_found"
        case 405:
            allowed = (error.headers or {}).get("Allow", "another method")
            message, code = f"{where} is not possible; this address takes {allowed}.", "method_not_allowed"
        case _:
            message, code = error.detail, "request_error"
    body = _document(http)(message, error.status_code, code)
    return _answer(http, error.status_code, body, dict(error.headers or {}))


async def _nobody(_: HttpRequest, __: Exception) -> Response:
    return Response(status_code=499)  # nginx's number for a caller who left; never seen by anyone


async def _our_fault(http: HttpRequest, _: Exception) -> Response:
    """A mistake of ours: the caller learns that much, the traceback goes to the log."""
    body = _document(http)("Something went wrong in the server. Its log says what.", 500, "internal")
    return _answer(http, 500, body, {})


def _document(http: HttpRequest) -> ErrorDocument:
    return error_document_for(http.url.path, dict(http.scope["headers"]))


def _answer(http: HttpRequest, status: int, body: bytes, headers: dict[str, str]) -> Response:
    caller = http.scope.get("innkeeper.caller")
    if isinstance(caller, Caller):
        headers = {**headers, "x-request-id": caller.request_id}
    return Response(body, status, headers, media_type="application/json")
