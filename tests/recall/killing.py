"""Runs `bulk_insert` in a process of its own, and kills it at a chosen moment."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from tests.project.checkout import ROOT


def run(place: Sequence[str], kill_after_lines: int | None = None, kill_within_s: float = 0.0) -> bool:
    """Insert into `place`; whether it got to its end. It is killed a moment after so many lines, if at all."""
    command = [sys.executable, "-m", "tests.recall.bulk_insert", *place]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        said = []
        for line in child.stdout:
            said.append(line.strip())
            if kill_after_lines is not None and len(said) >= kill_after_lines:
                try:
                    child.wait(kill_within_s)
                except subprocess.TimeoutExpired:
                    child.kill()
                break
        child.stdout.read()
    return "done" in said
