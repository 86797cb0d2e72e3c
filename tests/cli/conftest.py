"""Fixtures of the command line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from innkeeper.api.options import ApiOptions
from tests.api.doubles import Door, ScriptedRuntime, open_door
from tests.cli.command import CommandLine


@pytest.fixture
def innkeeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """The command, in an empty folder."""
    return CommandLine(tmp_path, monkeypatch, capsys)


@pytest.fixture
def runtime() -> ScriptedRuntime:
    return ScriptedRuntime()


@pytest.fixture
async def server(runtime: ScriptedRuntime, tmp_path: Path, innkeeper: CommandLine) -> AsyncIterator[Door]:
    """A running server, where the commands look for it."""
    (tmp_path / "state").mkdir()
    async with open_door(runtime, tmp_path / "state", ApiOptions(shutdown_within_s=5)) as door:
        innkeeper.set({"INNKEEPER_PORT": str(door.port)})
        yield door
