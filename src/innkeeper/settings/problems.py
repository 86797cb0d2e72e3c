"""What is wrong with the settings, said to the person who wrote them: where, what, and what would be right."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from typing import Any, Final, get_origin

from pydantic import BaseModel, ValidationError

from innkeeper.runtime.errors import BadSettings
from innkeeper.settings.hosted import HOLDS_SECRETS
from innkeeper.settings.quantities import in_words

_LONGEST_SHOWN: Final = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right."""

    where: str
    """A file and its line, a variable or a flag."""
    what: str


def bad_settings(problems: Sequence[Problem]) -> BadSettings:
    """The error that lists all problems, each on a line of its own when there are several."""
    told = [f"{problem.where}: {problem.what}" for problem in problems]
    if len(told) == 1:
        return BadSettings(told[0], problems=1)
    listed = "".join(f"\n  {line}" for line in told)
    return BadSettings(f"{len(told)} problems in the settings:{listed}", problems=len(told))


def problems_of(
    error: ValidationError, model: type[BaseModel], origins: Mapping[tuple[str, ...], str]
) -> list[Problem]:
    """Pydantic's findings in our words, in the order in which the values were given."""
    order = {origin: number for number, origin in enumerate(origins.values())}
    found = []
    for detail in error.errors(include_url=False):
        name = tuple(part for part in detail["loc"] if isinstance(part, str))  # a number is a place in a list
        found.append(Problem(_origin_of(name, origins), _what(name, detail, model)))
    return sorted(found, key=lambda problem: order.get(problem.where, len(order)))


def _origin_of(name: tuple[str, ...], origins: Mapping[tuple[str, ...], str]) -> str:
    written = next((name[:length] for length in range(len(name), 0, -1) if name[:length] in origins), None)
    if written is not None:
        return origins[written]
    # the problem is a table as a whole: it stands where its first part stands
    inside = (origin for given, origin in origins.items() if given[: len(name)] == name)
    return next(inside, "settings")


def _what(name: tuple[str, ...], detail: Mapping[str, Any], model: type[BaseModel]) -> str:
    written = dotted(name)
    kind = detail["type"]
    if kind == "extra_forbidden":
        return f"`{written}` is not a setting.{_did_you_mean(name, model)}"
    if HOLDS_SECRETS.intersection(name):  # perhaps the very key that should not stand there
        return f"`{written}` {_wanted(kind, detail)}"
    return f"`{written}` is {_shown(detail['input'])}; it {_wanted(kind, detail)}"


def _wanted(kind: str, detail: Mapping[str, Any]) -> str:
    context: Mapping[str, Any] = detail.get("ctx", {})
    match kind:
        case "value_error":
            return str(context["error"])
        case "greater_than_equal":
            return f"must be at least {_limit(context['ge'])}"
        case "greater_than":
            return f"must be more than {_limit(context['gt'])}"
        case "less_than_equal":
            return f"must be at most {_limit(context['le'])}"
        case "literal_error" | "enum":
            return f"must be {_alternatives(str(context['expected']))}"
        case "model_type" | "dict_type" | "mapping_type" | "model_attributes_type":
            return "must be a table, with its settings below a line in [square brackets]"
        case "string_type":
            return "must be text in quotation marks"
        case "path_type":
            return "must be a path in quotation marks"
        case _:
            message = str(detail["msg"])
            return message.replace("Input should", "must", 1) if message.startswith("Input") else f"is wrong: {message}"


def _alternatives(expected: str) -> str:
    return "the words " + expected if " or " not in expected and " " in expected else expected.replace("'", '"')


def _limit(number: float) -> str:
    return str(int(number) if number == int(number) else number)


def _shown(value: object) -> str:
    if isinstance(value, Fraction):
        return in_words(value)
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def _did_you_mean(name: tuple[str, ...], model: type[BaseModel]) -> str:
    known = setting_names(model)
    beside = [dotted(other) for other in known if len(other) == len(name) and _same_table(other[:-1], name[:-1])]
    by_last_part = {other[-1]: dotted(other) for other in known if len(other) > 1}
    near = get_close_matches(dotted(name), [_as_in(name, other) for other in beside], n=1, cutoff=0.6)
    near = near or [by_last_part[last] for last in get_close_matches(name[-1], by_last_part, n=1, cutoff=0.8)]
    return f" Did you mean `{near[0]}`?" if near else " `innkeeper settings` lists them all."


def setting_names(model: type[BaseModel], before: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The names of all settings, tables included; `<id>` stands for the id of a model."""
    names: list[tuple[str, ...]] = []
    for field, info in model.model_fields.items():
        names.append((*before, field))
        inner = _table_type(info.annotation)
        if inner is not None:
            by_id = get_origin(info.annotation) is Mapping
            names.extend(setting_names(inner, (*before, field, "<id>") if by_id else (*before, field)))
    return names


def _table_type(annotation: Any) -> type[BaseModel] | None:  # annotations have no common type
    candidates: Iterable[Any] = (annotation, *getattr(annotation, "__args__", ()))
    return next((kind for kind in candidates if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _same_table(known: tuple[str, ...], name: tuple[str, ...]) -> bool:
    return all(ours in (theirs, "<id>") for ours, theirs in zip(known, name, strict=True))


def _as_in(name: tuple[str, ...], known_dotted: str) -> str:
    return dotted((*name[:-1], known_dotted.rpartition(".")[2]))


def dotted(name: tuple[str, ...]) -> str:
    """The name as TOML writes it: `models."a/b".slots`."""
    return ".".join(part if part.replace("_", "").replace("-", "").isalnum() else f'"{part}"' for part in name)
