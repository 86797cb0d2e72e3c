"""Label values that come from outside, bounded: a caller must not be able to grow the metrics without end."""

from __future__ import annotations

import re
from typing import Final

OTHER: Final = "other"
_PLAIN: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")


class ModelNames:
    """Names that the runtime itself has used for a model. A name only a caller has used is "other"."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def learn(self, model: str) -> str:
        """Take in a name that comes from the catalogue; returns it."""
        self._known.add(model)
        return model

    def label(self, model: str | None) -> str:
        """The name as a label; empty where none was named."""
        if model is None:
            return ""
        return model if model in self._known else OTHER


class TaskNames:
    """The first so many tasks by their names, if these are plain words; every later or stranger one is "other"."""

    def __init__(self, at_most: int = 32) -> None:
        self._at_most = at_most
        self._known: set[str] = set()

    def label(self, task: str | None) -> str:
        """The task as a label; empty where none was named."""
        if task is None:
            return ""
        if task in self._known:
            return task
        if len(self._known) >= self._at_most or not _PLAIN.fullmatch(task):
            return OTHER
        self._known.add(task)
        return task
