"""What every format of a door can do: understand a body, tell an answer, tell an error.

A format turns what callers send into requests in OpenAI's fields, which all engines speak, and what engines answer
back into what those callers expect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from innkeeper.runtime.errors import InnkeeperError, Number
from innkeeper.runtime.messages import Began, Request, Usage
from innkeeper.runtime.wire.hints import Hints


@dataclass(frozen=True, slots=True)
class Arrival:
    """What is known of a request before its body is read."""

    request_id: str
    client: str
    """Who asks, for fairness."""

    hints: Hints
    """What its headers say."""


class Answer(Protocol):
    """One answer, told in the format of the one who asked. It hears what the engine says, in order."""

    @property
    def media_type(self) -> bytes:
        """Of a streamed answer; a whole one is JSON."""
        ...

    def began(self, began: Began) -> None:
        """Who answers. Comes before all that follows, `note` excepted."""

    def whole(self, document: bytes, usage: Usage) -> bytes:
        """The one document of an answer that does not stream."""
        ...

    def piece(self, document: bytes) -> bytes:
        """What goes out for one piece of a stream; empty where there is nothing to say yet."""
        ...

    def done(self, usage: Usage) -> bytes:
        """The end of a stream that is complete."""
        ...

    def failed(self, error: InnkeeperError) -> bytes:
        """The end of a stream that is not."""
        ...

    def note(self, text: str, *, is_heartbeat: bool) -> bytes | None:
        """A line that clients skip; None where the format has no such line, and a silence stays one."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """A body that asks a model something."""

    request: Request
    answer: Answer
    notes: tuple[str, ...] = ()
    """What was asked for and is not done, in words, where that is no reason to refuse."""


@dataclass(frozen=True, slots=True)
class Stay:
    """A body without a question: the model is to be in memory, and stay there when idle for so long."""

    model: str
    keep_for_s: float | None
    """Seconds; 0 lets it go, infinity keeps it until its room is wanted, None says nothing about it."""
    document: bytes
    """The answer once that is done."""


class ErrorDocument(Protocol):
    """An error in one format's shape."""

    def __call__(
        self,
        message: str,
        status: int,
        code: str,
        param: str | None = None,
        numbers: Mapping[str, Number] | None = None,
    ) -> bytes:
        """The body. `code` is ours and stable; `param` names the field that is wrong."""
        ...


class Format(Protocol):
    """What callers send to one address, and how they want to be answered."""

    def parse(self, raw: bytes, arrival: Arrival) -> Question | Stay:
        """What the body asks for.

        Raises:
            InnkeeperError: The body cannot be understood, or asks for what nobody here can do.
        """
        ...

    @property
    def error_document(self) -> ErrorDocument: ...


def error_body(error: InnkeeperError, document: ErrorDocument) -> bytes:
    """An error of ours in that shape."""
    return document(error.message, error.status, error.code, error.param, error.numbers)
