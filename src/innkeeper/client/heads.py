"""The `x-innkeeper-*` headers of a request and of an answer, as a client writes and reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

from innkeeper.runtime.messages import Began, Request

_NEXT_NAME: Final = re.compile(r" (?=x-innkeeper-[a-z-]+=)")


def request_headers(request: Request) -> dict[str, str]:
    """What a request says beside its body; nothing for what it leaves open."""
    told: dict[str, object | None] = {
        "task": request.task,
        "conversation": request.conversation,
        "priority": request.priority or None,
        "patience-s": request.patience_s,
        "wait-at-most-s": request.wait_at_most_s,
        "deadline-s": request.deadline_s,
        "wait": None if request.waits else "false",
        "substitute": "allow" if request.allows_substitute else None,
        "max-cost": request.max_cost,
        "hold-s": request.hold_s,
    }
    hints = {f"x-innkeeper-{name}": str(value) for name, value in told.items() if value is not None}
    return {"x-request-id": request.id, **hints}


def began_of(headers: Mapping[str, str]) -> Began:
    """Who answers, as an answer's headers say it."""
    quality = headers.get("x-innkeeper-quality")
    requested = headers.get("x-innkeeper-requested")
    return Began(
        unquote(headers.get("x-innkeeper-model", "")),
        unquote(headers.get("x-innkeeper-route", "")),
        waited_s=float(headers.get("x-innkeeper-waited-ms", 0)) / 1000,
        load_s=float(headers.get("x-innkeeper-load-ms", 0)) / 1000,
        requested=unquote(requested) if requested is not None else None,
        quality=float(quality) if quality is not None else None,
    )


def began_told(comment: str) -> Began:
    """The same from the comment that brings the headers of an answer which came after a heartbeat."""
    pairs = (part.partition("=") for part in _NEXT_NAME.split(comment.strip()))
    return began_of({name: value for name, _, value in pairs})
