"""Which models a context, as a campaign or a feed, will probably need: as the settings say, else as it went before.

Opening a context loads them before anybody asks. What the settings name may send idle models away that are worth less;
what was only learned takes free room alone. Learned are the models' shares of the requests: in simulation the sequence
of models foretold more, and where substitutes answer it cost more than it gave (docs/simulate.md). Pure.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

SHUT_AFTER_S: Final = 600.0
"""A context in which nobody asked for so long is opened anew by the next request."""

REMEMBERED: Final = 1024
"""Contexts that are remembered; of more, the longest unused are forgotten."""

LIKELY: Final = 0.1
"""Share of a context's requests from which a model is loaded when it is opened."""

AT_MOST: Final = 4
"""Models that are loaded for a context that nobody declared."""

FADES: Final = 0.99
"""What a request still counts after the next one: about the last hundred make the shares."""


@dataclass(frozen=True, slots=True)
class Likely:
    """What a context will probably need."""

    models: tuple[str, ...]
    """Most likely first; empty where nothing is known of it."""
    is_declared: bool = False
    """Whether the settings name them."""


@dataclass(slots=True)
class _Context:
    asked_at_s: float | None = None
    """When somebody last asked in it or opened it."""
    weights: dict[str, float] = field(default_factory=dict)


class Contexts:
    """Remembers of each context of each caller what it was used for, as long as the server runs."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], _Context] = OrderedDict()

    def opened(self, name: str, client: str, declared: Mapping[str, tuple[str, ...]], now_s: float) -> Likely:
        """Somebody opens it: what is to be loaded."""
        context = self._context(name, client)
        context.asked_at_s = now_s
        if name in declared:
            return Likely(declared[name], is_declared=True)
        whole = sum(context.weights.values())
        likely = sorted(context.weights, key=lambda model: -context.weights[model])
        return Likely(tuple(model for model in likely[:AT_MOST] if context.weights[model] >= LIKELY * whole))

    def asked(self, name: str, client: str, model: str, now_s: float) -> bool:
        """A request in it is for `model`. Whether that opens it: nobody has asked in it for a while."""
        context = self._context(name, client)
        is_shut = context.asked_at_s is None or now_s - context.asked_at_s > SHUT_AFTER_S
        context.asked_at_s = now_s
        for known in context.weights:
            context.weights[known] *= FADES
        context.weights[model] = context.weights.get(model, 0.0) + 1.0
        return is_shut

    def _context(self, name: str, client: str) -> _Context:
        context = self._known.setdefault((client, name), _Context())
        self._known.move_to_end((client, name))
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return context
