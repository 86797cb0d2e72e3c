"""What one process holds of the machine's memory, read from the kernel."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

RAM: Final = "ram"
"""The pool of the machine's main memory."""


@dataclass(frozen=True, slots=True)
class ProcessMemory:
    """Bytes in main memory. Pages shared with other processes count in part (PSS)."""

    now_bytes: int
    peak_bytes: int
    """The most since the process began, as the kernel saw it: nothing between two readings is missed."""


def process_memory(pid: int, proc: Path = Path("/proc")) -> ProcessMemory | None:
    """What the process holds; None where the kernel does not say, or the process is gone."""
    try:
        rollup = (proc / str(pid) / "smaps_rollup").read_text()
        status = (proc / str(pid) / "status").read_text()
    except OSError:
        return None
    pss, rss, high = _kib(rollup, "Pss"), _kib(rollup, "Rss"), _kib(status, "VmHWM")
    if pss is None or rss is None or high is None:
        return None
    shared = rss - pss  # of others; the kernel's peak is of RSS and counts it in full
    return ProcessMemory(now_bytes=pss * 1024, peak_bytes=max(pss, high - shared) * 1024)


def _kib(text: str, name: str) -> int | None:
    found = re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)
    return int(found[1]) if found else None
