"""PrivateFolder: where sockets lie, and what a dead server leaves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from innkeeper.runtime.engines.private_folder import PrivateFolder, sweep
from tests.engines.fixtures import entries


class TestPrivateFolder:
    def test_nobody_else_may_enter(self, short_path: Path) -> None:
        folder = PrivateFolder(short_path)

        assert folder.path.stat().st_mode & 0o777 == 0o700
        folder.remove()

    def test_every_socket_has_a_path_of_its_own(self, short_path: Path) -> None:
        folder = PrivateFolder(short_path)

        assert len({folder.socket_path() for _ in range(5)}) == 5
        folder.remove()

    def test_it_is_gone_when_removed_however_often(self, short_path: Path) -> None:
        folder = PrivateFolder(short_path)
        folder.socket_path().touch()

        folder.remove()
        folder.remove()

        assert not folder.path.exists()

    def test_a_path_too_long_for_a_socket_is_refused(self, tmp_path: Path) -> None:
        deep = tmp_path / ("x" * 90)

        with pytest.raises(OSError, match="too long"):
            PrivateFolder(deep)

        assert not entries(deep)


class TestSweeping:
    def test_the_folder_of_a_killed_server_is_removed_by_the_next(self, short_path: Path) -> None:
        dies = (
            "import os, pathlib\n"
            "from innkeeper.runtime.engines.private_folder import PrivateFolder\n"
            f"folder = PrivateFolder(pathlib.Path({str(short_path)!r}))\n"
            "folder.socket_path().touch()\n"
            "print(folder.path, flush=True)\n"
            "os.kill(os.getpid(), 9)\n"
        )
        ran = subprocess.run([sys.executable, "-c", dies], stdout=subprocess.PIPE, text=True, check=False)
        left = Path(ran.stdout.strip())
        assert left.is_dir()

        PrivateFolder(short_path).remove()

        assert not entries(short_path)

    def test_the_folder_of_one_who_lives_is_left_alone(self, short_path: Path) -> None:
        living = PrivateFolder(short_path)

        assert sweep(short_path) == ()
        assert living.path.is_dir()
        living.remove()

    def test_a_folder_that_is_none_of_ours_is_left_alone(self, short_path: Path) -> None:
        (short_path / "inn-of-somebody").mkdir()
        (short_path / "inn-link").symlink_to("/")

        assert sweep(short_path) == ()
        assert entries(short_path) == {"inn-of-somebody", "inn-link"}
