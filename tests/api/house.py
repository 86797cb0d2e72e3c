"""An inn of echo models with its door open, for tests of the whole way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from innkeeper.api.options import ApiOptions
from innkeeper.runtime import facts
from innkeeper.runtime.catalog import Model
from tests.api.doubles import Door, open_door
from tests.runtime.conftest import Inn, OpenInn

OpenHouse = Callable[..., AbstractAsyncContextManager[tuple[Inn, Door]]]


@pytest.fixture
def open_house(open_inn: OpenInn, tmp_path: Path) -> OpenHouse:
    """An inn of some echo models with a budget of 1,000 bytes, and its open door."""

    @asynccontextmanager
    async def opened(*models: Model, options: ApiOptions | None = None) -> AsyncIterator[tuple[Inn, Door]]:
        async with open_inn(*models) as inn, open_door(inn.runtime, tmp_path, options) as door:
            yield inn, door

    return opened


def state(inn: Inn, model: str) -> str:
    return next(one.state for one in inn.runtime.view().models if one.id == model)


def endings(inn: Inn) -> list[str]:
    return [fact.outcome for fact in inn.facts() if isinstance(fact, facts.Finished)]
