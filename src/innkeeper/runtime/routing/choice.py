"""What a choice between models goes by, and what it says: the values that `choosing` takes and gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from innkeeper.runtime.errors import InnkeeperError
from innkeeper.runtime.routing.deadlines import Due
from innkeeper.runtime.routing.names import Language, Task
from innkeeper.runtime.routing.timing import Expected


@dataclass(frozen=True, slots=True)
class Worth:
    """What the house gives for what, in seconds of waiting."""

    may_substitute: bool = True
    """Whether a model in memory may answer for one that cannot be in time."""
    may_overflow: bool = True
    """Whether a hosted model may."""
    exact: frozenset[Task | Language] = frozenset()
    """The tasks and languages for which only the right model answers."""
    lowest_quality: float = 0.6
    """Under it a model stands in for nobody."""
    quality_s: float = 6.0
    """A caller would wait so long for a perfect answer rather than have a worthless one at once."""
    lateness_s: float = 8.0
    """What missing the target costs, beside the seconds themselves."""
    hosted_s: float = 1.0
    """What the price of one hosted answer is worth."""
    switch_s: float = 1.0
    """What it costs a conversation to hear another model for a turn."""


@dataclass(frozen=True, slots=True)
class Question:
    """What of a request the choice goes by."""

    due: Due
    prompt_tokens: int = 0
    waits: bool = True
    """Whether it waits for the right model; otherwise one that is there answers now."""
    last: str | None = None
    """The model its conversation heard last; None where there is none."""
    looks_at_all: bool = False
    """Whether every model is looked at, for an explanation, also where nothing has to be weighed."""


@dataclass(frozen=True, slots=True)
class Option:
    """One model, looked at."""

    model: str
    quality: float
    expected: Expected | None = None
    """Seconds to its first words; None where they were of no interest."""
    cost_s: float | None = None
    """What it costs that this one answers, in seconds of waiting; None where it cannot be chosen."""
    skipped: str = ""
    """Why it is not chosen; empty for the one that is."""
    is_refused: bool = False
    """Whether it cannot answer at all now."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Who answers, who is next if that fails, and why."""

    candidates: tuple[str, ...]
    """In the order in which they are tried; empty where the caller does not wait and nobody can answer at once."""
    because: str
    right: str
    """The model that the rules choose."""
    due: Due
    options: tuple[Option, ...]
    """Every model that was looked at, the right one first."""
    rent_s: float = 0.0
    """What is owed to the right model because another one answers."""
    loads_next: str | None = None
    """The right model, when it is to be loaded in the background; None when it need not or must not."""
    task: str | None = None
    """What the request is for, as it says or as its words do."""

    @property
    def is_substituted(self) -> bool:
        """Whether another one is to answer than the right one."""
        return self.candidates[:1] != (self.right,)

    def quality_of(self, model: str) -> float | None:
        """Of one that was looked at; None where nobody asked."""
        return next((option.quality for option in self.options if option.model == model), None)

    def expected_of(self, model: str) -> Expected | None:
        """Seconds to the first words of one that was looked at; None where nobody asked."""
        return next((option.expected for option in self.options if option.model == model), None)


@dataclass(slots=True)
class Debts:
    """What is owed to each model for the answers that others gave in its place."""

    owed_s: dict[str, float] = field(default_factory=dict)

    def note(self, choice: Choice) -> None:
        """The choice was followed: rent is paid, or a swap was bought."""
        if choice.rent_s and choice.loads_next is None:
            self.owed_s[choice.right] = self.owed_s.get(choice.right, 0.0) + choice.rent_s
        else:
            self.owed_s.pop(choice.right, None)


def because_after(because: str, failures: Sequence[tuple[str, InnkeeperError]]) -> str:
    """Why the next candidate answers, when those before it failed."""
    return because + "".join(f"; {model} could not ({error.code})" for model, error in failures)
