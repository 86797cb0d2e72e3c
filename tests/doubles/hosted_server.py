"""A server that behaves like an OpenAI-compatible API on its good and bad days: no weights, a token a word.

Written from the public references of OpenAI and OpenRouter. What it copies, because it bites: comments in a stream,
errors in an answer of status 200 and in the middle of a stream, the same refusal in different words, usage that comes
only when asked for or never, answers with nothing in them. Where it could be wrong: docs/hosted.md.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from tests.doubles.hosted_ear import Ear, error_answer, read_form
from tests.doubles.served import Served

KEY: Final = "sk-or-v1-0123456789abcdef-THE-SECRET"
LIMIT_TOKENS: Final = 256

Json = dict[str, Any]  # as it was sent


@dataclass(frozen=True)
class Fault:
    """One request that goes wrong. The defaults are an answer that is refused as a whole."""

    status: int = 500
    error: Mapping[str, Any] = field(default_factory=lambda: {"message": "Internal server error"})
    headers: Mapping[str, str] = field(default_factory=dict)
    after_pieces: int | None = None
    """The answer begins with status 200, and goes wrong after so many pieces; None refuses at once."""
    how: str = "error"
    """After those pieces: "error" tells it in the stream, "cut" breaks the connection, "silent" says no more, "huge"
    sends a line without end, "end" stops without a word, "garbage" sends what is no JSON."""


NO_KEY: Final = Fault(401, {"message": f"Incorrect API key provided: {KEY}.", "code": "invalid_api_key"})
NO_CREDIT: Final = Fault(402, {"message": "Insufficient credits. Add more and retry.", "code": 402})
NO_QUOTA: Final = Fault(429, {"message": "You exceeded your current quota.", "code": "insufficient_quota"})
FULL: Final = Fault(429, {"message": "Rate limit exceeded", "code": 429})
FAULTY: Final = Fault(500)
NO_SUCH_MODEL: Final = Fault(404, {"message": "The model `x` does not exist", "code": "model_not_found"})
SILENT: Final = Fault(after_pieces=0, how="silent")
CUT: Final = Fault(after_pieces=2, how="cut")


def full(retry_after: str) -> Fault:
    """Full, with the time at which to come back."""
    return Fault(429, FULL.error, {"Retry-After": retry_after})


def refuses(parameter: str, use: str | None = None) -> Fault:
    """The way OpenAI refuses a parameter."""
    instead = f" Use '{use}' instead." if use else ""
    error = {
        "message": f"Unsupported parameter: '{parameter}' is not supported with this model.{instead}",
        "type": "invalid_request_error",
        "param": parameter,
        "code": "unsupported_parameter",
    }
    return Fault(400, error)


class HostedServer(Served):
    """The double. `faults` are met by the next requests, one each; afterwards all is well."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[Fault] = []
        self.refused: dict[str, str | None] = {}
        """Parameters it does not take, each with the name to use instead."""
        self.answer: str | None = None
        """What it says; None repeats the caller."""
        self.finish_reason = "stop"
        self.counts = True
        """Whether it tells usage."""
        self.cost: float | None = None
        """What it says each answer cost."""
        self.comments = False
        self.extra: Json = {}
        """Fields beside the content of each message: reasoning, refusal, …"""
        self.most_vectors: int | None = None
        """How many vectors it gives at most, however many texts it is sent."""
        self.lingers = False
        """Whether a stream stays open after its last event."""
        self.piece_s = 0.0005
        self.keys_seen: list[str] = []
        self.gate: asyncio.Event | None = None
        """While it is there and not set, answers wait for it."""
        self.under_way = 0
        self.most_under_way = 0
        self.app.router.add_post("/v1/chat/completions", self._chat)
        self.app.router.add_post("/v1/completions", self._completion)
        self.app.router.add_post("/v1/embeddings", self._embeddings)
        self.ear = Ear()
        self.app.router.add_post("/v1/audio/transcriptions", self._hear)
        self.app.router.add_post("/v1/audio/translations", self._hear)

    @property
    def api(self) -> str:
        """The address that goes into the settings."""
        return f"{self.url}/v1"

    async def _chat(self, http: web.Request) -> web.StreamResponse:
        body: Json = await http.json()
        messages = body.get("messages")
        if not isinstance(messages, list):
            return error_answer(400, {"message": "'messages' is a required property", "code": None})
        text = " ".join(_text(message.get("content")) for message in messages if isinstance(message, dict))
        return await self._answer(http, body, text, "chat.completion")

    async def _completion(self, http: web.Request) -> web.StreamResponse:
        body: Json = await http.json()
        prompt = body.get("prompt")
        if not isinstance(prompt, str):
            return error_answer(400, {"message": "Invalid type for 'prompt': expected a string.", "param": "prompt"})
        return await self._answer(http, body, prompt, "text_completion")

    async def _embeddings(self, http: web.Request) -> web.StreamResponse:
        body: Json = await http.json()
        refusal = self._refusal(http, body)
        if refusal is not None:
            return refusal
        texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
        vectors = [
            {"object": "embedding", "index": number, "embedding": [float(len(text)), 1.0]}
            for number, text in enumerate(texts)
        ]
        tokens = sum(len(text.split()) for text in texts)
        document = {
            "object": "list",
            "model": body["model"],
            "data": vectors[: self.most_vectors][::-1],
        }  # the order is not promised
        if self.counts:
            document["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
        return web.json_response(document)

    async def _hear(self, http: web.Request) -> web.StreamResponse:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            form = await read_form(http)
            self.note(http.path, form.fields | {"file": form.file_name, "bytes": form.sound_bytes})
            if self.gate is not None:
                await self.gate.wait()
            refusal = self._refusal(http, form.fields) or self.ear.refusal(http.path, form)
            if refusal is not None:
                return refusal
            fault = self.faults.pop(0) if self.faults else None
            if fault is not None and fault.how == "silent":
                await asyncio.Event().wait()
            if fault is not None and fault.how == "cut" and http.transport is not None:
                http.transport.abort()
            if fault is not None and fault.how == "garbage":
                return web.Response(text='{"words": 1}')
            return self.ear.answer(http.path, form)
        finally:
            self.under_way -= 1

    async def _answer(self, http: web.Request, body: Json, prompt: str, kind: str) -> web.StreamResponse:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            if self.gate is not None:
                await self.gate.wait()
            refusal = self._refusal(http, body)
            if refusal is not None:
                return refusal
            words = prompt.split() if self.answer is None else self.answer.split()
            needed = len(prompt.split())
            if needed >= LIMIT_TOKENS:
                message = (
                    f"This model's maximum context length is {LIMIT_TOKENS} tokens. However, your messages resulted in "
                    f"{needed} tokens. Please reduce the length of the messages."
                )
                return error_answer(400, {"message": message, "code": "context_length_exceeded"})
            limit: int = body.get("max_completion_tokens") or body.get("max_tokens") or LIMIT_TOKENS
            if body.get("ignore_eos"):
                words = [words[number % len(words)] for number in range(limit)]
            words = words[:limit]
            usage: Json = {
                "prompt_tokens": needed,
                "completion_tokens": len(words),
                "total_tokens": needed + len(words),
            }
            if self.cost is not None:
                usage |= {"cost": self.cost}
            fault = self.faults.pop(0) if self.faults else None
            if body.get("stream"):
                return await self._streamed(http, body, words, kind, usage, fault)
            if fault is not None and fault.how == "silent":
                await asyncio.Event().wait()
            document: Json = {
                "id": "gen-1",
                "object": kind,
                "model": f"{body['model']}-2026-01-01",
                "choices": [self._choice(kind, " ".join(words), whole=True, reason=self.finish_reason)],
            }
            if fault is not None:  # OpenRouter: status 200 and an error
                document |= {"error": dict(fault.error), "choices": []}
            if self.counts:
                document["usage"] = usage
            return web.json_response(document)
        finally:
            self.under_way -= 1

    async def _streamed(
        self, http: web.Request, body: Json, words: list[str], kind: str, usage: Json, fault: Fault | None
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(http)

        async def send(document: Json) -> None:
            name = "chat.completion.chunk" if kind == "chat.completion" else kind
            whole = {"id": "gen-1", "object": name, "model": f"{body['model']}-2026-01-01", **document}
            await response.write(f"data: {json.dumps(whole)}\r\n\r\n".encode())

        if kind == "chat.completion":
            await send({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})
        for number, word in enumerate(words):
            if fault is not None and number == fault.after_pieces:
                await self._go_wrong(http, response, fault, send)
                return response
            if self.comments:
                await response.write(b": OPENROUTER PROCESSING\n\n")
            text = word if number == 0 else f" {word}"
            await send({"choices": [self._choice(kind, text, whole=False, reason=None)]})
            await asyncio.sleep(self.piece_s)
        await send({"choices": [{"index": 0, "delta": {}, "text": "", "finish_reason": self.finish_reason}]})
        if self.counts and (body.get("stream_options") or {}).get("include_usage"):
            await send({"choices": [], "usage": usage})
        await response.write(b"data: [DONE]\n\n")
        if self.lingers:
            await asyncio.Event().wait()
        return response

    async def _go_wrong(self, http: web.Request, response: web.StreamResponse, fault: Fault, send: Any) -> None:
        match fault.how:
            case "cut":
                if http.transport is not None:
                    http.transport.abort()
            case "silent":
                await asyncio.Event().wait()
            case "huge":
                while True:
                    await response.write(b"x" * 65_536)
            case "garbage":
                await response.write(b"data: {never closed\n\n")
            case "error":
                choices = [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]
                await send({"error": dict(fault.error), "choices": choices})
            case _:
                return

    def _choice(self, kind: str, text: str, *, whole: bool, reason: str | None) -> Json:
        if kind == "text_completion":
            return {"index": 0, "text": text, "finish_reason": reason}
        said = {"role": "assistant", "content": text or None, **self.extra}
        return {"index": 0, "message" if whole else "delta": said, "finish_reason": reason}

    def _refusal(self, http: web.Request, body: Json) -> web.Response | None:
        """What it says before it begins."""
        self.keys_seen.append(http.headers.get("Authorization", ""))
        if self.faults and self.faults[0].after_pieces is None:
            fault = self.faults.pop(0)
            return error_answer(fault.status, fault.error, fault.headers)
        for name, instead in self.refused.items():
            if name in body:
                fault = refuses(name, instead)
                return error_answer(fault.status, fault.error)
        return None


def _text(content: object) -> str:
    if isinstance(content, list):
        return " ".join(part.get("text", "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""
