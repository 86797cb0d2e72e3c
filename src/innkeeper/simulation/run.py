"""A workload lived through one way: the reception that serves, the machine that runs, and simulated time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from innkeeper.runtime.catalog import Catalog, Model
from innkeeper.runtime.engine import Footprint, Sizing
from innkeeper.runtime.errors import InnkeeperError, SpendingCeiling
from innkeeper.runtime.messages import Request
from innkeeper.runtime.reception import Reception
from innkeeper.runtime.residency.callers import Rules
from innkeeper.runtime.residency.signals import Missed, Terms
from innkeeper.runtime.residency.simulator import Outcome, Served, Simulator, Visit, no_stopwatch
from innkeeper.runtime.routing.choice import Choice
from innkeeper.runtime.routing.timing import Answered
from innkeeper.runtime.routing.vocabulary import Vocabulary
from innkeeper.runtime.spending.purse import Ceilings, Purse
from innkeeper.simulation.ways import Answers, Policies, Way
from innkeeper.simulation.workload import Arrival, Workload, is_hosted

PLACES: Final = "places"
"""A pool of one for each model, where a way counts models."""

DAY_S: Final = 86_400.0
PATIENT: Final = Rules(queue_limit=100_000, longest_wait_s=1e6)
"""Nobody is refused for waiting: a late answer is counted as late, not as none."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How one request ended."""

    arrival: Arrival
    right: str
    """The model that the router found right."""
    model: str
    """Who answered; for one that was refused, who was asked last."""
    first_s: float
    """From its arrival to its first words."""
    within_s: float
    """When they were due."""
    quality: float
    """Of the answer, by that of the right model; 0 where there is none."""
    cost: float = 0.0
    error: InnkeeperError | None = None

    @property
    def is_in_time(self) -> bool:
        """Whether its first words came when they were due, or before."""
        return self.error is None and self.first_s <= self.within_s


@dataclass(frozen=True, slots=True)
class Lived:
    """What a run came to."""

    answers: tuple[Answer, ...]
    """In the order in which they were asked for."""
    outcome: Outcome


def live(
    workload: Workload,
    way: Way,
    vocabulary: Vocabulary,
    *,
    ceiling: float | None = None,
    stopwatch: Callable[[], float] = no_stopwatch,
) -> Lived:
    """The whole workload, one way. `ceiling` is the money that may be spent in a day; None is no ceiling."""
    return _Inn(workload, way, vocabulary, ceiling, stopwatch).live()


@dataclass(slots=True)
class _Caller:
    """A request under way."""

    number: int
    arrival: Arrival
    request: Request
    choice: Choice
    attempt: int = 0
    served: Served | None = None
    cost: float = 0.0
    is_first_after_load: bool = False

    @property
    def model(self) -> str:
        """Who is asked now."""
        return self.choice.candidates[self.attempt]


@dataclass(slots=True)
class _Inn:
    workload: Workload
    way: Way
    vocabulary: Vocabulary
    ceiling: float | None
    stopwatch: Callable[[], float]
    callers: dict[int, _Caller] = field(default_factory=dict)
    """By the number of their visit."""
    answers: dict[int, Answer] = field(default_factory=dict)
    catalog: Catalog = field(init=False)
    purse: Purse = field(init=False)
    simulator: Simulator = field(init=False)
    reception: Reception = field(init=False)

    def __post_init__(self) -> None:
        workload, way = self.workload, self.way
        may_overflow = way.answers is Answers.HOSTED
        models = tuple(model for model in workload.catalog if may_overflow or not is_hosted(model))
        self.catalog = Catalog(models, workload.catalog.default, workload.catalog.embeds)
        self.purse = Purse(Ceilings(per_day=self.ceiling))
        self.simulator = Simulator(
            dict(workload.budget) if way.most_models is None else {**workload.budget, PLACES: way.most_models},
            {model.id: self._terms(model) for model in models},
            policy=way.chooses,
            rules=replace(PATIENT, preloads_by_rate=way.policy is Policies.DEFAULT),
            stopwatch=self.stopwatch,
            answered=self._answered,
            returned=self._returned,
        )
        self.reception = Reception(
            self.simulator.machine,
            vocabulary=self.vocabulary,
            seconds=lambda: self.simulator.now_s,
            trouble=lambda _: None,
            targets=workload.targets,
            worth=replace(workload.worth, may_substitute=way.answers is not Answers.EXACT, may_overflow=may_overflow),
        )

    def _terms(self, model: Model) -> Terms:
        pace, way = self.workload.paces[model.id], self.way
        needs = dict(pace.needs)
        if way.most_models is not None and needs:
            needs[PLACES] = 1
        keep_for_s = model.keep_for_s if way.keeps_for_s is None else way.keeps_for_s
        return Terms(
            needs=Footprint(needs, Sizing.DECLARED),
            load_s=pace.load_s,
            slots=model.slots,
            keep_for_s=keep_for_s if needs else None,
            hold_s=model.hold_s,
            pinned=model.pinned,
        )

    def live(self) -> Lived:
        pinned = tuple(model.id for model in self.catalog if model.pinned)
        if pinned:
            self.simulator.wish(pinned, "pinned")
        for number, arrival in enumerate(self.workload.arrivals, start=1):
            self.simulator.until(arrival.at_s)
            self._ask(number, arrival)
        outcome = self.simulator.finish()
        outcome.loads = [model for model in outcome.loads if self.workload.paces[model].needs]
        return Lived(tuple(self.answers[number] for number in sorted(self.answers)), outcome)

    # ---- the way of a request, as in the runtime ----

    def _ask(self, number: int, arrival: Arrival) -> None:
        request = arrival.request(number)
        self._send(_Caller(number, arrival, request, self.reception.choice(request, self.catalog)))

    def _send(self, caller: _Caller) -> None:
        """To the candidate whose turn it is. Its whole time counts from its arrival."""
        arrival, price = caller.arrival, self.catalog.get(caller.model).price
        caller.cost = (price.cost(arrival.prompt_tokens, arrival.answer_tokens) if price is not None else None) or 0.0
        if price is not None and not self._has_money(caller):
            refusal = SpendingCeiling(f"{self.ceiling} are spent for today.", ceiling=self.ceiling or 0.0)
            self._fail(caller, refusal)
            return
        ticket = self.simulator.asked + 1  # known before: it may be served at once
        self.callers[ticket] = caller
        if price is not None:
            self.purse.put_aside(ticket, arrival.client, caller.cost)
        service_s = self.workload.paces[caller.model].service_s(arrival)
        self.simulator.ask(Visit(arrival.at_s, caller.model, service_s, arrival.client))

    def _has_money(self, caller: _Caller) -> bool:
        day = f"day {int(self.simulator.now_s // DAY_S)}"
        if self.purse.day != day:
            self.purse.begin(day, {})
        return self.purse.short(caller.arrival.client, caller.cost) is None

    def _answered(self, served: Served) -> None:
        """The machine granted the visit, or refused it. It must not hear of anything before it is done with this."""
        caller = self.callers[served.ticket]
        caller.served = served
        error = served.error
        if error is None:
            caller.is_first_after_load = not self.simulator.books.residents[caller.model].answered
            first_s = self.workload.paces[caller.model].first_s(caller.arrival)
            self.simulator.later(first_s, lambda: self._has_begun(caller))
        else:
            del self.callers[served.ticket]
            self.simulator.later(0.0, lambda: self._fail(caller, error))

    def _fail(self, caller: _Caller, error: InnkeeperError) -> None:
        """The next candidate is asked, if there is one."""
        if error.try_next and caller.attempt + 1 < len(caller.choice.candidates):
            caller.attempt += 1
            self._send(caller)
            return
        waited_s = self.simulator.now_s - caller.arrival.at_s
        self.answers[caller.number] = Answer(
            caller.arrival, caller.choice.right, caller.model, waited_s, caller.choice.due.within_s, 0.0, error=error
        )

    def _has_begun(self, caller: _Caller) -> None:
        """The first words are there."""
        choice = caller.choice
        self.reception.answers(caller.request, choice, caller.model)
        if choice.is_substituted and caller.attempt == 0:
            self.simulator.tell(Missed(choice.right, choice.loads_next is not None, "another answered in its place"))

    def _returned(self, ticket: int) -> None:
        """The answer is over: it is counted, and its times are learned."""
        caller = self.callers.pop(ticket)
        served, arrival, model, choice = caller.served, caller.arrival, caller.model, caller.choice
        assert served is not None, f"visit {ticket} ended before it began"
        pace, quality = self.workload.paces[model], 1.0 if model == choice.right else choice.quality_of(model)
        if caller.cost:
            self.purse.settle(ticket, caller.cost)
        self.answers[caller.number] = Answer(
            arrival,
            choice.right,
            model,
            served.waited_s + pace.first_s(arrival),
            choice.due.within_s,
            0.0 if quality is None else quality,
            caller.cost,
        )
        self.reception.learn(
            Answered(
                model,
                pace.first_s(arrival),
                pace.service_s(arrival),
                is_first_after_load=caller.is_first_after_load,
                was_crowded=served.beside > 0,
                prompt_tokens=arrival.prompt_tokens,
                prompt_s=pace.read_s(arrival),
                answer_tokens=arrival.answer_tokens,
                answer_s=pace.write_s(arrival),
            )
        )
