"""How well a model does what a request is for, from 0 to 1: as its owner says, else by what it declares."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.routing.names import Language, Task

GENERAL: Final = 0.8
"""Of a model that declares nothing about the matter."""

ANOTHER_TASK: Final = 0.5
"""Of a model that is for other tasks only."""

ANOTHER_LANGUAGE: Final = 0.35
"""Of a model for a language it does not declare: other languages only, or none, where another model declares it."""


def quality_of(model: Model, task: Task | None, language: Language | None, others: Iterable[Model] = ()) -> float:
    """The lower of its quality for the task and for the language, for one that was not chosen by the rules.

    `others` are the models it is compared with. English is taken for granted in a model that declares no language; any
    other language is not, where one of the others was given for it.
    """
    said = model.quality
    told = [said[name] for name in _names(task, language) if name in said]
    if told:
        return min(told)
    if "" in said:
        return said[""]
    return min(_for_task(model, task), _for_language(model, language, others))


def _names(task: Task | None, language: Language | None) -> list[str]:
    return [one.value for one in (task, language) if one is not None]


def _for_task(model: Model, task: Task | None) -> float:
    if task is not None and task.value in model.tasks:
        return 1.0
    if not model.tasks or Task.GENERAL.value in model.tasks:
        return GENERAL
    return ANOTHER_TASK


def _for_language(model: Model, language: Language | None, others: Iterable[Model]) -> float:
    if language is None or language.value in model.languages:
        return 1.0
    if model.languages:
        return ANOTHER_LANGUAGE
    if language is not Language.EN and any(language.value in other.languages for other in others):
        return ANOTHER_LANGUAGE
    return 1.0
