"""Anthropic's routes: ask a model with messages."""

from __future__ import annotations

from starlette.routing import Route

from innkeeper.api.ask import Ask, House
from innkeeper.runtime.wire.anthropic.format import MessagesFormat


def anthropic_routes(house: House) -> list[Route]:
    """The routes under /v1/messages. The list of models stands at OpenAI's address, in the shape that is asked for."""
    return [Route("/v1/messages", Ask(MessagesFormat(), house), methods=["POST"])]
