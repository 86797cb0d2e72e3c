"""Anthropic's routes: ask a model with messages, or only how long they are."""

from __future__ import annotations

import json

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from innkeeper.api.ask import Ask, House, within_scope
from innkeeper.api.body import CallerLeft, read_body
from innkeeper.api.gate import Caller, caller_of
from innkeeper.runtime.messages import Request
from innkeeper.runtime.wire.anthropic.format import MessagesFormat, parse_prompt
from innkeeper.runtime.wire.format import Arrival
from innkeeper.runtime.wire.hints import parse_hints


def anthropic_routes(house: House) -> list[Route]:
    """The routes under /v1/messages. The list of models stands at OpenAI's address, in the shape that is asked for."""
    return [
        Route("/v1/messages", Ask(MessagesFormat(), house), methods=["POST"]),
        Route("/v1/messages/count_tokens", _Counting(house).count, methods=["POST"]),
    ]


class _Counting:
    def __init__(self, house: House) -> None:
        self._house = house

    async def count(self, http: HttpRequest) -> Response:
        house, caller = self._house, caller_of(http.scope)
        house.limits.enter(caller.name, caller.key, house.now_s())
        try:
            request = await self._parse(http, caller)
            async with house.presence.until_the_caller_leaves(http.receive, caller.request_id):
                tokens = await house.runtime.count_tokens(request)
                headers = {"x-request-id": caller.request_id}
                return Response(json.dumps({"input_tokens": tokens}), 200, headers, "application/json")
            raise CallerLeft
        finally:
            house.limits.leave(caller.name)

    async def _parse(self, http: HttpRequest, caller: Caller) -> Request:
        options = self._house.options
        raw = await read_body(
            http.receive, caller.headers, limit_bytes=options.body_limit_bytes, within_s=options.body_within_s
        )
        arrival = Arrival(caller.request_id, caller.name, parse_hints(caller.headers))
        return within_scope(parse_prompt(raw, arrival), caller)
