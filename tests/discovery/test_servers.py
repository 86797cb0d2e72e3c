"""Other model servers on this machine, found by asking where they usually listen."""

from __future__ import annotations

import asyncio
import tomllib

import pytest

from innkeeper.discovery.servers import FoundServer, find_servers
from tests.doubles.lmstudio_server import LmStudioServer
from tests.doubles.ollama_server import OllamaServer, Pulled
from tests.doubles.served import Served, serving


async def found(engine: str, url: str) -> list[FoundServer]:
    return await asyncio.to_thread(lambda: list(find_servers({engine: url})))


@pytest.mark.parametrize(
    ("engine", "double", "models"),
    [
        ("ollama", OllamaServer(other=Pulled()), ("tiny:latest", "other:latest")),
        ("lmstudio", LmStudioServer(), ("tiny",)),
    ],
    ids=["ollama", "lmstudio"],
)
async def test_one_that_answers_is_found_with_its_models(engine: str, double: Served, models: tuple[str, ...]) -> None:
    async with serving(double):
        (server,) = await found(engine, double.url)

    assert (server.engine, server.url, server.models) == (engine, double.url, models)


async def test_its_offer_is_what_the_settings_file_takes() -> None:
    double = OllamaServer()
    async with serving(double):
        (server,) = await found("ollama", double.url)

    assert tomllib.loads(server.offer) == {"models": {"tiny:latest": {"engine": "ollama"}}}


async def test_nobody_there_is_nothing_found() -> None:
    assert await found("ollama", "http://127.0.0.1:9") == []


async def test_somebody_else_there_is_nothing_found() -> None:
    double = LmStudioServer()
    async with serving(double):
        assert await found("ollama", double.url) == []


async def test_one_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("innkeeper.discovery.servers.ANSWERS_WITHIN_S", 0.05)
    double = OllamaServer()
    double.is_dumb = True
    async with serving(double):
        assert await found("ollama", double.url) == []
