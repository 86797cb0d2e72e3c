"""Errors in Anthropic's shape, as its clients raise them. Source: Anthropic's API reference, "Errors"."""

from __future__ import annotations

import json
from collections.abc import Mapping

from innkeeper.runtime.errors import Number


def error_document(
    message: str,
    status: int,
    code: str,
    param: str | None = None,
    numbers: Mapping[str, Number] | None = None,  # noqa: ARG001  # they are in the message
) -> bytes:
    """`{"type": "error", "error": {"type", "message"}}`, with our `code` and `param` beside them."""
    told: dict[str, object] = {"type": _type(status), "message": message, "code": code}
    if param is not None:
        told["param"] = param
    return json.dumps({"type": "error", "error": told}).encode("ascii")


def _type(status: int) -> str:
    match status:
        case 401:
            return "authentication_error"
        case 402:
            return "billing_error"
        case 403:
            return "permission_error"
        case 404:
            return "not_found_error"
        case 413:
            return "request_too_large"
        case 429:
            return "rate_limit_error"
        case 504:
            return "timeout_error"
        case 503 | 529:
            return "overloaded_error"
        case _ if status < 500:
            return "invalid_request_error"
        case _:
            return "api_error"
