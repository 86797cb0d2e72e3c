"""Fixtures of the HTTP door."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.doubles import Door, ScriptedRuntime, open_door
from tests.api.house import open_house
from tests.api.telling import Teller
from tests.runtime.conftest import open_inn

__all__ = ["open_house", "open_inn"]  # fixtures of theirs, used here too


@pytest.fixture
async def runtime() -> ScriptedRuntime:
    return ScriptedRuntime()


@pytest.fixture
async def door(runtime: ScriptedRuntime, tmp_path: Path) -> AsyncIterator[Door]:
    """An open door: no keys, this machine only."""
    async with open_door(runtime, tmp_path) as door:
        yield door


@pytest.fixture
def teller(runtime: ScriptedRuntime) -> Teller:
    teller = Teller()
    runtime.script = teller
    return teller
