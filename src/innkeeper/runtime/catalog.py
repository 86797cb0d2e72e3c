"""The models this machine may run, as parsed from the settings or found on the disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from innkeeper.runtime.errors import MustStayHere, UnknownModel
from innkeeper.runtime.messages import Kind
from innkeeper.runtime.price import Price

Bytes: TypeAlias = Mapping[str, int]
"""Bytes by pool: {"ram": 1_200_000_000, "gpu0": 0}. A pool that is absent counts as zero."""

Option: TypeAlias = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Model:
    """An entry of the catalogue. Several entries may share one file."""

    id: str
    engine: str
    """Name of the adapter: "llama_cpp", "echo", …"""

    kinds: frozenset[Kind]
    """The sorts of work it can do."""

    tasks: frozenset[str] = frozenset()
    """What it is good at, by the names of `routing.names.Task`; empty says nothing."""

    languages: frozenset[str] = frozenset()
    """What it speaks, by the codes of `routing.names.Language`; empty says nothing."""

    quality: Mapping[str, float] = field(default_factory=dict)
    """How well it does a task or speaks a language, from 0 to 1, by the names of these; under "" for all others. What
    is not here goes by what it declares."""

    file: Path | None = None
    """The weights, for engines that read a file; the first part of a split one."""

    source: str | None = None
    """What the model is called by the server that runs it, for engines that are servers of others."""

    provider: str | None = None
    """Whose API it is, for hosted models: the name of a provider in the settings."""

    price: Price | None = None
    """What it costs; None where nobody said, which is not the same as free."""

    sent_to: str | None = None
    """The host that is sent what is asked of it; None where that never leaves this machine."""

    must_stay: bool = False
    """Whether nothing may leave this machine. A model that would send something away is then barred."""

    context: int | None = None
    """Tokens one request may use, prompt and answer together; None lets the engine choose what fits."""

    slots: int = 1
    """Requests it answers at the same time; each has `context` tokens of its own."""

    cache_type: str = "f16"
    """Number format of the KV cache: "f32", "f16", "bf16", "q8_0", "q4_0", …"""

    keep_for_s: float | None = 300.0
    """Seconds an idle model stays; None keeps it until its memory is wanted."""

    hold_s: float = 0.0
    """Seconds after a request in which only an impatient caller may displace it."""

    pinned: bool = False
    """A pinned model is never chosen to make room."""

    waiting_limit: int | None = None
    """Requests that may wait for this model before new ones are refused; None leaves it to the queue's limit."""

    declared: Bytes | None = None
    """Bytes its owner says it needs at full use, which spares the estimate; still corrected by measuring."""

    options: Mapping[str, Option] = field(default_factory=dict)
    """What only this model's engine understands."""

    @property
    def is_barred(self) -> bool:
        """Whether it must not be asked, because that would send something to another machine."""
        return self.must_stay and self.sent_to is not None

    def barred(self) -> MustStayHere:
        """The refusal of one that `is_barred`."""
        return MustStayHere(
            f"{self.id} is not asked: what is said to it would be sent to {self.sent_to}, and "
            "`never_leave_this_machine` is set. Name a model that runs here.",
            param="model",
        )


class Catalog:
    """The models by id. Immutable: a reload makes a new one."""

    def __init__(
        self,
        models: tuple[Model, ...] = (),
        default: str | None = None,
        embeds: str | None = None,
        contexts: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        self._models = {model.id: model for model in models}
        assert len(self._models) == len(models), "two models of one name"
        self.default = default
        """The model that answers when none is named, or None."""
        self.embeds = embeds
        """The model that makes vectors when none is named; None leaves it to the default."""
        self.contexts: Mapping[str, tuple[str, ...]] = contexts or {}
        """By the name of a context, the models it will probably need, most likely first."""

    def __iter__(self) -> Iterator[Model]:
        return iter(self._models.values())

    def __len__(self) -> int:
        return len(self._models)

    def __contains__(self, model_id: object) -> bool:
        return model_id in self._models

    def get(self, model_id: str) -> Model:
        """The entry of that id.

        Raises:
            UnknownModel: There is none; the message lists the nearest names.
        """
        try:
            return self._models[model_id]
        except KeyError:
            raise UnknownModel(_unknown(model_id, tuple(self._models)), param="model") from None

    def only(self, names: frozenset[str]) -> Catalog:
        """The catalogue as if there were no models but these."""
        default = self.default if self.default in names else None
        embeds = self.embeds if self.embeds in names else None
        return Catalog(tuple(model for model in self if model.id in names), default, embeds)


def _unknown(asked: str, known: tuple[str, ...]) -> str:
    from difflib import get_close_matches

    shown = asked if len(asked) <= 80 else asked[:77] + "…"
    near = get_close_matches(asked[:200], known, n=3, cutoff=0.5)
    if near:
        return f"There is no model {shown!r}. Did you mean {' or '.join(repr(name) for name in near)}?"
    if not known:
        fix = "Put a GGUF file into the models folder, then start again or send SIGHUP."
        return f"There is no model {shown!r}; the catalogue is empty. {fix}"
    listed = ", ".join(sorted(known)[:8])
    return f"There is no model {shown!r}. Known models: {listed}{', …' if len(known) > 8 else ''}."
