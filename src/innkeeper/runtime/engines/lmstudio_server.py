"""What an LM Studio server says of its models: which it has, which are in memory and under what names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from innkeeper.runtime.engines.foreign import LOOK_WITHIN_S, Held
from innkeeper.runtime.engines.provider import Key
from innkeeper.runtime.engines.remote_http import RemoteAnswer, RemoteHttp
from innkeeper.runtime.errors import EngineFailed, LoadFailed

LOAD_WITHIN_S: Final = 3600.0
"""The house's own limit for loads is shorter; this one only ends what nobody waits for."""

_FIX: Final = "Start its server (`lms server start`), or set `url` in the section [lmstudio]."
_NO_MEMORY: Final = ("insufficient", "out of memory", "guardrail", "not enough memory")


@dataclass(frozen=True, slots=True)
class Listed:
    """A model that it has on its disk."""

    weights_bytes: int
    longest_context: int | None
    """Tokens it can be loaded with; None where that is not said."""
    instances: Mapping[str, int | None]
    """Its copies in memory: tokens of a request by their names."""


class LmStudioServer:
    """One server, asked through its REST API of version 1, which came with LM Studio 0.4."""

    def __init__(self, url: str, token: Key | None = None) -> None:
        self.http = RemoteHttp("LM Studio", url, fix=_FIX, headers=token.headers() if token is not None else None)

    async def listed(self) -> Mapping[str, Listed]:
        """Every model it has, by key. Raises EngineError."""
        answer = await self.http.ask("GET", "/api/v1/models", within_s=LOOK_WITHIN_S)
        if answer.status == 404:
            raise EngineFailed(
                f"{self.http.server} does not know /api/v1/models, which came with LM Studio 0.4. Update LM Studio."
            )
        rows = self._checked(answer).get("models")
        return {
            str(row.get("key")): _listed(row)
            for row in (rows if isinstance(rows, list) else [])
            if isinstance(row, dict)
        }

    async def held(self) -> Mapping[str, Held]:
        """The models it has in memory, by key; it does not say how much they hold. Raises EngineError."""
        found: dict[str, Held] = {}
        for key, each in (await self.listed()).items():
            roomiest_first = sorted(each.instances, key=lambda name: each.instances[name] or 0, reverse=True)
            if roomiest_first:
                found[key] = Held(None, each.instances[roomiest_first[0]], tuple(roomiest_first))
        return found

    async def load(self, key: str, context: int) -> None:
        """Have it loaded, in an instance of its own.

        Raises:
            LoadFailed: It will not be; `out_of_memory` is among its numbers where that is why.
            EngineError: The server does not answer.
        """
        body = {"model": key, "context_length": context}
        answer = await self.http.ask("POST", "/api/v1/models/load", body, within_s=LOAD_WITHIN_S)
        if answer.status == 200:
            return
        message = error_text(answer.data)
        hint = f" Fetch it with `lms get {key}`." if answer.status == 404 else ""
        failed = LoadFailed(f"LM Studio could not load {key}: {message}.{hint}", status=answer.status)
        if any(sign in message.lower() for sign in _NO_MEMORY):
            failed.numbers["out_of_memory"] = 1
        raise failed

    async def unload(self, instance: str) -> None:
        """Have one instance let go. Raises EngineError."""
        body = {"instance_id": instance}
        await self.http.ask("POST", "/api/v1/models/unload", body, within_s=LOOK_WITHIN_S)

    async def close(self) -> None:
        """Close every connection."""
        await self.http.close()

    def _checked(self, answer: RemoteAnswer) -> dict[str, Any]:  # JSON from the server
        try:
            said = json.loads(answer.data)
        except ValueError:
            said = None
        if answer.status in (401, 403):
            raise EngineFailed(
                f"{self.http.server} wants an API token. Name the variable that holds it in `lmstudio.token_from`.",
                status=answer.status,
            )
        if answer.status != 200 or not isinstance(said, dict):
            told = error_text(answer.data)
            raise EngineFailed(f"{self.http.server} answered with {answer.status}: {told}", status=answer.status)
        return said


def error_text(data: bytes) -> str:
    """What an error document says, or the beginning of what is none."""
    try:
        error = json.loads(data)["error"]
    except (ValueError, KeyError, TypeError):
        return data[:200].decode("utf-8", "replace") or "nothing"
    return str(error.get("message", error) if isinstance(error, dict) else error).rstrip(". ")


def _listed(row: dict[str, Any]) -> Listed:  # JSON from the server
    instances: dict[str, int | None] = {}
    for one in row.get("loaded_instances") or ():
        if isinstance(one, dict) and one.get("id"):
            config = one.get("config")
            instances[str(one["id"])] = _whole(config.get("context_length")) if isinstance(config, dict) else None
    return Listed(_whole(row.get("size_bytes")) or 0, _whole(row.get("max_context_length")), instances)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None
