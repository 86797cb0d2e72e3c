"""A private folder for sockets, which the next start removes when its owner died without a word.

The owner holds a lock on a file inside for as long as it lives; the kernel lets go of the lock when the owner
dies, however it dies. So an unlocked folder is a dead one, whatever process ids have been used again since.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "inn-"
SOCKET_PATH_BYTES = 100
"""The kernel's limit for a socket's path is 108 with its end; some libraries stop a little earlier."""

_LOCK = "owner.lock"


class PrivateFolder:
    """A folder that only this user may enter, with a path short enough for sockets."""

    def __init__(self, parent: Path | None = None) -> None:
        """Make it under `parent`, or under the system's temporary folder, and sweep the dead ones there.

        Raises:
            OSError: Nothing can be created there.
        """
        base = Path(tempfile.gettempdir()) if parent is None else parent
        base.mkdir(parents=True, exist_ok=True)
        sweep(base)
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))  # mode 0700
        if len(os.fsencode(self.path / "00000000.sock")) > SOCKET_PATH_BYTES:
            self.path.rmdir()
            raise OSError(f"{base} is too long a path for a socket; /tmp is not")
        self._lock = _locked(self.path / _LOCK)
        self._count = 0

    def socket_path(self) -> Path:
        """A new path for a socket; never one that was given before."""
        self._count += 1
        return self.path / f"{self._count}.sock"

    def remove(self) -> None:
        """Remove the folder and what is in it. Safe to repeat."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def sweep(base: Path) -> tuple[Path, ...]:
    """Remove the folders of dead owners under `base`; return those removed. Folders of other users are left alone."""
    removed = []
    for folder in base.glob(f"{PREFIX}*"):
        lock = folder / _LOCK
        try:
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
        except OSError:  # not one of ours, or still being made, or gone meanwhile
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # its owner lives
            continue
        else:
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(folder)
        finally:
            os.close(descriptor)
    return tuple(removed)


def _locked(path: Path) -> int:
    """A locked descriptor of a new file. Children do not inherit it, or they would keep a dead owner alive."""
    # The lock exists before its name does, so that a sweep never sees the file unlocked.
    making = path.with_suffix(".making")
    descriptor = os.open(making, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    making.rename(path)
    return descriptor
