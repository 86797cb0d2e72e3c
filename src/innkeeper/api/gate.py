"""Who may come in: the first thing every request passes. It reads headers only, never the body.

The routes that ask a model hang directly on the gate. Whatever else stands between the server and a route is entered
again for every piece of every answer: through a router and its middleware a piece took 32 µs of our time, directly
25 (64 streams of 50 pieces a second, 2 cores of x86-64 in use by others).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, cast

from starlette.types import ASGIApp, Receive, Scope, Send

from innkeeper.api.answers import send_error
from innkeeper.api.exposure import is_safe_name, is_same_origin
from innkeeper.api.key_file import KeyFile
from innkeeper.api.keys import ApiKey, find_key
from innkeeper.api.shapes import error_document_for
from innkeeper.runtime.catalog import Catalog
from innkeeper.runtime.errors import InnkeeperError, NotAllowed, Unauthorized

_OPEN_PATHS: Final = frozenset({"/health/live", "/health/ready"})
"""What a supervisor asks without a key. They tell nothing about models or users."""

_SANE_ID: Final = re.compile(rb"[A-Za-z0-9_.:-]{1,100}")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as the routes need to know it."""

    name: str
    """The key's name, else the peer's address."""

    key: ApiKey | None
    """None while the server has no keys: then everybody may do everything."""

    request_id: str
    """The caller's own `x-request-id` where it is a sane one, else a new one."""

    headers: Mapping[bytes, bytes]
    """By name in lower case; of a repeated header the last."""

    def may_use(self, model: str) -> bool:
        """Whether the model exists as far as this caller is concerned."""
        return self.key is None or self.key.may_use(model)

    def scope_of(self, catalog: Catalog) -> Catalog:
        """What of the catalogue exists as far as this caller is concerned."""
        if self.key is None or self.key.models is None:
            return catalog
        return catalog.only(frozenset(self.key.models))

    @property
    def may_operate(self) -> bool:
        return self.key is None or self.key.operator


class Gate:
    """ASGI middleware: lets a request through as a `Caller`, or answers it."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        direct: Mapping[tuple[str, str], ASGIApp],
        keys: KeyFile,
        allowed_hosts: tuple[str, ...],
        new_request_id: Callable[[], str],
    ) -> None:
        """`direct`: routes by method and path that are reached without `app`, which has all the others."""
        self._app = app
        self._direct = direct
        self._keys = keys
        self._allowed_hosts = allowed_hosts
        self._new_request_id = new_request_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        asked_id = headers.get(b"x-request-id", b"")
        request_id = asked_id.decode("ascii") if _SANE_ID.fullmatch(asked_id) else self._new_request_id()
        try:
            key = self._admit(scope["path"], headers)
        except InnkeeperError as error:
            document = error_document_for(scope["path"], headers)
            await send_error(send, error, document, [(b"x-request-id", request_id.encode("ascii"))])
            return
        scope["innkeeper.caller"] = Caller(key.name if key else _address(scope), key, request_id, headers)
        route = self._direct.get((scope["method"], scope["path"]), self._app)
        await route(scope, receive, send)

    def _admit(self, path: str, headers: Mapping[bytes, bytes]) -> ApiKey | None:
        host = headers.get(b"host", b"").decode("latin-1")
        origin = headers.get(b"origin")
        if origin is not None and not is_same_origin(origin.decode("latin-1"), host):
            raise NotAllowed(
                f"A web page from {origin.decode('latin-1')[:100]!r} may not use this server; only its own pages may."
            )
        keys = self._keys.keys()
        if path in _OPEN_PATHS:
            return None
        if not self._keys.is_required:
            if not is_safe_name(host, self._allowed_hosts):
                raise NotAllowed(
                    f"This server does not go by the name {host[:100]!r}. Use localhost or its address, add the name "
                    "to api.allowed_hosts, or make an API key."
                )
            return None
        return _known(keys, headers)


def caller_of(scope: Scope) -> Caller:
    """The caller that the gate let in."""
    return cast("Caller", scope["innkeeper.caller"])


def _known(keys: tuple[ApiKey, ...], headers: Mapping[bytes, bytes]) -> ApiKey:
    scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        token = headers.get(b"x-api-key", b"").decode("latin-1")  # where Anthropic's clients put it
    if not token.strip():
        raise Unauthorized("This server needs an API key: send Authorization: Bearer ik-…, or x-api-key: ik-….")
    key = find_key(keys, token.strip())
    if key is None:
        raise Unauthorized("This API key is not known here. It may have been removed; ask the operator for a new one.")
    return key


def _address(scope: Scope) -> str:
    peer = scope.get("client")
    return str(peer[0]) if peer else "local"
