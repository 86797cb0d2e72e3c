"""The journal as numbers: counters and histograms of what happened, in a registry of their own.

Labels are models of the catalogue, tasks, kinds, outcomes and error codes; never a request, a caller, or a model name
that only a caller has used (labels.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from innkeeper.runtime.facts import (
    Asked,
    AttemptFailed,
    EngineLeft,
    Evicted,
    Finished,
    FirstWords,
    Leased,
    LoadRefused,
    ModelLoaded,
    ModelMoved,
    Preloaded,
    Spent,
)
from innkeeper.runtime.journal.entry import Entry
from innkeeper.runtime.journal.gauges import Gauges
from innkeeper.runtime.journal.labels import ModelNames, TaskNames
from innkeeper.runtime.views import RuntimeView

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 15.0, 30.0, 60.0, 120.0, 300.0)
"""Upper edges of the buckets; 1, 2, 3, 5 and 8 s are the targets of routing, so that each can be read off exactly."""

Kept = TypeVar("Kept", Counter, Histogram)


class _Series(Generic[Kept]):
    """The series of one metric by their labels, remembered: finding one anew costs more than counting."""

    def __init__(self, metric: Kept) -> None:
        self._metric: Kept = metric
        self._found: dict[tuple[str, ...], Kept] = {}

    def of(self, *labels: str) -> Kept:
        found = self._found.get(labels)
        if found is None:
            found = self._found[labels] = self._metric.labels(*labels)
        return found


class PrometheusSink:
    """Counts facts. Safe from any thread; the sums are exact."""

    name = "Prometheus"

    def __init__(self) -> None:
        own = self._registry = CollectorRegistry()
        ProcessCollector(registry=own)
        self._models = ModelNames()
        self._tasks = TaskNames()
        self._open: dict[str, tuple[str, str]] = {}
        """Kind and task of the requests that have no ending yet."""

        self._facts = _Series(Counter("innkeeper_facts_total", "Facts of the journal.", ("fact",), registry=own))
        self._requests = _Series(
            Counter(
                "innkeeper_requests_total",
                'Requests that ended: "answered", "abandoned" when the caller left, else the code of an error.',
                ("kind", "model", "task", "outcome"),
                registry=own,
            )
        )
        self._took = _Series(
            Histogram(
                "innkeeper_request_seconds",
                "From the arrival of a request to its ending.",
                ("kind", "model"),
                buckets=_SECONDS,
                registry=own,
            )
        )
        self._waits = _Series(
            Histogram(
                "innkeeper_wait_seconds",
                "From the arrival of a request to its lease, loading included.",
                ("model",),
                buckets=_SECONDS,
                registry=own,
            )
        )
        self._first_words = _Series(
            Histogram(
                "innkeeper_first_words_seconds",
                'From the arrival of a request to the first piece of its answer; "cold" where its model had to load.',
                ("model", "task", "start"),
                buckets=_SECONDS,
                registry=own,
            )
        )
        self._due = _Series(
            Counter(
                "innkeeper_first_words_due_total",
                "Answers by whether their first words came within the target.",
                ("model", "task", "in_time"),
                registry=own,
            )
        )
        self._stood_in = _Series(
            Counter(
                "innkeeper_stood_in_total",
                "Answers of a model that stood in for the right one.",
                ("model", "in_place_of"),
                registry=own,
            )
        )
        self._loads = _Series(
            Histogram("innkeeper_load_seconds", "Loads that succeeded.", ("model",), buckets=_SECONDS, registry=own)
        )
        self._loads_refused = _Series(
            Counter("innkeeper_loads_refused_total", "Loads that failed or were not tried.", ("model",), registry=own)
        )
        self._evictions = _Series(
            Counter(
                "innkeeper_evictions_total",
                'Models told to leave, to make room for another "model" or for "other_programs".',
                ("model", "room_for"),
                registry=own,
            )
        )
        self._preloads = _Series(
            Counter(
                "innkeeper_preloads_total",
                'Loads before anybody asked: "started", of these "used" or "cancelled"; "declined"; "regretted".',
                ("model", "what"),
                registry=own,
            )
        )
        self._engines_left = _Series(
            Counter(
                "innkeeper_engines_left_total",
                "Engine processes that ended, for whatever reason.",
                ("model",),
                registry=own,
            )
        )
        self._failed_attempts = _Series(
            Counter(
                "innkeeper_failed_attempts_total", "Candidates that could not answer.", ("model", "code"), registry=own
            )
        )
        self._spent = _Series(
            Counter(
                "innkeeper_spent_total",
                "Money that hosted models cost, in the currency of the settings.",
                ("model", "is_estimated"),
                registry=own,
            )
        )
        self._tokens = _Series(
            Counter(
                "innkeeper_tokens_total",
                'Tokens of answers that ended: "prompt", of these "cached", and "answer".',
                ("model", "part"),
                registry=own,
            )
        )
        self._audio_s = _Series(
            Counter("innkeeper_audio_seconds_total", "Sound that was heard.", ("model",), registry=own)
        )

    def watch(self, view: Callable[[], RuntimeView]) -> None:
        """Add the gauges of what stands now; `view` is called at each scrape. Once, when the runtime is there."""
        self._registry.register(Gauges(view))

    def page(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(_WithoutBirthdays(self._registry))

    def take(self, entry: Entry) -> None:
        """Count one entry."""
        fact = entry.fact
        self._facts.of(type(fact).__name__).inc()
        match fact:
            case Asked(request, kind, _, task, _):
                self._open[request] = (kind, self._tasks.label(task))
            case Leased(_, model, waited_s, _):
                self._waits.of(self._models.learn(model)).observe(waited_s)
            case FirstWords():
                self._count_first_words(fact)
            case AttemptFailed(_, model, code, _):
                self._failed_attempts.of(self._models.learn(model), code).inc()
            case Finished():
                self._count_ending(fact)
            case Spent(_, model, _, cost, _, is_estimated) if cost:
                self._spent.of(self._models.learn(model), "yes" if is_estimated else "no").inc(cost)
            case ModelMoved(model):
                self._models.learn(model)
            case ModelLoaded(model, _, took_s):
                self._loads.of(self._models.learn(model)).observe(took_s)
            case LoadRefused(model):
                self._loads_refused.of(self._models.learn(model)).inc()
            case Evicted(model, for_model):
                self._evictions.of(self._models.learn(model), "model" if for_model else "other_programs").inc()
            case Preloaded(model, what):
                self._preloads.of(self._models.learn(model), what).inc()
            case EngineLeft(model):
                self._engines_left.of(self._models.learn(model)).inc()
            case _:  # the count of its kind above is all there is to count
                pass

    def close(self) -> None:
        """Nothing to finish: the numbers are in memory."""

    def _count_first_words(self, fact: FirstWords) -> None:
        model, task = self._models.learn(fact.model), self._tasks.label(fact.task)
        self._first_words.of(model, task, "cold" if fact.load_s else "warm").observe(fact.after_s)
        if fact.target_s is not None:
            self._due.of(model, task, "yes" if fact.after_s <= fact.target_s else "no").inc()
        if fact.in_place_of is not None:
            self._stood_in.of(model, self._models.learn(fact.in_place_of)).inc()

    def _count_ending(self, fact: Finished) -> None:
        kind, task = self._open.pop(fact.request, ("", ""))
        model = self._models.label(fact.model)
        self._requests.of(kind, model, task, fact.outcome).inc()
        self._took.of(kind, model).observe(fact.took_s)
        parts = {
            "prompt": fact.usage.prompt_tokens,
            "cached": fact.usage.cached_tokens,
            "answer": fact.usage.answer_tokens,
        }
        for part, tokens in parts.items():
            if tokens:
                self._tokens.of(model, part).inc(tokens)
        if fact.usage.audio_s:
            self._audio_s.of(model).inc(fact.usage.audio_s)


class _WithoutBirthdays(Collector):
    """A registry without the moment at which each series began, which would double the page."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for family in self._registry.collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family
