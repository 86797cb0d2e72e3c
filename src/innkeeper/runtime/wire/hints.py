"""What a caller may say beside the body: the `x-innkeeper-*` headers of a request."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from innkeeper.runtime.errors import InvalidRequest

LONGEST_WAIT_S = 86_400.0
"""A day. More is a slip of the unit."""

PRIORITY_LIMIT = 1000
"""Priorities go from minus this to plus this."""

SUBSTITUTE = {"allow": True, "never": False}
"""What may be said of substitutes, and what it means."""

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

    deadline_s: float | None = None
    """Seconds within which the first words are wanted: `x-innkeeper-deadline-s`."""

    wait: bool | None = None
    """Whether to wait for the right model: `x-innkeeper-wait`, "true" or "false"."""

    substitute: bool | None = None
    """Whether another model may answer for one that is named: `x-innkeeper-substitute`, "allow" or "never"."""

    max_cost: float | None = None
    """What the answer may cost, all attempts together: `x-innkeeper-max-cost`."""

    hold_s: float | None = None
    """Seconds the model is kept for this caller's next turn, 0 for none: `x-innkeeper-hold-s`."""

    context: str | None = None
    """The campaign, feed or other context it belongs to: `x-innkeeper-context`."""


NO_HINTS: Final = Hints()


def parse_hints(headers: Mapping[bytes, bytes]) -> Hints:
    """The hints in a request's headers, whose names are in lower case.

    Raises:
        InvalidRequest: One is there but makes no sense; `param` names the header.
    """
    if not any(name.startswith(b"x-innkeeper-") for name in headers):
        return NO_HINTS
    return Hints(
        task=_task(headers, "x-innkeeper-task"),
        conversation=_conversation(headers, "x-innkeeper-conversation"),
        priority=_priority(headers, "x-innkeeper-priority"),
        patience_s=_seconds(headers, "x-innkeeper-patience-s"),
        wait_at_most_s=_seconds(headers, "x-innkeeper-wait-at-most-s"),
        deadline_s=_seconds(headers, "x-innkeeper-deadline-s"),
        wait=_flag(headers, "x-innkeeper-wait"),
        substitute=_substitute(headers, "x-innkeeper-substitute"),
        max_cost=_money(headers, "x-innkeeper-max-cost"),
        hold_s=_seconds(headers, "x-innkeeper-hold-s"),
        context=_context(headers, "x-innkeeper-context"),
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


def context_named(text: str, param: str) -> str:
    """`text` if it can be the name of a context.

    Raises:
        InvalidRequest: It cannot.
    """
    if not _CONVERSATION.fullmatch(text):
        raise InvalidRequest(f"{param} must be 1 to 200 characters without spaces, for example evening.", param=param)
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


def _context(headers: Mapping[bytes, bytes], name: str) -> str | None:
    text = _text(headers, name)
    return None if text is None else context_named(text, name)


def _priority(headers: Mapping[bytes, bytes], name: str) -> int | None:
    text = _text(headers, name)
    if text is None:
        return None
    if not re.fullmatch(r"[+-]?[0-9]{1,4}", text) or abs(int(text)) > PRIORITY_LIMIT:
        raise InvalidRequest(
            f"{name} must be a whole number from -{PRIORITY_LIMIT} to {PRIORITY_LIMIT}, not {text[:40]!r}.", param=name
        )
    return int(text)


def seconds_told(text: str, param: str) -> float:
    """`text` as seconds.

    Raises:
        InvalidRequest: It is not a number, below zero or over a day.
    """
    value = _number(text)
    if not 0.0 <= value <= LONGEST_WAIT_S:
        raise InvalidRequest(
            f"{param} must be a number of seconds from 0 to {LONGEST_WAIT_S:.0f}, not {text[:40]!r}.", param=param
        )
    return value


def money_told(text: str, param: str) -> float:
    """`text` as an amount of money.

    Raises:
        InvalidRequest: It is not a number or below zero.
    """
    value = _number(text)
    if not 0.0 <= value < math.inf:
        raise InvalidRequest(f"{param} must be an amount of money from 0, not {text[:40]!r}.", param=param)
    return value


def substitute_told(text: str, param: str) -> bool:
    """Whether `text` allows a substitute.

    Raises:
        InvalidRequest: It is neither "allow" nor "never".
    """
    if text not in SUBSTITUTE:
        raise InvalidRequest(f"{param} must be one of {', '.join(SUBSTITUTE)}, not {text[:40]!r}.", param=param)
    return SUBSTITUTE[text]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _seconds(headers: Mapping[bytes, bytes], name: str) -> float | None:
    text = _text(headers, name)
    return None if text is None else seconds_told(text, name)


def _money(headers: Mapping[bytes, bytes], name: str) -> float | None:
    text = _text(headers, name)
    return None if text is None else money_told(text, name)


def _substitute(headers: Mapping[bytes, bytes], name: str) -> bool | None:
    text = _text(headers, name)
    return None if text is None else substitute_told(text, name)


def _flag(headers: Mapping[bytes, bytes], name: str) -> bool | None:
    text = _text(headers, name)
    if text is None:
        return None
    if text not in ("true", "false"):
        raise InvalidRequest(f"{name} must be true or false, not {text[:40]!r}.", param=name)
    return text == "true"
