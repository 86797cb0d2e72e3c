"""The list of models in OpenAI's shape, with what we know of each beside it."""

from __future__ import annotations

from collections.abc import Iterable

from innkeeper.runtime.catalog import Model


def model_document(model: Model, created_s: int) -> dict[str, object]:
    """One model. `created_s` is in unix seconds; OpenAI's clients insist on a number there."""
    return {
        "id": model.id,
        "object": "model",
        "created": created_s,
        "owned_by": "innkeeper",
        "engine": model.engine,
        "kinds": sorted(kind.value for kind in model.kinds),
        "context": model.context,
    }


def list_document(models: Iterable[Model], created_s: int) -> dict[str, object]:
    """All that a caller may use, in the order of the catalogue."""
    return {"object": "list", "data": [model_document(model, created_s) for model in models]}
