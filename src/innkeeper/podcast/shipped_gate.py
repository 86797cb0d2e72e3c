"""The gate with the weights that come with the package, fitted by `python -m benchmarks.podcast --fit`."""

from __future__ import annotations

from importlib.resources import files

from innkeeper.podcast.gate import Gate


def shipped_gate() -> Gate:
    """Read anew each time; the caller keeps it."""
    return Gate.from_json(files("innkeeper.podcast").joinpath("gate.json").read_text(encoding="utf-8"))
