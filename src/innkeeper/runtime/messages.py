"""What is asked of a model and what comes back, the same for every engine.

A request keeps the caller's body as it came, in the fields of OpenAI's API, so that nothing an engine
understands is lost on the way. An answer is a stream of chunks: `Began` once, any number of `Piece`, `Done`
once and last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias

Body: TypeAlias = Mapping[str, Any]  # JSON from outside: any value is possible until `wire` has parsed it

Shortcut: TypeAlias = Callable[[bytes], bool]
"""Sends the data of one piece to the caller at once; False where it must be yielded like the first."""


class Kind(Enum):
    """What sort of work a request is, and what sorts a model can do."""

    CHAT = "chat"
    COMPLETION = "completion"
    EMBEDDING = "embedding"
    RERANK = "rerank"
    TRANSCRIPTION = "transcription"


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a model, parsed at the door."""

    id: str
    """Names the request in the journal, in headers and in `innkeeper story`."""

    kind: Kind
    body: Body
    """The caller's fields under their OpenAI names, unknown ones included."""

    model: str | None = None
    """The model asked for by name, or None to let the router choose."""

    streams: bool = False
    """Whether each piece is sent as it is made; otherwise one piece carries the whole answer."""

    client: str = ""
    """Who asks, for fairness: the name of the API key, else the peer's address."""

    task: str | None = None
    """What the request is for, when the caller says it."""

    conversation: str | None = None
    """Names the conversation it belongs to, so that it can stay with one model; None where the caller says nothing."""

    context: str | None = None
    """Names the campaign, feed or other context it belongs to, whose models are loaded when it is opened."""

    may_use: frozenset[str] | None = None
    """The models that exist as far as this caller is concerned; None is all."""

    priority: int = 0
    """Higher is served first."""

    patience_s: float | None = None
    """Seconds to let holds and busy models stand in the way; None takes the setting."""

    wait_at_most_s: float | None = None
    """Seconds to wait for memory and a slot, for all candidates together, before `WaitedTooLong`; None takes the
    setting."""

    deadline_s: float | None = None
    """Seconds within which its caller wants the first words; None takes the target of what it is for."""

    first_words_within_s: float | None = None
    """Seconds after which its engine is given up if it has said nothing; the chain says it to engines that can end
    their work themselves, and tell why and at what cost. None leaves it to the engine."""

    waits: bool = True
    """Whether it waits for the right model. Otherwise one that is there answers, and the right one is loaded."""

    allows_substitute: bool = False
    """Whether another model may answer although one is named."""

    max_cost: float | None = None
    """What all its attempts together may cost, in the currency of the prices; None leaves it to the ceilings."""

    hold_s: float | None = None
    """Seconds the model is kept for this caller's next turn; None takes the model's own, 0 releases at once."""

    keep_for_s: float | None = None
    """Seconds the model stays from now on when it is idle, infinity until its room is wanted; None says nothing."""

    shortcut: Shortcut | None = field(default=None, compare=False, repr=False)
    """A way for pieces that wakes no task; None where the caller wants to see each.

    An engine need not know of it. One that does offers pieces there while it is asked for its next chunk, and does
    not yield those that were taken. None is taken before the first that was yielded is out, and none while the
    caller reads too slowly: what cannot be sent at once goes the long way, where everybody can wait.
    """

    @property
    def may_substitute(self) -> bool:
        """Whether a model that is named may be stood in for."""
        return self.allows_substitute or not self.waits


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and engine time of one answer."""

    prompt_tokens: int = 0
    answer_tokens: int = 0
    cached_tokens: int = 0
    """Of the prompt, those the engine found in its cache."""

    prompt_s: float | None = None
    """Engine time spent on the prompt; None where the engine does not say."""

    answer_s: float | None = None
    """Engine time spent on the answer; None where the engine does not say."""

    cost: float | None = None
    """Money, in the currency of `spending`; None where the model costs none or its price is not known."""

    is_estimated: bool = False
    """Whether tokens and cost are estimated from the texts, because nobody counted them."""

    audio_s: float | None = None
    """Seconds of sound that were heard; None where none was to be."""


@dataclass(frozen=True, slots=True)
class Began:
    """The first chunk of an answer: who answers, why, and what the caller waited for."""

    model: str
    because: str
    waited_s: float
    """From the arrival of the request until the lease, loading included."""

    load_s: float
    """Of that, the part in which the model was loading; 0 when it was resident."""

    requested: str | None = None
    """The model that should have answered; None when it is the one that does."""

    quality: float | None = None
    """How well the model that stands in for it does that, from 0 to 1; None when none stands in."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the answer: one JSON document in OpenAI's shape, without framing."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Done:
    """The last chunk of an answer that is complete."""

    usage: Usage = field(default_factory=Usage)


Chunk: TypeAlias = Began | Piece | Done
