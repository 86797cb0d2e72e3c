"""What one process holds of the machine's memory, read from the kernel's own counters.

The resident set, not the proportional one: that takes the kernel 12 ms for every GB that is mapped, each time it is
asked, and this is asked every second. So the program and its libraries count whole in every child, as the estimate
counts them; a child is never thought smaller than it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

RAM: Final = "ram"
"""The pool of the machine's main memory."""


@dataclass(frozen=True, slots=True)
class ProcessMemory:
    """Bytes in main memory."""

    now_bytes: int
    peak_bytes: int
    """The most since the process began, as the kernel saw it: nothing between two readings is missed."""


def process_memory(pid: int, proc: Path = Path("/proc")) -> ProcessMemory | None:
    """What the process holds; None where the kernel does not say, or the process is gone."""
    try:
        status = (proc / str(pid) / "status").read_text()
    except OSError:
        return None
    now, peak = _bytes(status, "VmRSS"), _bytes(status, "VmHWM")
    return ProcessMemory(now, max(now, peak)) if now is not None and peak is not None else None


def _bytes(status: str, name: str) -> int | None:
    found = re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else None
