"""Wait for the right model, let another one answer, or ask a hosted one: who answers in time; pure.

The rules of the router say which model is right. It answers when its first words are in time and no other model has to
leave for it. Otherwise every model that could answer in time without a load is weighed against it, in seconds: what
the caller waits, the quality that is lost, the money, the lateness, and for the right model the swap that it costs.

A swap is bought like skis: each answer that another model gives is rent, and what was paid is owed to the right model.
Once it is owed what the swap costs, the swap is bought, so that renting and buying together cost at most twice what
knowing the future would. A load for which nobody has to leave is bought at once. It is done in the background, for the
next request.

`choose` has no clock and no state. A simulator calls it with a `Route`, the standing of each model at the simulated
moment and a `Timing` that it feeds with the answers it simulates; it then gives the request to `choice.candidates[0]`,
calls `debts.note(choice)`, and has `choice.loads_next` loaded without a caller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.errors import InnkeeperError
from innkeeper.runtime.routing.choice import Choice, Option, Question, Worth
from innkeeper.runtime.routing.quality import quality_of
from innkeeper.runtime.routing.router import Route
from innkeeper.runtime.routing.timing import Expected, Timing
from innkeeper.runtime.standing import Presence, Standing

EARLY: Final = 0.25
"""What a second of waiting is worth that still ends in time, in seconds of lateness."""


def choose(
    route: Route,
    question: Question,
    able: Sequence[Model],
    standing_of: Callable[[str], Standing],
    timing: Timing,
    owed_s: Mapping[str, float],
    worth: Worth | None = None,
    task: str | None = None,
) -> Choice:
    """Who answers `question`, of the `able` models, whose first is the one that `route` found right.

    `standing_of` answers the same throughout; it is asked for the right one alone where that one is in time. `task` is
    what the choice is labelled with.
    """
    choice = _Weighing(route, question, able, standing_of, timing, owed_s, worth or Worth()).choice()
    return replace(choice, task=task)


@dataclass(slots=True)
class _Weighing:
    """One choice, while it is made."""

    route: Route
    question: Question
    able: Sequence[Model]
    standing_of: Callable[[str], Standing]
    timing: Timing
    owed_s: Mapping[str, float]
    worth: Worth

    def choice(self) -> Choice:
        route, name = self.route, self.route.candidates[0]
        model = next(one for one in self.able if one.id == name)
        standing = self.standing_of(name)
        right = self._right(model, standing)
        if not route.may_yield and standing.refusal is None and right.cost_s is None:
            return self._nobody(right, standing, [])
        is_in_time = right.expected is not None and right.expected.first_words_s <= self.question.due.within_s
        if not route.may_yield or (is_in_time and self._price_s(standing) == 0.0 and self._is_allowed(standing)):
            shown = self._not_weighed(name) if self.question.looks_at_all else ()
            return self._of((right, *shown), route.candidates if self.question.waits else (name,), route.because)
        others = [self._other(one) for one in self.able if one.id != name]
        best = min((one for one in (right, *others) if one.cost_s is not None), key=_cost, default=None)
        if standing.refusal is not None and (best is None or standing.is_worth_a_try):
            return self._of((right, *others), self._chain(right, others), route.because)
        if best is None:
            return self._nobody(right, standing, others)
        if best is right:
            looked_at = (right, *(_lost(one, right) for one in others))
            return self._of(looked_at, self._chain(right, others), self._because_late(right, others))
        return self._yielding(right, standing, best, others)

    def _of(self, options: tuple[Option, ...], candidates: tuple[str, ...], because: str) -> Choice:
        return Choice(candidates, because, options[0].model, self.question.due, options)

    def _nobody(self, right: Option, standing: Standing, others: list[Option]) -> Choice:
        """The caller does not wait, and nobody is free."""
        because = f"{self.route.because}; {right.model} {right.skipped}, and nobody else can answer now"
        loads = right.model if standing.presence is Presence.COLD else None
        return Choice((), because, right.model, self.question.due, (right, *others), loads_next=loads)

    def _not_weighed(self, right: str) -> tuple[Option, ...]:
        """The others, where the right one is not in question."""
        why = f"{right} is in time" if self.route.may_yield else f"nobody stands in for {right} here"
        looked_at = [self._other(one) for one in self.able if one.id != right]
        return tuple(replace(one, skipped=one.skipped or why) for one in looked_at)

    # ---- the right one ----

    def _right(self, model: Model, standing: Standing) -> Option:
        quality = _said_quality(model, self.route)
        if standing.refusal is not None:
            return Option(model.id, quality, skipped=_refused(standing.refusal), is_refused=True)
        expected = self.timing.expected(standing, self.question.prompt_tokens)
        if not self._is_allowed(standing):
            return Option(
                model.id, quality, expected, skipped=f"needs {_parts(expected)}, and the caller does not wait"
            )
        owed_s = self.owed_s.get(model.id, 0.0)
        cost_s = self._waiting_s(expected) + max(0.0, self._price_s(standing) - owed_s) + self._money_s(standing)
        return Option(model.id, quality, expected, cost_s)

    def _is_allowed(self, standing: Standing) -> bool:
        """Whether it answers at once, where the caller does not wait."""
        return self.question.waits or _is_free(standing)

    def _price_s(self, standing: Standing) -> float:
        """What its load costs those who have to leave for it; others of the same chain count in full."""
        if standing.presence is not Presence.COLD or not standing.displaces:
            return 0.0
        helpers = set(self.route.candidates) & set(standing.displaces)
        return standing.swap_s + sum(self.standing_of(helper).load_s for helper in sorted(helpers))

    # ---- the others ----

    def _other(self, model: Model) -> Option:
        quality = quality_of(model, self.route.task, self.route.language, self.able)
        exact = self.worth.exact & {one for one in (self.route.task, self.route.language) if one is not None}
        if exact:
            names = ", ".join(sorted(one.value for one in exact))
            return Option(model.id, quality, skipped=f"nobody stands in for {names}")
        if quality < self.worth.lowest_quality:
            return Option(
                model.id, quality, skipped=f"its quality of {quality:g} is below {self.worth.lowest_quality:g}"
            )
        standing = self.standing_of(model.id)
        if standing.refusal is not None:
            return Option(model.id, quality, skipped=_refused(standing.refusal), is_refused=True)
        is_hosted = standing.presence is Presence.HOSTED
        if not (self.worth.may_overflow if is_hosted else self.worth.may_substitute):
            return Option(model.id, quality, skipped="the settings let none of its sort stand in")
        expected = self.timing.expected(standing, self.question.prompt_tokens)
        if standing.presence is Presence.COLD:
            return Option(model.id, quality, expected, skipped="is not in memory either")
        if not self.question.waits and not _is_free(standing):
            return Option(model.id, quality, expected, skipped="is not free now either")
        if self.question.waits and expected.first_words_s > self.question.due.within_s:
            return Option(model.id, quality, expected, skipped=f"would not be in time either: {_parts(expected)}")
        cost_s = self._waiting_s(expected) + self.worth.quality_s * (1 - quality) + self._money_s(standing)
        if self.question.last not in (None, model.id):
            cost_s += self.worth.switch_s
        return Option(model.id, quality, expected, cost_s)

    def _waiting_s(self, expected: Expected) -> float:
        first_s, within_s = expected.first_words_s, self.question.due.within_s
        return EARLY * first_s if first_s <= within_s else first_s + self.worth.lateness_s

    def _money_s(self, standing: Standing) -> float:
        return self.worth.hosted_s if standing.presence is Presence.HOSTED else 0.0

    # ---- what follows ----

    def _yielding(self, right: Option, standing: Standing, best: Option, others: list[Option]) -> Choice:
        assert best.cost_s is not None, "an option that was chosen has its cost"
        rent_s, price_s = best.cost_s, self._price_s(standing)
        is_cold = standing.presence is Presence.COLD and standing.refusal is None
        is_bought = price_s == 0.0 or self.owed_s.get(right.model, 0.0) + rent_s >= price_s
        loads = right.model if is_cold and (is_bought or not self.question.waits) else None
        passed = self._why_right_is_passed(right, standing)
        then = f", and {right.model} is loaded for next time" if loads is not None else ""
        return Choice(
            self._chain(right, others, first=best),
            f"{self.route.because}; {passed}: {best.model} answers in its place with quality {best.quality:g}{then}",
            right.model,
            self.question.due,
            (replace(right, skipped=passed), *(one if one is best else _lost(one, best) for one in others)),
            rent_s if is_cold else 0.0,
            loads,
        )

    def _chain(self, right: Option, others: list[Option], first: Option | None = None) -> tuple[str, ...]:
        """The first, the right one, those who could answer in time, cheapest first, and whom the rules name."""
        in_time = sorted((one for one in others if one.cost_s is not None), key=_cost)
        names = [] if first is None else [first.model]
        if not self.question.waits:  # nobody who would have to be waited for; the right one where it is at once known
            names += [right.model] if first is None else []
            return tuple(dict.fromkeys([*names, *(one.model for one in in_time)]))
        return tuple(dict.fromkeys([*names, right.model, *(one.model for one in in_time), *self.route.candidates[1:]]))

    def _why_right_is_passed(self, right: Option, standing: Standing) -> str:
        if right.skipped or right.expected is None:
            return f"{right.model} {right.skipped}"
        due = self.question.due
        if right.expected.first_words_s > due.within_s:
            return f"{right.model} would need {_parts(right.expected)}, and {due.because} is {due.within_s:g} s"
        leaving = " and ".join(standing.displaces)
        return f"{leaving} would have to leave for {right.model}, which costs more than it gives now"

    def _because_late(self, right: Option, others: list[Option]) -> str:
        """Why the right one answers although it is late, where anybody was looked at."""
        due = self.question.due
        if right.expected is None or right.expected.first_words_s <= due.within_s or not others:
            return self.route.because
        return (
            f"{self.route.because}; {right.model} needs {_parts(right.expected)}, more than {due.within_s:g} s, "
            "and nobody better can stand in"
        )


def _said_quality(model: Model, route: Route) -> float:
    """Of the right one: whole, unless its owner says something else."""
    return quality_of(model, route.task, route.language) if model.quality else 1.0


def _is_free(standing: Standing) -> bool:
    return standing.is_there and standing.busy + standing.waiting < standing.slots


def _refused(refusal: InnkeeperError) -> str:
    """Why it cannot answer at all, and for how long where that is known."""
    wait_s = refusal.retry_after_s
    return f"cannot answer ({refusal.code})" + (f" for another {wait_s:.0f} s" if wait_s is not None else "")


def _cost(option: Option) -> float:
    assert option.cost_s is not None, "only what can be chosen is compared"
    return option.cost_s


def _lost(option: Option, best: Option) -> Option:
    """`option`, with the reason why `best` is better where none is known."""
    if option.skipped:
        return option
    skipped = f"{best.model} is better, all in all"
    return replace(option, skipped=skipped)


def _parts(expected: Expected) -> str:
    """ "6.2 s (load 5.0 s, prompt 1.1 s)": the parts that are worth a word."""
    parts = {
        "queue": expected.queue_s,
        "load": expected.load_s,
        "prompt": expected.prefill_s,
        "first words": expected.decode_s,
    }
    told = [f"{name} {part_s:.1f} s" for name, part_s in parts.items() if part_s >= 0.1]
    whole = f"{expected.first_words_s:.1f} s"
    return f"{whole} ({', '.join(told)})" if told else whole
