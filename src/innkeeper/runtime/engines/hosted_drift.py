"""Where OpenAI-compatible APIs differ in what they take: renamed, refused and unknown parameters, as data; pure.

APIs rename parameters between models (`max_tokens` became `max_completion_tokens`), and models refuse what others take
(`temperature`). Nobody can keep a list of who takes what. So a request goes out as the caller wrote it; when it is
refused for a parameter, it is sent once more under the other name or without it, and that is remembered per model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from innkeeper.runtime.messages import Body, Kind, Request

OTHER_NAMES: Final[Mapping[str, str]] = {
    "max_tokens": "max_completion_tokens",
    "max_completion_tokens": "max_tokens",
}
"""A refused parameter that is known under another name as well."""

MEANT: Final = frozenset(
    {
        "model",
        "messages",
        "prompt",
        "input",
        "stream",
        "tools",
        "tool_choice",
        "functions",
        "function_call",
        "response_format",
        "n",
        "stop",
        "suffix",
        "dimensions",
        "encoding_format",
        "modalities",
        "audio",
    }
)
"""Without these the answer would be one to another question: a model that refuses them cannot answer."""

OURS: Final = frozenset({"priority", "wait"})
"""Fields of a body that are said to us."""

OURS_IN_METADATA: Final = frozenset({"task", "conversation", "context", "deadline_s", "substitute", "max_cost"})

_LIMITS: Final = ("max_tokens", "max_completion_tokens")

_REFUSALS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"unsupported (?:parameter|value)s?:? ['\"`]?([\w.]+)",
        r"unrecogni[sz]ed request arguments? supplied:? ['\"`]?([\w.]+)",
        r"unknown (?:parameter|field|argument|name)s?:? ['\"`]?([\w.]+)",
        r"['\"`]([\w.]+)['\"`] (?:is|are) (?:not supported|unsupported|not permitted|not allowed|deprecated)",
        r"['\"`]?([\w.]+)['\"`]?:? extra (?:inputs|fields) (?:are )?not permitted",
        r"property ['\"`]([\w.]+)['\"`] is unsupported",
        r"(?:does not|doesn't) support (?:the )?(?:parameter )?['\"`]([\w.]+)['\"`]",
    )
)


@dataclass(frozen=True, slots=True)
class Change:
    """What is done about one parameter."""

    parameter: str
    sent_as: str | None
    """None leaves it out."""


class Drift:
    """What one model was found to take otherwise."""

    def __init__(self) -> None:
        self._changes: dict[str, Change] = {}

    def body(self, request: Request, source: str, answer_tokens_at_most: int) -> dict[str, Any]:  # JSON
        """What is sent: the caller's body under the model's name there, with a limit and a wish for figures."""
        body = {name: value for name, value in request.body.items() if name not in OURS and value is not None}
        metadata = body.pop("metadata", None)
        if isinstance(metadata, Mapping):
            theirs = {name: value for name, value in metadata.items() if name not in OURS_IN_METADATA}
            body |= {"metadata": theirs} if theirs else {}
        body["model"] = source
        body.pop("stream", None)
        if request.kind is not Kind.EMBEDDING:
            if not any(name in body for name in _LIMITS):
                body["max_tokens"] = answer_tokens_at_most
            if request.streams:
                body["stream"] = True
                body["stream_options"] = {**(body.get("stream_options") or {}), "include_usage": True}
            else:
                body.pop("stream_options", None)
        for name, change in self._changes.items():
            if name in body:
                value = body.pop(name)
                if change.sent_as is not None:
                    body.setdefault(change.sent_as, value)
        return body

    def adapt(self, parameter: str, sent: Body) -> Change | None:
        """What is done from now on about a `parameter` of what was sent; None where nothing is left to try."""
        change = self.change_for(parameter, sent)
        if change is not None:
            self.remember(change)
        return change

    def change_for(self, parameter: str, sent: Body) -> Change | None:
        """What to try when `parameter` of what was sent is refused; None where nothing is left to try."""
        if parameter not in sent or parameter in MEANT:
            return None
        other = OTHER_NAMES.get(parameter)
        # the other name is no way out when we came from there, or when the caller gave both
        if other is not None and other not in sent and other not in self._changes:
            return Change(parameter, other)
        return Change(parameter, None)

    def remember(self, change: Change) -> None:
        """From now on requests to this model are changed like that."""
        renamed_here = [name for name, known in self._changes.items() if known.sent_as == change.parameter]
        for name in renamed_here:  # it was sent under that name because its own was refused: both are
            self._changes[name] = Change(name, None)
        self._changes[change.parameter] = change


def refused_parameter(error: Mapping[str, Any]) -> str | None:  # JSON
    """The parameter that an error of status 400 or 422 is about, by its top name; None where it is about none."""
    message = str(error.get("message") or "")
    for pattern in _REFUSALS:
        found = pattern.search(message)
        if found is not None:
            return found[1].split(".")[0]
    if error.get("code") in {"unsupported_parameter", "unsupported_value", "unknown_parameter"}:
        param = error.get("param")
        return str(param).split(".")[0] if param else None
    return None
