"""How many processor cores we may really use: physical ones, within our affinity and the container's quota."""

from __future__ import annotations

import math
import os
from pathlib import Path


def usable_cores(root: Path = Path("/"), allowed: frozenset[int] | None = None) -> int:
    """At least 1. Two threads of one core count once: llama.cpp gains nothing from the second.

    `allowed` are the processors we may run on; None asks the system.
    """
    processors = frozenset(os.sched_getaffinity(0)) if allowed is None else allowed
    cores = {_siblings(root, processor) for processor in processors}
    quota = _quota(root)
    return max(1, min(len(cores), math.ceil(quota)) if quota is not None else len(cores))


def _siblings(root: Path, processor: int) -> str:
    """The threads that share this processor's core, as the system writes them; the processor alone if it is silent."""
    file = root / f"sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list"
    try:
        return file.read_text().strip()
    except OSError:
        return str(processor)


def _quota(root: Path) -> float | None:
    """Processors the container may use on average, the least of all its groups; None without a limit."""
    quotas = []
    for folder in _group_folders(root):
        try:
            limit, period = (folder / "cpu.max").read_text().split()  # cgroup v2
            if limit != "max":
                quotas.append(int(limit) / int(period))
        except (OSError, ValueError):
            pass
    try:
        limit_us = int((root / "sys/fs/cgroup/cpu/cpu.cfs_quota_us").read_text())  # cgroup v1
        period_us = int((root / "sys/fs/cgroup/cpu/cpu.cfs_period_us").read_text())
        if limit_us > 0:
            quotas.append(limit_us / period_us)
    except (OSError, ValueError):
        pass
    return min(quotas, default=None)


def _group_folders(root: Path) -> list[Path]:
    """Our cgroup v2 and those above it."""
    top = root / "sys/fs/cgroup"
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return [top]
    own = next((line[3:] for line in lines if line.startswith("0::")), "/")
    folder = top / own.lstrip("/")
    return [folder, *(above for above in folder.parents if above == top or top in above.parents)]
