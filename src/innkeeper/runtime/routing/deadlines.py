"""How soon the first words of an answer are due, by what the request is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from innkeeper.runtime.routing.names import Language, Task

TASKS_S: Final[Mapping[Task, float]] = {
    Task.MECHANICS: 1.0,
    Task.COMBAT: 1.0,
    Task.ROLEPLAY: 2.0,
    Task.DIALOGUE: 2.0,
    Task.GENERAL: 2.0,
    Task.STORY: 5.0,
    Task.WORLDBUILDING: 5.0,
    Task.CHARACTER_CREATION: 5.0,
}
"""Seconds by task, where the settings say nothing else."""

LANGUAGES_S: Final[Mapping[Language, float]] = {Language.EL: 8.0}
"""Seconds for a request that goes to a model because of its language, where the settings say nothing else."""


@dataclass(frozen=True, slots=True)
class Due:
    """When the first words are due."""

    within_s: float
    because: str
    """Whose wish that is: "the target for mechanics"."""


@dataclass(frozen=True, slots=True)
class Targets:
    """Seconds to the first words, a load included."""

    by_task: Mapping[Task, float] = field(default_factory=lambda: TASKS_S)
    by_language: Mapping[Language, float] = field(default_factory=lambda: LANGUAGES_S)
    default_model_s: float = 2.0
    """For what goes to the default model and has no target of its own."""
    other_s: float = 3.0
    """For everything else."""

    def due(
        self,
        task: Task | None,
        language: Language | None,
        *,
        goes_by_language: bool = False,
        is_for_default: bool = False,
        asked_s: float | None = None,
    ) -> Due:
        """When the first words are due: as the caller asks, else by the language or the task that decided who answers.

        `goes_by_language`: the language decided. `is_for_default`: the default model is the right one.
        """
        if asked_s is not None:
            return Due(asked_s, "the caller's deadline")
        if goes_by_language and language is not None and language in self.by_language:
            return Due(self.by_language[language], f"the target for {language.english_name}")
        if not goes_by_language and task is not None and task in self.by_task:
            return Due(self.by_task[task], f"the target for {task.value}")
        if is_for_default:
            return Due(self.default_model_s, "the target for the default model")
        return Due(self.other_s, "the target for everything else")
