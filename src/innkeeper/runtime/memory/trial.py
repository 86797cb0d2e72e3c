"""One model alone, used until every page of its context was touched, or some windows were heard; what it then holds."""

from __future__ import annotations

import asyncio
import math
import struct
import wave
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from tempfile import NamedTemporaryFile
from typing import Final

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.engine import Adapter, Engine, Footprint, Holding
from innkeeper.runtime.errors import EngineFailed, PromptTooLong
from innkeeper.runtime.messages import Body, Done, Kind, Request

FIRST_GUESS_TOKENS: Final = 4096
"""The context that is taken for likely where nobody has set one."""

_ANSWER_TOKENS: Final = 8
_TRIES: Final = 7
_LISTEN_S: Final = 60
_SAMPLES_PER_S: Final = 16_000
_ORDER: Final = (Kind.COMPLETION, Kind.CHAT, Kind.EMBEDDING, Kind.RERANK)


@dataclass(frozen=True, slots=True)
class Trial:
    """What was expected of a model, and what it did."""

    expected: Footprint
    """What a load would have been charged before the trial."""
    holding: Holding
    learned: Footprint
    """What a load is charged from now on."""
    load_s: float
    prompt_tokens: int
    """Filled by all slots together; 0 where the engine does not say."""
    took_s: float
    """From the first request until the last answer."""


async def try_out(adapter: Adapter, model: Model, tell: Callable[[str], None], seconds: Callable[[], float]) -> Trial:
    """Start `model`, fill the context of every slot, read what it holds, stop it, and have it learned.

    `tell` hears what goes on, in words.

    Raises:
        LoadFailed: It does not become ready.
        EngineFailed: What it holds cannot be read on this machine, or its context cannot be filled.
    """
    expected = await asyncio.to_thread(adapter.footprint, model)  # it may ask a server
    engine = adapter.engine(model)
    try:
        tell("loading")
        began_s = seconds()
        await engine.start()
        ready_s = seconds()
        if Kind.TRANSCRIPTION in model.kinds:
            tell("listening")
            tokens = await _listen(engine, model)
        else:
            tell("looking for the longest prompt")
            words = await _most_words(engine, model)
            tell(f"filling {model.slots} × {words} words")
            tokens = await _fill(engine, model, words)
        done_s = seconds()
        holding = engine.holding()
    finally:
        await engine.stop()
    if holding is None:
        raise EngineFailed(f"What {model.id} holds cannot be read on this machine.")
    await asyncio.to_thread(adapter.learn, model, engine, holding)
    learned = await asyncio.to_thread(adapter.footprint, model)
    return Trial(expected, holding, learned, ready_s - began_s, tokens, done_s - ready_s)


async def _most_words(engine: Engine, model: Model) -> int:
    """Words that just fit a slot. Found by asking for too much: the refusal names both numbers and costs little."""
    words = 2 * (model.context or FIRST_GUESS_TOKENS)
    is_too_many = False
    for _ in range(_TRIES):
        try:
            await _ask(engine, model, slot=0, words=words)
        except PromptTooLong as error:
            needed, limit = error.numbers.get("needed_tokens"), error.numbers.get("limit_tokens")
            if not isinstance(needed, int) or not isinstance(limit, int) or needed <= limit:
                raise
            is_too_many = True
            words = int(words * (limit - _ANSWER_TOKENS) / needed) - 1
            if words < 1:
                break
        else:
            if is_too_many:
                return words
            words *= 2
    raise EngineFailed(f"No prompt was found that fills the context of {model.id}.")


async def _fill(engine: Engine, model: Model, words: int) -> int:
    async with asyncio.TaskGroup() as group:
        asked = [
            group.create_task(_ask(engine, model, slot, words), name=f"fill slot {slot} of {model.id}")
            for slot in range(model.slots)
        ]
    return sum(task.result() for task in asked)


async def _listen(engine: Engine, model: Model) -> int:
    """Have it hear two full windows of what might be a voice; no tokens are counted."""
    with NamedTemporaryFile(suffix=".wav") as file:
        with wave.open(file.name, "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(_SAMPLES_PER_S)
            syllable = [
                round(9_000 * math.sin(place / 11) * (1 + math.sin(place / 640))) for place in range(_SAMPLES_PER_S)
            ]
            sound.writeframes(struct.pack(f"<{_SAMPLES_PER_S}h", *syllable) * _LISTEN_S)
        return await _answered(engine, Request(f"measure-{model.id}", Kind.TRANSCRIPTION, {"file": file.name}))


async def _ask(engine: Engine, model: Model, slot: int, words: int) -> int:
    """Ask once; returns the tokens of the prompt."""
    kind = next(kind for kind in _ORDER if kind in model.kinds)
    request = Request(f"measure-{model.id}-{slot}", kind, _body(kind, model.id, slot, words), model=model.id)
    return await _answered(engine, request)


async def _answered(engine: Engine, request: Request) -> int:
    tokens = 0
    async with aclosing(engine.run(request)) as chunks:
        async for chunk in chunks:
            if isinstance(chunk, Done):
                tokens = chunk.usage.prompt_tokens
    return tokens


def _body(kind: Kind, model_id: str, slot: int, words: int) -> Body:
    # another first word for each slot, so that none can use what another has computed
    text = f"{slot} " + "inn " * (words - 1)
    match kind:
        case Kind.COMPLETION:
            return {"model": model_id, "prompt": text, "max_tokens": _ANSWER_TOKENS}
        case Kind.CHAT:
            message = {"role": "user", "content": text}
            return {"model": model_id, "messages": [message], "max_tokens": _ANSWER_TOKENS}
        case Kind.EMBEDDING:
            return {"model": model_id, "input": text}
        case Kind.RERANK:
            return {"model": model_id, "query": "inn", "documents": [text]}
        case Kind.TRANSCRIPTION:
            raise AssertionError("sound is not made of words; see _listen")
