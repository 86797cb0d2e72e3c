"""A server that behaves like Ollama, written from its public API reference and its source: no weights, a token a word.

What it copies, because it bites: one answer at the end of a load and nothing before, silent truncation unless the
request forbids it, a reload when `num_ctx` changes, eviction by its own rule, NDJSON, errors in the middle of a stream
with status 200, and fields that older versions do not send. Where it could be wrong: docs/ollama.md.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from tests.doubles.served import Served

TEMPLATE_TOKENS: Final = 2
"""What the double's template adds to each message."""

TOO_LONG: Final = (
    "the prompt is longer than the context length currently available to the model; shorten the prompt, adjust the "
    "context length in settings, or use a model with a longer context length"
)
"""Source: llm/llama_server.go, 0.33."""


@dataclass
class Pulled:
    """A model on the double's disk."""

    size_bytes: int = 1_000_000
    cache_bytes_per_token: int = 100
    trained_context: int = 8192
    vram_part: float = 0.0
    """How much of it goes into GPU memory."""
    capabilities: tuple[str, ...] = ("completion", "tools")
    thinks: str = ""
    """What it says to itself before it answers, where it is asked to."""
    calls: tuple[str, dict[str, object]] | None = None
    """The tool it calls instead of answering."""


@dataclass
class InMemory:
    """A model that the double has loaded."""

    num_ctx: int
    keep_alive: float
    """Seconds; below zero means for ever."""
    options: dict[str, Any] = field(default_factory=dict)  # JSON


class OllamaServer(Served):
    """The double. `loaded` is what it has in memory; a test may load and unload behind everybody's back."""

    def __init__(self, *, version: str = "0.33.2", **pulled: Pulled) -> None:
        super().__init__()
        self.version = version
        self.pulled: dict[str, Pulled] = {"tiny:latest": Pulled(), **{_tagged(n): p for n, p in pulled.items()}}
        self.loaded: dict[str, InMemory] = {}
        self.most_loaded: int | None = None
        """More models than these are not held: the one with the shortest keep_alive leaves."""
        self.loads = 0
        self.is_loading = asyncio.Event()
        """Set when a load has begun."""
        self.may_load = asyncio.Event()
        """Cleared, loads take for ever."""
        self.may_load.set()
        self.may_answer = asyncio.Event()
        """Cleared, no answer begins."""
        self.may_answer.set()
        self.load_error: tuple[int, str] | None = None
        """What a load ends with."""
        self.breaks_after: int | None = None
        """Pieces after which a stream says an error and ends."""
        self.cuts_after: int | None = None
        """Pieces after which a stream ends without its last line."""
        self.keeps_what_it_has = False
        """Whether a request to unload is answered and not followed."""
        self.app.add_routes(
            [
                web.get("/api/version", self._version),
                web.get("/api/tags", self._tags),
                web.get("/api/ps", self._ps),
                web.post("/api/show", self._show),
                web.post("/api/generate", self._generate),
                web.post("/api/chat", self._chat),
                web.post("/api/embed", self._embed),
            ]
        )

    @property
    def is_old(self) -> bool:
        """Whether it knows neither `truncate` nor `context_length`."""
        return tuple(int(part) for part in self.version.split(".")) < (0, 13, 0)

    # ---- behind our back ----

    def take(self, name: str, *, num_ctx: int = 4096, keep_alive: float = 300.0) -> None:
        """Somebody else has it loaded."""
        self.loaded[_tagged(name)] = InMemory(num_ctx, keep_alive)

    def expire(self, name: str) -> None:
        """Its time is over, or somebody unloads it."""
        self.loaded.pop(_tagged(name), None)

    # ---- what it says of itself ----

    async def _version(self, _: web.Request) -> web.Response:
        return web.json_response({"version": self.version})

    async def _tags(self, _: web.Request) -> web.Response:
        listed = [
            {"name": name, "model": name, "size": each.size_bytes, "digest": f"sha-{name}", "details": _DETAILS}
            for name, each in self.pulled.items()
        ]
        return web.json_response({"models": listed})

    async def _ps(self, _: web.Request) -> web.Response:
        listed = []
        for name, held in self.loaded.items():
            size = self._bytes(name, held)
            row = {
                "name": name,
                "model": name,
                "size": size,
                "size_vram": round(size * self.pulled[name].vram_part),
                "digest": f"sha-{name}",
                "details": _DETAILS,
                "expires_at": "2318-01-01T00:00:00Z",
            }
            listed.append(row if self.is_old else row | {"context_length": held.num_ctx})
        return web.json_response({"models": listed})

    async def _show(self, request: web.Request) -> web.Response:
        body = await request.json()
        name = _tagged(str(body.get("model")))
        if name not in self.pulled:
            return _not_found(body)
        pulled = self.pulled[name]
        info = {
            "general.architecture": "llama",
            "llama.block_count": 4,
            "llama.context_length": pulled.trained_context,
            "llama.embedding_length": 64,
            "llama.attention.head_count": 8,
            "llama.attention.head_count_kv": 4,
        }
        return web.json_response(
            {"details": _DETAILS, "model_info": info, "capabilities": list(pulled.capabilities), "template": "{{ x }}"}
        )

    # ---- work ----

    async def _generate(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        return await self._work(request, body, [str(body.get("prompt", ""))], template_tokens=0, is_chat=False)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        texts = [str(message.get("content", "")) for message in body.get("messages", [])]
        return await self._work(request, body, texts, template_tokens=TEMPLATE_TOKENS, is_chat=True)

    async def _work(
        self, request: web.Request, body: dict[str, Any], texts: list[str], *, template_tokens: int, is_chat: bool
    ) -> web.StreamResponse:
        name = _tagged(str(body.get("model")))
        if name not in self.pulled:
            return _not_found(body)
        if not any(texts) and body.get("keep_alive") == 0:
            if not self.keeps_what_it_has:
                self.loaded.pop(name, None)
            return self._ending(name, is_chat, "unload")
        if "completion" not in self.pulled[name].capabilities:
            what = "chat" if is_chat else "generate"
            return web.json_response({"error": f'"{body["model"]}" does not support {what}'}, status=400)
        refused = await self._load(name, body)
        if refused is not None:
            return refused
        if not any(texts):
            return self._ending(name, is_chat, "load")
        limit = self.loaded[name].num_ctx
        words = [len(text.split()) + template_tokens for text in texts]
        if sum(words) > limit:
            if not self.is_old and body.get("shift") is False:
                return web.json_response({"error": TOO_LONG}, status=400)
            while len(words) > 1 and sum(words) > limit:  # the first messages go, the system prompt among them
                words.pop(0)
            words = [min(words[0], limit // 2), *words[1:]]
        await self.may_answer.wait()
        spoken = self._spoken(body, texts, limit)
        return await self._speak(request, body, spoken, sum(words), is_chat=is_chat)

    def _spoken(self, body: dict[str, Any], texts: list[str], limit: int) -> list[str]:
        said = texts[-1].split() or ["…"]
        wanted = body.get("options", {}).get("num_predict")
        count = min(wanted, limit) if isinstance(wanted, int) and wanted >= 0 else len(said)
        return [said[place % len(said)] for place in range(count)]

    async def _speak(
        self, request: web.Request, body: dict[str, Any], spoken: list[str], prompt: int, *, is_chat: bool
    ) -> web.StreamResponse:
        name = str(body["model"])
        pulled = self.pulled[_tagged(name)]
        ending = {
            "model": name,
            "created_at": _NOW,
            "done": True,
            "done_reason": "length" if body.get("options", {}).get("num_predict") == len(spoken) else "stop",
            "total_duration": 5_000_000,
            "load_duration": 1_000_000,
            "prompt_eval_count": prompt,
            "prompt_eval_duration": 1_000_000,
            "eval_count": len(spoken),
            "eval_duration": 2_000_000,
        }
        thoughts = pulled.thinks.split() if body.get("think") else []
        calls = pulled.calls if is_chat and body.get("tools") else None
        if body.get("stream") is False:
            if self.breaks_after is not None:
                return web.json_response({"error": "an error was encountered while running the model"}, status=500)
            text = "" if calls else " ".join(spoken)
            return web.json_response(ending | _said(text, " ".join(thoughts), calls, is_chat=is_chat))
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        for count, part in enumerate(_parts(thoughts, [] if calls else spoken, calls, is_chat=is_chat)):
            await asyncio.sleep(0.001)
            if count == self.breaks_after:
                await _line(response, {"error": "an error was encountered while running the model: CUDA error"})
                return response
            if count == self.cuts_after:
                return response
            await _line(response, {"model": name, "created_at": _NOW, **part, "done": False})
        await _line(response, ending | _said("", "", None, is_chat=is_chat))
        return response

    async def _embed(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        name = _tagged(str(body.get("model")))
        if name not in self.pulled:
            return _not_found(body)
        if not isinstance(body.get("input", []), (str, list)):
            return web.json_response({"error": "invalid input type"}, status=400)
        refused = await self._load(name, body)
        if refused is not None:
            return refused
        given = body.get("input", [])
        texts = [given] if isinstance(given, str) else given
        counts = [len(text.split()) for text in texts]
        if any(count > self.loaded[name].num_ctx for count in counts) and body.get("truncate") is False:
            return web.json_response({"error": "the input length exceeds the context length"}, status=400)
        rows = [[float(len(text)), 1.0] for text in texts]
        return web.json_response({"model": body["model"], "embeddings": rows, "prompt_eval_count": sum(counts)})

    async def _load(self, name: str, body: dict[str, Any]) -> web.Response | None:
        options = dict(body.get("options", {}))
        wanted = min(int(options.get("num_ctx", 4096)), self.pulled[name].trained_context)
        keep_alive = body.get("keep_alive", 300)
        held = self.loaded.get(name)
        if held is None or held.num_ctx != wanted:
            self.loaded.pop(name, None)  # another context is another load
            self.loads += 1
            self.is_loading.set()
            await self.may_load.wait()
            if self.load_error is not None:
                status, message = self.load_error
                return web.json_response({"error": message}, status=status)
            while self.most_loaded is not None and len(self.loaded) >= self.most_loaded:
                victim = min(self.loaded, key=lambda each: (_lasting(self.loaded[each].keep_alive), each))
                del self.loaded[victim]
            self.loaded[name] = InMemory(wanted, keep_alive, options)
        else:
            held.keep_alive = keep_alive
        return None

    def _bytes(self, name: str, held: InMemory) -> int:
        pulled = self.pulled[name]
        return pulled.size_bytes + held.num_ctx * pulled.cache_bytes_per_token

    def _ending(self, name: str, is_chat: bool, reason: str) -> web.Response:
        said = _said("", "", None, is_chat=is_chat)
        return web.json_response({"model": name, "created_at": _NOW, "done": True, "done_reason": reason, **said})


_NOW: Final = "2026-11-20T19:00:00Z"
_DETAILS: Final = {"format": "gguf", "family": "llama", "parameter_size": "1B", "quantization_level": "Q4_K_M"}


def _tagged(name: str) -> str:
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def _lasting(keep_alive: float) -> float:
    return float("inf") if keep_alive < 0 else keep_alive


def _not_found(body: dict[str, Any]) -> web.Response:
    name = body.get("model")
    return web.json_response({"error": f"model '{name}' not found, try pulling it first"}, status=404)


def _parts(
    thoughts: list[str], spoken: list[str], calls: tuple[str, dict[str, object]] | None, *, is_chat: bool
) -> Iterator[dict[str, Any]]:
    for place, word in enumerate(thoughts):
        yield _said("", word if place == 0 else f" {word}", None, is_chat=is_chat)
    for place, word in enumerate(spoken):
        yield _said(word if place == 0 else f" {word}", "", None, is_chat=is_chat)
    if calls is not None:
        yield _said("", "", calls, is_chat=is_chat)


def _said(
    text: str, thoughts: str, calls: tuple[str, dict[str, object]] | None, *, is_chat: bool
) -> dict[str, Any]:  # JSON
    if not is_chat:
        return {"response": text} | ({"thinking": thoughts} if thoughts else {})
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if thoughts:
        message["thinking"] = thoughts
    if calls is not None:
        message["tool_calls"] = [{"function": {"name": calls[0], "arguments": calls[1]}}]
    return {"message": message}


async def _line(response: web.StreamResponse, document: dict[str, Any]) -> None:
    await response.write(json.dumps(document).encode() + b"\n")
