"""Cases of tests/data/choices.jsonl: how every model stands, and who is to answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from innkeeper.runtime.catalog import Catalog, Model
from innkeeper.runtime.errors import DoesNotFit
from innkeeper.runtime.messages import Kind, Request
from innkeeper.runtime.routing.choice import Choice, Question, Worth
from innkeeper.runtime.routing.choosing import choose
from innkeeper.runtime.routing.deadlines import Targets
from innkeeper.runtime.routing.router import Rule, route
from innkeeper.runtime.routing.timing import Timing
from innkeeper.runtime.routing.vocabulary import Vocabulary
from innkeeper.runtime.standing import Presence, Standing
from tests.routing.labelled import DATA, model

GB = 1_000_000_000


@dataclass(frozen=True, slots=True)
class ChoiceCase:
    """One request to a house of the campaign in a certain state, and the decision with its trace."""

    name: str
    text: str
    then: tuple[str, ...]
    """The candidates in order."""
    because: str
    loads: str | None = None
    model: str | None = None
    task: str | None = None
    last: str | None = None
    standing: dict[str, dict[str, Any]] = field(default_factory=dict)  # fields of `Standing`
    deadline_s: float | None = None
    waits: bool = True
    allows_substitute: bool = False
    owed_s: dict[str, float] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)


CAMPAIGN = Catalog(
    (
        model("primary"),
        model("dice", tasks=("mechanics", "combat")),
        model("meltemi", languages=("el",)),
        model("deep", tasks=("story", "worldbuilding")),
        replace(model("cloud"), quality={"": 0.9}),
    ),
    "primary",
)


def choice_cases() -> list[ChoiceCase]:
    """All of them, in the order of the file."""
    rows = (json.loads(line) for line in (DATA / "choices.jsonl").read_text(encoding="utf-8").splitlines())
    return [ChoiceCase(**{**row, "then": tuple(row["then"])}) for row in rows]


def standing_told(name: str, told: dict[str, Any]) -> Standing:  # fields of `Standing`
    """A standing as a case tells it: `{"presence": "cold", "load_s": 3}`; `"refused": true` stands for a refusal."""
    fields = dict(told)
    refused = fields.pop("refused", False)
    fields["presence"] = Presence(fields.get("presence", "cold"))
    for names in ("displaces", "blocked_by"):
        fields[names] = tuple(fields.get(names, ()))
    fields.setdefault("load_s", 3.0)
    return Standing(name, **fields, refusal=DoesNotFit("too large") if refused else None)


def standings(case: ChoiceCase) -> Callable[[str], Standing]:
    """Of a model that the case does not speak of: primary and dice are ready, the others cold."""
    ready = {"presence": "ready"}
    usual: dict[str, dict[str, Any]] = {"primary": ready, "dice": ready, "cloud": {"presence": "cold", "refused": True}}
    return lambda name: standing_told(name, case.standing.get(name, usual.get(name, {})))


def chosen(case: ChoiceCase, vocabulary: Vocabulary, worth: Worth | None = None) -> Choice:
    """What the router and the choice make of it."""
    body = {"messages": [{"role": "user", "content": case.text}]}
    request = Request(
        "r-1",
        Kind.CHAT,
        body,
        case.model,
        task=case.task,
        waits=case.waits,
        allows_substitute=case.allows_substitute,
    )
    way = route(request, CAMPAIGN, vocabulary, case.last)
    due = Targets().due(
        way.task,
        way.language,
        goes_by_language=way.rule is Rule.LANGUAGE,
        is_for_default=way.candidates[0] == CAMPAIGN.default,
        asked_s=case.deadline_s,
    )
    question = Question(due, prompt_tokens=20, waits=case.waits, last=case.last)
    return choose(way, question, _able(), standings(case), Timing(), case.owed_s, worth)


def _able() -> list[Model]:
    return list(CAMPAIGN)
