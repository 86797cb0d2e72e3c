"""Whose errors an address speaks: clients understand only those of the API that they called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from innkeeper.runtime.wire.anthropic.errors import error_document as anthropic
from innkeeper.runtime.wire.format import ErrorDocument
from innkeeper.runtime.wire.ollama.errors import error_document as ollama
from innkeeper.runtime.wire.openai.errors import error_document as openai

ANTHROPIC_VERSION: Final = b"anthropic-version"
"""The header by which Anthropic's clients can be told where two APIs share an address."""


def error_document_for(path: str, headers: Mapping[bytes, bytes]) -> ErrorDocument:
    """The shape of an error at this address, whether or not there is anything. Header names are in lower case."""
    if path == "/api" or path.startswith("/api/"):
        return ollama
    if path == "/v1/messages" or path.startswith("/v1/messages/"):
        return anthropic
    if ANTHROPIC_VERSION in headers and path.startswith("/v1/"):
        return anthropic
    return openai
