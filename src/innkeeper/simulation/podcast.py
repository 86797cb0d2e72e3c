"""A podcast that answers questions about itself on 1.8 GB: bursts of listeners, and a transcription every hour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from innkeeper.runtime.catalog import Catalog
from innkeeper.runtime.messages import Kind
from innkeeper.simulation.machines import CLOUD, SMALL_SERVER, cloud, local
from innkeeper.simulation.workload import GB, HOUR_S, MEMORY, Arrival, Pace, Workload

if TYPE_CHECKING:  # dice are handed in
    from random import Random

SIZES_GB: Final = {"embedder": 0.3, "reranker": 0.4, "writer": 1.1, "speaker": 0.35, "whisper": 0.9}

LEXICAL: Final = Pace({}, load_s=0.0, prompt_tokens_per_s=100_000.0, answer_tokens_per_s=10_000.0)
"""Ranks by words and quotes, without a model: what a machine falls back on that has no room."""

LEXICAL_QUALITY: Final = {"general": 0.7, "": 0.85}
"""Guesses: a quotation in place of an answer, and ranks by words in place of ranks by a model."""

SPOKEN: Final = 0.9
"""Share of the answers that are read aloud."""

BURST_EVERY_S: Final = 180.0
BURSTS: Final = {1: 5.0, 2: 2.0, 3: 2.0, 6: 1.0}
"""Listeners who ask within the same half minute, and how often so many do."""


def podcast(dice: Random, hours: float = 10.0) -> Workload:
    """Questions come in bursts, as when an episode is out; each is embedded, ranked, answered, and mostly read aloud.

    The embedder, the speaker and Whisper have no substitute: vectors of two models cannot be compared.
    """
    arrivals = [*_questions(dice, hours * HOUR_S), *_transcriptions(hours)]
    models = (
        local("embedder", {"embedding": 1.0}, kind=Kind.EMBEDDING),
        local("reranker", {"": 1.0}, kind=Kind.RERANK),
        local("writer", {"general": 1.0}),
        local("speaker", {"dialogue": 1.0}),
        local("whisper", {"transcription": 1.0}, kind=Kind.TRANSCRIPTION),
    )
    lexical = replace(
        local("lexical", LEXICAL_QUALITY, slots=64), kinds=frozenset({Kind.CHAT, Kind.RERANK}), pinned=True
    )
    return Workload(
        "podcast",
        {MEMORY: round(1.8 * GB)},
        Catalog((*models, lexical, cloud({"general": 0.99})), default="writer"),
        {**{name: SMALL_SERVER.pace(gb) for name, gb in SIZES_GB.items()}, "lexical": LEXICAL, "cloud": CLOUD},
        tuple(sorted(arrivals, key=lambda one: one.at_s)),
    )


def _questions(dice: Random, until_s: float) -> Iterator[Arrival]:
    now_s, number = 0.0, 0
    while now_s < until_s:
        for _ in range(dice.choices(list(BURSTS), list(BURSTS.values()))[0]):
            number += 1
            yield from _question(dice, now_s + dice.uniform(0, 30), f"listener {number % 7}")
        now_s += dice.expovariate(1 / BURST_EVERY_S)


def _question(dice: Random, at_s: float, listener: str) -> Iterator[Arrival]:
    """One question, as the requests it makes one after another."""

    def tokens(usual: int) -> int:
        return round(usual * dice.uniform(0.5, 1.5))

    embeds = Arrival(at_s, "embedder", tokens(30), 0, None, Kind.EMBEDDING, client=listener, deadline_s=1.0)
    ranks = Arrival(at_s + 0.4, "reranker", tokens(100), 0, None, Kind.RERANK, client=listener, deadline_s=1.0)
    steps = [
        embeds,
        replace(ranks, is_named=True, allows_substitute=True),
        Arrival(at_s + 1.2, "writer", tokens(120), tokens(90), "general", client=listener),
    ]
    if dice.random() < SPOKEN:
        steps.append(
            Arrival(at_s + 8.0, "speaker", tokens(40), tokens(150), "dialogue", deadline_s=3.0, client=listener)
        )
    for step in steps:
        yield replace(step, context="questions")


def _transcriptions(hours: float) -> Iterator[Arrival]:
    """An episode each hour, in windows of half a minute's work; nobody waits for it."""
    for hour in range(round(hours)):
        for part in range(10):
            yield Arrival(
                hour * HOUR_S + 600 + 35 * part,
                "whisper",
                1500,
                500,
                "transcription",
                Kind.TRANSCRIPTION,
                deadline_s=60.0,
                client="ingestion",
                context="ingestion",
            )
