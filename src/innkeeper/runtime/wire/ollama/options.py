"""Ollama's `options`: what an engine is told in its own words, and what is only noted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.wire.fields import Fields
from innkeeper.runtime.wire.openai.numbers import MOST_TOKENS, NUMBERS
from innkeeper.runtime.wire.spans import Span

_WHOLE: Final = Span(-MOST_TOKENS, MOST_TOKENS, whole=True)
_SHARE: Final = Span(0.0, 1.0, whole=False)
_ANY: Final = Span(-1000.0, 1000.0, whole=False)

_PASSED: Final[Mapping[str, Span]] = {
    "seed": NUMBERS["seed"],
    "temperature": NUMBERS["temperature"],
    "top_p": NUMBERS["top_p"],
    "presence_penalty": NUMBERS["presence_penalty"],
    "frequency_penalty": NUMBERS["frequency_penalty"],
    "top_k": _WHOLE,
    "min_p": _SHARE,
    "typical_p": _SHARE,
    "repeat_last_n": _WHOLE,
    "repeat_penalty": _ANY,
    "mirostat": Span(0, 2, whole=True),
    "mirostat_tau": _ANY,
    "mirostat_eta": _ANY,
}
"""Options that llama.cpp knows under the same name."""


def read_options(fields: Fields, model: Model | None) -> tuple[dict[str, Any], tuple[str, ...]]:  # Any: JSON
    """The options in OpenAI's and llama.cpp's fields, and what is said about those that are none.

    `num_ctx` changes nothing: a model's context is the operator's. What does not fit it is refused, never cut.

    Raises:
        InvalidRequest: An option is of the wrong type or absurd.
    """
    options = fields.object("options")
    if options is None:
        return {}, ()
    told: dict[str, Any] = {}
    notes: list[str] = []
    ignored: list[str] = []
    for name, value in options.body.items():
        if value is None:
            continue
        if name in _PASSED:
            told[name] = options.number(name, _PASSED[name])
        elif name == "stop":
            told["stop"] = [value] if isinstance(value, str) else options.texts(name)
        elif name == "num_predict":
            if options.number(name, _WHOLE) >= 0:  # -1 is without end, -2 until the context is full: both have none
                told["max_tokens"] = value
        elif name == "num_keep":
            told["n_keep"] = options.number(name, _WHOLE)
        elif name == "num_ctx":
            asked = options.number(name, _WHOLE)
            if model is not None and model.context is not None and asked > model.context:
                notes.append(f"num_ctx {asked} was asked for; {model.id} takes {model.context} tokens a request")
        else:
            ignored.append(name[:40])
    if ignored:
        notes.append(f"ignored: {', '.join(sorted(ignored)[:20])}")
    return told, tuple(notes)
