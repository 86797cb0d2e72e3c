"""What an Ollama server says of its models: what it has, what they need, what is in memory. Its words become values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from innkeeper.runtime.catalog import Option
from innkeeper.runtime.engines.foreign import LOOK_WITHIN_S, Held
from innkeeper.runtime.engines.ollama_answer import error_text, tells_of_no_memory
from innkeeper.runtime.engines.placing import Placing
from innkeeper.runtime.engines.remote_http import RemoteAnswer, RemoteHttp
from innkeeper.runtime.errors import EngineFailed, LoadFailed

LOAD_WITHIN_S: Final = 3600.0
"""The house's own limit for loads is shorter; this one only ends what nobody waits for."""

REFUSES_FROM: Final = (0, 13)
"""The version from which a prompt that is too long can be had refused instead of cut. Older ones only cut."""

_CACHE_NUMBER_BYTES: Final = 2
"""Ollama's KV cache is of 16-bit numbers unless its operator chose otherwise, which it does not say."""


@dataclass(frozen=True, slots=True)
class Described:
    """What a model is, as its server says."""

    digest: str
    weights_bytes: int
    context_length: int | None
    """Tokens it was trained for; None where that is not said."""
    cache_bytes_per_token: int
    """Never too little: layers that look at a window only are counted like all others."""
    capabilities: frozenset[str] | None
    """ "completion", "embedding", "tools", …; None where the version does not say."""


class OllamaServer:
    """One server, asked in its own words."""

    def __init__(self, url: str, placing: Placing) -> None:
        """`placing` is where its models lie in the memory of this machine, if they do."""
        self.url = url
        self._placing = placing
        self.http = RemoteHttp("Ollama", url, fix="Start it with `ollama serve`, or set `url` in the section [ollama].")

    async def version(self) -> str:
        """As it says itself: "0.33.2". Raises EngineError."""
        return str((await self._said("GET", "/api/version")).get("version", ""))

    async def names(self) -> tuple[str, ...]:
        """The models it has on its disk. Raises EngineError."""
        return tuple(_name(row) for row in _rows(await self._said("GET", "/api/tags")))

    async def held(self) -> Mapping[str, Held]:
        """The models it has in memory, by name. Raises EngineError."""
        found: dict[str, Held] = {}
        for row in _rows(await self._said("GET", "/api/ps")):
            size, in_vram = _whole(row.get("size")), _whole(row.get("size_vram"))
            held = self._placing.measured(in_ram=max(0, size - in_vram), in_vram=in_vram)
            found[_name(row)] = Held(held, _whole(row.get("context_length")) or None)
        return found

    async def describe(self, source: str) -> Described:
        """What that model is.

        Raises:
            LoadFailed: The server does not have it.
            EngineError: It does not answer.
        """
        shown = await self.http.ask("POST", "/api/show", {"model": source}, within_s=LOOK_WITHIN_S)
        if shown.status == 404:
            raise LoadFailed(f"Ollama has no model {source!r}. Fetch it with `ollama pull {source}`.")
        said = self._checked(shown)
        row = next((row for row in _rows(await self._said("GET", "/api/tags")) if _name(row) == tagged(source)), {})
        info = said.get("model_info")
        info = info if isinstance(info, dict) else {}
        capabilities = said.get("capabilities")
        kind = str(info.get("general.architecture", ""))
        return Described(
            digest=str(row.get("digest", "")),
            weights_bytes=_whole(row.get("size")),
            context_length=_whole(info.get(f"{kind}.context_length")) or None,
            cache_bytes_per_token=_cache_bytes_per_token(info, kind),
            capabilities=frozenset(map(str, capabilities)) if isinstance(capabilities, list) else None,
        )

    async def load(
        self, source: str, *, context: int, options: Mapping[str, Option], embeds: bool, stays: bool = True
    ) -> None:
        """Have it loaded, and kept until it is told to go; without `stays` for the server's own time.

        Raises:
            LoadFailed: It will not be; `out_of_memory` is among its numbers where that is why.
            EngineError: The server does not answer.
        """
        body: dict[str, Any] = {  # JSON on its way out
            "model": source,
            "options": {**options, "num_ctx": context},
        } | ({"keep_alive": -1} if stays else {})
        path = "/api/embed" if embeds else "/api/generate"
        empty: dict[str, object] = {"input": []} if embeds else {"stream": False, "shift": False}
        answer = await self.http.ask("POST", path, body | empty, within_s=LOAD_WITHIN_S)
        if answer.status == 200:
            return
        message = error_text(answer.data)
        failed = LoadFailed(f"Ollama could not load {source}: {message}", status=answer.status)
        if tells_of_no_memory(message):
            failed.numbers["out_of_memory"] = 1
        raise failed

    async def unload(self, source: str) -> None:
        """Tell it to let the model go, which it does when its running answers are done. Raises EngineError."""
        body = {"model": source, "keep_alive": 0, "stream": False}
        await self.http.ask("POST", "/api/generate", body, within_s=LOOK_WITHIN_S)

    async def close(self) -> None:
        """Close every connection."""
        await self.http.close()

    async def _said(self, method: str, path: str) -> dict[str, Any]:  # JSON from the server
        return self._checked(await self.http.ask(method, path, within_s=LOOK_WITHIN_S))

    def _checked(self, answer: RemoteAnswer) -> dict[str, Any]:  # as above
        try:
            said = json.loads(answer.data)
        except ValueError:
            said = None
        if answer.status != 200 or not isinstance(said, dict):
            told = error_text(answer.data)
            raise EngineFailed(f"{self.http.server} answered with {answer.status}: {told}", status=answer.status)
        return said


def tagged(name: str) -> str:
    """A name as Ollama lists it: the tag "latest" is meant where none is given."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def can_refuse(version: str) -> bool:
    """Whether that version refuses a prompt that is too long when it is asked to. An unknown one counts as new."""
    parts = version.split("-", maxsplit=1)[0].split(".")
    numbers = tuple(int(part) for part in parts if part.isdecimal())
    return not numbers or numbers >= REFUSES_FROM or numbers[0] == 0 == sum(numbers)  # 0.0.0 is built from source


def _cache_bytes_per_token(info: Mapping[str, Any], kind: str) -> int:
    layers = _whole(info.get(f"{kind}.block_count"))
    heads = _most(info.get(f"{kind}.attention.head_count"))
    kv_heads = _most(info.get(f"{kind}.attention.head_count_kv")) or heads
    width = _whole(info.get(f"{kind}.embedding_length")) // heads if heads else 0
    key = _whole(info.get(f"{kind}.attention.key_length")) or width
    value = _whole(info.get(f"{kind}.attention.value_length")) or width
    return layers * kv_heads * (key + value) * _CACHE_NUMBER_BYTES


def _rows(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = said.get("models")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _name(row: Mapping[str, Any]) -> str:
    return tagged(str(row.get("model") or row.get("name") or ""))


def _whole(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _most(value: object) -> int:
    """The largest of a list of numbers, one for each layer; the number itself where there is one for all."""
    return max(map(_whole, value), default=0) if isinstance(value, list) else _whole(value)
