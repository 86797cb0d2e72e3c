"""process_memory: what the kernel says one process holds."""

from __future__ import annotations

import os
from pathlib import Path

from innkeeper.runtime.engines.process_memory import ProcessMemory, process_memory


def process(root: Path, status: str) -> Path:
    (root / "7").mkdir()
    (root / "7/status").write_text(status)
    return root


class TestProcessMemory:
    def test_now_and_peak_are_the_kernels_own(self, tmp_path: Path) -> None:
        proc = process(tmp_path, "Name:\tx\nVmHWM:\t    1500 kB\nVmRSS:\t    1000 kB\n")

        assert process_memory(7, proc) == ProcessMemory(now_bytes=1000 * 1024, peak_bytes=1500 * 1024)

    def test_a_process_that_is_gone_holds_nothing_known(self, tmp_path: Path) -> None:
        assert process_memory(7, tmp_path) is None

    def test_a_kernel_that_says_too_little_is_not_guessed_at(self, tmp_path: Path) -> None:
        assert process_memory(7, process(tmp_path, "Name:\tx\n")) is None

    def test_this_process_holds_something(self) -> None:
        held = process_memory(os.getpid())

        assert held is not None
        assert held.peak_bytes >= held.now_bytes > 1_000_000
