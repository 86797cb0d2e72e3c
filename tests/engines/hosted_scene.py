"""A hosted adapter before a double of its provider, with clocks, chance and money in a test's hands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.engines.hosted import Hosted
from innkeeper.runtime.engines.hosted_attempt import House
from innkeeper.runtime.engines.hosted_engine import HostedEngine
from innkeeper.runtime.engines.provider import Key, Provider
from innkeeper.runtime.errors import InnkeeperError
from innkeeper.runtime.facts import Fact
from innkeeper.runtime.messages import Chunk, Kind, Request
from innkeeper.runtime.price import Price
from innkeeper.runtime.spending.book import SpendBook
from innkeeper.runtime.spending.purse import Ceilings
from innkeeper.runtime.spending.spending import Spending
from tests.doubles.hosted_server import KEY, LIMIT_TOKENS, HostedServer
from tests.doubles.served import serving
from tests.engines.asking import ask, chat

CLOUD = Model(
    "cloud",
    "hosted",
    frozenset({Kind.CHAT, Kind.COMPLETION}),
    provider="acme",
    source="vendor/large",
    price=Price(1.0, 2.0),
    context=LIMIT_TOKENS,
    slots=2,
)
EMBEDDER = replace(CLOUD, id="vectors", kinds=frozenset({Kind.EMBEDDING}), source="vendor/embed")
NOW_UNIX_S = 1_769_860_800.0
"""2026-01-31 12:00 UTC."""


@dataclass
class Scene:
    """The adapter, the double, and what was seen."""

    server: HostedServer
    hosted: Hosted
    spending: Spending
    house: House
    facts: list[Fact] = field(default_factory=list)
    pauses_s: list[float] = field(default_factory=list)
    """How long it waited before each retry."""
    now_s: list[float] = field(default_factory=lambda: [0.0])

    async def engine(self, model: Model = CLOUD) -> HostedEngine:
        """Started."""
        self.hosted.footprint(model)  # as the keeper does, before anything is loaded
        engine = self.hosted.engine(model)
        await engine.start()
        return engine

    def sent(self, path: str = "/v1/chat/completions") -> list[Any]:  # JSON
        """The bodies that reached the provider."""
        return self.server.bodies(path)


@asynccontextmanager
async def hosted_scene(folder: Path, ceilings: Ceilings | None = None, **provider: Any) -> AsyncIterator[Scene]:
    """`provider`: fields of `Provider`. Time stands still, but for the pauses between retries."""
    server = HostedServer()
    async with serving(server):
        facts: list[Fact] = []
        pauses_s: list[float] = []
        now_s = [0.0]

        async def sleep(length_s: float) -> None:
            pauses_s.append(length_s)
            now_s[0] += length_s

        spending = Spending(
            ceilings or Ceilings(), SpendBook(folder / "spend.sqlite"), clock=lambda: NOW_UNIX_S, note=facts.append
        )
        house = House(
            spending, facts.append, lambda: now_s[0], lambda: NOW_UNIX_S, lambda: 1.0, folder / "uploads", sleep
        )
        acme = Provider(**{"name": "acme", "url": server.api, "key_from": "ACME_API_KEY", "key": Key(KEY), **provider})
        hosted = Hosted([acme], house)
        try:
            yield Scene(server, hosted, spending, house, facts, pauses_s, now_s)
        finally:
            await hosted.close()


async def answer(scene: Scene, request: Request | None = None) -> list[Chunk]:
    """What the hosted model answers to that, or to three words."""
    return await ask(await scene.engine(), request or chat("one two three", streams=True))


async def refusal(scene: Scene, request: Request | None = None) -> InnkeeperError:
    """The error that ends the same."""
    with pytest.raises(InnkeeperError) as raised:
        await answer(scene, request)
    return raised.value
