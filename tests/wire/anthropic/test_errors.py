"""Errors under the names by which Anthropic's clients know them."""

from __future__ import annotations

import json

import pytest

from innkeeper.runtime.wire.anthropic.errors import error_document


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "invalid_request_error"),
        (402, "billing_error"),
        (404, "not_found_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
    ],
)
def test_an_error_goes_by_the_name_of_its_status(status: int, name: str) -> None:
    document = json.loads(error_document("why", status, "code"))

    assert document == {"type": "error", "error": {"type": name, "message": "why", "code": "code"}}
