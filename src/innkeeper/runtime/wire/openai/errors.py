"""Errors in OpenAI's shape, as its clients raise them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from innkeeper.runtime.errors import Number


def error_document(
    message: str,
    status: int,
    code: str,
    param: str | None = None,
    numbers: Mapping[str, Number] | None = None,
) -> bytes:
    """`{"error": {"message", "type", "param", "code"}}`, with the figures of the message under "numbers"."""
    told: dict[str, object] = {"message": message, "type": _type(status), "param": param, "code": code}
    if numbers:
        told["numbers"] = {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in numbers.items()
        }
    return json.dumps({"error": told}).encode("ascii")


def _type(status: int) -> str:
    match status:
        case 401:
            return "authentication_error"
        case 403:
            return "permission_error"
        case 429:
            return "rate_limit_error"
        case _ if status < 500:
            return "invalid_request_error"
        case _:
            return "server_error"
