"""The command line called as a user calls it, in this process, and what came of it."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from innkeeper.cli import main


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str


class CommandLine:
    """Gives commands from one folder, with only the variables that were set here."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        monkeypatch.chdir(folder)
        monkeypatch.setenv("HOME", str(folder / "user"))
        for variable in ("FORCE_COLOR", "COLUMNS", "HF_HOME", "HF_ENDPOINT", "HF_TOKEN", "OLLAMA_MODELS"):
            monkeypatch.delenv(variable, raising=False)

    def set(self, variables: Mapping[str, str]) -> None:
        """Set variables for the commands that follow."""
        for name, value in variables.items():
            self._monkeypatch.setenv(name, value)

    def __call__(self, *arguments: str, stdin: str = "") -> Outcome:
        """Run one command to its end."""
        self._monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        said = self._capsys.readouterr()
        code = ended.value.code
        return Outcome(code if isinstance(code, int) else int(code is not None), said.out, said.err)
