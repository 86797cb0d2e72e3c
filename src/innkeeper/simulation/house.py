"""A workload over the models of this installation: sizes as known, speeds as timed or as the sizes say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from innkeeper.runtime.catalog import Bytes, Catalog, Model
from innkeeper.runtime.routing.choice import Worth
from innkeeper.runtime.routing.deadlines import Targets
from innkeeper.runtime.routing.timing import HOSTED_FIRST_S, Timing
from innkeeper.runtime.standing import Presence, Standing
from innkeeper.simulation.workload import Pace, Workload, is_hosted

MANY_TOKENS: Final = 1000
"""Of a prompt, to tell how long one token takes to read."""

HOSTED_TOKENS_PER_S: Final = 60.0
"""What a hosted model writes in a second, where nobody timed it."""


def paces(
    models: Iterable[Model], needs: Mapping[str, Bytes], loads_s: Mapping[str, float], timing: Timing
) -> dict[str, Pace]:
    """Of those whose needs are known, and of the hosted ones: the others cannot be simulated."""
    found = {}
    for model in models:
        if is_hosted(model):
            found[model.id] = Pace({}, 0.0, 1e6, HOSTED_TOKENS_PER_S, HOSTED_FIRST_S)
        elif model.id in needs:
            standing = Standing(model.id, Presence.READY, needs[model.id], model.slots)
            expected = timing.expected(standing, MANY_TOKENS)
            found[model.id] = Pace(
                needs[model.id],
                loads_s[model.id],
                MANY_TOKENS / max(expected.prefill_s, 1e-6),
                1 / max(expected.decode_s, 1e-6),
            )
    return found


def workload(
    name: str,
    budget: Bytes,
    catalog: Catalog,
    known: Mapping[str, Pace],
    *,
    targets: Targets | None = None,
    worth: Worth | None = None,
) -> Workload:
    """The models that are known, and nobody who asks for them yet."""
    able = Catalog(
        tuple(model for model in catalog if model.id in known),
        catalog.default if catalog.default in known else None,
        catalog.embeds if catalog.embeds in known else None,
    )
    return Workload(
        name,
        budget,
        able,
        known,
        (),
        targets or Targets(),
        worth or Worth(),
    )
