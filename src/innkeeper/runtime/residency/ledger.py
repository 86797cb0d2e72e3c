"""The bytes of every pool: what models may hold, and what has been promised to whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from innkeeper.runtime.catalog import Bytes


def add(left: Bytes, right: Bytes) -> dict[str, int]:
    """The sum, pool by pool."""
    return {pool: left.get(pool, 0) + right.get(pool, 0) for pool in {*left, *right}}


def covers(have: Bytes, need: Bytes) -> bool:
    """Whether `have` is at least `need` in every pool."""
    return all(have.get(pool, 0) >= size for pool, size in need.items())


def shortfall(need: Bytes, have: Bytes) -> dict[str, int]:
    """What is missing of `need`, for the pools where something is."""
    return {pool: size - have.get(pool, 0) for pool, size in need.items() if size > have.get(pool, 0)}


class Ledger:
    """Bytes promised to models, against a limit for each pool.

    Bytes are held from the moment a load is *decided* until the engine is *known* to be gone; in between they
    never count as free. Only `correct` and a lower ceiling can make a pool overdrawn, for they report what is
    already true; whoever keeps the ledger must then make room.
    """

    def __init__(self, budget: Bytes) -> None:
        assert all(size >= 0 for size in budget.values()), f"a negative budget: {budget}"
        self._budget = dict(budget)
        self._ceiling = dict(budget)
        self._overhead = dict.fromkeys(budget, 0)
        self._held: dict[str, dict[str, int]] = {}
        self._overdrawn: dict[str, int] = {}  # kept, because every decision asks and few change anything

    @property
    def pools(self) -> tuple[str, ...]:
        return tuple(self._budget)

    def budget(self, pool: str) -> int:
        """Bytes the operator allows in `pool`."""
        return self._budget.get(pool, 0)

    def ceiling(self, pool: str) -> int:
        """Bytes other programs leave of the budget; never more than it."""
        return self._ceiling.get(pool, 0)

    def overhead(self, pool: str) -> int:
        """Bytes of the budget that we use beside the models."""
        return self._overhead.get(pool, 0)

    def held_in(self, pool: str) -> int:
        """Bytes promised to models in `pool`."""
        return sum(sizes.get(pool, 0) for sizes in self._held.values())

    def held_by(self, model: str) -> Bytes:
        """Bytes promised to `model`; empty when none are."""
        return self._held.get(model, {})

    def attainable(self, pool: str) -> int:
        """Bytes a model could have if all others left: the ceiling less our own use."""
        return max(0, self.ceiling(pool) - self.overhead(pool))

    def allowed(self, pool: str) -> int:
        """Bytes a model could have if all others left and other programs used nothing."""
        return max(0, self.budget(pool) - self.overhead(pool))

    def free(self) -> dict[str, int]:
        """Bytes nobody holds, by pool; 0 where a pool is overdrawn, never less."""
        return {pool: max(0, self.attainable(pool) - self.held_in(pool)) for pool in self._budget}

    def overdrawn(self) -> dict[str, int]:
        """Bytes promised beyond the limit, for the pools where that is so."""
        return dict(self._overdrawn)

    def hold(self, model: str, size: Bytes) -> None:
        """Promise `size` to `model`."""
        assert model not in self._held, f"{model} already holds {self._held.get(model)}"
        missing = shortfall(size, self.free())
        assert not missing, f"{model}: {missing} bytes too many for {self.free()} free"
        self._held[model] = dict(size)
        self._overdrawn = self._excess()

    def correct(self, model: str, size: Bytes) -> None:
        """Replace what `model` is said to hold by what it really holds."""
        self._held[model] = dict(size)
        self._overdrawn = self._excess()

    def give_back(self, model: str) -> None:
        """The bytes of `model` are free again."""
        self._held.pop(model, None)
        self._overdrawn = self._excess()

    def set_ceiling(self, pool: str, ceiling_bytes: int) -> None:
        """Other programs leave this much. A ceiling above the budget is the budget: it tightens, never loosens."""
        self._ceiling[pool] = min(max(0, ceiling_bytes), self.budget(pool))
        self._overdrawn = self._excess()

    def set_overhead(self, pool: str, overhead_bytes: int) -> None:
        """Our own process, its buffers and spare processes hold this much."""
        self._overhead[pool] = max(0, overhead_bytes)
        self._overdrawn = self._excess()

    def check(self, resident: Iterable[str]) -> None:
        """The books balance: exactly the models in memory hold bytes."""
        assert set(self._held) == set(resident), f"held by {set(self._held)}, resident {set(resident)}"
        assert all(size >= 0 for sizes in self._held.values() for size in sizes.values()), self._held
        assert all(self._ceiling[pool] <= self._budget[pool] for pool in self._budget), (self._ceiling, self._budget)
        assert self._overdrawn == self._excess(), (self._overdrawn, self._excess())

    def snapshot(self) -> Mapping[str, Bytes]:
        """What each model holds."""
        return {model: dict(sizes) for model, sizes in self._held.items()}

    def _excess(self) -> dict[str, int]:
        over = {pool: self.held_in(pool) - self.attainable(pool) for pool in self._budget}
        return {pool: size for pool, size in over.items() if size > 0}
