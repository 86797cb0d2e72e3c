"""Where this checkout lies and what is in it, for tests about the project as a whole."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "innkeeper"


def python_files(*folders: str) -> list[Path]:
    """Every Python file below the folders named, in order."""
    return sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py"))
