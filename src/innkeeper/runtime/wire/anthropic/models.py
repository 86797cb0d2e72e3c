"""The list of models in Anthropic's shape."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from innkeeper.runtime.catalog import Model

JsonObject = dict[str, Any]  # Any: JSON on its way out


def model_document(model: Model, created_s: int) -> JsonObject:
    """One model. `created_s`: unix seconds."""
    created = datetime.fromtimestamp(created_s, UTC).isoformat().replace("+00:00", "Z")
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.id,
        "created_at": created,
        "lifecycle": "active",
        "max_input_tokens": model.context,
    }


def list_document(models: Iterable[Model], created_s: int) -> JsonObject:
    """All that a caller may use, on one page."""
    data = [model_document(model, created_s) for model in models]
    return {
        "data": data,
        "has_more": False,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
    }
