"""One load of a model by LM Studio: have it loaded, pass questions to it in OpenAI's words, have it let go."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from typing import Any, Final

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.engines.foreign import SILENCE_S, ForeignEngine, ForeignServer
from innkeeper.runtime.engines.hosted_answer import END, TARGETS, counted, error_of, event_data, only_counts, ours, read
from innkeeper.runtime.engines.lmstudio_server import Listed, LmStudioServer, error_text
from innkeeper.runtime.engines.remote_http import RemoteStream
from innkeeper.runtime.errors import EngineFailed, InnkeeperError, InvalidRequest, LoadFailed, PromptTooLong
from innkeeper.runtime.messages import Body, Chunk, Done, Piece, Request, Usage

_TOO_LONG: Final = re.compile(r"context (length|window|size)|context the overflows", re.IGNORECASE)
_NOT_LOADED: Final = re.compile(r"not loaded|no models? loaded|model_not_found|unloaded|not found", re.IGNORECASE)


class LmStudioEngine(ForeignEngine):
    """One load of a model."""

    def __init__(
        self,
        model: Model,
        source: str,
        server: ForeignServer,
        lmstudio: LmStudioServer,
        context_of: Callable[[Listed | None], int],
    ) -> None:
        """`context_of` gives the tokens a request may use."""
        super().__init__(model, source, server)
        self._lmstudio = lmstudio
        self._context_of = context_of

    @property
    def context(self) -> int:
        """Tokens of a request: as it is loaded there."""
        held = self.held
        return held.context if held is not None and held.context is not None else self._context_of(None)

    async def _load(self) -> None:
        listed = (await self._lmstudio.listed()).get(self.source)
        if listed is None:
            raise LoadFailed(f"LM Studio has no model {self.source!r}. Fetch it with `lms get {self.source}`.")
        wanted = self._context_of(listed)
        if any(tokens is None or tokens >= wanted for tokens in listed.instances.values()):
            return  # it is there already; loading again would make a second copy
        for instance in listed.instances:
            await self._lmstudio.unload(instance)
        await self._lmstudio.load(self.source, wanted)

    async def _unload(self) -> None:
        for instance in self.held.instances if self.held is not None else ():
            await self._lmstudio.unload(instance)

    async def run(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """See `Engine.run`."""
        self.refuse_foreign(request.kind)
        least = _words(request.body)
        if least >= self.context:
            raise self._too_long(least)
        wants_count = bool((request.body.get("stream_options") or {}).get("include_usage"))
        async with AsyncExitStack() as opened:
            stream = await self._asked(opened, request)
            if stream.status != 200:
                raise self._refusal(stream.status, await self.unless_gone(stream.data()), least)
            if "text/event-stream" not in stream.headers.get("content-type", ""):
                document = read(await self.unless_gone(stream.data()))
                if document is None or error_of(document) is not None:
                    raise self._failure(document)
                usage = self._counted(document, least, Usage())
                yield Piece(ours(document, self.model.id))
                yield Done(usage)
                return
            usage, is_complete = Usage(), False
            lines = stream.lines()
            while not is_complete and (line := await self.unless_gone(anext(lines, None))) is not None:
                data = event_data(line)
                if not data:
                    continue
                if data == END:
                    is_complete = True
                    continue
                document = read(data)
                if document is None or error_of(document) is not None:
                    raise self._failure(document)
                usage = self._counted(document, least, usage)
                if wants_count or not only_counts(document):
                    yield Piece(ours(document, self.model.id))
            if not is_complete:
                raise EngineFailed(f"{self.model.id}: LM Studio ended its answer in the middle.")
            yield Done(usage)

    async def _asked(self, opened: AsyncExitStack, request: Request) -> RemoteStream:
        """The beginning of the answer. A model that was unloaded behind our back is loaded again, once."""
        for is_last in (False, True):
            held = self.held
            instance = held.instances[0] if held is not None and held.instances else self.source
            body: dict[str, Any] = {**request.body, "model": instance, "stream": request.streams}  # JSON on its way out
            if request.streams:
                body["stream_options"] = {**(request.body.get("stream_options") or {}), "include_usage": True}
            path = f"/v1{TARGETS[request.kind]}"
            opening = self._lmstudio.http.stream("POST", path, body, silence_s=SILENCE_S)
            stream = await self.unless_gone(opened.enter_async_context(opening))
            if is_last or stream.status not in (400, 404):
                return stream
            data = await self.unless_gone(stream.data())
            if not _NOT_LOADED.search(error_text(data)):
                raise self._refusal(stream.status, data, _words(request.body))
            await self.unless_gone(self._load())
            await self._server.look()
        raise AssertionError("the second try returns")

    def _counted(self, document: dict[str, Any], least: int, before: Usage) -> Usage:
        """The tokens it tells of. One that read fewer than the prompt has words has not read all of it."""
        found = counted(document)
        if found is None:
            return before
        if 0 < found.usage.prompt_tokens < least:
            raise EngineFailed(
                f"{self.model.id}: LM Studio read {found.usage.prompt_tokens} tokens of a prompt that has at least "
                f"{least}: it cut the prompt, and its answer is to something else. Raise the model's `context`.",
                read_tokens=found.usage.prompt_tokens,
                least_tokens=least,
            )
        return found.usage

    def _failure(self, document: dict[str, Any] | None) -> EngineFailed:
        error = error_of(document) if document is not None else {"message": "something that is no JSON object"}
        message = (error or {}).get("message", "nothing")
        return EngineFailed(f"{self.model.id}: LM Studio answered with an error: {message}")

    def _refusal(self, status: int, data: bytes, least: int) -> InnkeeperError:
        message = error_text(data)
        if _TOO_LONG.search(message):
            return self._too_long(max(least, self.context + 1))
        if status in (400, 422):
            return InvalidRequest(message)
        return EngineFailed(f"{self.model.id}: LM Studio answered with an error: {message}", status=status)

    def _too_long(self, least: int) -> PromptTooLong:
        return PromptTooLong(
            f"{self.model.id}: the prompt has {least} tokens or more, and a request may use {self.context}, its answer "
            "included. Shorten the prompt or raise the model's `context`.",
            needed_tokens=least,
            limit_tokens=self.context,
        )


def _words(body: Body) -> int:
    """Words of the longest prompt in a request; each is at least one token. Nothing is counted that is no text."""
    messages, prompt, given = body.get("messages"), body.get("prompt"), body.get("input")
    if isinstance(messages, list):
        return sum(_of(message.get("content")) for message in messages if isinstance(message, dict))
    texts = given if given is not None else prompt
    return max(map(_of, texts), default=0) if isinstance(texts, list) else _of(texts)


def _of(content: object) -> int:
    if isinstance(content, str):
        return len(content.split())
    parts = content if isinstance(content, list) else ()
    return sum(_of(part.get("text")) for part in parts if isinstance(part, dict))
