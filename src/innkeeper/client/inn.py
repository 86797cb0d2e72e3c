"""All an application may ask of the runtime: chat, stream, embed, transcribe; wherever the models run.

`Asking` fills this port: over a runtime in the same process, or over HTTP to a running server (`client.remote`).
Errors are `InnkeeperError` in both, with the same classes and numbers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from innkeeper.runtime.messages import Began, Kind
from innkeeper.runtime.speech.transcript import Segment, Word
from innkeeper.runtime.wire.hints import NO_HINTS, Hints
from innkeeper.runtime.wire.openai.transcripts import Transcript

__all__ = [
    "NO_HINTS", "Answer", "AnsweredBy", "Hints", "Inn", "Kind", "Message", "ModelCard", "Role", "Segment",
    "Stream", "Transcript", "Vectors", "Word",
]  # fmt: skip

Part_co = TypeVar("Part_co", covariant=True)


class Role(Enum):
    """Who says something in a chat."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class AnsweredBy:
    """Who answers, why, and what was waited for."""

    request: str
    """Names the request in the journal: `innkeeper story REQUEST`."""

    model: str
    because: str
    """The route, in words."""

    requested: str | None = None
    """The model that should have answered; None when it is the one that does."""

    quality: float | None = None
    """How well the substitute does it, from 0 to 1; None when none stands in."""

    waited_s: float = 0.0
    """From the arrival of the request until the model was there, loading included."""

    load_s: float = 0.0
    """Of that, the part in which the model was loading."""

    @property
    def is_substituted(self) -> bool:
        """Whether another model answers than the one that was asked for or that the rules name."""
        return self.requested is not None

    @classmethod
    def of(cls, request: str, began: Began) -> AnsweredBy:
        """What the first chunk of an answer says."""
        return cls(request, began.model, began.because, began.requested, began.quality, began.waited_s, began.load_s)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer of a chat."""

    text: str
    by: AnsweredBy
    ending: str | None
    """"stop", or "length" where it was cut; None where the engine does not say."""

    prompt_tokens: int = 0
    answer_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Vectors:
    """One vector for each text, in order, and who made them. Those of two models must not be compared."""

    rows: tuple[tuple[float, ...], ...]
    by: AnsweredBy

    @property
    def dimension(self) -> int:
        """Numbers in each row."""
        return len(self.rows[0])


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model that may be asked for."""

    id: str
    engine: str
    kinds: frozenset[Kind]
    context: int | None
    """Tokens of one request, prompt and answer together; None where the engine chooses."""


class Stream(Generic[Part_co]):
    """An answer under way: who gives it, and its parts as they are made. It can be gone through once."""

    def __init__(self, by: AnsweredBy, parts: AsyncIterator[Part_co]) -> None:
        self.by = by
        self._parts = parts

    def __aiter__(self) -> AsyncIterator[Part_co]:
        return self._parts


class Inn(Protocol):
    """The models of one machine, seen by an application.

    Where no model is named the router chooses, by what `hints` say and by what is asked. Every method raises
    `InvalidRequest` for a field that makes no sense, before anybody is asked.
    """

    async def chat(
        self, messages: Sequence[Message], *, model: str | None = None, hints: Hints = NO_HINTS, **options: Any
    ) -> Answer:
        """The whole answer. `options` are fields of OpenAI's chat API: temperature, max_tokens, response_format, …

        Raises:
            InnkeeperError: Nobody could answer.
        """
        ...

    def stream(
        self, messages: Sequence[Message], *, model: str | None = None, hints: Hints = NO_HINTS, **options: Any
    ) -> AbstractAsyncContextManager[Stream[str]]:
        """The answer in pieces of text. The block begins when the first is there; leaving it early ends the work.

        Raises:
            InnkeeperError: Nobody could answer, or, while iterating, the answer broke off.
        """
        ...

    async def embed(self, texts: Sequence[str], *, model: str | None = None, hints: Hints = NO_HINTS) -> Vectors:
        """One vector for each text.

        Raises:
            InnkeeperError: Nobody could make them.
        """
        ...

    def transcribe(
        self,
        file: Path,
        *,
        model: str | None = None,
        language: str | None = None,
        prompt: str | None = None,
        from_s: float = 0.0,
        with_words: bool = False,
        hints: Hints = NO_HINTS,
    ) -> AbstractAsyncContextManager[Stream[Transcript]]:
        """What is said in a sound file, window by window, silent ones included.

        Hearing can be taken up again at the `resume_s` of any window, given as `from_s`. `language` is a code such
        as el; None lets the model tell it. `prompt` is names and words that are likely to occur.

        Raises:
            InnkeeperError: Nobody could hear it, or, while iterating, the hearing broke off.
        """
        ...

    async def preload(self, models: Sequence[str], because: str) -> None:
        """Load in the background what will probably be wanted; nothing in use is displaced.

        Raises:
            UnknownModel: One is not in the catalogue.
            NotAllowed: The key may not operate the server.
        """
        ...

    async def models(self) -> tuple[ModelCard, ...]:
        """The models that may be asked for."""
        ...
