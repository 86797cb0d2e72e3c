"""What a caller may say beside the body: the `x-innkeeper-*` headers of a request."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from innkeeper.runtime.errors import InvalidRequest

LONGEST_WAIT_S = 86_400.0
"""A day. More is a slip of the unit."""

PRIORITY_LIMIT = 1000
"""Priorities go from minus this to plus this."""

_TASK = re.compile(r"[\w.:-]{1,64}")
_CONVERSATION = re.compile(r"\S{1,200}")


@dataclass(frozen=True, slots=True)
class Hints:
    """Wishes of one caller for one request; None where nothing was said."""

    task: str | None = None
    """What the request is for: `x-innkeeper-task`."""

    conversation: str | None = None
    """The conversation it belongs to: `x-innkeeper-conversation`."""

    priority: int | None = None
    """Higher is served first: `x-innkeeper-priority`."""

    patience_s: float | None = None
    """Seconds to let holds and busy models stand in the way: `x-innkeeper-patience-s`."""

    wait_at_most_s: float | None = None
    """Seconds to wait for memory and a slot: `x-innkeeper-wait-at-most-s`."""

    hold_s: float | None = None
    """Seconds the model is kept for this caller's next turn, 0 for none: `x-innkeeper-hold-s`."""


def parse_hints(headers: Mapping[bytes, bytes]) -> Hints:
    """The hints in a request's headers, whose names are in lower case.

    Raises:
        InvalidRequest: One is there but makes no sense; `param` names the header.
    """
    return Hints(
        task=_task(headers, "x-innkeeper-task"),
        conversation=_conversation(headers, "x-innkeeper-conversation"),
        priority=_priority(headers, "x-innkeeper-priority"),
        patience_s=_seconds(headers, "x-innkeeper-patience-s"),
        wait_at_most_s=_seconds(headers, "x-innkeeper-wait-at-most-s"),
        hold_s=_seconds(headers, "x-innkeeper-hold-s"),
    )


def task_named(text: str, param: str) -> str:
    """`text` if it can be the name of a task.

    Raises:
        InvalidRequest: It cannot.
    """
    if not _TASK.fullmatch(text):
        raise InvalidRequest(
            f"{param} must be 1 to 64 letters, digits or any of . : _ -, for example story.", param=param
        )
    return text


def conversation_named(text: str, param: str) -> str:
    """`text` if it can be the name of a conversation.

    Raises:
        InvalidRequest: It cannot.
    """
    if not _CONVERSATION.fullmatch(text):
        raise InvalidRequest(f"{param} must be 1 to 200 characters without spaces, for example c-4711.", param=param)
    return text


def _text(headers: Mapping[bytes, bytes], name: str) -> str | None:
    raw = headers.get(name.encode("ascii"))
    if raw is None:
        return None
    return raw.decode("utf-8", errors="replace").strip()


def _task(headers: Mapping[bytes, bytes], name: str) -> str | None:
    text = _text(headers, name)
    return None if text is None else task_named(text, name)


def _conversation(headers: Mapping[bytes, bytes], name: str) -> str | None:
    text = _text(headers, name)
    return None if text is None else conversation_named(text, name)


def _priority(headers: Mapping[bytes, bytes], name: str) -> int | None:
    text = _text(headers, name)
    if text is None:
        return None
    if not re.fullmatch(r"[+-]?[0-9]{1,4}", text) or abs(int(text)) > PRIORITY_LIMIT:
        raise InvalidRequest(
            f"{name} must be a whole number from -{PRIORITY_LIMIT} to {PRIORITY_LIMIT}, not {text[:40]!r}.", param=name
        )
    return int(text)


def _seconds(headers: Mapping[bytes, bytes], name: str) -> float | None:
    text = _text(headers, name)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 <= value <= LONGEST_WAIT_S:
        raise InvalidRequest(
            f"{name} must be a number of seconds from 0 to {LONGEST_WAIT_S:.0f}, not {text[:40]!r}.", param=name
        )
    return value
