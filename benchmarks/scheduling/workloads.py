"""Requests of an afternoon: a table of players, a podcast, a party, and real arrivals. All seeded."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Final

from innkeeper.runtime.engine import Footprint, Sizing
from innkeeper.runtime.residency.signals import Terms
from innkeeper.runtime.residency.simulator import Visit

GB: Final = 1_000_000_000
HOUR_S: Final = 3600.0
AZURE: Final = Path(__file__).parents[2] / ".." / "shared" / "data" / "traces" / "azure-llm-2023-conv.csv"


@dataclass(frozen=True, slots=True)
class Workload:
    """Who comes, and what there is for them."""

    name: str
    budget: Mapping[str, int]
    models: Mapping[str, Terms]
    visits: tuple[Visit, ...]


def _terms(gb: float, *, fixed_s: float, gb_per_s: float, slots: int = 4) -> Terms:
    """A model that stays until its room is wanted, and loads for a fixed time and its bytes at the link's speed."""
    needs = Footprint({"memory": round(gb * GB)}, Sizing.DECLARED)
    return Terms(needs=needs, load_s=fixed_s + gb / gb_per_s, slots=slots, keep_for_s=None)


def _models(sizes_gb: Mapping[str, float], *, fixed_s: float, gb_per_s: float) -> dict[str, Terms]:
    return {name: _terms(gb, fixed_s=fixed_s, gb_per_s=gb_per_s) for name, gb in sizes_gb.items()}


def rpg(seed: int) -> Workload:
    """One table for ten hours: phases of about twenty minutes, a pause to think after each turn; 15 GB."""
    dice = Random(seed)
    sizes = {"narrator": 10.5, "mechanics": 2.5, "greek": 5.5, "deep": 14.5, "embedder": 0.4}
    service_s = {"narrator": 8.0, "mechanics": 1.0, "greek": 6.0, "deep": 25.0, "embedder": 0.1}
    turns = {
        "roleplay": ("embedder", "narrator"),
        "combat": ("mechanics", "mechanics", "narrator"),
        "greek": ("embedder", "greek"),
    }
    visits: list[Visit] = []
    now_s = 0.0
    while now_s < 10 * HOUR_S:
        phase_ends_s = now_s + dice.expovariate(1 / 1200)
        phase = dice.choices(list(turns), (5, 3, 2))[0]
        while now_s < phase_ends_s:
            for name in ("deep",) if dice.random() < 0.02 else turns[phase]:
                visits.append(Visit(now_s, name, service_s[name] * dice.uniform(0.5, 1.5), "table"))
                now_s += service_s[name] * 1.5
            now_s += dice.expovariate(1 / 45)
    return Workload("rpg", {"memory": 15 * GB}, _models(sizes, fixed_s=0.8, gb_per_s=3), tuple(visits))


def podcast(seed: int) -> Workload:
    """Questions for ten hours and a transcription every hour, in 1.8 GB behind a slow disk."""
    dice = Random(seed)
    sizes = {"embedder": 0.3, "reranker": 0.4, "writer": 1.1, "speaker": 0.35, "whisper": 0.9}
    visits: list[Visit] = []
    now_s = 0.0
    while (now_s := now_s + dice.expovariate(1 / 90)) < 10 * HOUR_S:
        at_s = now_s
        steps = [("embedder", 0.2), ("reranker", 0.5), ("writer", 6.0)]
        if dice.random() < 0.5:
            steps.append(("speaker", 3.0))
        for name, service_s in steps:
            visits.append(Visit(at_s, name, service_s * dice.uniform(0.5, 1.5), "listener"))
            at_s += 1.5 * service_s
    for hour in range(10):
        visits += [Visit(hour * HOUR_S + 600 + 35 * part, "whisper", 30.0, "ingestion") for part in range(10)]
    visits.sort(key=lambda visit: visit.at_s)
    return Workload("podcast", {"memory": round(1.8 * GB)}, _models(sizes, fixed_s=1.0, gb_per_s=0.4), tuple(visits))


PARTY_GB: Final = (0.4, 0.6, 1.1, 2.0, 2.5, 3.3, 4.7, 5.5, 6.5, 8.0, 10.5, 14.5)


def party(seed: int, *, guests: int = 5) -> Workload:
    """Five people for four hours over twelve models of 0.4 to 14.5 GB, each with favourites; 15 GB."""
    dice = Random(seed)
    names = [f"m{gb}" for gb in PARTY_GB]
    visits: list[Visit] = []
    for guest in range(guests):
        favourites = dice.sample(names, len(names))
        visits += _stay(dice, favourites, f"guest {guest}")
    visits.sort(key=lambda visit: visit.at_s)
    models = _models(dict(zip(names, PARTY_GB, strict=True)), fixed_s=0.8, gb_per_s=3)
    return Workload("party", {"memory": 15 * GB}, models, tuple(visits))


def _stay(dice: Random, favourites: list[str], guest: str) -> Iterator[Visit]:
    weights = [1 / (place + 1) ** 1.5 for place in range(len(favourites))]
    now_s, model = dice.uniform(0, 60), favourites[0]
    while now_s < 4 * HOUR_S:
        if dice.random() > 0.75:
            model = dice.choices(favourites, weights)[0]
        service_s = dice.uniform(1, 8)
        yield Visit(now_s, model, service_s, guest)
        now_s += service_s + dice.expovariate(1 / 60)


def azure(seed: int, *, requests: int = 4000, stretched: float = 20.0) -> Workload | None:
    """Real arrivals of a chat service (Azure, 2023), stretched twentyfold, with models and people assigned by lot.

    A person keeps its model with a chance of three quarters, else draws by popularity; answers take their real
    number of tokens at 40 a second. None where the file is not beside the checkout.
    """
    if not AZURE.is_file():
        return None
    dice = Random(seed)
    names = [f"m{gb}" for gb in dice.sample(PARTY_GB, len(PARTY_GB))]
    weights = [1 / (place + 1) for place in range(len(names))]
    using: dict[int, str] = {}
    visits: list[Visit] = []
    with AZURE.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))[:requests]
    began = datetime.fromisoformat(rows[0]["TIMESTAMP"][:26])
    for row in rows:
        person = dice.randrange(20)
        if person not in using or dice.random() > 0.75:
            using[person] = dice.choices(names, weights)[0]
        at_s = (datetime.fromisoformat(row["TIMESTAMP"][:26]) - began).total_seconds() * stretched
        visits.append(Visit(at_s, using[person], int(row["GeneratedTokens"]) / 40, f"person {person}"))
    sizes = dict(zip([f"m{gb}" for gb in PARTY_GB], PARTY_GB, strict=True))
    return Workload("azure", {"memory": 15 * GB}, _models(sizes, fixed_s=0.8, gb_per_s=3), tuple(visits))
