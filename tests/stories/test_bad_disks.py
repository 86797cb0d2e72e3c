"""A home on a disk that is full, and on one that cannot be written."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.stories.conftest import Shelf
from tests.stories.inn import Inn

SMALL_KIB = 128


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """A small disk of its own at that folder; only root may do this, and not everywhere."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a disk here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


class TestAFullDisk:
    def test_costs_the_journal_but_no_guest_their_answer(self, fresh_inn: Inn, shelf: Shelf) -> None:
        fresh_inn.settings(f'models.good = {{file = "{shelf.small}"}}')
        with mounted(fresh_inn.home, f"size={SMALL_KIB}k"):
            (fresh_inn.home / "filler").write_bytes(b"x" * (SMALL_KIB - 60) * 1024)
            fresh_inn.start()
            for _ in range(150):
                assert fresh_inn.say("good", tokens=1).status == 200
            fresh_inn.until(lambda: "cannot be written" in fresh_inn.output())
            assert fresh_inn.say("good", request_id="later").status == 200
            assert fresh_inn.ending("later") == "answered"
            assert fresh_inn.post("/models/good/unload").status == 200  # what was measured cannot be kept
            assert fresh_inn.say("good").status == 200
            fresh_inn.close()


class TestAReadOnlyDisk:
    def test_is_named_before_anything_is_started(self, fresh_inn: Inn) -> None:
        with mounted(fresh_inn.home, "ro"):
            refused = fresh_inn.command("up")
        assert refused.code == 3
        assert "Read-only" in refused.err
        assert str(fresh_inn.home) in refused.err
