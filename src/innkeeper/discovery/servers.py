"""Which other programs on this machine answer as model servers, and how their models could be used from here."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

ANSWERS_WITHIN_S: Final = 0.3
"""Seconds a server of this machine has for each step of its answer: a start does not wait for one that hangs."""

LARGEST_LIST_BYTES: Final = 4 * 1024**2

_LISTS: Final[Mapping[str, tuple[str, str, str]]] = {
    "ollama": ("Ollama", "/api/tags", "name"),
    "lmstudio": ("LM Studio", "/api/v1/models", "key"),
}
"""By engine: what people call it, where it lists its models, and the field of a model's name."""


@dataclass(frozen=True, slots=True)
class FoundServer:
    """A server that answers."""

    engine: str
    """The engine by which its models are used here."""
    title: str
    url: str
    models: tuple[str, ...]
    """Its names for what it has."""

    @property
    def told(self) -> str:
        """What it is, in words."""
        count = len(self.models)
        return f"{self.title} answers at {self.url} with {count} model{'' if count == 1 else 's'}"

    @property
    def offer(self) -> str:
        """The lines of innkeeper.toml that would use its first model."""
        return f'[models.{json.dumps(self.models[0])}]\nengine = "{self.engine}"' if self.models else ""


def find_servers(urls: Mapping[str, str]) -> Iterator[FoundServer]:
    """Those that answer among `urls`, which are by engine. Takes a moment for each at most."""
    for engine, url in urls.items():
        title, path, field = _LISTS[engine]
        rows = _models(url, path)
        if rows is not None:
            yield FoundServer(engine, title, url, tuple(str(row[field]) for row in rows if row.get(field)))


def _models(url: str, path: str) -> list[dict[str, Any]] | None:  # JSON of another program
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=ANSWERS_WITHIN_S)
    try:
        connection.request("GET", parts.path.rstrip("/") + path)
        answer = connection.getresponse()
        said = json.loads(answer.read(LARGEST_LIST_BYTES)) if answer.status == http.client.OK else None
    except (OSError, http.client.HTTPException, ValueError, RecursionError):
        return None  # nobody there, or somebody else
    finally:
        connection.close()
    rows = said.get("models") if isinstance(said, dict) else None
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else None
