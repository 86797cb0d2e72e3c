"""The labelled texts and the routing cases of tests/data."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from innkeeper.runtime.catalog import Catalog, Model
from innkeeper.runtime.messages import Kind, Request
from innkeeper.runtime.routing.names import Language

DATA = Path(__file__).parents[1] / "data"


@dataclass(frozen=True, slots=True)
class Labelled:
    """One text a person wrote, and the language a reader would say it is in."""

    text: str
    language: Language | None
    kind: str
    split: str


def labelled() -> list[Labelled]:
    """All of them, in the order of the file."""
    return [
        Labelled(row["text"], row["language"] and Language(row["language"]), row["kind"], row["split"])
        for row in _rows("languages.jsonl")
    ]


@dataclass(frozen=True, slots=True)
class Case:
    """A policy and a request, and what the router must make of them."""

    policy: str
    text: str
    kind: str = "chat"
    model: str | None = None
    task: str | None = None
    last: str | None = None
    tool: bool = False
    """Whether the last message is the result of a tool."""
    may_use: list[str] | None = None
    candidates: list[str] = field(default_factory=list)
    because: str = ""
    error: str | None = None

    def request(self) -> Request:
        """The request as the door would parse it."""
        kind = Kind(self.kind)
        may_use = None if self.may_use is None else frozenset(self.may_use)
        return Request("r-1", kind, self._body(kind), self.model, task=self.task, may_use=may_use)

    def _body(self, kind: Kind) -> dict[str, Any]:  # JSON
        match kind:
            case Kind.CHAT:
                said = [{"role": "user", "content": self.text}]
                return {"messages": [*said, *(_TOOL_CALL if self.tool else [])]}
            case Kind.COMPLETION:
                return {"prompt": self.text}
            case Kind.EMBEDDING:
                return {"input": self.text}
            case Kind.RERANK:
                return {"query": self.text, "documents": ["one"]}
            case Kind.TRANSCRIPTION:
                return {"file": self.text}


_TOOL_CALL = [{"role": "assistant", "content": None, "tool_calls": []}, {"role": "tool", "content": "7"}]


def cases() -> list[Case]:
    """All of them, in the order of the file."""
    return [Case(**row) for row in _rows("routes.jsonl")]


def catalogs() -> dict[str, Catalog]:
    """The policies by name."""
    policies = json.loads((DATA / "policies.json").read_text(encoding="utf-8"))
    return {
        name: Catalog(tuple(model(one, **told) for one, told in policy["models"].items()), policy["default"])
        for name, policy in policies.items()
    }


def model(
    name: str,
    *,
    kinds: tuple[str, ...] = ("chat", "completion"),
    tasks: tuple[str, ...] = (),
    languages: tuple[str, ...] = (),
) -> Model:
    return Model(name, "echo", frozenset(map(Kind, kinds)), tasks=frozenset(tasks), languages=frozenset(languages))


def _rows(name: str) -> list[dict[str, Any]]:  # JSON
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]
