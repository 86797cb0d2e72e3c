"""One supervised process: its group, its output, its exit, its end.

The exit is watched, not polled: a descriptor of the process becomes readable. Output is drained as it comes, so
that a pipe never blocks the child, and nobody waits for the pipe's end, so that a grandchild which inherited it
cannot make us hang. Whatever ends the process, the rest of its group is killed before it is reaped.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

from innkeeper.runtime.engines.log_ring import LogRing

STOP_LIMIT_S = 5.0
"""Seconds a child is given to leave after SIGTERM before its group is killed."""

_READ_BYTES = 1 << 16

_SHARES_CORES = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Threads of a model that wait for each other sleep. By default they spin, and then models that answer at the same
time, or any other busy program, stop each other: 18 to 44 tokens/s where sleeping threads make 142 to 154 (a model of
60 MB, 2 threads, 2 cores with a load of 3.7; one thread alone: 171 to 177)."""


class Child:
    """A process of ours. Used once: `spawn`, then `stop` at any time, by anyone, as often as they like."""

    def __init__(self, name: str, log: LogRing, stop_limit_s: float = STOP_LIMIT_S) -> None:
        self.name = name
        self.log = log
        self._stop_limit_s = stop_limit_s
        self._process: subprocess.Popen[bytes] | None = None
        self._exit_fd = -1
        self._output_fd = -1
        self._gone = asyncio.Event()
        self._reason = "never started"
        self._was_stopped = False

    @property
    def pid(self) -> int | None:
        """The process id, from `spawn` on; None before."""
        return None if self._process is None else self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it was started and is not known to be gone."""
        return self._process is not None and not self._gone.is_set()

    @property
    def was_killed(self) -> bool:
        """Whether it ended by SIGKILL that we did not send: the mark of the kernel's out-of-memory killer."""
        ended = self._process.returncode if self._process is not None else None
        return ended == -signal.SIGKILL and not self._was_stopped

    def spawn(self, arguments: Sequence[str], pass_fds: Sequence[int] = ()) -> None:
        """Start the process in a session of its own.

        Must be called on the thread of the event loop, and that thread must live as long as the server: the
        parent-death signal follows the thread that forked.

        Raises:
            OSError: The program cannot be run.
        """
        assert self._process is None, f"{self.name} was started before"
        loop = asyncio.get_running_loop()
        output, theirs = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        os.set_blocking(theirs, True)
        try:
            self._process = subprocess.Popen(  # noqa: S603  # the program is the operator's own setting
                list(arguments),
                stdin=subprocess.DEVNULL,
                stdout=theirs,
                stderr=theirs,
                pass_fds=tuple(pass_fds),
                start_new_session=True,
                env=child_environment(os.environ),
            )
            self._exit_fd = os.pidfd_open(self._process.pid)
        except BaseException:
            os.close(output)
            self._abandon()
            raise
        finally:
            os.close(theirs)
        self._output_fd = output
        loop.add_reader(self._exit_fd, self._exited)
        loop.add_reader(output, self._drain)

    def _abandon(self) -> None:
        """A process whose exit cannot be watched must not live: nobody would ever end it."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    async def gone(self) -> str:
        """Return when the process has been reaped and its memory is back, with the reason in words."""
        await self._gone.wait()
        return self._reason

    async def stop(self) -> None:
        """Ask it to leave, kill its group when it does not within the limit; return when it is gone.

        A caller that gives up waiting ends the child's grace as well.
        """
        if self._process is None:
            self._reason = "stopped before it was started"
            self._gone.set()
        if self._gone.is_set():
            return
        self._was_stopped = True
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(self._stop_limit_s):
                await self._gone.wait()
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self._gone.wait()
        except asyncio.CancelledError:
            self._signal(signal.SIGKILL)
            raise

    def kill(self) -> None:
        """Kill the whole group now; `gone` tells when it has happened."""
        self._was_stopped = True
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        # Until we reap the leader its id names this group and no other.
        if self._process is not None and not self._gone.is_set():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    def _drain(self) -> None:
        try:
            data = os.read(self._output_fd, _READ_BYTES)
        except BlockingIOError:
            return
        if data:
            self.log.feed(data)
        else:
            self._close_output()

    def _close_output(self) -> None:
        if self._output_fd >= 0:
            asyncio.get_running_loop().remove_reader(self._output_fd)
            os.close(self._output_fd)
            self._output_fd = -1

    def _exited(self) -> None:
        assert self._process is not None, f"{self.name} exited and was never started"
        self._signal(signal.SIGKILL)  # grandchildren; the leader is a zombie and still holds the group's id
        code = self._process.wait()
        asyncio.get_running_loop().remove_reader(self._exit_fd)
        os.close(self._exit_fd)
        for _ in range(64):  # what is left in the pipe, and no more: a grandchild that fled may go on writing
            if self._output_fd < 0:
                break
            before = self._output_fd
            try:
                data = os.read(before, _READ_BYTES)
            except BlockingIOError:
                break
            if not data:
                break
            self.log.feed(data)
        self._close_output()
        self.log.end()
        self._reason = _in_words(code, was_stopped=self._was_stopped)
        self._gone.set()


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What a child may know: the server's environment without secrets, and without variables that steer llama.cpp.

    How threads wait is the operator's to say, in that environment, and else ours.
    llama-server reads every one of its flags from `LLAMA_ARG_…` too; a child runs with what we tell it alone.
    """
    secret = ("KEY", "TOKEN", "SECRET", "PASSWORD")
    return _SHARES_CORES | {
        name: value
        for name, value in environment.items()
        if not name.startswith(("LLAMA_", "INNKEEPER_")) and not name.upper().endswith(secret)
    }


def _in_words(code: int, *, was_stopped: bool) -> str:
    if was_stopped:
        return "stopped" if code != -signal.SIGKILL else "stopped by force"
    if code >= 0:
        return f"exited by itself with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = "; the system may have been out of memory" if code == -signal.SIGKILL else ""
    return f"killed by {name}{hint}"
