"""Which model each conversation spoke with last."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from innkeeper.runtime.messages import Request

REMEMBERED: Final = 4096
"""Conversations that are remembered; of more, the longest silent are forgotten and routed afresh."""


class Conversations:
    """Remembers for each conversation of each caller and each kind of work who answered last.

    A conversation belongs to its caller: what one names has no effect on another.
    """

    def __init__(self) -> None:
        self._last: OrderedDict[tuple[str, str, str], str] = OrderedDict()

    def last(self, request: Request) -> str | None:
        """The model that answered last in the request's conversation; None where there is none."""
        return None if request.conversation is None else self._last.get(_key(request, request.conversation))

    def answered(self, request: Request, model: str) -> None:
        """Remember that `model` answers. Nothing happens for a request that belongs to no conversation."""
        if request.conversation is None:
            return
        key = _key(request, request.conversation)
        self._last[key] = model
        self._last.move_to_end(key)
        if len(self._last) > REMEMBERED:
            self._last.popitem(last=False)


def _key(request: Request, conversation: str) -> tuple[str, str, str]:
    return request.client, request.kind.value, conversation
