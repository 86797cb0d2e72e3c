"""Whatever happens, in whatever order: the books balance, effects never contradict, and nobody waits for ever."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count
from math import inf

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from innkeeper.runtime.errors import LoadFailed
from innkeeper.runtime.facts import Evicted, Fact
from innkeeper.runtime.residency.callers import Rules
from innkeeper.runtime.residency.ledger import covers
from innkeeper.runtime.residency.machine import Residency
from innkeeper.runtime.residency.signals import (
    CatalogSet,
    CeilingSet,
    Close,
    Effect,
    Gone,
    Grant,
    KeepSet,
    Load,
    Loaded,
    NotLoaded,
    OverheadSet,
    PinSet,
    PreloadWanted,
    Rated,
    Refuse,
    Returned,
    Seen,
    Signal,
    Sized,
    Terms,
    Tick,
    Unload,
    UnloadWanted,
    Wanted,
)
from innkeeper.runtime.residency.states import State
from tests.residency.inn import holding, measured, model

MODELS: dict[str, Terms] = {
    "narrator": model(6, load_s=6.0, slots=2),
    "scribe": model(5, load_s=5.0, keep_for_s=60.0, hold_s=4.0),
    "rules": model(2, also={"gpu0": 3}, load_s=3.0, keep_for_s=0.0, waiting_limit=3),
    "greek": model(1, also={"gpu0": 5}, load_s=5.0, slots=3),
    "embedder": model(0.5, load_s=0.5, pinned=True),
    "stranger": model(None, load_s=4.0, keep_for_s=120.0),
    "hosted": Terms(needs=holding(), slots=8),
    "giant": model(40),
}
BUDGET = dict(holding(ram=10, gpu0=6).bytes)
NAMES = st.sampled_from(sorted(MODELS))
SECONDS = st.sampled_from([0.0, 0.1, 1.0, 5.0, 31.0, 130.0])


@dataclass
class Process:
    """An engine as the world outside knows it."""

    model: str
    generation: int
    is_ready: bool = False
    was_told_to_go: bool = False


class AnyOrder(RuleBasedStateMachine):
    """C31: every interleaving of what can happen outside."""

    def __init__(self) -> None:
        super().__init__()
        self.facts: list[Fact] = []
        rules = Rules(queue_limit=12, patience_s=30.0, longest_wait_s=300.0)
        self.machine = Residency(BUDGET, note=self.facts.append, rules=rules)
        self.now_s = 0.0
        self.tickets = count(1)
        self.terms = dict(MODELS)
        self.waiting: set[int] = set()
        self.leases: dict[int, Process] = {}
        self.over: list[int] = []
        self.processes: dict[tuple[str, int], Process] = {}
        self.known_loads: set[tuple[str, int]] = set()
        self.is_closed = False
        self.is_broken = False

    # ---- what the world does with effects ----

    def hear(self, signal: Signal) -> tuple[Effect, ...]:
        held_before = {pool: self.machine.books.ledger.held_in(pool) for pool in BUDGET}
        facts_before = len(self.facts)
        self.is_broken = True
        effects = self.machine.hear(signal, self.now_s)
        self.machine.check()
        for effect in effects:
            self.obey(effect)
        self.check_the_limit(signal, held_before)
        for fact in self.facts[facts_before:]:
            if isinstance(fact, Evicted) and fact.for_model is not None:
                self.check_it_ends_in_a_fit(fact.for_model)
        self.is_broken = False
        return effects

    def obey(self, effect: Effect) -> None:
        match effect:
            case Load(name, generation):
                assert (name, generation) not in self.known_loads, f"{name} {generation} is loaded twice"
                assert not self.instances(name), f"{name} is loaded beside itself"
                assert name in self.machine.books.ledger.snapshot(), f"{name} loads without bytes"
                assert not self.is_closed, f"{name} loads although the house is closed"
                self.known_loads.add((name, generation))
                self.processes[name, generation] = Process(name, generation)
            case Unload(name, generation):
                process = self.processes[name, generation]
                assert not process.was_told_to_go, f"{name} {generation} is told to go twice"
                assert process not in self.leases.values(), f"{name} {generation} is shot while it answers"
                process.was_told_to_go = True
            case Grant(ticket, name, generation, load_s):
                process = self.processes[name, generation]
                assert process.is_ready, f"{ticket} may use {name} before it is ready"
                assert not process.was_told_to_go, f"{ticket} may use {name} while it stops"
                assert load_s >= 0
                self.waiting.remove(ticket)
                self.leases[ticket] = process
            case Refuse(ticket, error):
                self.waiting.remove(ticket)
                self.over.append(ticket)
                assert error.message

    def instances(self, name: str) -> list[Process]:
        return [one for one in self.processes.values() if one.model == name]

    def check_the_limit(self, signal: Signal, held_before: dict[str, int]) -> None:
        books = self.machine.books
        reports_what_is = isinstance(signal, Sized | Seen | CeilingSet | OverheadSet)
        over = books.ledger.overdrawn()
        for pool in BUDGET:
            held = books.ledger.held_in(pool)
            assert held <= books.ledger.attainable(pool) or reports_what_is or held <= held_before[pool], (
                f"{pool} is promised beyond its limit by {signal}"
            )
        leaving = books.leaving()
        short = [pool for pool, size in over.items() if leaving.get(pool, 0) < size]
        for one in books.loaded(State.READY):
            helps = any(books.ledger.held_by(one.model).get(pool, 0) for pool in short)
            assert not (helps and books.is_idle(one) and not one.pinned), f"{one.model} stays though memory lacks"

    def check_it_ends_in_a_fit(self, name: str) -> None:
        books = self.machine.books
        soon = {pool: free + books.leaving().get(pool, 0) for pool, free in books.ledger.free().items()}
        need = books.needs(books.residents[name])
        assert covers(soon, need), f"somebody left for {name}, which does not fit even so: {soon} for {need}"

    # ---- callers ----

    @initialize()
    def the_house_opens(self) -> None:
        self.hear(CatalogSet(self.terms))

    @rule(
        name=NAMES,
        client=st.sampled_from(["ann", "bob", "cat"]),
        priority=st.sampled_from([0, 0, 0, 1]),
        patience_s=st.sampled_from([None, None, 0.0, 10.0, float("inf")]),
        wait_at_most_s=st.sampled_from([None, None, 0.0, 50.0]),
        expires_s=st.sampled_from([None, None, 40.0]),
    )
    def someone_asks(
        self,
        name: str,
        client: str,
        priority: int,
        patience_s: float | None,
        wait_at_most_s: float | None,
        expires_s: float | None,
    ) -> None:
        ticket = next(self.tickets)
        self.waiting.add(ticket)
        self.hear(Wanted(ticket, name, client, priority, patience_s, wait_at_most_s, expires_s))

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), hold_s=st.sampled_from([None, None, 0.0, 20.0]), was_served=st.booleans())
    def someone_is_done(self, data: st.DataObject, hold_s: float | None, was_served: bool) -> None:
        ticket = data.draw(st.sampled_from(sorted(self.leases)))
        del self.leases[ticket]
        self.over.append(ticket)
        self.hear(Returned(ticket, hold_s, was_served))

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def someone_gives_up(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from(sorted(self.waiting)))
        self.waiting.remove(ticket)
        self.over.append(ticket)
        self.hear(Returned(ticket))

    @precondition(lambda self: self.over)
    @rule(data=st.data())
    def someone_says_it_twice(self, data: st.DataObject) -> None:
        self.hear(Returned(data.draw(st.sampled_from(self.over))))

    # ---- engines ----

    @precondition(lambda self: self.processes)
    @rule(data=st.data(), took_s=st.sampled_from([0.5, 8.0]))
    def an_engine_is_ready(self, data: st.DataObject, took_s: float) -> None:
        process = self.processes[data.draw(st.sampled_from(sorted(self.processes)))]
        if not process.is_ready:
            process.is_ready = not process.was_told_to_go
            self.hear(Loaded(process.model, process.generation, took_s))

    @precondition(lambda self: self.processes)
    @rule(data=st.data(), out_of_memory=st.booleans())
    def an_engine_does_not_become_ready(self, data: st.DataObject, out_of_memory: bool) -> None:
        process = self.processes[data.draw(st.sampled_from(sorted(self.processes)))]
        if not process.is_ready:
            self.hear(NotLoaded(process.model, process.generation, LoadFailed("it is broken"), out_of_memory))

    @precondition(lambda self: self.processes)
    @rule(data=st.data())
    def an_engine_is_gone(self, data: st.DataObject) -> None:
        self.engine_goes(self.processes[data.draw(st.sampled_from(sorted(self.processes)))])

    @precondition(lambda self: any(one.was_told_to_go for one in self.processes.values()))
    @rule()
    def an_engine_obeys(self) -> None:
        self.engine_goes(next(one for one in self.processes.values() if one.was_told_to_go))

    def engine_goes(self, process: Process) -> None:
        del self.processes[process.model, process.generation]
        for ticket in [ticket for ticket, used in self.leases.items() if used is process]:
            del self.leases[ticket]
            self.over.append(ticket)
        self.hear(Gone(process.model, process.generation, "killed"))

    @rule(name=NAMES, which=st.sampled_from(["loaded", "not loaded", "gone", "rated", "sized"]))
    def a_word_about_an_earlier_load(self, name: str, which: str) -> None:
        resident = self.machine.books.residents.get(name)
        if resident is None or resident.generation == 0:
            return
        old = resident.generation - 1
        before = (resident.state, resident.generation, dict(self.machine.books.ledger.held_by(name)))
        stale: dict[str, Signal] = {
            "loaded": Loaded(name, old, 1.0),
            "not loaded": NotLoaded(name, old, LoadFailed("long ago")),
            "gone": Gone(name, old),
            "rated": Rated(name, old, 0.001),
            "sized": Sized(name, measured(ram=9), old),
        }
        signal = stale[which]
        self.machine.hear(Tick(), self.now_s)  # what is due anyway is not the old word's doing
        assert self.hear(signal) == ()
        assert before == (resident.state, resident.generation, dict(self.machine.books.ledger.held_by(name)))

    @rule(name=NAMES)
    def a_foreign_server_loaded_it(self, name: str) -> None:
        resident = self.machine.books.residents.get(name)
        if resident is None or resident.state is not State.COLD or self.is_closed:
            return
        process = Process(name, resident.generation + 1, is_ready=True)
        self.processes[name, process.generation] = process
        self.known_loads.add((name, process.generation))
        self.hear(Seen(name, holding(ram=3)))

    @rule(name=NAMES, ram=st.sampled_from([0.0, 1.0, 4.0, 9.0, 12.0]), is_running=st.booleans())
    def a_better_number_is_known(self, name: str, ram: float, is_running: bool) -> None:
        resident = self.machine.books.residents.get(name)
        generation = resident.generation if resident is not None and is_running else None
        self.hear(Sized(name, measured(ram=ram), generation))

    @rule(name=NAMES, rate=st.sampled_from([20.0, 22.0, 3.0]))
    def an_answer_was_rated(self, name: str, rate: float) -> None:
        resident = self.machine.books.residents.get(name)
        if resident is not None:
            self.hear(Rated(name, resident.generation, rate))

    # ---- the house ----

    @rule(pool=st.sampled_from(sorted(BUDGET)), share=st.sampled_from([0.0, 0.3, 0.7, 1.0, 1.0, 2.0]))
    def other_programs_take_or_leave(self, pool: str, share: float) -> None:
        self.hear(CeilingSet(pool, round(BUDGET[pool] * share)))

    @rule(share=st.sampled_from([0.0, 0.05, 0.2]))
    def our_own_process_grows(self, share: float) -> None:
        self.hear(OverheadSet("ram", round(BUDGET["ram"] * share)))

    @rule(name=NAMES, pinned=st.booleans())
    def an_operator_pins(self, name: str, pinned: bool) -> None:
        self.hear(PinSet(name, pinned))

    @rule(name=NAMES, keep_for_s=st.sampled_from([0.0, 5.0, inf]))
    def a_caller_says_how_long_it_stays(self, name: str, keep_for_s: float) -> None:
        self.hear(KeepSet(name, keep_for_s))

    @rule(name=NAMES, force=st.booleans())
    def an_operator_unloads(self, name: str, force: bool) -> None:
        ticket = next(self.tickets)
        self.waiting.add(ticket)
        self.hear(UnloadWanted(ticket, name, force))
        self.waiting.discard(ticket)

    @rule(names=st.lists(NAMES, max_size=3))
    def somebody_expects_a_need(self, names: list[str]) -> None:
        self.hear(PreloadWanted(tuple(names), "the chapter begins"))

    @rule(name=NAMES, change=st.sampled_from(["goes", "other file", "other slots", "softer", "as before"]))
    def the_catalogue_changes(self, name: str, change: str) -> None:
        terms = self.terms.get(name, MODELS[name])
        match change:
            case "goes":
                self.terms.pop(name, None)
            case "other file":
                self.terms[name] = replace(terms, identity=object())
            case "other slots":
                self.terms[name] = replace(terms, slots=1 + terms.slots % 3)
            case "softer":
                self.terms[name] = replace(terms, keep_for_s=10.0)
            case _:
                self.terms[name] = MODELS[name]
        self.hear(CatalogSet(dict(self.terms)))

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.pass_time(seconds)

    @rule(dice=st.integers(0, 19))
    def the_house_closes(self, dice: int) -> None:
        if dice == 0:
            self.is_closed = True
            self.hear(Close())

    def pass_time(self, seconds: float) -> None:
        until_s = self.now_s + seconds
        while (wake_at_s := self.machine.wake_at_s()) is not None and wake_at_s <= until_s:
            assert wake_at_s > self.now_s, "a wake in the past"
            self.now_s = wake_at_s
            self.expire()
            self.hear(Tick())
        self.now_s = until_s
        self.expire()
        self.hear(Tick())

    def expire(self) -> None:
        """Leases that end by themselves, as the books have them."""
        for ticket, lease in self.machine.books.leases.items():
            if lease.expires_at_s is not None and lease.expires_at_s <= self.now_s:
                del self.leases[ticket]
                self.over.append(ticket)

    @invariant()
    def everybody_is_somewhere_once(self) -> None:
        books = self.machine.books
        assert self.waiting == {waiter.ticket for waiter in books.queue}
        assert set(self.leases) == set(books.leases)
        assert not self.waiting & set(self.leases)

    @invariant()
    def everybody_who_waits_has_a_place(self) -> None:
        places = [self.machine.position(ticket) for ticket in self.waiting]
        assert all(place is not None for place in places)
        assert all(self.machine.position(ticket) == 0 for ticket in self.leases)

    @invariant()
    def what_runs_is_what_the_books_say(self) -> None:
        books = self.machine.books
        running = {(one.model, one.generation) for one in self.processes.values()}
        assert running == {(one.model, one.generation) for one in books.residents.values() if one.state != State.COLD}

    def teardown(self) -> None:
        """The world goes on until nobody waits; then the house closes, and nothing is left."""
        if self.is_broken:
            return  # it failed already, and that is the failure to be told
        opened_s = self.now_s
        for _ in range(2000):
            if not self.waiting:
                break
            self.go_on()
        assert not self.waiting, "asked, and never answered"
        assert self.now_s - opened_s <= 300.0, "somebody waited longer than anybody is made to wait"
        if not self.is_closed:
            self.is_closed = True
            self.hear(Close())
        for _ in range(200):
            self.go_on()
        assert not self.processes
        assert not self.machine.books.leases
        assert not any(self.machine.books.ledger.held_in(pool) for pool in BUDGET)

    def go_on(self) -> None:
        """One thing that must happen some time does."""
        for process in tuple(self.processes.values()):
            if process.was_told_to_go:
                self.engine_goes(process)
                return
            if not process.is_ready:
                process.is_ready = True
                self.hear(Loaded(process.model, process.generation, 1.0))
                return
        for ticket in tuple(self.leases):
            del self.leases[ticket]
            self.over.append(ticket)
            self.hear(Returned(ticket))
            return
        wake_at_s = self.machine.wake_at_s()
        if wake_at_s is not None and (self.waiting or self.is_closed):
            self.pass_time(wake_at_s - self.now_s)


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    max_examples=150,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
