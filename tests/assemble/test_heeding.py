"""What the server does when its terminal goes away: it ends, it does not read its settings."""

from __future__ import annotations

import contextlib
import os
import pty
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

OPENED = b"opened with"


UP = [sys.executable, "-m", "innkeeper.cli", "up", "--port", "0"]


@contextmanager
def window(command: list[str], folder: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A terminal window that runs one command, once the server in it has opened: its end, and the command."""
    ours, theirs = pty.openpty()
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "INNKEEPER_HOME": str(folder / "home")}
    # setsid -c makes the new terminal the controlling one, as a terminal window does
    process = subprocess.Popen(
        ["setsid", "-c", *command], stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=environ
    )
    os.close(theirs)
    try:
        heard = b""
        while OPENED not in heard:
            heard += os.read(ours, 4096)
        yield ours, process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class TestAClosedTerminal:
    @pytest.mark.parametrize("is_announced", [False, True], ids=["at once", "after a signal, as tmux does it"])
    def test_the_server_ends_in_order(self, tmp_path: Path, is_announced: bool) -> None:
        with window([*UP, "--models-dir", str(tmp_path)], tmp_path) as (end, server):
            if is_announced:
                server.send_signal(signal.SIGHUP)
            os.close(end)
            assert server.wait(timeout=60) == 0

    @pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
    def test_the_server_ends_also_where_make_keeps_the_signal_to_itself(self, tmp_path: Path) -> None:
        (tmp_path / "Makefile").write_text(f"up:\n\t@exec {shlex.join([*UP, '--models-dir', str(tmp_path)])}\n")
        with window(["make", "up"], tmp_path) as (end, make):
            os.close(end)
            make.wait(timeout=60)
            with pytest.raises(ProcessLookupError):
                os.killpg(make.pid, 0)
