"""Another keeper over the same machine: engines are numbers, time is a list of events, and nothing waits.

What it says of a policy is said of the code that runs, for it drives `Residency` itself. Pure and repeatable:
the same visits give the same outcome.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count

from innkeeper.runtime.catalog import Bytes
from innkeeper.runtime.errors import InnkeeperError
from innkeeper.runtime.facts import Evicted, Fact, Preloaded
from innkeeper.runtime.residency.books import Books
from innkeeper.runtime.residency.callers import Rules
from innkeeper.runtime.residency.ledger import add, covers
from innkeeper.runtime.residency.machine import Residency
from innkeeper.runtime.residency.policy import Policy, keep_the_most_valuable_set
from innkeeper.runtime.residency.signals import (
    CatalogSet,
    Effect,
    Gone,
    Grant,
    Load,
    Loaded,
    PreloadWanted,
    Refuse,
    Returned,
    Signal,
    Terms,
    Tick,
    Unload,
    Wanted,
)


@dataclass(frozen=True, slots=True)
class Visit:
    """One request to come."""

    at_s: float
    model: str
    service_s: float
    """Seconds it uses the model once it has it."""
    client: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Served:
    """How one visit ended."""

    ticket: int
    visit: Visit
    waited_s: float
    """Until it was granted or refused."""
    error: InnkeeperError | None = None
    beside: int = 0
    """Others that its model answered at that moment."""
    load_s: float = 0.0
    """Of its wait, the part in which its model was loading."""


@dataclass(slots=True)
class Outcome:
    """What a run came to."""

    served: list[Served] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    """Models, one for each load that was begun."""
    load_s: float = 0.0
    """Seconds of loading, all loads together, also those that were abandoned as far as they went."""
    evictions_in_vain: int = 0
    """Models sent away for another that does not fit even so."""
    overrun_bytes: int = 0
    """The most that was ever promised beyond a pool's limit."""
    preloads: dict[str, int] = field(default_factory=dict)
    """How many were started, used, cancelled, regretted, declined."""
    decision_s: list[float] = field(default_factory=list)
    """Seconds of each decision, by the stopwatch."""
    most_waiting: int = 0

    def waits_s(self, client: str | None = None) -> list[float]:
        """Waits of those who were served, shortest first."""
        return sorted(one.waited_s for one in self.served if one.error is None and client in {None, one.visit.client})


def no_stopwatch() -> float:
    """For runs in which nobody asks how long decisions take."""
    return 0.0


def nobody_listens(_: object) -> None:
    """For runs in which nobody asks how single visits went."""


class Simulator:
    """An inn whose engines load for a known time, one after another over one channel."""

    def __init__(
        self,
        budget: Bytes,
        models: Mapping[str, Terms],
        *,
        policy: Policy = keep_the_most_valuable_set,
        rules: Rules | None = None,
        unload_s: float = 0.2,
        stopwatch: Callable[[], float] = no_stopwatch,
        answered: Callable[[Served], None] = nobody_listens,
        returned: Callable[[int], None] = nobody_listens,
    ) -> None:
        """`models` say how long each load takes; `stopwatch` only measures decisions and decides nothing.

        `answered` is told of each visit that was granted or refused, in the midst of what the machine decided: what
        follows from it is for `later`. `returned` is told the number of each visit whose answer has ended.
        """
        self._models = models
        self._unload_s = unload_s
        self._stopwatch = stopwatch
        self._answered = answered
        self._returned = returned
        self._facts: list[Fact] = []
        self.machine = Residency(budget, note=self._facts.append, rules=rules, policy=policy)
        """The machine that is driven: others may read it."""
        self._now_s = 0.0
        self._numbers = count()
        self._coming: list[tuple[float, int, Signal | Callable[[], None]]] = []
        self._tickets: dict[int, Visit] = {}
        self._channel: deque[Load] = deque()  # the first one is on its way, the others wait for it
        self._began_s = 0.0
        self.asked = 0
        """Visits so far; the next one has the number after it."""
        self.outcome = Outcome()
        self._hear(CatalogSet(models))

    def run(self, visits: Iterable[Visit]) -> Outcome:
        """Let these come, in the order of their times, and go on until everybody has been answered."""
        for visit in visits:
            self.until(visit.at_s)
            self.ask(visit)
        return self.finish()

    def ask(self, visit: Visit) -> int:
        """Somebody comes, now. Returns the number under which this visit is `Served`."""
        self.asked += 1
        self._tickets[self.asked] = visit
        self._hear(Wanted(self.asked, visit.model, visit.client, visit.priority))
        return self.asked

    def wish(self, models: tuple[str, ...], because: str) -> None:
        """These will probably be needed soon, most likely first."""
        self.tell(PreloadWanted(models, because))

    def tell(self, signal: Signal) -> None:
        """Hand a signal to the machine, now, and do what follows from it."""
        self._hear(signal)

    def finish(self) -> Outcome:
        """Go on until everybody has been answered, and to the end."""
        while self._tickets or self._coming:
            self.until(self._next_s())
        return self.outcome

    @property
    def now_s(self) -> float:
        """The moment it is."""
        return self._now_s

    @property
    def books(self) -> Books:
        """What the machine knows at this moment: to be read."""
        return self.machine.books

    def until(self, until_s: float) -> None:
        """Everything that happens up to this moment."""
        while (next_s := self._next_s()) <= until_s:
            self._now_s = max(self._now_s, next_s)
            if self._coming and self._coming[0][0] <= next_s:
                self._take(heappop(self._coming)[2])
            else:
                self._hear(Tick())
        self._now_s = max(self._now_s, until_s)

    def _next_s(self) -> float:
        wake_at_s = self.machine.wake_at_s()
        next_s = self._coming[0][0] if self._coming else None
        known = [moment_s for moment_s in (wake_at_s, next_s) if moment_s is not None]
        assert known or not self._unanswered(), f"nothing will ever happen to {self._unanswered()}"
        return min(known, default=float("inf"))

    def _unanswered(self) -> list[int]:
        return sorted(self._tickets)

    def _take(self, signal: Signal | Callable[[], None]) -> None:
        if callable(signal):
            signal()
            return
        if isinstance(signal, Loaded):
            if not self._channel or self._channel[0] != Load(signal.model, signal.generation, self._channel[0].again):
                return  # told to go before it was ready
            self._channel.popleft()
            self.outcome.load_s += signal.took_s
            self._begin_next()
        if isinstance(signal, Returned):
            del self._tickets[signal.ticket]
        self._hear(signal)
        if isinstance(signal, Returned):
            self._returned(signal.ticket)

    def _hear(self, signal: Signal) -> None:
        began_s = self._stopwatch()
        effects = self.machine.hear(signal, self._now_s)
        self.outcome.decision_s.append(self._stopwatch() - began_s)
        self._look()
        for effect in effects:
            self._do(effect)

    def _look(self) -> None:
        """Hold the machine to its promises."""
        books, outcome = self.machine.books, self.outcome
        outcome.overrun_bytes = max([outcome.overrun_bytes, *books.ledger.overdrawn().values()])
        outcome.most_waiting = max(outcome.most_waiting, len(books.queue))
        for fact in self._facts:
            if isinstance(fact, Preloaded):
                outcome.preloads[fact.what] = outcome.preloads.get(fact.what, 0) + 1
            if isinstance(fact, Evicted) and fact.for_model is not None:
                soon = add(books.ledger.free(), books.leaving())
                outcome.evictions_in_vain += not covers(soon, books.needs(books.residents[fact.for_model]))
        self._facts.clear()

    def _do(self, effect: Effect) -> None:
        match effect:
            case Load():
                self.outcome.loads.append(effect.model)
                self._channel.append(effect)
                if len(self._channel) == 1:
                    self._begin_next()
            case Unload(model, generation):
                self._abandon(model, generation)
                self.later(self._unload_s, Gone(model, generation))
            case Grant(ticket, load_s=load_s):
                visit = self._tickets[ticket]
                beside = len(self.books.residents[visit.model].leases) - 1
                waited_s = self._now_s - visit.at_s
                self._end(Served(ticket, visit, waited_s, beside=beside, load_s=load_s))
                self.later(visit.service_s, Returned(ticket))
            case Refuse(ticket, error):
                visit = self._tickets.pop(ticket)
                self._end(Served(ticket, visit, self._now_s - visit.at_s, error))

    def _end(self, served: Served) -> None:
        self.outcome.served.append(served)
        self._answered(served)

    def _begin_next(self) -> None:
        if self._channel:
            load, took_s = self._channel[0], self._models[self._channel[0].model].load_s
            self._began_s = self._now_s
            self.later(took_s, Loaded(load.model, load.generation, took_s))

    def _abandon(self, model: str, generation: int) -> None:
        """Take a load that is not over out of the channel."""
        for load in tuple(self._channel):
            if (load.model, load.generation) == (model, generation):
                was_on_its_way = load is self._channel[0]
                self._channel.remove(load)
                if was_on_its_way:
                    self.outcome.load_s += self._now_s - self._began_s
                    self._begin_next()

    def later(self, after_s: float, what: Signal | Callable[[], None]) -> None:
        """Have something happen after so many seconds: the machine hears a signal, or something is done."""
        heappush(self._coming, (self._now_s + after_s, next(self._numbers), what))
