"""What the server does when its terminal goes away: it ends, it does not read its settings."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

OPENED = b"opened with"


class TestAClosedTerminal:
    @pytest.mark.parametrize("is_announced", [False, True], ids=["at once", "after a signal, as tmux does it"])
    def test_the_server_ends_in_order(self, tmp_path: Path, is_announced: bool) -> None:
        ours, theirs = pty.openpty()
        environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "INNKEEPER_HOME": str(tmp_path / "home")}
        command = [sys.executable, "-m", "innkeeper.cli", "up", "--port", "0", "--models-dir", str(tmp_path)]
        server = subprocess.Popen(
            # setsid -c makes the new terminal the controlling one, as a terminal window does
            ["setsid", "-c", *command],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=tmp_path,
            env=environ,
        )
        os.close(theirs)
        try:
            heard = b""
            while OPENED not in heard:
                heard += os.read(ours, 4096)
            if is_announced:
                server.send_signal(signal.SIGHUP)
            os.close(ours)
            assert server.wait(timeout=60) == 0
        finally:
            server.kill()
            server.wait()
