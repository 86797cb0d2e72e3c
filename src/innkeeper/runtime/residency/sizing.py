"""What the machine is told of each model, read from its entry and its file: terms, size, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.engine import Adapter
from innkeeper.runtime.errors import EngineMissing, InnkeeperError
from innkeeper.runtime.residency.signals import Sized, Terms

Stamp: TypeAlias = tuple[int, int]
"""Length of a file in bytes, and when it was last written, in nanoseconds."""


class Sizes:
    """Reads what models need. `read` and `size` read files, so a server calls them from a thread."""

    def __init__(self, adapters: Mapping[str, Adapter]) -> None:
        self._adapters = adapters
        self._stamps: dict[str, Stamp | None] = {}
        """The file of each model as it was when the model was sized."""

    def read(self, models: tuple[Model, ...]) -> tuple[dict[str, Terms], dict[str, InnkeeperError]]:
        """The terms of each, and the trouble with those that cannot be sized."""
        terms: dict[str, Terms] = {}
        trouble: dict[str, InnkeeperError] = {}
        for model in models:
            try:
                terms[model.id] = self._terms(model)
            except InnkeeperError as error:
                trouble[model.id] = error
                terms[model.id] = _terms_without_size(model)
        return terms, trouble

    def size(self, model: Model) -> tuple[Sized | None, InnkeeperError | None]:
        """What it needs, told to the machine, or the trouble with it."""
        terms, trouble = self.read((model,))
        new = terms[model.id]
        sized = None if new.needs is None else Sized(model.id, new.needs, identity=new.identity)
        return sized, trouble.get(model.id)

    def is_outdated(self, model: Model) -> bool:
        """Whether its file is another one than when it was sized. Costs one `stat`."""
        return _stamp(model) != self._stamps.get(model.id)

    def _terms(self, model: Model) -> Terms:
        adapter = self._adapters.get(model.engine)
        if adapter is None:
            known = ", ".join(sorted(self._adapters))
            raise EngineMissing(f"{model.id} names the engine {model.engine!r}; this installation has {known}.")
        stamp = self._stamps[model.id] = _stamp(model)  # before the file is read: a later change is then seen
        return Terms(
            needs=adapter.footprint(model),
            load_s=adapter.load_s(model),
            slots=model.slots,
            keep_for_s=model.keep_for_s,
            hold_s=model.hold_s,
            pinned=model.pinned,
            waiting_limit=model.waiting_limit,
            identity=_identity(model, stamp),
        )


def _stamp(model: Model) -> Stamp | None:
    """What tells its file from another one under the same name; None where there is no file."""
    if model.file is None:
        return None
    try:
        status = model.file.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _identity(model: Model, stamp: Stamp | None) -> object:
    """What makes two entries the same load: all that the engine is started with."""
    options = tuple(sorted(model.options.items()))
    size = (model.context, model.slots, model.cache_type)
    hosting = (model.provider, model.source, model.price, model.is_barred)
    return (model.engine, model.file, hosting, stamp, size, model.kinds, options)


def _terms_without_size(model: Model) -> Terms:
    return Terms(
        needs=None,
        slots=model.slots,
        keep_for_s=model.keep_for_s,
        pinned=model.pinned,
        identity=_identity(model, _stamp(model)),
    )
