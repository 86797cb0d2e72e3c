"""Models of a machine by their sizes: how long each loads, reads and writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.messages import Kind
from innkeeper.runtime.price import Price
from innkeeper.simulation.workload import GB, MEMORY, Pace


@dataclass(frozen=True, slots=True)
class Machine:
    """What of a machine makes models fast or slow."""

    start_s: float
    """The part of every load that does not depend on its size: process and device."""
    load_gb_per_s: float
    """Bytes that reach fast memory, in gigabytes a second."""
    weights_gb_per_s: float
    """Bytes of weights that pass by in a second: all of them do for each token that is written."""
    prompt_at_once: float
    """Tokens of a prompt that are read in the time of one that is written."""

    def pace(self, gb: float) -> Pace:
        """Of a model of so many gigabytes."""
        answer_tokens_per_s = self.weights_gb_per_s / gb
        return Pace(
            {MEMORY: round(gb * GB)},
            self.start_s + gb / self.load_gb_per_s,
            self.prompt_at_once * answer_tokens_per_s,
            answer_tokens_per_s,
        )


GAMING_PC: Final = Machine(start_s=0.8, load_gb_per_s=3.0, weights_gb_per_s=300.0, prompt_at_once=40.0)
"""A 16 GB card with a fast disk."""

SMALL_SERVER: Final = Machine(start_s=1.0, load_gb_per_s=0.4, weights_gb_per_s=20.0, prompt_at_once=8.0)
"""Two cores and a network disk."""

HALF_ON_THE_CARD: Final = Pace({MEMORY: 14_500_000_000}, 0.8 + 14.5 / 3.0, 200.0, 6.0)
"""A 35B of which 14.5 GB are on the 16 GB card and the rest is not: each token waits for main memory."""

CLOUD: Final = Pace({}, load_s=0.0, prompt_tokens_per_s=20_000.0, answer_tokens_per_s=60.0, delay_s=0.7)
"""A hosted model: nothing to load, and 0.7 s to the first words."""

CLOUD_PRICE: Final = Price(input_per_million=0.3, output_per_million=1.2)


def local(name: str, quality: Mapping[str, float], *, kind: Kind = Kind.CHAT, slots: int = 4) -> Model:
    """A model that is loaded here. It is for the tasks and languages of whole quality; for others it may stand in."""
    whole = frozenset(name for name, one in quality.items() if name and one == 1.0)
    languages = whole & {"el"}
    return Model(
        name,
        "simulated",
        frozenset({kind}),
        tasks=whole - languages,
        languages=languages,
        quality=quality,
        slots=slots,
        keep_for_s=None,
    )


def cloud(quality: Mapping[str, float]) -> Model:
    """A hosted model, as good as said; never the right one by itself, so that it only stands in."""
    return Model(
        "cloud",
        "simulated",
        frozenset({Kind.CHAT}),
        quality={"": 0.0, **quality},
        provider="cloud",
        price=CLOUD_PRICE,
        sent_to="a cloud",
        slots=64,
        keep_for_s=None,
    )
