"""Ties a process to the life of its parent, so that a killed server leaves nobody behind.

A worker of ours calls `tether` itself. A program of others is started through this file run as a script, which
ties the knot and then becomes that program: a parent-death signal survives `exec`. It is not set between fork
and exec, since Python code there is unsafe in a process with threads.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

OOM_SCORE_ADJUSTMENT = 500
"""Of -1000 to 1000: when the system runs out of memory it ends an engine before the server or other programs."""

OOM_SCORE = Path("/proc/self/oom_score_adj")

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def tether(parent_pid: int) -> None:
    """Have the kernel kill this process when its parent dies, and prefer it when memory runs out.

    The kernel watches the parent's *thread* that started us: it must be one that lives as long as the parent.

    Raises:
        ProcessLookupError: The parent is gone already.
        OSError: The kernel refused.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent_pid:  # it died before the knot was tied, and no signal will come
        raise ProcessLookupError(f"parent {parent_pid} is gone")
    volunteer()


def volunteer(score: Path = OOM_SCORE) -> None:
    """Ask the kernel to end this process before the server when memory runs out.

    Where it may not be asked (a read-only /proc of a container) nothing changes; `innkeeper doctor` tells.
    """
    with contextlib.suppress(OSError):
        score.write_text(str(OOM_SCORE_ADJUSTMENT))


def become(parent_pid: int, program: list[str]) -> None:
    """Tether this process and turn it into `program`, an absolute path and its arguments. Does not return.

    Raises:
        OSError: The program cannot be run, or the parent is gone.
    """
    tether(parent_pid)
    os.execv(program[0], program)  # noqa: S606  # no shell is wanted; the program is the operator's own setting


def through_tether(program: list[str]) -> list[str]:
    """The command that starts `program` tethered to the caller's process."""
    # Isolated and without site-packages: this is stdlib alone and ready in about 10 ms.
    return [sys.executable, "-I", "-S", str(Path(__file__).resolve()), str(os.getpid()), *program]


if __name__ == "__main__":
    become(int(sys.argv[1]), sys.argv[2:])
