"""What a text tells of its language."""

from __future__ import annotations

from dataclasses import dataclass

from innkeeper.runtime.routing.names import Language


@dataclass(frozen=True, slots=True)
class Told:
    """The language of a text, if it tells one."""

    language: Language | None
    """None where nothing tells it: names, numbers, code, a language we do not know."""

    confidence: float
    """From 0 to 1. One word in Latin letters gives little, one in Greek letters all."""

    because: str
    """How it is told, to follow the name of the language: "by its letters"; or why it is not."""


def nothing_told(because: str) -> Told:
    """No language, and why."""
    return Told(None, 0.0, because)
