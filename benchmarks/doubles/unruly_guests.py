"""Guests who ask, leave in the middle, kill engines and give orders: what they did and what became of it."""

from __future__ import annotations

import asyncio
import json
import signal
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from random import Random

import aiohttp
import psutil

from tests.stories.inn import words

ANSWER_WITHIN_S = 180.0


class Manner(Enum):
    """How a guest behaves after asking."""

    STAYS = "stays to the end"
    LEAVES_EARLY = "leaves before the first word"
    LEAVES_LATE = "leaves in the middle of the answer"


MANNERS = (Manner.STAYS, Manner.LEAVES_EARLY, Manner.LEAVES_LATE)
SHARES = (70, 15, 15)


@dataclass(slots=True)
class Doings:
    """What all guests did, and how it ended as they saw it."""

    endings: dict[str, str] = field(default_factory=dict)
    """By request id: "answered", the code of an error, "left", or what was broken about the ending."""
    broken: list[str] = field(default_factory=list)
    """Endings that no guest should see: a cut connection, half a stream, an error without a code."""
    kills: Counter[str] = field(default_factory=Counter)
    orders: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Guest:
    """One client, who asks one thing after another."""

    number: int
    url: str
    models: tuple[str, ...]
    random: Random
    doings: Doings

    async def ask_until(self, is_over: asyncio.Event) -> None:
        """Ask as long as the house is open to questions."""
        limit = aiohttp.ClientTimeout(total=ANSWER_WITHIN_S)
        async with aiohttp.ClientSession(self.url, timeout=limit) as session:
            count = 0
            while not is_over.is_set():
                count += 1
                request_id = f"g{self.number}-{count}"
                try:
                    ending = await self._ask(session, request_id)
                except (aiohttp.ClientError, TimeoutError, json.JSONDecodeError) as error:
                    ending = f"broken: {type(error).__name__}: {error}"
                    self.doings.broken.append(f"{request_id} {ending}")
                self.doings.endings[request_id] = ending
                await asyncio.sleep(self.random.uniform(0, 0.2))

    async def _ask(self, session: aiohttp.ClientSession, request_id: str) -> str:
        random = self.random
        # the first models of the list are the popular ones
        model = random.choices(self.models, weights=[1 / rank for rank in range(1, len(self.models) + 1)])[0]
        manner = random.choices(MANNERS, weights=SHARES)[0]
        streams = manner is Manner.LEAVES_LATE or random.random() < 0.5
        prompt = "Once upon a time " * random.randrange(1, 20)
        body = words(model, random.randrange(1, 33), stream=streams, prompt=prompt)
        asking = session.post("/v1/completions", json=body, headers={"x-request-id": request_id})
        if manner is Manner.LEAVES_EARLY:
            with suppress(TimeoutError):
                async with asyncio.timeout(random.uniform(0, 0.6)), asking as answer:
                    await answer.read()
                    return await _ending(answer)
            return "left"
        async with asking as answer:
            if manner is Manner.LEAVES_LATE and answer.status == 200:
                await answer.content.readany()
                answer.close()
                return "left"
            return await _ending(answer)


async def _ending(answer: aiohttp.ClientResponse) -> str:
    """How a request ended, by what its caller got.

    Raises:
        json.JSONDecodeError: It was given something else than an answer or an error.
    """
    raw = await answer.read()
    if answer.status != 200:
        return str(json.loads(raw)["error"]["code"])
    if answer.content_type != "text/event-stream":
        json.loads(raw)["choices"]
        return "answered"
    lines = [line for line in raw.decode().splitlines() if line.startswith("data:")]
    if not lines or lines[-1] != "data: [DONE]":
        raise aiohttp.ClientPayloadError(f"the stream ended without [DONE]: {raw[-80:]!r}")
    last = json.loads(lines[-2].removeprefix("data:")) if len(lines) > 1 else {}
    return str(last["error"]["code"]) if "error" in last else "answered"


async def kill_engines(server: psutil.Process, random: Random, doings: Doings, is_over: asyncio.Event) -> None:
    """Kill a child of the server, whichever it is and whatever it does, every few seconds."""
    while not await passed(is_over, random.expovariate(1 / 3.0)):
        with suppress(psutil.NoSuchProcess):
            children = server.children()
            if children:
                random.choice(children).send_signal(signal.SIGKILL)
                doings.kills["kill -9"] += 1


async def give_orders(
    url: str, models: tuple[str, ...], random: Random, doings: Doings, is_over: asyncio.Event
) -> None:
    """Unload, load, pin and unpin as an operator who cannot make up their mind."""
    async with aiohttp.ClientSession(url) as session:
        while not await passed(is_over, random.expovariate(1 / 2.0)):
            order = random.choice(("unload", "unload", "unload?force=true", "load", "pin"))
            model = random.choice(models)
            with suppress(aiohttp.ServerTimeoutError):
                async with session.post(f"/models/{model}/{order}") as answer:
                    await answer.read()
                    doings.orders[f"{order} {answer.status}"] += 1
            if order == "pin":
                await passed(is_over, random.uniform(0, 2))
                async with session.post(f"/models/{model}/unpin") as answer:
                    await answer.read()


async def passed(is_over: asyncio.Event, seconds: float) -> bool:
    """Wait so long; whether it is over by then."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await is_over.wait()
    return is_over.is_set()
