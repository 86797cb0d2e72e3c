"""A route that asks a model: a body comes in, the runtime serves it, the answer goes out, in one caller's format."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from starlette.types import Receive, Scope, Send

from innkeeper.api.answer_stream import AnswerStream
from innkeeper.api.answers import Header, began_headers, header_text, send_error, send_json
from innkeeper.api.body import CallerLeft, read_body
from innkeeper.api.connection import Direct, direct_of, together
from innkeeper.api.gate import Caller, caller_of
from innkeeper.api.limits import Limits
from innkeeper.api.options import ApiOptions
from innkeeper.api.port import Runtime
from innkeeper.api.presence import Presence
from innkeeper.runtime.errors import InnkeeperError
from innkeeper.runtime.messages import Began, Done, Piece, Request
from innkeeper.runtime.wire.format import Answer, Arrival, Format, Stay
from innkeeper.runtime.wire.hints import parse_hints

A_MOMENT_S = 60.0
"""Seconds after which a lease that was only meant to load a model ends, should nobody be left to give it back."""


@dataclass(frozen=True, slots=True)
class House:
    """What all routes that ask a model share."""

    runtime: Runtime
    options: ApiOptions
    limits: Limits
    now_s: Callable[[], float]
    """A clock that never goes back."""

    unix_s: Callable[[], float] = time.time
    """The date, for formats that say it."""

    asked: set[str] = field(default_factory=set)
    """Ids of the requests under way, so that no two have the same."""

    presence: Presence = field(default_factory=Presence)
    """Those who are being served."""


class Ask:
    """One route that asks a model, as an ASGI application: nothing stands between a piece and the socket."""

    def __init__(self, form: Format, house: House) -> None:
        self._form = form
        self._house = house

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = caller_of(scope)
        house = self._house
        request_id = _unique(caller.request_id, house.asked)
        headers: list[Header] = [(b"x-request-id", request_id.encode("ascii"))]
        try:
            house.limits.enter(caller.name, caller.key, house.now_s())
            house.asked.add(request_id)
            try:
                raw = await self._read(scope, caller, receive)
                asked = self._form.parse(raw, Arrival(request_id, caller.name, parse_hints(caller.headers)))
                if isinstance(asked, Stay):
                    await self._stay(asked, caller, receive)
                    await send_json(send, 200, asked.document, headers)
                    return
                request = within_scope(asked.request, caller)
                headers += [(b"x-innkeeper-note", header_text(note)) for note in asked.notes]
                if request.streams:
                    await self._stream(request, asked.answer, headers, receive, send, direct_of(scope))
                else:
                    await self._answer(request, asked.answer, headers, receive, send, direct_of(scope))
            finally:
                house.asked.discard(request_id)
                house.limits.leave(caller.name)
        except CallerLeft:
            return
        except InnkeeperError as error:
            await send_error(send, error, self._form.error_document, headers[:1])

    async def _read(self, scope: Scope, caller: Caller, receive: Receive) -> bytes:
        options = self._house.options
        return await read_body(
            receive,
            caller.headers,
            limit_bytes=options.body_limit_bytes,
            within_s=options.body_within_s,
            direct=direct_of(scope),
        )

    async def _send(self, send: Send, answer: Answer, document: bytes, headers: list[Header]) -> None:  # noqa: ARG002
        await send_json(send, 200, document, headers)

    async def _stay(self, asked: Stay, caller: Caller, receive: Receive) -> None:
        """Have the model in memory, unless it is to go."""
        runtime = self._house.runtime
        model = caller.scope_of(runtime.catalog).get(asked.model).id
        if asked.keep_for_s == 0:
            runtime.keep(model, 0)
            return
        async with self._house.presence.until_the_caller_leaves(receive, caller.request_id):
            lease = await runtime.borrow(model, for_s=A_MOMENT_S, client=caller.name)
            if asked.keep_for_s is not None:
                runtime.keep(model, asked.keep_for_s)
            runtime.give_back(lease)

    async def _stream(
        self,
        request: Request,
        answer: Answer,
        headers: list[Header],
        receive: Receive,
        send: Send,
        direct: Direct | None,
    ) -> None:
        stream = AnswerStream(
            answer,
            send,
            direct,
            headers=headers,
            name=request.id,
            heartbeat_s=self._house.options.heartbeat_s,
            why_quiet=lambda: _why_quiet(self._house.runtime, request),
        )
        request = replace(request, shortcut=stream.shortcut)
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
                            await stream.done(chunk.usage)
            except InnkeeperError as error:
                if not stream.has_started:
                    raise
                await stream.fail(error)

    async def _answer(
        self,
        request: Request,
        answer: Answer,
        headers: list[Header],
        receive: Receive,
        send: Send,
        direct: Direct | None,
    ) -> None:
        document = b""
        async with (
            self._house.presence.until_the_caller_leaves(receive, request.id),
            aclosing(self._house.runtime.serve(request)) as chunks,
        ):
            async for chunk in chunks:
                match chunk:
                    case Piece(data):
                        document = data
                    case Began():
                        answer.began(chunk)
                        headers += began_headers(chunk)
                    case Done(usage):  # at once; the runtime gives back and records while the answer travels
                        with together(direct):
                            await self._send(send, answer, answer.whole(document, usage), headers)


def _unique(request_id: str, asked: set[str]) -> str:
    """The id itself, or with a number behind it while another request of that id is under way."""
    number = 1
    unique = request_id
    while unique in asked:
        number += 1
        unique = f"{request_id}.{number}"
    return unique


def within_scope(request: Request, caller: Caller) -> Request:
    """The request, for which no model exists but those of the caller's key."""
    if caller.key is None or caller.key.models is None:
        return request
    return replace(request, may_use=frozenset(caller.key.models))


def _why_quiet(runtime: Runtime, request: Request) -> str:
    position = runtime.position(request.id)
    if position:
        return f"waiting, position {position}"
    model = runtime.candidate(request.id)
    state = next((resident.state for resident in runtime.view().models if resident.id == model), None)
    return "working" if state == "ready" else "loading"
