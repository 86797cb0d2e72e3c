"""A store of each kind, empty; the tests of `test_store.py` ask all of them the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from innkeeper.recall.sqlite.store import sqlite_store
from innkeeper.recall.store import Store


@pytest.fixture(params=["sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    async with sqlite_store(tmp_path / "recall.sqlite") as opened:
        yield opened
