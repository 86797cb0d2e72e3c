"""The ways to run a house that are compared: who leaves for whom, and whether another may answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from innkeeper.runtime.residency.policy import Policy, keep_the_most_valuable_set, least_recently_used


class Policies(Enum):
    """Who stays in memory."""

    DEFAULT = "default"
    """The most valuable set; what had to leave and will very likely be asked for may come back unasked."""
    LRU = "lru"
    """The longest unused leaves, by bytes."""
    TTL = "ttl"
    """The same, and what was idle for five minutes leaves unasked."""
    COUNT = "count"
    """No more than three models, whatever their sizes; the longest unused leaves."""
    ONE = "one"
    """One model at a time."""


class Answers(Enum):
    """Who may answer."""

    EXACT = "exact"
    """The right model alone."""
    SUBSTITUTES = "substitutes"
    """A model in memory too, where the right one would be late."""
    HOSTED = "hosted"
    """A hosted model too, up to a ceiling."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to run a house."""

    policy: Policies
    answers: Answers = Answers.EXACT

    @property
    def name(self) -> str:
        """For people."""
        kept = NAMES[self.policy]
        return kept if self.answers is Answers.EXACT else f"{kept}, {ANSWERS[self.answers]}"

    @property
    def chooses(self) -> Policy:
        """Who leaves when room is needed."""
        return keep_the_most_valuable_set if self.policy is Policies.DEFAULT else least_recently_used

    @property
    def keeps_for_s(self) -> float | None:
        """Seconds an idle model stays; None leaves that to the model."""
        return 300.0 if self.policy is Policies.TTL else None

    @property
    def most_models(self) -> int | None:
        """How many may be in memory; None is as many as fit."""
        return {Policies.COUNT: 3, Policies.ONE: 1}.get(self.policy)


NAMES: Final = {
    Policies.DEFAULT: "default",
    Policies.LRU: "LRU by bytes",
    Policies.TTL: "LRU, idle 5 min",
    Policies.COUNT: "LRU, 3 models",
    Policies.ONE: "one at a time",
}
ANSWERS: Final = {Answers.SUBSTITUTES: "+ substitutes", Answers.HOSTED: "+ hosted"}

ALL: Final = (
    *(Way(policy) for policy in Policies),
    Way(Policies.DEFAULT, Answers.SUBSTITUTES),
    Way(Policies.DEFAULT, Answers.HOSTED),
)
