"""The settings of who answers: how soon, how well, and what is given for what."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Final, TypeAlias

from pydantic import BeforeValidator, Field, PlainValidator

from innkeeper.runtime.routing.choice import Worth
from innkeeper.runtime.routing.deadlines import LANGUAGES_S, TASKS_S, Targets
from innkeeper.runtime.routing.names import Language, Task, language_named, task_named
from innkeeper.settings.forms import YesNo
from innkeeper.settings.names import names
from innkeeper.settings.quantities import Seconds, seconds
from innkeeper.settings.section import Section

DEFAULT_MODEL: Final = "default_model"
OTHER: Final = "other"


def _aim(name: object) -> Task | Language:
    """The task or the language of that name.

    Raises:
        ValueError: It is neither; the message has the nearest.
    """
    found = (task_named(name) or language_named(name)) if isinstance(name, str) else None
    if found is None:
        known = [task.value for task in Task] + [one.english_name.lower() for one in Language]
        near = get_close_matches(str(name).lower(), known, n=1)
        hint = f'did you mean "{near[0]}"?' if near else f"there are {', '.join(known)}"
        raise ValueError(f'names "{str(name)[:40]}", which is no task and no language; {hint}')
    return found


def _aims(value: object) -> frozenset[str]:
    listed = names(value)
    if not isinstance(listed, list | tuple | set | frozenset):
        raise ValueError('must be a list of tasks and languages, such as ["story", "greek"]')  # noqa: TRY004 (pydantic gathers ValueErrors)
    return frozenset(_aim(one).value for one in listed)


def _targets(value: object) -> Mapping[str, float]:
    if not isinstance(value, Mapping):
        raise ValueError("must be a table of seconds, such as {mechanics = 1, greek = 8}")  # noqa: TRY004 (as above)
    read = {}
    for name, within_s in value.items():
        key = name if name in (DEFAULT_MODEL, OTHER) else _aim(name).value
        try:
            read[key] = seconds(within_s)
        except ValueError as error:
            raise ValueError(f"{error} ({name})") from None
    return read


def _quality(value: object) -> Mapping[str, float]:
    if not isinstance(value, Mapping):
        return {"": _share(value)}
    return {(name if name == "" else _aim(name).value): _share(part) for name, part in value.items()}


def _share(value: object) -> float:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise ValueError("must be a number from 0 to 1") from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError("must be a number from 0 to 1")
    return float(value)


Aims: TypeAlias = Annotated[frozenset[str], BeforeValidator(_aims)]
TargetTable: TypeAlias = Annotated[Mapping[str, float], PlainValidator(_targets)]
Quality: TypeAlias = Annotated[Mapping[str, float], PlainValidator(_quality)]
Share: TypeAlias = Annotated[float, BeforeValidator(_share)]


class RoutingSettings(Section):
    """Who answers when the right model cannot be in time. A named model has no substitute unless its caller says so."""

    substitutes: YesNo = True
    """Whether a model in memory may answer for one that would be late."""

    overflow: YesNo = True
    """Whether a hosted model may."""

    exact: Aims = frozenset()
    """Tasks and languages for which only the right model answers, however late, e.g. `["story", "greek"]`."""

    lowest_quality: Share = 0.6
    """A model stands in for nobody with a quality below this, from 0 to 1."""

    quality_worth_s: Annotated[Seconds, Field(le=3600)] = 6.0
    """Seconds a caller would wait for a perfect answer rather than have a worthless one at once."""

    lateness_worth_s: Annotated[Seconds, Field(le=3600)] = 8.0
    """Seconds of waiting that missing the target counts, beside the seconds themselves."""

    hosted_worth_s: Annotated[Seconds, Field(le=3600)] = 1.0
    """Seconds of waiting that the price of one hosted answer is worth."""

    switch_worth_s: Annotated[Seconds, Field(le=3600)] = 1.0
    """Seconds of waiting that it costs a conversation to hear another model for a turn."""

    def worth(self) -> Worth:
        """The same for the router."""
        return Worth(
            may_substitute=self.substitutes,
            may_overflow=self.overflow,
            exact=frozenset(map(_aim, self.exact)),
            lowest_quality=self.lowest_quality,
            quality_s=self.quality_worth_s,
            lateness_s=self.lateness_worth_s,
            hosted_s=self.hosted_worth_s,
            switch_s=self.switch_worth_s,
        )


def targets_of(table: Mapping[str, float]) -> Targets:
    """The targets of a table that was checked; what it does not name keeps its own."""
    usual = Targets()
    said = {_aim(name): within_s for name, within_s in table.items() if name not in (DEFAULT_MODEL, OTHER)}
    return Targets(
        {**TASKS_S} | {aim: within_s for aim, within_s in said.items() if isinstance(aim, Task)},
        {**LANGUAGES_S} | {aim: within_s for aim, within_s in said.items() if isinstance(aim, Language)},
        table.get(DEFAULT_MODEL, usual.default_model_s),
        table.get(OTHER, usual.other_s),
    )
