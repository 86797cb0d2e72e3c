"""A server that behaves like LM Studio from 0.4 on, written from its public REST reference: a token is a word.

What it copies, because it bites: several instances of a model, loads on the first request (JIT) that send the model
before away, a switch that turns them off, a time after which an idle model goes, and no word about memory.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from tests.doubles.served import Served

TEMPLATE_TOKENS: Final = 2
"""What the double's template adds to each message."""


@dataclass
class Downloaded:
    """A model on the double's disk."""

    size_bytes: int = 1_000_000
    kind: str = "llm"
    longest_context: int = 8192


@dataclass
class Instance:
    """A copy of a model in memory."""

    key: str
    context: int
    is_jit: bool = False


class LmStudioServer(Served):
    """The double. `instances` is what it has in memory, by their ids."""

    def __init__(self, *, token: str | None = None, **downloaded: Downloaded) -> None:
        super().__init__()
        self.downloaded: dict[str, Downloaded] = {"tiny": Downloaded(), **downloaded}
        self.instances: dict[str, Instance] = {}
        self.loads = 0
        self.loads_by_itself = True
        """Whether a request for a model that is not in memory loads it (JIT), sending away what came like that."""
        self.load_error: str | None = None
        self.breaks_after: int | None = None
        """Pieces after which a stream tells of an error and ends."""
        self.is_old = False
        """Whether it is from before 0.4, without /api/v1."""
        self.cuts_silently = False
        """Whether it drops the middle of what is too long."""
        self._token = token
        self.app.add_routes(
            [
                web.get("/api/v1/models", self._list),
                web.post("/api/v1/models/load", self._load),
                web.post("/api/v1/models/unload", self._unload),
                web.post("/v1/chat/completions", self._chat),
                web.post("/v1/completions", self._complete),
                web.post("/v1/embeddings", self._embed),
            ]
        )

    # ---- behind our back ----

    def take(self, key: str, context: int = 4096) -> None:
        """Somebody has it loaded by hand."""
        self.instances[self._free_id(key)] = Instance(key, context)

    def expire(self, key: str) -> None:
        """Its time is over, or somebody ejects it."""
        self.instances = {name: one for name, one in self.instances.items() if one.key != key}

    # ---- models ----

    async def _list(self, request: web.Request) -> web.Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        rows = [
            {
                "type": each.kind,
                "publisher": "somebody",
                "key": key,
                "display_name": key,
                "size_bytes": each.size_bytes,
                "max_context_length": each.longest_context,
                "loaded_instances": [
                    {"id": name, "config": {"context_length": one.context}}
                    for name, one in self.instances.items()
                    if one.key == key
                ],
            }
            for key, each in self.downloaded.items()
        ]
        return web.json_response({"models": rows})

    async def _load(self, request: web.Request) -> web.Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        body = await request.json()
        key = body.get("model")
        if key not in self.downloaded:
            return _error(404, f"Model not found: {key}", "model_not_found")
        if self.load_error is not None:
            return _error(500, self.load_error, "model_load_failed")
        name = self._free_id(key)
        self.loads += 1
        self.instances[name] = Instance(key, body.get("context_length", 4096))
        said = {"type": "llm", "instance_id": name, "load_time_seconds": 0.1, "status": "loaded"}
        return web.json_response(said)

    async def _unload(self, request: web.Request) -> web.Response:
        body = await request.json()
        name = body.get("instance_id")
        if name not in self.instances:
            return _error(404, f"Cannot find a model instance {name}", "model_not_found")
        del self.instances[name]
        return web.json_response({"instance_id": name})

    # ---- work ----

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        texts = [str(message.get("content", "")) for message in body.get("messages", [])]
        return await self._answer(request, body, texts, TEMPLATE_TOKENS, "chat.completion")

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if not isinstance(body.get("prompt"), str):
            return _error(400, "'prompt' must be a string", "invalid_request")
        return await self._answer(request, body, [body["prompt"]], 0, "text_completion")

    async def _answer(
        self, request: web.Request, body: dict[str, Any], texts: list[str], template_tokens: int, name: str
    ) -> web.StreamResponse:
        found = self._found(body)
        if isinstance(found, web.Response):
            return found
        prompt = sum(len(text.split()) + template_tokens for text in texts)
        if prompt > found.context:
            if not self.cuts_silently:
                return _error(
                    400,
                    f"The number of tokens to keep from the initial prompt ({prompt}) is greater than "
                    "the context length. Try to load the model with a larger context length",
                    "invalid",
                )
            prompt = found.context // 2
        said = texts[-1].split() or ["…"]
        limit = body.get("max_tokens")
        count = min(limit, found.context) if isinstance(limit, int) else len(said)
        words = [said[place % len(said)] for place in range(count)]
        usage = {"prompt_tokens": prompt, "completion_tokens": count, "total_tokens": prompt + count}
        head = {"id": "x-1", "created": 1, "model": body["model"]}
        is_chat = name == "chat.completion"
        if not body.get("stream"):
            text = " ".join(words)
            part = {"message": {"role": "assistant", "content": text}} if is_chat else {"text": text}
            choice = {"index": 0, "finish_reason": "stop", **part}
            return web.json_response({**head, "object": name, "choices": [choice], "usage": usage})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        head["object"] = f"{name}.chunk" if is_chat else name
        for place, word in enumerate(words):
            await asyncio.sleep(0.001)
            if place == self.breaks_after:
                await response.write(b'event: error\ndata: {"error":{"message":"The model has crashed."}}\n\n')
                return response
            text = word if place == 0 else f" {word}"
            part = {"delta": {"content": text}} if is_chat else {"text": text}
            await _event(response, {**head, "choices": [{"index": 0, "finish_reason": None, **part}]})
        ending: dict[str, Any] = {"delta": {}} if is_chat else {"text": ""}
        await _event(response, {**head, "choices": [{"index": 0, "finish_reason": "stop", **ending}]})
        if (body.get("stream_options") or {}).get("include_usage"):
            await _event(response, {**head, "choices": [], "usage": usage})
        await response.write(b"data: [DONE]\n\n")
        return response

    async def _embed(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        found = self._found(body)
        if isinstance(found, web.Response):
            return found
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        rows = [{"object": "embedding", "index": i, "embedding": [float(len(text))]} for i, text in enumerate(texts)]
        usage = {"prompt_tokens": sum(len(text.split()) for text in texts), "total_tokens": 0}
        return web.json_response({"object": "list", "data": rows, "model": body["model"], "usage": usage})

    def _found(self, body: dict[str, Any]) -> Instance | web.Response:
        name = str(body.get("model"))
        if name in self.instances:
            return self.instances[name]
        if not self.loads_by_itself or name not in self.downloaded:
            return _error(404, f"Model {name} is not loaded. No models loaded.", "model_not_found")
        self.instances = {one: each for one, each in self.instances.items() if not each.is_jit}
        self.loads += 1
        self.instances[name] = Instance(name, 4096, is_jit=True)
        return self.instances[name]

    def _refused(self, request: web.Request) -> web.Response | None:
        if self.is_old:
            return web.json_response({"error": f"Unexpected endpoint or method. ({request.path})"}, status=404)
        if self._token is not None and request.headers.get("Authorization") != f"Bearer {self._token}":
            return _error(401, "An LM Studio API token is required to make requests to this server", "invalid_api_key")
        return None

    def _free_id(self, key: str) -> str:
        number = 2
        if key not in self.instances:
            return key
        while f"{key}:{number}" in self.instances:
            number += 1
        return f"{key}:{number}"


def _error(status: int, message: str, code: str) -> web.Response:
    error = {"message": message, "type": "invalid_request", "code": code, "param": None}
    return web.json_response({"error": error}, status=status)


async def _event(response: web.StreamResponse, document: dict[str, Any]) -> None:
    await response.write(b"data: " + json.dumps(document).encode() + b"\n\n")
