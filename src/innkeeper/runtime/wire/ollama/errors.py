"""Errors in Ollama's shape: one text, and beside it what our other errors say."""

from __future__ import annotations

import json
from collections.abc import Mapping

from innkeeper.runtime.errors import Number


def error_document(
    message: str,
    status: int,  # noqa: ARG001  # Ollama says it in the status line only
    code: str,
    param: str | None = None,
    numbers: Mapping[str, Number] | None = None,  # noqa: ARG001  # they are in the message
) -> bytes:
    """`{"error": "…"}`, which is what Ollama's clients raise, with our `code` and `param` beside it."""
    told: dict[str, object] = {"error": message, "code": code}
    if param is not None:
        told["param"] = param
    return json.dumps(told).encode("ascii")
