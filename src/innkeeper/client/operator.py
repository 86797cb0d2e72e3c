"""A running server, as the command line sees it: its state, its commands, its answers word by word.

Built on the standard library's HTTP, so that a command starts in a moment.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from innkeeper.client.answers import error_of, explanation_of, view_of
from innkeeper.runtime.errors import ServerAbsent
from innkeeper.runtime.journal.entry import Entry
from innkeeper.runtime.views import Explanation, RuntimeView

CONNECT_S: Final = 5.0
"""Seconds within which a server on this machine takes a connection."""

SILENCE_S: Final = 900.0
"""Seconds without a byte after which the server is given up. Loading a large model from a slow disk is silent."""

_EVERY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 (nothing is bound here)


@dataclass(frozen=True, slots=True)
class Words:
    """A part of an answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the server is doing before the first words: "waiting, position 2", "loading"."""

    what: str


Heard: TypeAlias = Words | Waiting


@dataclass(frozen=True, slots=True)
class Operator:
    """Speaks to the server at one address. Holds no connection between calls.

    Every method raises `ServerAbsent` where no server answers, else the `InnkeeperError` that the server said.
    """

    host: str
    port: int
    key: str | None = None
    """The API key, for a server that wants one."""

    def view(self) -> RuntimeView:
        """Pools, models and callers at this moment."""
        return view_of(self.state())

    def state(self) -> Mapping[str, Any]:  # JSON, for those who want it as it is
        """The same as the server sent it."""
        state: Mapping[str, Any] = self._ask("GET", "/ps")
        return state

    def load(self, model: str) -> None:
        """Return when the model is ready."""
        self._ask("POST", f"/models/{quote(model)}/load")

    def unload(self, model: str, *, force: bool = False) -> None:
        """Return when the model is gone. With `force` it takes no new requests and goes when the last has ended.

        Raises:
            ModelInUse: It answers requests and `force` was not said.
        """
        self._ask("POST", f"/models/{quote(model)}/unload?force={'true' if force else 'false'}")

    def pin(self, model: str, *, pinned: bool) -> None:
        """Say whether the model may be chosen to make room."""
        self._ask("POST", f"/models/{quote(model)}/{'pin' if pinned else 'unpin'}")

    def explain(self, body: Mapping[str, Any]) -> Explanation:  # JSON
        """Who would answer a chat request of this body at this moment, and why; nothing is run."""
        return explanation_of(self.explain_as_json(body))

    def explain_as_json(self, body: Mapping[str, Any]) -> Mapping[str, Any]:  # JSON
        """The same as the server sent it."""
        told: Mapping[str, Any] = self._ask("POST", "/explain", body)
        return told

    def story(self, subject: str) -> tuple[Entry, ...]:
        """What the journal keeps of a request or a model, oldest first."""
        from innkeeper.runtime.journal.written import fact_from_json

        told = self._ask("GET", f"/story/{quote(subject)}")["entries"]
        return tuple(
            Entry(one["number"], one["at"], fact_from_json(one["kind"], json.dumps(one["fact"]))) for one in told
        )

    def chat(self, model: str, messages: Sequence[Mapping[str, str]]) -> Generator[Heard, None, None]:
        """The answer as it is made. Leaving the iteration early ends the work on the server."""
        body = {"model": model, "messages": list(messages), "stream": True}
        with self._answer("POST", "/v1/chat/completions", body) as answer:
            for raw in answer:
                line = raw.decode("utf-8", errors="replace").rstrip("\r\n")
                if line.startswith(": x-innkeeper-"):
                    continue  # headers that came too late to be headers
                if line.startswith(":") and line[1:].strip():
                    yield Waiting(line[1:].strip())
                elif line.startswith("data:") and line[5:].strip() != "[DONE]":
                    piece = json.loads(line[5:])
                    if "error" in piece:
                        raise error_of(500, line[5:].encode())
                    yield from (Words(text) for text in _texts(piece))

    def _ask(self, method: str, path: str, body: object = None) -> Any:  # JSON
        with self._answer(method, path, body) as answer:
            return json.loads(answer.read())

    @contextmanager
    def _answer(self, method: str, path: str, body: object = None) -> Iterator[http.client.HTTPResponse]:
        connection = http.client.HTTPConnection(_EVERY_ADDRESS.get(self.host, self.host), self.port, timeout=CONNECT_S)
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        payload = None if body is None else json.dumps(body).encode()
        if payload is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.connect()
            connection.sock.settimeout(SILENCE_S)
            connection.request(method, path, payload, headers)
            answer = connection.getresponse()
            if answer.status >= 400:
                raise error_of(answer.status, answer.read())
            yield answer
        except (OSError, http.client.HTTPException) as error:
            raise self._absent(error) from error
        finally:
            connection.close()

    def _absent(self, error: Exception) -> ServerAbsent:
        address = f"{self.host}:{self.port}"
        if isinstance(error, ConnectionRefusedError):
            return ServerAbsent(f"No server answers at {address}. Start one with `innkeeper up`.", port=self.port)
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return ServerAbsent(f"The server at {address} cannot be reached or went away: {why}.", port=self.port)


def _texts(piece: Mapping[str, Any]) -> Iterator[str]:
    for choice in piece.get("choices", ()):
        text = (choice.get("delta") or {}).get("content") or choice.get("text")
        if text:
            yield text
