"""The pools of the machine we run on, read from the kernel and from the GPU driver.

Main memory is the smallest of what the machine has and what the control groups above us allow. A GPU that is not
there, or a driver that does not answer, is no pool and no error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from innkeeper.runtime.memory.pools import PoolReading

RAM: Final = "ram"
UNLIMITED_FROM: Final = 1 << 60
"""Control groups of version 1 say "no limit" by a number of this size."""


class Host:
    """This machine. `root` is the file system to read, so that a test may bring one of its own."""

    def __init__(self, root: Path = Path("/"), *, gpus: Gpus | None = None, pid: int | None = None) -> None:
        self._root = root
        self._gpus = gpus if gpus is not None else Gpus()
        self._pid = os.getpid() if pid is None else pid

    def pools(self) -> Mapping[str, PoolReading]:
        """Every pool as it is now; one that cannot be read at the moment is left out."""
        family = tuple(self._family())
        found: dict[str, PoolReading] = {}
        ram = self._ram(family)
        if ram is not None:
            found[RAM] = ram
        found.update(self._gpus.pools(frozenset(family)))
        return found

    def own_bytes(self) -> int:
        """What our own process holds of the main memory, without its children: its resident set."""
        status = self._text(f"proc/{self._pid}/status")
        return _kib(status, "VmRSS") if status else 0

    def programs_bytes(self, names: frozenset[str]) -> int | None:
        """What processes of these names and their descendants hold of the main memory and could not give back by the
        kernel's own decision, as `PoolReading.ours_bytes` counts it. None where there are none to be seen."""
        if not names:
            return None
        family: set[int] = set()
        for entry in self._entries("proc"):
            name = self._text(f"proc/{entry}/comm") if entry.isdecimal() else None
            if name is not None and name.strip() in names and int(entry) not in family:
                family.update(self._family(int(entry)))
        return sum(self._unmapped(pid) for pid in family) if family else None

    # ---- main memory ----

    def _ram(self, family: tuple[int, ...]) -> PoolReading | None:
        meminfo = self._text("proc/meminfo")
        if meminfo is None:
            return None
        total, free = _kib(meminfo, "MemTotal"), _kib(meminfo, "MemAvailable")
        for limit, used in self._groups():
            total, free = min(total, limit), min(free, max(0, limit - used))
        return PoolReading(total, free, sum(self._unmapped(pid) for pid in family))

    def _unmapped(self, pid: int) -> int:
        # Not from smaps_rollup, which walks every page: 12 ms for each GB that a child has mapped.
        status = self._text(f"proc/{pid}/status")
        return _kib(status, "RssAnon") + _kib(status, "RssShmem") if status else 0

    def _family(self, pid: int | None = None) -> Iterator[int]:
        """A process, ours by default, and all that descend from it."""
        waiting = [self._pid if pid is None else pid]
        while waiting:
            pid = waiting.pop()
            yield pid
            for task in self._entries(f"proc/{pid}/task"):
                children = self._text(f"proc/{pid}/task/{task}/children")
                waiting += [int(child) for child in (children or "").split()]

    # ---- control groups ----

    def _groups(self) -> Iterator[tuple[int, int]]:
        """Limit and use, without what the kernel could give back, of every group above us that has a limit."""
        for line in (self._text(f"proc/{self._pid}/cgroup") or "").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "":
                base, limit_name, used_name, prefix = "sys/fs/cgroup", "memory.max", "memory.current", ""
            elif "memory" in controllers.split(","):
                base, limit_name, used_name, prefix = (
                    "sys/fs/cgroup/memory",
                    "memory.limit_in_bytes",
                    "memory.usage_in_bytes",
                    "total_",
                )
            else:
                continue
            # In a container the path is that of the host while the mount begins at our own group: what is missing
            # below the mount is skipped, and the mount itself is always looked at.
            parts = [part for part in path.split("/") if part not in ("", "..")]
            for depth in range(len(parts) + 1):
                group = "/".join([base, *parts[:depth]])
                limit = self._number(f"{group}/{limit_name}")
                used = self._number(f"{group}/{used_name}")
                if limit is not None and used is not None and limit < UNLIMITED_FROM:
                    stat = self._text(f"{group}/memory.stat") or ""
                    cache = _stat(stat, f"{prefix}active_file") + _stat(stat, f"{prefix}inactive_file")
                    yield limit, max(0, used - cache)

    # ---- files ----

    def _text(self, path: str) -> str | None:
        try:
            return (self._root / path).read_text()
        except (OSError, UnicodeDecodeError):
            return None

    def _entries(self, path: str) -> list[str]:
        try:
            return [entry.name for entry in (self._root / path).iterdir()]
        except OSError:
            return []

    def _number(self, path: str) -> int | None:
        text = (self._text(path) or "").strip()
        return int(text) if text.isdecimal() else None


class Gpus:
    """The GPUs the driver knows, through NVML. `nvml` is the module `pynvml`; absent, there are none."""

    def __init__(self, nvml: Any = None) -> None:  # the module has no types
        self._nvml = nvml
        self._handles: tuple[Any, ...] | None = None  # opaque pointers of the driver

    def pools(self, family: frozenset[int]) -> Mapping[str, PoolReading]:
        """A reading of each GPU, by "gpu0", "gpu1", …; `family` are the process ids that are ours."""
        found: dict[str, PoolReading] = {}
        for index, handle in enumerate(self._open()):
            try:
                memory = self._nvml.nvmlDeviceGetMemoryInfo(handle)
                processes = self._nvml.nvmlDeviceGetComputeRunningProcesses(handle)
            except self._nvml.NVMLError:
                continue
            ours = sum(each.usedGpuMemory or 0 for each in processes if each.pid in family)
            found[f"gpu{index}"] = PoolReading(int(memory.total), int(memory.free), int(ours))
        return found

    def _open(self) -> tuple[Any, ...]:
        if self._handles is not None:
            return self._handles
        self._handles = ()
        if self._nvml is None:
            try:
                import pynvml
            except ImportError:
                return ()
            self._nvml = pynvml
        try:
            self._nvml.nvmlInit()
            count = self._nvml.nvmlDeviceGetCount()
            self._handles = tuple(self._nvml.nvmlDeviceGetHandleByIndex(index) for index in range(count))
        except self._nvml.NVMLError:
            return ()
        return self._handles


def _kib(text: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _stat(text: str, name: str) -> int:
    found = re.search(rf"^{name} (\d+)$", text, re.MULTILINE)
    return int(found[1]) if found else 0
