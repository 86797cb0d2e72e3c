"""OpenAI's own format: what comes in and what goes out are the engines' own words, so nothing is translated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from innkeeper.runtime.errors import InnkeeperError
from innkeeper.runtime.messages import Began, Kind, Usage
from innkeeper.runtime.wire import sse
from innkeeper.runtime.wire.format import Arrival, ErrorDocument, Question, error_body
from innkeeper.runtime.wire.openai.errors import error_document
from innkeeper.runtime.wire.openai.requests import parse_request


class OpenAIAnswer:
    """An answer as server-sent events; `data: [DONE]` is the last."""

    media_type: Final = sse.MEDIA_TYPE

    def began(self, began: Began) -> None:
        """Every piece says it already."""

    def whole(self, document: bytes, usage: Usage) -> bytes:  # noqa: ARG002  # it is in the document
        """The document itself."""
        return document

    def piece(self, document: bytes) -> bytes:
        """One event."""
        return sse.event(document)

    def done(self, usage: Usage) -> bytes:  # noqa: ARG002  # an engine says it in a piece, to those who want it
        """The mark of the end."""
        return sse.DONE

    def failed(self, error: InnkeeperError) -> bytes:
        """The error, and the mark of the end."""
        return sse.event(error_body(error, error_document)) + sse.DONE

    def note(self, text: str, *, is_heartbeat: bool) -> bytes:  # noqa: ARG002  # a comment is both
        """A comment."""
        return sse.comment(text)


_ANSWER: Final = OpenAIAnswer()  # it remembers nothing


@dataclass(frozen=True, slots=True)
class OpenAIFormat:
    """The body of one of OpenAI's addresses."""

    kind: Kind

    @property
    def error_document(self) -> ErrorDocument:
        """OpenAI's errors."""
        return error_document

    def parse(self, raw: bytes, arrival: Arrival) -> Question:
        """See `parse_request`."""
        request = parse_request(
            self.kind, raw, request_id=arrival.request_id, client=arrival.client, hints=arrival.hints
        )
        return Question(request, _ANSWER)
