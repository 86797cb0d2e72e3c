"""An evening of four players at one table: exploration, combat, deep story, and one of them writes Greek."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from innkeeper.runtime.catalog import Catalog
from innkeeper.runtime.messages import Kind
from innkeeper.simulation.machines import CLOUD, GAMING_PC, HALF_ON_THE_CARD, cloud, local
from innkeeper.simulation.workload import GB, HOUR_S, MEMORY, Arrival, Workload

if TYPE_CHECKING:  # dice are handed in
    from random import Random

SIZES_GB: Final = {"embedder": 0.4, "mechanics": 2.5, "greek": 5.5, "narrator": 10.5}
"""With context: a 3B, a 7B, a 13B. Beside these there is a 35B that goes onto the card in part: `deep`."""

PACES: Final = {
    **{name: GAMING_PC.pace(gb) for name, gb in SIZES_GB.items()},
    "deep": HALF_ON_THE_CARD,
    "cloud": CLOUD,
}

QUALITY: Final[dict[str, dict[str, float]]] = {
    "mechanics": {"mechanics": 1.0, "roleplay": 0.6, "story": 0.4, "el": 0.2},
    "greek": {"el": 1.0, "mechanics": 0.8, "roleplay": 0.7, "story": 0.55},
    "narrator": {"roleplay": 1.0, "mechanics": 0.95, "story": 0.8, "el": 0.35},
    "deep": {"story": 1.0, "mechanics": 0.95, "roleplay": 0.99, "el": 0.35},
}
"""Guesses, the same for everything that is compared."""

CLOUD_QUALITY: Final = {"mechanics": 0.95, "roleplay": 0.95, "story": 0.99, "el": 0.9}

PHASES: Final = {"exploration": 5.0, "combat": 3.0, "greek": 2.0}
"""What the table does for about twenty minutes, and how often it does it."""

THINKS_S: Final = {"exploration": 45.0, "combat": 25.0, "greek": 45.0}
"""Mean seconds between an answer and the next turn."""

DEEP: Final = 0.02
"""Share of the turns for which the story is thought over at length."""


class Ask(NamedTuple):
    """One request of a turn."""

    model: str
    task: str | None
    prompt: int
    answer: int
    text: str = "I try the door."
    after_s: float = 0.0


RECALL: Final = Ask("embedder", None, 60, 0)
TURNS: Final[dict[str, tuple[Ask, ...]]] = {
    "exploration": (RECALL, Ask("narrator", "roleplay", 600, 220, after_s=0.3)),
    "combat": (
        Ask("mechanics", "mechanics", 250, 60),
        Ask("mechanics", "mechanics", 250, 60, after_s=1.5),
        Ask("narrator", "roleplay", 400, 140, after_s=3.0),
    ),
    "greek": (RECALL, Ask("greek", None, 600, 260, "Κοιτάζω γύρω μου και ακούω προσεκτικά.", 0.3)),
    "deep": (Ask("deep", "story", 600, 200),),
}


def evening(dice: Random, hours: float = 10.0) -> Workload:
    """One table on 15 GB: a turn recalls and tells; a fight asks for the rules twice before it is told."""
    models = [local(name, quality) for name, quality in QUALITY.items()]
    embedder = local("embedder", {"embedding": 1.0}, kind=Kind.EMBEDDING)
    return Workload(
        "evening",
        {MEMORY: 15 * GB},
        Catalog((*models, embedder, cloud(CLOUD_QUALITY)), default="narrator"),
        PACES,
        tuple(sorted(_table(dice, hours * HOUR_S), key=lambda one: one.at_s)),
    )


def _table(dice: Random, until_s: float) -> Iterator[Arrival]:
    now_s = dice.uniform(0, 30)
    while now_s < until_s:
        phase = dice.choices(list(PHASES), list(PHASES.values()))[0]
        phase_ends_s = now_s + dice.expovariate(1 / 1200)
        while now_s < min(phase_ends_s, until_s):
            player = "player 4" if phase == "greek" else f"player {dice.randint(1, 3)}"
            asks = TURNS["deep" if dice.random() < DEEP else phase]
            turn = [_arrival(dice, ask, now_s + ask.after_s, player, phase) for ask in asks]
            yield from turn
            now_s = turn[-1].at_s + PACES[turn[-1].model].write_s(turn[-1])
            now_s += dice.expovariate(1 / THINKS_S[phase])


def _arrival(dice: Random, ask: Ask, at_s: float, player: str, phase: str) -> Arrival:
    is_recall = ask is RECALL
    return Arrival(
        at_s,
        ask.model,
        round(ask.prompt * dice.uniform(0.5, 1.5)),
        round(ask.answer * dice.uniform(0.5, 1.5)),
        ask.task,
        Kind.EMBEDDING if is_recall else Kind.CHAT,
        ask.text,
        deadline_s=1.0 if is_recall else None,
        client=player,
        context=phase,
    )
