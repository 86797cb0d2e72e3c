"""One load of a model by Ollama: have it loaded, pass questions to it in Ollama's words, have it let go."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

from innkeeper.runtime.catalog import Model, Option
from innkeeper.runtime.engines.foreign import SILENCE_S, ForeignEngine, ForeignServer
from innkeeper.runtime.engines.ollama_answer import Rendering, error_text, refusal, too_long, usage
from innkeeper.runtime.engines.ollama_asking import PATHS, Bounds, asked, bounds
from innkeeper.runtime.engines.ollama_server import Described, OllamaServer, can_refuse, tagged
from innkeeper.runtime.errors import EngineFailed, LoadFailed, NotSupported, PromptTooLong
from innkeeper.runtime.messages import Chunk, Done, Kind, Piece, Request


class OllamaEngine(ForeignEngine):
    """One load of a model."""

    def __init__(
        self,
        model: Model,
        source: str,
        server: ForeignServer,
        ollama: OllamaServer,
        *,
        context_of: Callable[[Described | None], int],
        options: Mapping[str, Option],
    ) -> None:
        """`context_of` gives the tokens a request may use; `options` are sent with every request."""
        super().__init__(model, tagged(source), server)
        self._ollama = ollama
        self._context_of = context_of
        self._options = options
        self._context: int | None = None
        self._refuses = True
        self.described: Described | None = None
        """What it is; None before it was loaded by us, or asked after somebody else had."""

    @property
    def context(self) -> int:
        """Tokens of a request. What is loaded with more than we asked for is used as it is: less would reload it."""
        wanted = self._context if self._context is not None else self._context_of(self.described)
        held = self.held
        return wanted if held is None or held.context is None else max(wanted, held.context)

    async def _load(self) -> None:
        described = await self._look_at_it()
        self._refuse_impossible(described)
        self._context = self._context_of(described)
        await self._ollama.load(self.source, context=self._context, options=self._options, embeds=_embeds(described))

    async def _look_at_it(self) -> Described:
        """What it is, and what its server can do: asked for once."""
        if self.described is None:
            self._refuses = can_refuse(await self._ollama.version())
            self.described = await self._ollama.describe(self.source)
        return self.described

    async def _restore(self) -> None:
        """Each of our requests said that it is to stay: from now on the server's own time counts again."""
        if self.described is None:  # nothing was asked of it
            return
        embeds = _embeds(self.described)
        await self._ollama.load(self.source, context=self.context, options=self._options, embeds=embeds, stays=False)

    async def _unload(self) -> None:
        await self._ollama.unload(self.source)

    async def run(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """See `Engine.run`."""
        self.refuse_foreign(request.kind)
        length = bounds(request)
        await self.unless_gone(self._look_at_it())
        self._refuse_too_long(length)
        body = asked(self.source, request, context=self.context, load_options=self._options)
        rendering = Rendering(self.model.id, request)
        async with AsyncExitStack() as opened:
            opening = self._ollama.http.stream("POST", PATHS[request.kind], body, silence_s=SILENCE_S)
            stream = await self.unless_gone(opened.enter_async_context(opening))
            if stream.status != 200:
                data = await self.unless_gone(stream.data())
                limit = self.context
                raise refusal(self.model.id, stream.status, data, least_tokens=length.least, limit_tokens=limit)
            if not request.streams or request.kind is Kind.EMBEDDING:
                said = self._parsed(await self.unless_gone(stream.data()))
                self._refuse_cut(said, length)
                yield Piece(rendering.whole(said))
                yield Done(usage(said))
                return
            lines = stream.lines()
            last: dict[str, Any] | None = None  # JSON from the server
            while last is None and (line := await self.unless_gone(anext(lines, None))) is not None:
                said = self._parsed(line)
                if said.get("done"):
                    self._refuse_cut(said, length)
                    last = said
                for piece in rendering.pieces(said):
                    yield Piece(piece)
            if last is None:
                raise EngineFailed(f"{self.model.id}: Ollama ended its answer in the middle.")
            yield Done(usage(last))

    def _refuse_impossible(self, described: Described) -> None:
        """An embedding model that is entered as one that talks would fail at every request: say so at once."""
        can = described.capabilities
        if can is None:
            return
        wrong = {
            kind.value
            for kind in self.model.kinds
            if (kind is Kind.EMBEDDING and can.isdisjoint({"embedding", "completion"}))
            or (kind in {Kind.CHAT, Kind.COMPLETION} and "completion" not in can)
            or kind is Kind.RERANK
        }
        if wrong:
            does = ", ".join(sorted(can))
            raise LoadFailed(
                f"{self.source} does not do {', '.join(sorted(wrong))}; Ollama says it does {does}. Set its `kinds`."
            )

    def _refuse_too_long(self, length: Bounds) -> None:
        limit = self.context
        if length.least >= limit:
            raise too_long(self.model.id, length.least, limit)
        if self._refuses or (length.most is not None and length.most <= limit):
            return
        if length.most is None:
            raise NotSupported(
                f"{self.model.id}: this version of Ollama cuts prompts silently, and how long one with "
                "pictures is cannot be known. Update Ollama.",
                param="model",
            )
        raise PromptTooLong(
            f"{self.model.id}: the prompt may have up to {length.most} tokens, a request may use {limit}, and this "
            "version of Ollama cuts what is too long without saying so. Update Ollama, or raise the model's `context`.",
            needed_tokens=length.most,
            limit_tokens=limit,
        )

    def _refuse_cut(self, said: dict[str, Any], length: Bounds) -> None:
        """What read fewer tokens than the prompt has words has not read all of it."""
        read = said.get("prompt_eval_count")
        if isinstance(read, int) and 0 < read < length.least:
            raise EngineFailed(
                f"{self.model.id}: Ollama read {read} tokens of a prompt that has at least {length.least}: it cut the "
                "prompt, and its answer is to something else. Update Ollama, or raise the model's `context`.",
                read_tokens=read,
                least_tokens=length.least,
            )

    def _parsed(self, line: bytes) -> dict[str, Any]:
        try:
            said = json.loads(line)
        except ValueError:
            said = None
        if not isinstance(said, dict):
            raise EngineFailed(f"{self.model.id}: Ollama answered with something that is no JSON object.")
        if "error" in said:
            raise EngineFailed(f"{self.model.id}: Ollama answered with an error: {error_text(line)}")
        return said


def _embeds(described: Described) -> bool:
    return described.capabilities == frozenset({"embedding"})
