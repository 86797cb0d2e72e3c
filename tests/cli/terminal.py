"""A command in a real terminal of 80 columns: what a person sees, types and interrupts."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

PATIENCE_S = 20.0
"""Seconds without the awaited words after which a test gives up."""


class Terminal:
    """One command and its screen."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self._master = master
        self._raw = b""

    @property
    def text(self) -> str:
        """Everything written so far, without control codes."""
        return re.sub(r"\x1b(\[[0-9;?>=]*[A-Za-z]|\][^\x07]*\x07|[=>])", "", self.raw)

    @property
    def raw(self) -> str:
        """The same with them."""
        return self._raw.decode("utf-8", errors="replace")

    def type(self, text: str) -> None:
        """Press keys: "\\x03" is Ctrl-C, "\\x04" is Ctrl-D, "\\r" is Enter."""
        os.write(self._master, text.encode())

    def until(self, pattern: str, times: int = 1) -> str:
        """Return the text when the pattern has appeared so often."""
        while len(re.findall(pattern, self.text)) < times:
            assert self._read(), f"{pattern!r} did not appear in:\n{self.text}"
        return self.text

    def is_asked(self, times: int = 1) -> None:
        """Return when the conversation has asked for a line so often: it then has the terminal mark what is pasted."""
        while self.raw.count("\x1b[?2004h") < times:
            assert self._read(), f"not asked {times} times in:\n{self.text}"

    def end(self) -> int:
        """Return the exit code when the command has ended."""
        while self._read():
            pass
        return self.process.wait(PATIENCE_S)

    def _read(self) -> bool:
        if not select.select([self._master], [], [], PATIENCE_S)[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # how Linux says that the other side has closed
            return False
        # a terminal answers when it is asked where its cursor is
        if b"\x1b[6n" in data:
            os.write(self._master, b"\x1b[1;1R")
        self._raw += data
        return bool(data)


@contextmanager
def terminal(folder: Path, *words: str, environ: Mapping[str, str]) -> Iterator[Terminal]:
    """Give a command in a new terminal."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 80, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", _AS_LEADER, *words],
        cwd=folder,
        env={**os.environ, "TERM": "xterm-256color", "HOME": str(folder), **environ},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        process.kill()
        process.wait(PATIENCE_S)
        os.close(master)


_AS_LEADER = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C reaches us as in a terminal
from innkeeper.cli import main
main(sys.argv[1:])
"""
