"""A party of five on one card: a player, one who plays in Greek, a translator, a listener, a writer; twelve models."""

from __future__ import annotations

from collections.abc import Iterator
from math import log2
from typing import TYPE_CHECKING, Final, NamedTuple

from innkeeper.runtime.catalog import Catalog
from innkeeper.runtime.messages import Kind
from innkeeper.simulation.machines import CLOUD, GAMING_PC, HALF_ON_THE_CARD, cloud, local
from innkeeper.simulation.workload import GB, HOUR_S, MEMORY, Arrival, Workload

if TYPE_CHECKING:  # dice are handed in
    from random import Random

SIZES_GB: Final = {
    "embedder": 0.4,
    "reranker": 0.6,
    "hearing": 1.1,
    "rules-3b": 2.0,
    "chat-3b": 2.5,
    "extract-4b": 3.3,
    "summary-7b": 4.7,
    "greek-7b": 5.5,
    "translate-9b": 6.5,
    "dialogue-12b": 8.0,
    "narrator-13b": 10.5,
}

PACES: Final = {
    **{name: GAMING_PC.pace(gb) for name, gb in SIZES_GB.items()},
    "deep-35b": HALF_ON_THE_CARD,
    "cloud": CLOUD,
}

BY_SIZE: Final[dict[str, tuple[str, float]]] = {
    "rules-3b": ("mechanics", 3.0),
    "chat-3b": ("general", 3.0),
    "extract-4b": ("extraction", 4.0),
    "summary-7b": ("summary", 7.0),
    "greek-7b": ("el", 7.0),
    "translate-9b": ("translation", 9.0),
    "dialogue-12b": ("dialogue", 12.0),
    "narrator-13b": ("roleplay", 13.0),
    "deep-35b": ("story", 35.0),
}
"""What each language model is for, and its parameters in billions: what the quality of a substitute goes by."""

KINDS: Final = {"embedder": Kind.EMBEDDING, "reranker": Kind.RERANK, "hearing": Kind.TRANSCRIPTION}
"""What those do that do not chat."""

AS_LARGE: Final = 0.85
"""Quality of a substitute that is at least as large as the right model, but not made for the task."""

A_HALVING: Final = 0.15
"""What is lost for each time that the substitute is half as large."""

GREEK: Final = 0.35
"""Quality in Greek of a model that is not for it."""


class Ask(NamedTuple):
    """One request of a turn."""

    model: str
    prompt: int
    answer: int
    after_s: float = 0.0


Turn = tuple[Ask, ...]

RECALL: Final = Ask("embedder", 60, 0)
NARRATE: Final[Turn] = (RECALL, Ask("narrator-13b", 600, 220, 0.3))
ROLL: Final[Turn] = (Ask("rules-3b", 250, 60),)
THINK: Final[Turn] = (Ask("deep-35b", 600, 200),)
IN_GREEK: Final[Turn] = (RECALL, Ask("greek-7b", 600, 260, 0.3))
EXTRACT: Final[Turn] = (Ask("extract-4b", 900, 40),)
TRANSLATE: Final[Turn] = (Ask("translate-9b", 1500, 400),)
SUMMARIZE: Final[Turn] = (Ask("summary-7b", 900, 250),)
QUESTION: Final[Turn] = (RECALL, Ask("reranker", 800, 0, 0.3), Ask("chat-3b", 900, 200, 1.0))
SPEAK: Final[Turn] = (Ask("hearing", 1500, 60), Ask("chat-3b", 300, 120, 2.5))
DRAFT: Final[Turn] = (Ask("dialogue-12b", 900, 350),)

GUESTS: Final[dict[str, dict[Turn, float]]] = {
    "player": {NARRATE: 60, ROLL: 30, IN_GREEK: 5, THINK: 5},
    "greek player": {IN_GREEK: 70, ROLL: 20, NARRATE: 10},
    "translator": {EXTRACT: 50, TRANSLATE: 40, SUMMARIZE: 10},
    "listener": {QUESTION: 80, SPEAK: 20},
    "writer": {DRAFT: 55, SUMMARIZE: 30, THINK: 15},
}
"""What each does, and how often."""

THINKS_S: Final = 120.0
"""Mean seconds between an answer and the same guest's next turn."""


def party(dice: Random, hours: float = 4.0) -> Workload:
    """Each guest does what it does at its own pace; 15 GB for models of 60 GB."""
    arrivals = [arrival for guest in GUESTS for arrival in _stay(dice, guest, hours * HOUR_S)]
    others = (
        local("embedder", {"embedding": 1.0}, kind=Kind.EMBEDDING),
        local("reranker", {"": 1.0}, kind=Kind.RERANK),
        local("hearing", {"transcription": 1.0}, kind=Kind.TRANSCRIPTION),
    )
    everything = {task: 0.9 if task == "el" else 0.97 for task, _ in BY_SIZE.values()}
    return Workload(
        "party",
        {MEMORY: 15 * GB},
        Catalog((*others, *(local(name, _quality(name)) for name in BY_SIZE), cloud(everything)), default="chat-3b"),
        PACES,
        tuple(sorted(arrivals, key=lambda one: one.at_s)),
    )


def _quality(name: str) -> dict[str, float]:
    """Of a language model for its own task, and in place of each other one: the smaller, the worse."""
    its_task, billions = BY_SIZE[name]
    quality = {}
    for task, right_billions in BY_SIZE.values():
        halvings = max(0.0, log2(right_billions / billions))
        quality[task] = GREEK if task == "el" else AS_LARGE - A_HALVING * halvings
    return {**quality, its_task: 1.0}


def _stay(dice: Random, guest: str, until_s: float) -> Iterator[Arrival]:
    habits = GUESTS[guest]
    now_s = dice.uniform(0, 60)
    while now_s < until_s:
        for ask in dice.choices(list(habits), list(habits.values()))[0]:
            yield _arrival(dice, ask, now_s + ask.after_s, guest)
        now_s += 8.0 + dice.expovariate(1 / THINKS_S)


def _arrival(dice: Random, ask: Ask, at_s: float, guest: str) -> Arrival:
    kind = KINDS.get(ask.model, Kind.CHAT)
    task = "transcription" if ask.model == "hearing" else BY_SIZE.get(ask.model, (None, 0.0))[0]
    is_greek = task == "el"
    return Arrival(
        at_s,
        ask.model,
        round(ask.prompt * dice.uniform(0.5, 1.5)),
        round(ask.answer * dice.uniform(0.5, 1.5)),
        None if is_greek else task,
        kind,
        "Κοιτάζω γύρω μου και ακούω προσεκτικά." if is_greek else "Go on.",
        is_named=kind is Kind.RERANK,
        allows_substitute=kind is Kind.RERANK,
        deadline_s=1.0 if kind in {Kind.EMBEDDING, Kind.RERANK} else None,
        client=guest,
        context=guest,
    )
