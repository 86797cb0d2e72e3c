"""OpenAI's newer way to ask a model."""

from __future__ import annotations

from starlette.routing import Route

from innkeeper.api.ask import Ask, House
from innkeeper.runtime.wire.openai.responses_format import ResponsesFormat


def responses_routes(house: House) -> list[Route]:
    """The route /v1/responses."""
    return [Route("/v1/responses", Ask(ResponsesFormat(house.unix_s), house), methods=["POST"])]
