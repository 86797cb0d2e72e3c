"""OpenAI's answers: errors, lists of models, events."""

from __future__ import annotations

import json

import pytest

from innkeeper.runtime import errors
from innkeeper.runtime.catalog import Model
from innkeeper.runtime.errors import InnkeeperError, PromptTooLong, UnknownModel
from innkeeper.runtime.messages import Kind
from innkeeper.runtime.wire import sse
from innkeeper.runtime.wire.format import error_body
from innkeeper.runtime.wire.openai.errors import error_document
from innkeeper.runtime.wire.openai.models import list_document


def public_errors() -> list[type[InnkeeperError]]:
    return [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, InnkeeperError) and kind is not errors.ChainExhausted
    ]


class TestAnError:
    def test_has_openai_s_shape(self) -> None:
        """C81."""
        assert json.loads(error_body(UnknownModel("There is no model 'x'.", param="model"), error_document)) == {
            "error": {
                "message": "There is no model 'x'.",
                "type": "invalid_request_error",
                "param": "model",
                "code": "model_not_found",
            }
        }

    def test_carries_its_numbers(self) -> None:
        error = PromptTooLong("too long", needed_tokens=9120, limit_tokens=8192)

        assert json.loads(error_body(error, error_document))["error"]["numbers"] == {
            "needed_tokens": 9120,
            "limit_tokens": 8192,
        }

    @pytest.mark.parametrize("kind", public_errors(), ids=lambda kind: kind.__name__)
    def test_of_any_kind_has_a_type_and_a_code(self, kind: type[InnkeeperError]) -> None:
        told = json.loads(error_body(kind("why"), error_document))["error"]

        assert told["code"] == kind.code
        assert told["type"] == {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}.get(
            kind.status, "invalid_request_error" if kind.status < 500 else "server_error"
        )

    def test_can_be_told_whatever_its_text_and_numbers_are(self) -> None:
        body = error_document("half a \ud800 pair", 400, "x", numbers={"rate": float("inf")})

        assert json.loads(body)["error"]["numbers"] == {"rate": None}


class TestTheListOfModels:
    def test_tells_what_each_can_do(self) -> None:
        narrator = Model("a/b:Q8_0", "echo", frozenset({Kind.CHAT, Kind.COMPLETION}), context=512)

        assert list_document([narrator], 1_700_000_000) == {
            "object": "list",
            "data": [
                {
                    "id": "a/b:Q8_0",
                    "object": "model",
                    "created": 1_700_000_000,
                    "owned_by": "innkeeper",
                    "engine": "echo",
                    "kinds": ["chat", "completion"],
                    "context": 512,
                }
            ],
        }


class TestAnEvent:
    def test_is_one_line_and_a_blank_one(self) -> None:
        assert sse.event(b'{"a":1}') == b'data: {"a":1}\n\n'

    def test_survives_a_document_with_line_breaks(self) -> None:
        assert sse.event(b'{\r\n "a":1\n}') == b'data: {   "a":1 }\n\n'

    def test_that_is_a_comment_stays_on_its_line(self) -> None:
        assert sse.comment("waiting,\nposition 2") == b": waiting, position 2\n\n"
