"""Model names as Ollama's clients write them: `name` and `name:latest` are the same model."""

from __future__ import annotations

from typing import Final

from innkeeper.runtime.catalog import Catalog

_LATEST: Final = ":latest"


def known_as(asked: str, catalog: Catalog) -> str:
    """The name under which the catalogue has it; what was asked for where it has it under neither."""
    if asked in catalog:
        return asked
    other = asked.removesuffix(_LATEST) if asked.endswith(_LATEST) else asked + _LATEST
    return other if other in catalog else asked
