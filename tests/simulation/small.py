"""Small workloads for tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from innkeeper.runtime.catalog import Catalog, Model
from innkeeper.runtime.messages import Kind
from innkeeper.simulation.workload import Arrival, Pace, Workload

GIB = 2**30


def model(name: str, **fields: object) -> Model:
    """One that chats, and stays until its room is wanted."""
    return Model(name, "simulated", frozenset({Kind.CHAT}), keep_for_s=None, **fields)  # type: ignore[arg-type] # any field


def pace(gib: float, load_s: float | None = None) -> Pace:
    """Reads 1,000 tokens a second and writes 100; loads a GiB a second after a first one."""
    return Pace({"ram": round(gib * GIB)}, 1 + gib if load_s is None else load_s, 1000.0, 100.0)


def workload(paces: Mapping[str, Pace], arrivals: Iterable[Arrival], *, gib: float = 10.0) -> Workload:
    """These models in so much memory."""
    catalog = Catalog(tuple(model(name) for name in paces))
    return Workload("small", {"ram": round(gib * GIB)}, catalog, paces, tuple(arrivals))


def asked(at_s: float, name: str, **fields: object) -> Arrival:
    """A request that names its model, of 1,000 tokens to read and 100 to write."""
    return Arrival(at_s, name, 1000, 100, is_named=True, **fields)  # type: ignore[arg-type] # any field


def in_order(paces: Mapping[str, Pace], order: str) -> Workload:
    """One request a second for the models of these letters."""
    return workload(paces, [asked(float(at), name) for at, name in enumerate(order)])
