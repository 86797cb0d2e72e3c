"""What stands now, as Prometheus gauges: pools, models, queue. Read from the runtime's view at each scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from innkeeper.runtime.views import ModelView, PoolView, RuntimeView


class Gauges(Collector):
    """A picture taken when it is asked for, so that nothing has to be kept up to date in between."""

    def __init__(self, view: Callable[[], RuntimeView]) -> None:
        self._view = view

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing in advance: registering must not ask a runtime that is not open yet."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges of this moment."""
        now = self._view()
        yield GaugeMetricFamily("innkeeper_up_seconds", "Seconds since the runtime was opened.", now.up_s)
        yield GaugeMetricFamily("innkeeper_queue_length", "Callers waiting for memory or a slot.", now.waiting)
        yield GaugeMetricFamily("innkeeper_serving", "Requests that hold a lease.", now.serving)
        yield _pools(now.pools)
        yield from _models(now.models)


def _pools(pools: tuple[PoolView, ...]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "innkeeper_pool_bytes",
        "Bytes of a pool: budget, ceiling, held by models, overhead of our own process, total and free by the system.",
        labels=("pool", "number"),
    )
    for pool in pools:
        numbers = {
            "budget": pool.budget_bytes,
            "ceiling": pool.ceiling_bytes,
            "held": pool.held_bytes,
            "overhead": pool.overhead_bytes,
            "total": pool.total_bytes,
            "free": pool.free_bytes,
        }
        for number, size_bytes in numbers.items():
            family.add_metric((pool.name, number), size_bytes)
    return family


def _models(models: tuple[ModelView, ...]) -> Iterator[GaugeMetricFamily]:
    size = GaugeMetricFamily(
        "innkeeper_model_bytes",
        "Bytes of a model in a pool: held by the ledger, or measured by the latest reading; the sizing says how"
        " the number is known.",
        labels=("model", "pool", "number", "sizing"),
    )
    state = GaugeMetricFamily(
        "innkeeper_model_state", "1 for the state the model is in; no line for the others.", labels=("model", "state")
    )
    leases = GaugeMetricFamily("innkeeper_model_leases", "Requests the model answers now.", labels=("model",))
    waiting = GaugeMetricFamily("innkeeper_model_waiting", "Callers waiting for the model.", labels=("model",))
    for model in models:
        for pool, size_bytes in model.held.items():
            size.add_metric((model.id, pool, "held", model.sizing), size_bytes)
        for pool, size_bytes in (model.measured or {}).items():
            size.add_metric((model.id, pool, "measured", "measured"), size_bytes)
        state.add_metric((model.id, model.state), 1)
        leases.add_metric((model.id,), model.leases)
        waiting.add_metric((model.id,), model.waiting)
    yield from (size, state, leases, waiting)
