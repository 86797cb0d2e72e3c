"""A whole server over an Ollama and an LM Studio that are not ours: answers, budget, and what they do by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import pytest

from tests.doubles.lmstudio_server import Downloaded, LmStudioServer
from tests.doubles.ollama_server import OllamaServer, Pulled
from tests.doubles.served import serving
from tests.stories.inn import Inn, an_inn

Result = TypeVar("Result")

MIB = 1 << 20


class Town:
    """An inn, and two other servers on the same machine."""

    def __init__(self, inn: Inn, ollama: OllamaServer, lmstudio: LmStudioServer) -> None:
        self.inn = inn
        self.ollama = ollama
        self.lmstudio = lmstudio

    async def at_inn(self, act: Callable[[Inn], Result]) -> Result:
        """Something done to the inn, from a thread: the doubles live in this loop."""
        return await asyncio.to_thread(act, self.inn)

    async def until_state(self, model: str, state: str) -> None:
        await self.at_inn(lambda inn: inn.until(lambda: inn.model(model)["state"] == state))


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    ollama = OllamaServer(big=Pulled(size_bytes=1000 * MIB, cache_bytes_per_token=0))
    lmstudio = LmStudioServer(other=Downloaded(size_bytes=200 * MIB))
    async with serving(ollama), serving(lmstudio):
        with an_inn() as inn:
            inn.settings(
                f"""
                budget = "1900 MiB"
                [ollama]
                url = "{ollama.url}"
                poll_s = 0.1
                [lmstudio]
                url = "{lmstudio.url}"
                poll_s = 0.1
                [models.big]
                engine = "ollama"
                memory = "1100 MiB"
                context = 512
                [models.theirs]
                engine = "lmstudio"
                memory = "1000 MiB"
                source = "other"
                context = 512
                """
            )
            await asyncio.to_thread(inn.start)
            yield Town(inn, ollama, lmstudio)
            await asyncio.to_thread(inn.close)


async def test_both_answer_and_leave_for_each_other_under_one_budget(town: Town) -> None:
    for model in ("big", "theirs", "big"):
        answer = await asyncio.to_thread(town.inn.say, model)
        assert answer.status == 200, answer

    assert (town.ollama.loads, town.lmstudio.loads) == (2, 1)
    assert (list(town.ollama.loaded), town.lmstudio.instances) == (["big:latest"], {})


async def test_what_happens_there_is_seen_here(town: Town) -> None:
    """C47"""
    town.ollama.take("big")
    await town.until_state("big", "ready")
    town.ollama.expire("big")
    await town.until_state("big", "cold")


async def test_when_the_inn_closes_its_models_leave(town: Town) -> None:
    await town.at_inn(lambda inn: inn.say("big"))
    await town.at_inn(lambda inn: inn.close())

    assert town.ollama.loaded == {}


async def test_a_server_that_dies_is_told_with_what_to_do(town: Town) -> None:
    await town.at_inn(lambda inn: inn.say("big"))
    town.ollama.die()
    await town.until_state("big", "cold")
    answer = await town.at_inn(lambda inn: inn.say("big"))

    assert answer.status in (502, 503)
    assert "ollama serve" in answer.error["message"]
