"""How soon answers began, against their targets: one line for each task and for each model, from the facts. Pure."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from innkeeper.runtime.facts import Asked, AttemptFailed, Fact, Finished, FirstWords, Spent

NO_TASK = "(none said)"
NOBODY = "(nobody)"


@dataclass(frozen=True, slots=True)
class Spread:
    """Seconds of so many answers. None where there were none."""

    count: int = 0
    p50_s: float | None = None
    p95_s: float | None = None
    p99_s: float | None = None

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Spread:
        """Nearest rank: each is a time that was seen."""
        ordered = sorted(seconds)
        if not ordered:
            return cls()
        ranks = (ordered[math.ceil(share * len(ordered)) - 1] for share in (0.50, 0.95, 0.99))
        return cls(len(ordered), *ranks)


@dataclass(frozen=True, slots=True)
class Line:
    """All requests of one task or of one model."""

    name: str
    requests: int
    in_time: float | None
    """Share of the answers whose first words came within their target; None where none had one."""
    warm: Spread
    """To the first words, where the model was there."""
    cold: Spread
    """To the first words, where it had to load."""
    loads: Spread
    """Of the cold ones, the wait for the load alone."""
    substituted: float
    """Share of the answers that another model gave than the right one."""
    quality: float | None
    """Mean quality of those; None where there were none, or nobody knows it."""
    failures: Mapping[str, int]
    """Requests and attempts that failed, by the code of the error."""
    spent: float
    """Money."""


@dataclass(frozen=True, slots=True)
class Report:
    """What happened to all requests of a while."""

    by_task: tuple[Line, ...]
    by_model: tuple[Line, ...]
    whole: Line


@dataclass(slots=True)
class _Seen:
    """One request, as its facts tell it."""

    task: str | None = None
    words: FirstWords | None = None
    ending: Finished | None = None
    failures: list[tuple[str, str]] = field(default_factory=list)
    spent: list[tuple[str, float]] = field(default_factory=list)

    @property
    def first_s(self) -> float | None:
        """Seconds to the first words; of an answer in one piece, without the writing of it where that was timed."""
        if self.words is None:
            return None
        writing_s = self.ending.usage.answer_s if self.words.is_whole and self.ending is not None else None
        return max(0.0, self.words.after_s - (writing_s or 0.0))


def report_of(told: Iterable[Fact]) -> Report:
    """The report of the requests that ended, from all facts of a while in their order."""
    seen: defaultdict[str, _Seen] = defaultdict(_Seen)
    for fact in told:
        match fact:
            case Asked(request, _, _, task, _):
                seen[request] = _Seen(task)  # a name may come again
            case FirstWords(request):
                seen[request].words = fact
                seen[request].task = fact.task
            case AttemptFailed(request, model, code):
                seen[request].failures.append((model, code))
            case Finished(request):
                seen[request].ending = fact
            case Spent(request, model, _, cost) if cost:
                seen[request].spent.append((model, cost))
            case _:
                pass
    ended = [one for one in seen.values() if one.ending is not None]
    return Report(
        _lines(ended, lambda one: one.task or NO_TASK),
        _lines_of_models(ended),
        _line("all", ended, [failure for one in ended for failure in _failures(one)], _sum(ended)),
    )


def _lines(ended: list[_Seen], name_of: Callable[[_Seen], str]) -> tuple[Line, ...]:
    groups: defaultdict[str, list[_Seen]] = defaultdict(list)
    for one in ended:
        groups[name_of(one)].append(one)
    return tuple(
        _line(name, group, [failure for one in group for failure in _failures(one)], _sum(group))
        for name, group in sorted(groups.items())
    )


def _lines_of_models(ended: list[_Seen]) -> tuple[Line, ...]:
    """A model that only ever failed has a line as well."""
    groups: defaultdict[str, list[_Seen]] = defaultdict(list)
    failures: defaultdict[str, list[str]] = defaultdict(list)
    spent: defaultdict[str, float] = defaultdict(float)
    for one in ended:
        assert one.ending is not None
        groups[one.ending.model or NOBODY].append(one)
        for model, code in one.failures:
            failures[model].append(code)
        for model, cost in one.spent:
            spent[model] += cost
    names = groups.keys() | failures.keys() | spent.keys()
    return tuple(
        _line(name, groups.get(name, []), failures.get(name, []), spent.get(name, 0.0)) for name in sorted(names)
    )


def _line(name: str, group: list[_Seen], failures: Iterable[str], spent: float) -> Line:
    answers = [(one.words, first_s) for one in group if one.words is not None and (first_s := one.first_s) is not None]
    due = [first_s <= words.target_s for words, first_s in answers if words.target_s is not None]
    substituted = [words for words, _ in answers if words.in_place_of is not None]
    qualities = [words.quality for words in substituted if words.quality is not None]
    return Line(
        name=name,
        requests=len(group),
        in_time=sum(due) / len(due) if due else None,
        warm=Spread.of([first_s for words, first_s in answers if not words.load_s]),
        cold=Spread.of([first_s for words, first_s in answers if words.load_s]),
        loads=Spread.of([words.load_s for words, _ in answers if words.load_s]),
        substituted=len(substituted) / len(answers) if answers else 0.0,
        quality=sum(qualities) / len(qualities) if qualities else None,
        failures=dict(Counter(failures).most_common()),
        spent=spent,
    )


def _failures(one: _Seen) -> list[str]:
    """Codes: of its attempts, else of its ending where that was an error and no attempt's."""
    codes = [code for _, code in one.failures]
    assert one.ending is not None
    outcome = one.ending.outcome
    if outcome not in ("answered", "abandoned") and outcome not in codes:
        codes.append(outcome)
    return codes


def _sum(group: list[_Seen]) -> float:
    return sum(cost for one in group for _, cost in one.spent)
