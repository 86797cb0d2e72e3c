"""The command line, for the command that prints profiles."""

from __future__ import annotations

from tests.cli.conftest import innkeeper

__all__ = ["innkeeper"]
